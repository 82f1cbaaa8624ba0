//! A small hash for a handful of things of one flow, compared with each other and never put into a table.

/// FNV-1a (Fowler, Noll and Vo) of some bytes; `kind` keeps apart what is alike otherwise.
pub(crate) fn fnv(bytes: &[u8], kind: u8) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325_u64 ^ u64::from(kind);
    bytes.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}
