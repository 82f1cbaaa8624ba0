//! DNS messages: who asked for which name, and which addresses and aliases were the answer.
//!
//! Over UDP (ports 53, 5353, 5355) a payload is a message; over TCP each has a length in front and a [`Stream`] cuts them
//! apart. The header and the first question decide whether bytes are DNS at all; the answers are read when they are asked
//! for, straight from the message, and end where they stop making sense: captures cut packets short. Left out: every
//! record but A, AAAA and CNAME, and the authority and additional sections. Layout: RFC 1035, section 4.

use std::net::IpAddr;

use super::cursor::Cursor;
use super::name::{MAX_NAME, Name};

/// The most answers of one message that are looked at: pools answer with a handful, and a reply may carry thousands.
pub const MAX_ANSWERS: usize = 32;

/// The most bytes of one message kept by a [`Stream`]: the question and more answers than [`MAX_ANSWERS`] fit.
pub const MAX_MESSAGE: usize = 4096;

/// The most compression pointers followed for one name; writers need one, and each must point further back.
const MAX_POINTERS: usize = 16;

/// The most questions a header may promise: unicast DNS asks one, mDNS a few dozen.
const MAX_QUESTIONS: u16 = 64;

const TYPE_A: u16 = 1;
const TYPE_CNAME: u16 = 5;
const TYPE_AAAA: u16 = 28;
const CLASS_IN: u16 = 1;

/// These bytes are no DNS message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// What was asked: the first question of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The name; `None` where it is no host name (the root, a service instance with blanks in it).
    pub name: Option<Name>,
    /// The record type that is wanted, as a number: 1 for A, 28 for AAAA, 65 for HTTPS.
    pub kind: u16,
}

/// One answer that leads from a name to somewhere.
#[allow(
    clippy::large_enum_variant,
    reason = "told one at a time and gone; a box would be an allocation each"
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The name has this address.
    Address {
        /// The name that the record belongs to.
        owner: Name,
        /// Its address.
        address: IpAddr,
    },
    /// The name is another name for this one.
    Alias {
        /// The name that the record belongs to.
        owner: Name,
        /// What it stands for.
        target: Name,
    },
}

/// A message whose header and first question have been read.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    /// The number that ties a response to its query.
    pub id: u16,
    /// Whether it is a response.
    pub response: bool,
    /// The response code: 0 no error, 3 no such name.
    pub rcode: u8,
    /// The first question; mDNS responses have none.
    pub question: Option<Question>,
    /// How many answers the header promises.
    pub promised: u16,
    whole: &'a [u8],
    answers: Cursor<'a>,
}

impl Message<'_> {
    /// The A, AAAA and CNAME answers among the first [`MAX_ANSWERS`] records, up to the first that is broken.
    pub fn answers(&self) -> impl Iterator<Item = Answer> + '_ {
        let mut records = self.answers.clone();
        (0..usize::from(self.promised).min(MAX_ANSWERS))
            .map_while(move |_| record(self.whole, &mut records))
            .flatten()
    }
}

/// Reads the header and the first question of a message.
///
/// Refused at little cost: what is too short, is no standard query, promises nothing or absurdly much, or has a
/// question that is cut off or of no known class.
pub fn parse(message: &[u8]) -> Result<Message<'_>, Malformed> {
    read(message).ok_or(Malformed)
}

fn read(message: &[u8]) -> Option<Message<'_>> {
    let mut cursor = Cursor::new(message);
    let id = cursor.u16()?;
    let flags = cursor.u16()?;
    let (questions, promised) = (cursor.u16()?, cursor.u16()?);
    let (_authority, _additional) = (cursor.u16()?, cursor.u16()?);
    let response = flags & 0x8000 != 0;
    let rcode = (flags & 0x000f) as u8;
    // The reserved bit is not held against a message: resolvers ignore it, so refusing it would be a way to hide.
    let standard = flags & 0x7800 == 0;
    let empty = questions == 0 && promised == 0 && !(response && rcode != 0);
    if !standard || empty || questions > MAX_QUESTIONS {
        return None;
    }
    let mut question = None;
    for index in 0..questions {
        let asked = read_question(message, &mut cursor);
        if index == 0 {
            question = Some(asked?);
        } else if asked.is_none() {
            // A later question is cut off: the first is known, and where the answers begin is not.
            cursor = Cursor::new(&[]);
            break;
        }
    }
    Some(Message { id, response, rcode, question, promised, whole: message, answers: cursor })
}

