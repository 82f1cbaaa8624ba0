//! Whether the two halves of a flow meet: on the queues of one link, and over two links that carry a direction each.

use pithead_capture::nic::{Nic, Rss, symmetric_key};

use super::finding::Finding;

const CHECK: &str = "spread";
const APART: &str =
    "the halves of a flow may come on different queues and are put together only in the aggregator";

/// What is found of one link.
pub(super) fn one(nic: &Nic) -> Finding {
    if nic.rx_queues == Ok(1) {
        return Finding::ok(CHECK, "one queue gets everything");
    }
    let rss = match &nic.rss {
        Ok(rss) => rss,
        Err(why) => return Finding::unknown(CHECK, format_args!("{why}; {APART}")),
    };
    let Rss { function, key, .. } = rss;
    let queues = rss.queues_in_use();
    match rss.is_symmetric() {
        Some(true) => {
            Finding::ok(CHECK, format_args!("{function}, the same both ways, over {queues} queues"))
        }
        Some(false) => Finding::warn(
            CHECK,
            format_args!("{function}, not the same both ways: {APART}"),
            (!key.is_empty()).then(|| set_key(&nic.link.name, key.len())),
        ),
        None => Finding::unknown(
            CHECK,
            format_args!("{function}, and whether it is the same both ways is not told; {APART}"),
        ),
    }
}

/// What is found of links taken together: an optical tap gives each direction a link of its own.
pub(super) fn pairs(nics: &[Nic]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (place, left) in nics.iter().enumerate() {
        for right in &nics[place + 1..] {
            findings.extend(pair(left, right));
        }
    }
    findings
}

/// Nothing where a worker has all queues of both anyway, or where one link has already been found wanting.
fn pair(left: &Nic, right: &Nic) -> Option<Finding> {
    let both = format!("{} and {}", left.link.name, right.link.name);
    if left.rx_queues == Ok(1) && right.rx_queues == Ok(1) {
        return Some(Finding::ok("pair", "a queue each, so both directions meet on one worker").on(&both));
    }
    let (Ok(left_rss), Ok(right_rss)) = (&left.rss, &right.rss) else { return None };
    if left_rss.meets(right_rss) {
        return Some(
            Finding::ok(
                "pair",
                "key and table are the same: both directions meet on queues of the same number",
            )
            .on(&both),
        );
    }
    if left_rss.is_symmetric() != Some(true) || right_rss.is_symmetric() != Some(true) {
        return None;
    }
    let text = "key or table differ: directions that come over one link each are put together only in the aggregator";
    let remedy = [left, right].map(|nic| {
        let queues = nic.rx_queues.clone().unwrap_or(1);
        let key = nic.rss.as_ref().map_or(40, |rss| rss.key.len());
        format!("{} equal {queues}", set_key(&nic.link.name, key))
    });
    Some(Finding::warn("pair", text, Some(remedy.join("\n"))).on(&both))
}

fn set_key(name: &str, length: usize) -> String {
    let key: Vec<String> = symmetric_key(length).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("ethtool -X {name} hkey {}", key.join(":"))
}

#[cfg(test)]
mod tests {
    use pithead_capture::nic::{self, HashFunction, Unknown};

    use super::super::finding::Verdict;
    use super::*;

    fn card(name: &str, key: Vec<u8>, table: Vec<u32>) -> Nic {
        let mut nic = nic::survey("lo").expect("every namespace has it");
        nic.link.name = name.to_owned();
        nic.rx_queues = Ok(2);
        nic.rss = Ok(Rss { function: HashFunction::Toeplitz, key, table, transform: 0 });
        nic
    }

    #[test]
    fn a_key_that_parts_flows_comes_with_one_that_does_not() {
        let finding = one(&card("eth1", (0..6).collect(), vec![0, 1]));
        assert_eq!(finding.verdict, Verdict::Warn);
        assert_eq!(finding.remedy.as_deref(), Some("ethtool -X eth1 hkey 6d:5a:6d:5a:6d:5a"));
        assert_eq!(one(&card("eth1", symmetric_key(40), vec![0, 1])).verdict, Verdict::Ok);
        let untold = Nic { rss: Err(Unknown::Untold), ..card("eth1", vec![], vec![]) };
        assert_eq!(one(&untold).verdict, Verdict::Warn);
        assert_eq!(
            one(&Nic { rx_queues: Ok(1), ..untold }).verdict,
            Verdict::Ok,
            "with one queue nothing can part"
        );
    }

    #[test]
    fn two_fibres_need_the_same_key_and_the_same_table() {
        let left = card("eth1", symmetric_key(40), vec![0, 1]);
        let verdict = |right| pairs(&[left.clone(), right]).first().map(|finding| finding.verdict);
        assert_eq!(verdict(card("eth2", symmetric_key(40), vec![0, 1])), Some(Verdict::Ok));
        assert_eq!(verdict(card("eth2", symmetric_key(40), vec![1, 0])), Some(Verdict::Warn));
        assert_eq!(
            verdict(card("eth2", (0..40).collect(), vec![0, 1])),
            None,
            "that one is told of by itself"
        );
    }
}
