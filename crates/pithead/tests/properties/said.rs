//! The same conversation in other bytes: what each side says is written anew, and sequence numbers follow.

use std::collections::HashMap;
use std::net::SocketAddr;

use pithead_wire::Flags;

use crate::support::steps::{Segment, Step};

/// One way of a connection.
pub(crate) type Way = (SocketAddr, SocketAddr);

/// What one side says before the other answers, or a line of it.
pub(crate) struct Saying<'b> {
    /// Who says it, to whom.
    pub(crate) way: Way,
    pub(crate) bytes: &'b [u8],
}

/// One way of a connection while it is written anew.
#[derive(Default)]
struct Voice {
    /// The sequence number expected next; `None` before the first segment.
    next: Option<u32>,
    /// Bytes not yet written anew, and the segment that began them.
    held: Vec<u8>,
    begun: Option<Segment>,
    /// How far sequence numbers have moved.
    moved: u32,
}

/// The longest segment that what is written anew is sent in.
const LONGEST: usize = 1400;

/// Writes everything that is said over TCP anew. Text that goes by lines is handed over line by line where segments end so, anything else
/// by turns.
pub(crate) fn rewritten(steps: &[Step], mut write: impl FnMut(&Saying<'_>) -> Vec<u8>) -> Vec<Step> {
    let mut voices: HashMap<Way, Voice> = HashMap::new();
    let mut made = Vec::new();
    for step in steps {
        let Step::Segment(segment) = step else {
            made.push(step.clone());
            continue;
        };
        let (way, back) = ((segment.source, segment.destination), (segment.destination, segment.source));
        if !segment.payload.is_empty() {
            utter(&mut voices, back, &mut made, &mut write);
        }
        let voice = voices.entry(way).or_default();
        if segment.flags & Flags::SYN.0 != 0 {
            *voice = Voice { next: Some(segment.sequence.wrapping_add(1)), ..Voice::default() };
            made.push(step.clone());
            continue;
        }
        let fresh = *voice.next.get_or_insert(segment.sequence) == segment.sequence;
        if segment.is_plain() && !fresh {
            // Sent again, or behind a loss: in the other bytes it has no place.
            continue;
        }
        if segment.payload.is_empty() || !segment.is_plain() {
            utter(&mut voices, way, &mut made, &mut write);
            made.push(Step::Segment(shifted(&voices, segment)));
            continue;
        }
        voice.next = Some(segment.sequence.wrapping_add(segment.payload.len() as u32));
        voice.held.extend_from_slice(&segment.payload);
        let begun = voice.begun.get_or_insert_with(|| Segment { payload: Vec::new(), ..segment.clone() });
        (begun.at, begun.flags, begun.acknowledgment) = (segment.at, segment.flags, segment.acknowledgment);
        let line = voice.held.starts_with(b"{") && voice.held.ends_with(b"}\n");
        if line {
            utter(&mut voices, way, &mut made, &mut write);
        }
    }
    let ways: Vec<Way> = voices.keys().copied().collect();
    for way in ways {
        utter(&mut voices, way, &mut made, &mut write);
    }
    made
}

/// A segment as it is sent once what came before it has another length.
fn shifted(voices: &HashMap<Way, Voice>, segment: &Segment) -> Segment {
    let moved = |way: Way| voices.get(&way).map_or(0, |voice| voice.moved);
    Segment {
        sequence: segment.sequence.wrapping_add(moved((segment.source, segment.destination))),
        acknowledgment: segment.acknowledgment.wrapping_add(moved((segment.destination, segment.source))),
        ..segment.clone()
    }
}

/// Writes anew what is held of one way.
fn utter(
    voices: &mut HashMap<Way, Voice>,
    way: Way,
    made: &mut Vec<Step>,
    write: &mut impl FnMut(&Saying<'_>) -> Vec<u8>,
) {
    let Some(voice) = voices.get_mut(&way) else { return };
    let Some(begun) = voice.begun.take() else { return };
    let held = std::mem::take(&mut voice.held);
    let bytes = write(&Saying { way, bytes: &held });
    let begun = shifted(voices, &begun);
    let mut at = 0;
    while at < bytes.len() {
        let to = bytes.len().min(at + LONGEST);
        let sequence = begun.sequence.wrapping_add(at as u32);
        made.push(Step::Segment(Segment { sequence, payload: bytes[at..to].to_vec(), ..begun.clone() }));
        at = to;
    }
    let grown = (bytes.len() as u32).wrapping_sub(held.len() as u32);
    if let Some(voice) = voices.get_mut(&way) {
        voice.moved = voice.moved.wrapping_add(grown);
    }
}
