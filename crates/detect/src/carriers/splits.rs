//! For the tests of this folder: the same bytes, cut differently.

/// `bytes` in consecutive pieces whose lengths are taken from `lengths` in turn; the last piece is what remains.
pub(crate) fn pieces<'a>(mut bytes: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut cut = Vec::new();
    for length in lengths.iter().cycle().take(bytes.len()) {
        let (piece, rest) = bytes.split_at((*length).min(bytes.len()));
        cut.push(piece);
        bytes = rest;
    }
    cut.push(bytes);
    cut
}

/// `bytes` with some of them changed: each pair is a place (taken modulo the length) and its new value.
pub(crate) fn mutated(bytes: &[u8], changes: &[(usize, u8)]) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    for (place, value) in changes {
        let length = changed.len().max(1);
        if let Some(byte) = changed.get_mut(place % length) {
            *byte = *value;
        }
    }
    changed
}

/// The bytes that `text` spells in hexadecimal, blanks ignored.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("digits"), 16).expect("digits"))
        .collect()
}