fn read_question<'m>(message: &'m [u8], cursor: &mut Cursor<'m>) -> Option<Question> {
    let name = read_name(message, cursor)?;
    let kind = cursor.u16()?;
    // The top bit asks an mDNS neighbour for a unicast reply. Internet, Chaos, Hesiod, any.
    let class = cursor.u16()? & 0x7fff;
    matches!(class, 1 | 3 | 4 | 255).then_some(Question { name, kind })
}

/// One record: `None` when it is broken, `Some(None)` when it is of no interest.
fn record<'m>(message: &'m [u8], cursor: &mut Cursor<'m>) -> Option<Option<Answer>> {
    let owner = read_name(message, cursor)?;
    let kind = cursor.u16()?;
    let class = cursor.u16()? & 0x7fff; // the top bit tells an mDNS cache to flush
    cursor.take(4)?; // time to live
    let mut content = Cursor::new(cursor.block()?);
    let Some(owner) = owner.filter(|_| class == CLASS_IN) else {
        return Some(None);
    };
    let answer = match kind {
        TYPE_A => content.array::<4>().map(|octets| Answer::Address { owner, address: octets.into() }),
        TYPE_AAAA => content.array::<16>().map(|octets| Answer::Address { owner, address: octets.into() }),
        TYPE_CNAME => {
            read_name(message, &mut content).flatten().map(|target| Answer::Alias { owner, target })
        }
        _ => None,
    };
    Some(answer)
}

/// Reads one name and moves past it: `None` when it is broken, `Some(None)` when it is no host name.
fn read_name<'m>(message: &'m [u8], cursor: &mut Cursor<'m>) -> Option<Option<Name>> {
    let mut text = Text { bytes: [0; MAX_NAME], length: 0, plain: true };
    let mut limit = message.len().saturating_sub(cursor.rest().len());
    let mut ahead = None;
    for _ in 0..=MAX_POINTERS {
        let Some(pointer) = read_labels(ahead.as_mut().unwrap_or(&mut *cursor), &mut text)? else {
            return Some(text.name());
        };
        // Each pointer must lead further back than all before it, so that following them comes to an end.
        if pointer >= limit {
            return None;
        }
        limit = pointer;
        ahead = Some(Cursor::new(message.get(pointer..)?));
    }
    None
}

/// Reads labels up to the end of the name (`Some(None)`) or to a pointer.
fn read_labels(cursor: &mut Cursor<'_>, text: &mut Text) -> Option<Option<usize>> {
    loop {
        match cursor.u8()? {
            0 => return Some(None),
            length @ 1..=63 => text.push(cursor.take(usize::from(length))?)?,
            high @ 0xc0.. => return Some(Some(usize::from(high & 0x3f) << 8 | usize::from(cursor.u8()?))),
            _ => return None,
        }
    }
}

/// A name in the making, labels joined by dots.
struct Text {
    bytes: [u8; MAX_NAME],
    length: usize,
    plain: bool,
}

impl Text {
    /// Adds a label; `None` when the name becomes longer than a name can be.
    fn push(&mut self, label: &[u8]) -> Option<()> {
        let dot = usize::from(self.length > 0);
        let end = self.length + dot + label.len();
        let place = self.bytes.get_mut(self.length..end)?;
        if dot == 1 {
            *place.first_mut()? = b'.';
        }
        place.get_mut(dot..)?.copy_from_slice(label);
        // A dot inside a label would let `pool.example` hide as one label of somebody else's name, or the reverse.
        self.plain &= !label.contains(&b'.');
        self.length = end;
        Some(())
    }

