//! Records: the envelopes of TLS.

use super::super::cursor::Cursor;

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION: u8 = 23;

/// The longest record that is sent: 2^14 bytes of content and what older ciphers may add.
const MAX_RECORD: u16 = (1 << 14) + 2048;

const HEADER: usize = 5;

/// Whether `bytes` begin with a TLS record: `None` while they are too few to say.
///
/// Seven bits of kind and sixteen of version and length are fixed: other protocols rarely begin so by chance, and none of
/// the text ones can.
pub fn looks_like(bytes: &[u8]) -> Option<bool> {
    let mut cursor = Cursor::new(bytes);
    let kind = cursor.u8()?;
    if !matches!(kind, CHANGE_CIPHER_SPEC | ALERT | HANDSHAKE | APPLICATION) {
        return Some(false);
    }
    match (cursor.u8(), cursor.u8()) {
        (Some(major), _) if major != 3 => return Some(false),
        (_, Some(minor)) if minor > 4 => return Some(false),
        _ => {}
    }
    // A record of nothing is allowed for application data alone, where old stacks send it against a weak cipher.
    let least = u16::from(kind != APPLICATION);
    cursor.u16().map(|length| (least..=MAX_RECORD).contains(&length))
}

/// What the next bytes were.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'b> {
    /// A part of the handshake.
    Handshake(&'b [u8]),
    /// A header or an alert.
    Nothing,
    /// From here on everything is encrypted.
    Sealed,
    /// This is no record.
    Broken,
}

/// The place in a sequence of records.
#[derive(Clone, Debug, Default)]
pub(super) struct Records {
    header: [u8; HEADER],
    have: usize,
    left: u16,
}

impl Records {
    /// Reads from the front of `bytes`, which are not empty: at least one byte.
    pub(super) fn read<'b>(&mut self, bytes: &'b [u8]) -> (usize, Piece<'b>) {
        if self.left == 0 {
            return self.begin(bytes);
        }
        let (content, _) = bytes.split_at(usize::from(self.left).min(bytes.len()));
        self.left -= content.len() as u16; // at most what was left
        let [kind, ..] = self.header;
        (content.len(), if kind == HANDSHAKE { Piece::Handshake(content) } else { Piece::Nothing })
    }

    fn begin<'b>(&mut self, bytes: &[u8]) -> (usize, Piece<'b>) {
        let mut used = 0;
        for (to, from) in self.header.iter_mut().skip(self.have).zip(bytes) {
            *to = *from;
            used += 1;
        }
        self.have += used;
        let header = self.header.get(..self.have).unwrap_or_default();
        let piece = match looks_like(header) {
            None => Piece::Nothing,
            Some(false) => Piece::Broken,
            Some(true) => {
                let [kind, _, _, high, low] = self.header;
                self.have = 0;
                self.left = u16::from_be_bytes([high, low]);
                if matches!(kind, CHANGE_CIPHER_SPEC | APPLICATION) { Piece::Sealed } else { Piece::Nothing }
            }
        };
        (used, piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_told_from_text() {
        assert_eq!(looks_like(b""), None);
        assert_eq!(looks_like(&[22, 3, 1, 2]), None);
        assert_eq!(looks_like(&[22, 3, 1, 2, 0]), Some(true));
        assert_eq!(looks_like(&[23, 3, 3, 0, 0]), Some(true));
        for bytes in
            [&b"{"[..], b"GET / ", &[22, 2], &[22, 3, 5], &[22, 3, 1, 0, 0], &[23, 3, 3, 0x48, 1], &[24]]
        {
            assert_eq!(looks_like(bytes), Some(false), "{bytes:?}");
        }
    }
}
