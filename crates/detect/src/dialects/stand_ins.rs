//! HTTP messages, turns, and bytes that look random, for the tests of dialects.

use pithead_flow::Direction;
use pithead_wire::Timestamp;

use super::testing::is_anchored;
use crate::carriers::http::Marks;
use crate::dialect::{DIALECTS, Dialect};
use crate::finding::{Evidence, Finding};
use crate::json::Tokens;
use crate::message::{Carrier, HttpHead, Message};
use crate::session::{Mining, Session, Setting};
use crate::turns::Turns;

/// What matters of an HTTP head.
#[derive(Clone, Copy)]
pub(crate) struct Http<'a> {
    pub(crate) request: bool,
    pub(crate) extensions: bool,
    pub(crate) hash_difficulty: bool,
    pub(crate) long_polling: bool,
    pub(crate) agent: &'a str,
    pub(crate) user: &'a str,
    pub(crate) target: &'a str,
    pub(crate) stratum: &'a str,
}

impl Http<'_> {
    pub(crate) const REQUEST: Self = Self {
        request: true,
        extensions: false,
        hash_difficulty: false,
        long_polling: false,
        agent: "",
        user: "",
        target: "/",
        stratum: "",
    };
    pub(crate) const RESPONSE: Self = Self { request: false, target: "", ..Self::REQUEST };

    fn head(&self) -> HttpHead {
        HttpHead {
            request: self.request,
            post: self.request,
            status: if self.request { 0 } else { 200 },
            target: self.target.to_owned(),
            agent: self.agent.to_owned(),
            user: self.user.to_owned(),
            stratum: self.stratum.to_owned(),
            marks: Marks {
                mining_extensions: self.extensions,
                hash_difficulty: self.hash_difficulty,
                long_polling: self.long_polling,
                ..Marks::default()
            },
            ..HttpHead::default()
        }
    }
}

/// What a dialect says of an HTTP body with its head; of the head alone, if the body is empty.
pub(crate) fn over_http(
    dialect: &dyn Dialect,
    http: Http<'_>,
    body: &str,
    session: Option<&Session>,
) -> Option<Finding> {
    let head = http.head();
    with_message(http, &head, body, |message| dialect.examine(message, session))
}

fn with_message<R>(http: Http<'_>, head: &HttpHead, body: &str, look: impl FnOnce(&Message<'_>) -> R) -> R {
    let mut tokens = Tokens::default();
    look(&Message {
        text: body.as_bytes(),
        json: tokens.read(body.as_bytes()),
        carrier: Carrier::Http,
        head: Some(head),
        direction: if http.request { Direction::Forward } else { Direction::Backward },
        truncated: false,
    })
}

/// What events would say of this exchange, judged by all dialects; `None` if nothing is certain.
pub(crate) fn mining_http(talk: &[(Http<'_>, &str)]) -> Option<Mining> {
    let mut session: Option<Session> = None;
    for (http, body) in talk {
        let head = http.head();
        let marked = head.marks.any() || !head.stratum.is_empty();
        with_message(*http, &head, body, |message| {
            let (index, finding) = DIALECTS.iter().enumerate().find_map(|(index, dialect)| {
                let known = session.as_ref().is_some_and(|session| session.dialect() == index);
                (known || marked || is_anchored(*dialect, body)).then_some(())?;
                Some((index, dialect.examine(message, session.as_ref())?))
            })?;
            let direction = message.direction;
            let setting = Setting { direction, clean: true, rival: false, at: Timestamp::default() };
            let evidence = || Evidence { text: (*body).to_owned(), direction, frame: 0 };
            let session = session.get_or_insert_with(|| Session::new(index, &finding, setting));
            session.learn(index, finding, message.id(), setting, evidence);
            Some(())
        });
    }
    let session = session.filter(Session::is_alerted)?;
    session.mining(DIALECTS[session.dialect()].name())
}

/// Turns of these sizes, the server's below zero, of bytes that look random.
pub(crate) fn turns_of(sizes: &[i32], end: bool) -> Turns {
    let mut turns = Turns::new(true);
    for (seed, size) in (0..).zip(sizes) {
        let way = if *size < 0 { Direction::Backward } else { Direction::Forward };
        turns.push(way, &noise(seed, size.unsigned_abs() as usize));
    }
    if end {
        turns.end();
    }
    turns
}

/// Bytes that look random, the same for the same seed.
pub(crate) fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x1234_5678_9abc_def1);
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as u8
    };
    (0..bytes).map(|_| next()).collect()
}