    fn name(&self) -> Option<Name> {
        self.bytes.get(..self.length).filter(|_| self.plain).and_then(Name::from_bytes)
    }
}

/// What a [`Stream`] finds.
#[allow(clippy::large_enum_variant, reason = "lent to a sink and gone; a box would be an allocation each")]
#[derive(Clone, Debug)]
pub enum Item<'a> {
    /// A message.
    Message {
        /// The message, of which at most [`MAX_MESSAGE`] bytes were kept.
        message: Message<'a>,
        /// Whether it was longer than that.
        truncated: bool,
    },
    /// Bytes of the promised length that are no message.
    Malformed,
}

/// One direction of DNS over TCP: messages with their length in front.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    prefix: Option<u8>,
    kept: Vec<u8>,
    /// Bytes of the current message that are still to come.
    missing: usize,
    /// How many of those are still to be kept.
    wanted: usize,
}

impl Stream {
    /// A stream at the start of a length prefix.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the next bytes and calls `sink` for every message that they complete.
    pub fn push(&mut self, mut bytes: &[u8], mut sink: impl FnMut(Item<'_>)) {
        while let Some((first, rest)) = bytes.split_first() {
            if self.missing > 0 {
                bytes = self.body(bytes, &mut sink);
                continue;
            }
            bytes = rest;
            match self.prefix.take() {
                None => self.prefix = Some(*first),
                Some(high) => self.begin(usize::from(u16::from_be_bytes([high, *first])), &mut sink),
            }
        }
    }

    fn begin(&mut self, length: usize, sink: &mut impl FnMut(Item<'_>)) {
        self.missing = length;
        self.wanted = length.min(MAX_MESSAGE);
        if length == 0 {
            sink(Item::Malformed);
        }
    }

    /// Takes what belongs to the current message and returns what does not.
    fn body<'b>(&mut self, bytes: &'b [u8], sink: &mut impl FnMut(Item<'_>)) -> &'b [u8] {
        let (own, rest) = bytes.split_at(self.missing.min(bytes.len()));
        let keep = own.get(..self.wanted).unwrap_or(own);
        self.missing -= own.len();
        self.wanted -= keep.len();
        if self.kept.is_empty() && self.missing == 0 {
            emit(keep, own.len() > keep.len(), sink);
            return rest;
        }
        self.kept.extend_from_slice(keep);
        if self.missing == 0 {
            let kept = std::mem::take(&mut self.kept);
            emit(&kept, own.len() > keep.len(), sink);
        }
        rest
    }
}

fn emit(bytes: &[u8], truncated: bool, sink: &mut impl FnMut(Item<'_>)) {
    sink(parse(bytes).map_or(Item::Malformed, |message| Item::Message { message, truncated }));
}

#[cfg(test)]
mod tests {
    use super::super::splits::{mutated, pieces};
    use super::*;
    use proptest::prelude::*;
    use simple_dns::rdata::{A, AAAA, CNAME, RData, TXT};
    use simple_dns::{CLASS, Packet, PacketFlag, QCLASS, QTYPE, ResourceRecord, TYPE};

    const QUERY: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x04Pool\x07example\0\0\x01\0\x01";

    fn name(text: &str) -> Name {
        Name::from_bytes(text.as_bytes()).expect("a name")
    }

    #[test]
    fn a_query_names_what_it_asks_for() {
        let message = parse(QUERY).expect("a query");
        assert_eq!((message.id, message.response, message.rcode, message.promised), (0x1234, false, 0, 0));
        assert_eq!(message.question, Some(Question { name: Some(name("pool.example")), kind: 1 }));
        assert_eq!(message.answers().count(), 0);
    }

    #[test]
    fn an_alias_and_its_address_through_pointers() {
        let mut bytes = QUERY.to_vec();
        bytes[2] = 0x81;
        bytes[7] = 2;
        bytes.extend_from_slice(b"\xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x05\x02eu\xc0\x0c");
        bytes.extend_from_slice(b"\xc0\x2a\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x07");
        let message = parse(&bytes).expect("a response");
        let answers: Vec<Answer> = message.answers().collect();
        let (owner, target) = (name("pool.example"), name("eu.pool.example"));
        let address = Answer::Address { owner: target.clone(), address: [192, 0, 2, 7].into() };
        assert_eq!(answers, [Answer::Alias { owner, target }, address]);
        let cut = parse(&bytes[..bytes.len() - 1]).expect("cut behind the question");
        assert_eq!(cut.answers().count(), 1, "what is whole is used");
    }

    #[test]
    fn what_is_not_dns_is_refused() {
        let refused = |bytes: &[u8]| parse(bytes).is_err();
        assert!(refused(b""));
        assert!(refused(b"{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[]}\n"));
        assert!(refused(b"GET / HTTP/1.1\r\nHost: pool.example\r\n\r\n"));
        assert!(refused(&[0; 64]), "nothing asked, nothing answered");
        for (place, value) in [(2, 0x28), (4, 1), (QUERY.len() - 1, 9)] {
            assert!(refused(&mutated(QUERY, &[(place, value)])), "byte {place} as {value}");
        }
        for length in 0..QUERY.len() {
            assert!(refused(&QUERY[..length]));
        }
    }

    #[test]
    fn pointers_that_go_round_end() {
        for pointer in [0x0c, 0x0d, 0x0e, 0x30, 0xff] {
            let mut bytes = QUERY[..12].to_vec();
            bytes.extend_from_slice(&[1, b'a', 0xc0, pointer, 0, 1, 0, 1]);
            assert!(parse(&bytes).is_err(), "a label, then {pointer:x}");
            bytes.drain(12..14);
            assert!(parse(&bytes).is_err(), "{pointer:x} alone");
        }
    }

    #[test]
    fn a_dot_inside_a_label_makes_no_name() {
        let mut bytes = QUERY[..12].to_vec();
        bytes.extend_from_slice(b"\x0cpool.example\0\0\x01\0\x01");
        assert_eq!(parse(&bytes).expect("well formed").question, Some(Question { name: None, kind: 1 }));
    }

    #[test]
    fn a_thousand_answers_are_cut_to_the_limit() {
        let mut bytes = QUERY.to_vec();
        bytes[2] = 0x80;
        bytes[6..8].copy_from_slice(&1000u16.to_be_bytes());
        for _ in 0..1000 {
            bytes.extend_from_slice(b"\xc0\x0c\0\x01\0\x01\0\0\0\0\0\x04\x7f\0\0\x01");
        }
        let message = parse(&bytes).expect("a response");
        assert_eq!((message.promised, message.answers().count()), (1000, MAX_ANSWERS));
    }

    /// What a stream says, in words that do not depend on how the bytes were cut.
    fn spoken(bytes: &[u8], lengths: &[usize]) -> Vec<String> {
        let mut said = Vec::new();
        let mut stream = Stream::new();
        for piece in pieces(bytes, lengths) {
            stream.push(piece, |item| {
                said.push(match item {
                    Item::Malformed => "malformed".to_owned(),
                    Item::Message { message, truncated } => {
                        let answers: Vec<Answer> = message.answers().collect();
                        format!("{} {:?} {answers:?} {truncated}", message.id, message.question)
                    }
                });
            });
            assert!(stream.kept.len() <= MAX_MESSAGE);
        }
        said
    }

    fn framed(message: &[u8]) -> Vec<u8> {
        let length = u16::try_from(message.len()).expect("short");
        [&length.to_be_bytes(), message].concat()
    }

    #[test]
    fn a_long_message_over_tcp_is_read_as_far_as_it_was_kept() {
        let mut long = QUERY.to_vec();
        long.resize(MAX_MESSAGE + 1, 0);
        let bytes = [framed(&long), framed(b""), framed(QUERY)].concat();
        let said = spoken(&bytes, &[1000]);
        assert_eq!(said.len(), 3);
        assert!(said[0].ends_with("true") && said[1] == "malformed" && said[2].ends_with("false"));
    }

    fn labels() -> impl Strategy<Value = String> {
        prop::collection::vec("[a-zA-Z0-9_-]{1,20}", 1..5).prop_map(|labels| labels.join("."))
    }

    fn answers() -> impl Strategy<Value = Vec<(String, u8, u128, String)>> {
        prop::collection::vec((labels(), 0u8..4, any::<u128>(), labels()), 0..6)
    }

    /// The same message as another implementation writes it, and the answers that we should find in it.
    fn written(id: u16, asked: &str, answers: &[(String, u8, u128, String)]) -> (Vec<u8>, Vec<Answer>) {
        let mut packet = Packet::new_reply(id);
        packet.set_flags(PacketFlag::RECURSION_AVAILABLE);
        let of = |text: &str| simple_dns::Name::new(text).expect("labels").into_owned();
        packet.questions.push(simple_dns::Question::new(
            of(asked),
            QTYPE::TYPE(TYPE::A),
            QCLASS::CLASS(CLASS::IN),
            false,
        ));
        let mut expected = Vec::new();
        for (owner, kind, number, target) in answers {
            let owned = name(owner);
            let (data, answer) = match kind {
                0 => (
                    RData::A(A { address: *number as u32 }),
                    Some(Answer::Address { owner: owned, address: (*number as u32).to_be_bytes().into() }),
                ),
                1 => (
                    RData::AAAA(AAAA { address: *number }),
                    Some(Answer::Address { owner: owned, address: number.to_be_bytes().into() }),
                ),
                2 => (
                    RData::CNAME(CNAME(of(target))),
                    Some(Answer::Alias { owner: owned, target: name(target) }),
                ),
                _ => (RData::TXT(TXT::new().with_string("x").expect("short").into_owned()), None),
            };
            packet.answers.push(ResourceRecord::new(of(owner), CLASS::IN, 60, data));
            expected.extend(answer);
        }
        (packet.build_bytes_vec_compressed().expect("fits"), expected)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn reads_what_another_implementation_writes(id: u16, asked in labels(), answers in answers()) {
            let (bytes, expected) = written(id, &asked, &answers);
            let message = parse(&bytes).expect("well formed");
            prop_assert_eq!(message.id, id);
            prop_assert!(message.response);
            prop_assert_eq!(message.question.as_ref().and_then(|it| it.name.clone()), Some(name(&asked)));
            prop_assert_eq!(message.answers().collect::<Vec<_>>(), expected);
        }

        #[test]
        fn damage_is_survived_and_read_alike(
            asked in labels(),
            answers in answers(),
            changes in prop::collection::vec((any::<usize>(), any::<u8>()), 0..4),
        ) {
            let bytes = mutated(&written(7, &asked, &answers).0, &changes);
            let Ok(ours) = parse(&bytes) else { return Ok(()) };
            prop_assert!(ours.answers().count() <= MAX_ANSWERS);
            let Ok(theirs) = Packet::parse(&bytes) else { return Ok(()) };
            prop_assert_eq!(ours.id, theirs.id());
            if let Some(Question { name: Some(asked), .. }) = &ours.question {
                let theirs = theirs.questions.first().map(|it| it.qname.to_string().to_ascii_lowercase());
                prop_assert_eq!(Some(asked.as_str()), theirs.as_deref());
            }
        }

        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            if let Ok(message) = parse(&bytes) {
                prop_assert!(message.answers().count() <= MAX_ANSWERS);
            }
        }

        #[test]
        fn a_stream_says_the_same_however_it_is_cut(
            asked in labels(),
            answers in answers(),
            changes in prop::collection::vec((any::<usize>(), any::<u8>()), 0..3),
            lengths in prop::collection::vec(1usize..60, 1..5),
        ) {
            let one = framed(&written(7, &asked, &answers).0);
            let bytes = mutated(&[framed(QUERY), one.clone(), one].concat(), &changes);
            prop_assert_eq!(spoken(&bytes, &lengths), spoken(&bytes, &[bytes.len()]));
            prop_assert_eq!(spoken(&bytes, &[1]), spoken(&bytes, &[bytes.len()]));
        }
    }
}
