//! Ports on which pools listen and little else does, and ports of services that are known for long, quiet TLS.

/// The ports that most pools of the list have, without those that the web and mail share with them. Supporting evidence only: pools use some
/// two thousand ports, and development servers use these.
const POOLS: &[u16] = &[
    1111, 2222, 3032, 3033, 3333, 3334, 3335, 3336, 3344, 3357, 3443, 4444, 4445, 5555, 5556, 5588, 6666,
    7029, 7777, 8008, 8029, 8888, 9000, 9200, 9999, 10001, 10032, 10128, 10300, 10343, 12020, 14433, 14444,
    18192, 20016, 20128, 20535, 20555, 20570, 20580, 20593, 34254, 34255, 37888, 37889, 37890, 45560, 45700,
];

/// Services of the IANA registry, and others of note, whose clients stay connected over TLS.
const SERVICES: &[u16] = &[
    22, 443, 465, 563, 587, 636, 853, 989, 990, 992, 993, 994, 995, 1194, 1883, 3306, 3389, 5061, 5222, 5223,
    5228, 5269, 5349, 5432, 5671, 5672, 5986, 6379, 6443, 6514, 6697, 8080, 8443, 8883, 9092, 9093, 10050,
    10051, 27017,
];

pub(super) fn is_pools(port: u16) -> bool {
    POOLS.binary_search(&port).is_ok()
}

pub(super) fn is_services(port: u16) -> bool {
    SERVICES.binary_search(&port).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_in_order_and_apart() {
        assert!(POOLS.is_sorted() && SERVICES.is_sorted());
        assert!(!POOLS.iter().any(|port| is_services(*port)));
        assert!(is_pools(3333) && is_services(443) && !is_pools(443) && !is_services(3333));
    }
}
