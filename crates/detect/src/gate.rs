//! What is asked of the payloads of a direction that is no longer read: does a message begin here, after all?
//!
//! Most payloads of a link are past the depth, so this is what they cost: a few comparisons. A message that begins a payload is told by its
//! first byte. One behind a junk byte, or one of words instead of brackets, is found by what the flow has saved up: each direction may have a
//! short payload scanned now and then, at the rate of frame time. After a long silence, and where the bytes are not those that were expected,
//! anything may follow.

use pithead_wire::{Tcp, Timestamp};

/// A flow that was silent for so long may speak of something else. 20 s: miners hear of a new job at least every half a minute.
const SILENCE_NANOS: i64 = 20_000_000_000;
/// Credit is counted in so many bytes.
const UNIT_BYTES: usize = 16;
/// And grows by one such unit in 2^26 nanoseconds, a fifteenth of a second: some 240 bytes a second.
const UNIT_NANOS_BITS: u32 = 26;
/// The longest payload that credit is spent on. Full segments are somebody's download, and would leave nothing for a message between them.
const LONGEST: usize = 1024;
/// How far ahead of its turn a segment may lie for the bytes before it to be waited for.
const AHEAD: i32 = 64 << 10;

/// How far behind a segment lies that was sent again; one from further back is another stream's.
const FAR: i32 = 1 << 20;

/// What a direction that is not read may still have scanned, in units of 16 bytes: at most some 4 KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Credit(pub(crate) u8);

impl Credit {
    /// What has been saved up between two packets of the flow.
    pub(crate) fn earn(&mut self, before: Timestamp, now: Timestamp) {
        let units = (now.nanos() >> UNIT_NANOS_BITS).saturating_sub(before.nanos() >> UNIT_NANOS_BITS);
        if units > 0 {
            self.0 = self.0.saturating_add(u8::try_from(units).unwrap_or(u8::MAX));
        }
    }

    /// Pays for a scan, if there is enough.
    fn spend(&mut self, bytes: usize) -> bool {
        if bytes > LONGEST {
            return false;
        }
        let price = bytes.div_ceil(UNIT_BYTES) as u8;
        let left = self.0.checked_sub(price);
        self.0 = left.unwrap_or(self.0);
        left.is_some()
    }
}

/// What to do with a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    /// Leave it alone.
    No,
    /// Read from here on.
    Read,
    /// Read from here on, but first what is missing before it: it came before its turn.
    Early,
    /// Read from here on if a scan finds a word in it.
    Scan,
}

/// Whether a payload with this sequence number is worth reading. `next`: the number that was expected, if that is known. `before`: when the
/// flow's last packet came.
pub(crate) fn pass(
    payload: &[u8],
    sequence: u32,
    next: Option<u32>,
    before: Timestamp,
    now: Timestamp,
    credit: &mut Credit,
) -> Pass {
    let ahead = next.map_or(0, |next| sequence.wrapping_sub(next) as i32);
    if begins(payload) {
        return if 0 < ahead && ahead <= AHEAD { Pass::Early } else { Pass::Read };
    }
    if ahead > 0 {
        // Of what was lost the rest is as it was. Only what came before its turn may be the end of a message.
        let short = payload.len() <= LONGEST;
        return if short && ahead <= AHEAD { Pass::Early } else { Pass::No };
    }
    // What lies behind may have been sent again; or the number expected is a decoy's, which no receiver took. A probe is neither.
    if ahead == -1 && payload.len() == 1 {
        return Pass::No;
    }
    if now.nanos().saturating_sub(before.nanos()) > SILENCE_NANOS {
        return Pass::Read;
    }
    if credit.spend(payload.len()) { Pass::Scan } else { Pass::No }
}

/// Whether a message could begin with this payload: an object, a list, or a request of HTTP.
pub(crate) fn begins(payload: &[u8]) -> bool {
    match payload {
        [b'{' | b'[', ..] => true,
        // Blanks, NULs and the bytes of a byte order mark, which stand between messages.
        [b' ' | b'\t' | b'\r' | b'\n' | 0 | 0xef, ..] => {
            let between = |byte: &&u8| byte.is_ascii_whitespace() || matches!(byte, 0 | 0xef | 0xbb | 0xbf);
            let blank = payload.iter().take_while(between).count();
            blank < payload.len() && matches!(payload.get(blank), Some(b'{' | b'['))
        }
        [a, b, c, d, ..] => {
            matches!(
                &[*a, *b, *c, *d],
                b"GET " | b"POST" | b"CONN" | b"HTTP" | b"PUT " | b"HEAD" | b"OPTI" | b"DELE" | b"PATC"
            )
        }
        _ => false,
    }
}

/// Moves the sequence number expected next on over a segment that was left alone. One from far away is where the stream goes on.
pub(crate) fn advance(next: &mut u32, tcp: &Tcp<'_>) {
    let end = tcp.sequence.wrapping_add(tcp.payload_len as u32);
    let ahead = end.wrapping_sub(*next) as i32;
    if !(-FAR..=0).contains(&ahead) {
        *next = end;
    }
}
