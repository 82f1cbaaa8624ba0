//! Asks the dialects and the pool list about what readers found, and makes events of what they say.

use std::net::IpAddr;

use pithead_flow::{Direction, Flow, Sighting as Frame};

use crate::anchors::Scanner;
use crate::app::App;
use crate::carriers::{Name, dns};
use crate::dialect::DIALECTS;
use crate::event::{Body, Cause, Event, Oddities, Resolution, Sighting, Where};
use crate::finding::{Evidence, Finding, Role, What};
use crate::framing::Shape;
use crate::hash::fnv;
use crate::json::Tokens;
use crate::message::{Carrier, HttpHead, Message};
use crate::plain;
use crate::pools::Pools;
use crate::quote::quote;
use crate::reader::Found;
use crate::session::{Outcome, Session, Setting};
use crate::turns::Turns;

/// How many names of one flow are told; a keep-alive connection repeats its own in every request.
const NAMES: usize = 16;

/// Names met in one flow.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// Those of the pool list that were met before, so that each is told once.
    told: Vec<u64>,
    /// The latest that is not on the pool list: told only if the flow turns out to mine.
    unlisted: Option<Box<Sighting>>,
}

/// One frame's judge: what it needs to know of the frame, and where events go.
pub(crate) struct Judge<'a> {
    pub(crate) scanner: &'a mut Scanner,
    pub(crate) tokens: &'a mut Tokens,
    /// Room for a message without its escapes.
    pub(crate) plain: &'a mut Vec<u8>,
    pub(crate) pools: &'a Pools,
    pub(crate) flow: Flow<'a>,
    pub(crate) frame: Frame,
    /// Whether what is found comes from a second reading.
    pub(crate) rival: bool,
    pub(crate) out: &'a mut Vec<Event>,
}

/// A message on its way to the dialects.
#[derive(Clone, Copy)]
struct Letter<'a> {
    text: &'a [u8],
    shape: Shape,
    truncated: bool,
    clean: bool,
    carrier: Carrier,
    head: Option<&'a HttpHead>,
    direction: Direction,
}

impl Letter<'_> {
    /// The part that may be JSON. An object in a line of something else is a quotation: no pool takes what stands before it, but for a tag.
    fn json(&self) -> &[u8] {
        let object = || self.text.iter().position(|byte| *byte == b'{');
        match self.shape {
            Shape::Json => self.text,
            Shape::Line => object()
                .and_then(|at| self.text.split_at_checked(at))
                .filter(|(tag, _)| is_tag(tag))
                .map_or(&[], |(_, json)| json),
        }
    }
}

impl Judge<'_> {
    /// Judges what a reader found.
    pub(crate) fn found(
        &mut self,
        found: &Found<'_>,
        direction: Direction,
        session: &mut Option<Box<Session>>,
        names: &mut Names,
    ) {
        match *found {
            Found::Message { text, shape, truncated, clean, carrier, head } => {
                self.letter(
                    &Letter { text, shape, truncated, clean, carrier, head, direction },
                    session,
                    names,
                );
            }
            Found::Name(name, place, port) => self.name(name, place, port, names),
            Found::Dns(message) => self.dns(message, direction),
            // Of most clients both are known, and nothing is to be said.
            Found::Hello(hello) if hello.names_server && hello.names_protocol => {}
            Found::Hello(hello) => self.say(Body::Greeted(hello)),
            Found::App(app) => self.app(app),
            Found::Expect(_) | Found::Tunnel(_) => {}
        }
    }

    /// Notes what the flow speaks; what was noted first stays, but for what it turns into.
    pub(crate) fn app(&mut self, app: App) {
        if self.flow.app() == App::Unknown.mark() || app == App::WebSocket {
            self.flow.set_app(app.mark());
        }
    }

    fn letter(&mut self, letter: &Letter<'_>, session: &mut Option<Box<Session>>, names: &mut Names) {
        let mut plain = std::mem::take(self.plain);
        if plain::resolve(letter.text, &mut plain) {
            self.read(&Letter { text: &plain, ..*letter }, session, names);
        } else {
            self.read(letter, session, names);
        }
        *self.plain = plain;
    }

    /// Judges a message without needless escapes.
    fn read(&mut self, letter: &Letter<'_>, session: &mut Option<Box<Session>>, names: &mut Names) {
        let candidates = self.candidates(letter, session.as_deref());
        if candidates == 0 {
            return;
        }
        let json = self.tokens.read(letter.json());
        let message = Message {
            text: letter.text,
            json,
            carrier: letter.carrier,
            head: letter.head,
            direction: letter.direction,
            truncated: letter.truncated,
        };
        let known = session.as_deref();
        let verdict = verdict(candidates, &message, known)
            .map(|(dialect, finding)| (dialect, finding, json))
            .or_else(|| {
                // To a reader who takes the first of two members of one name it may be another message.
                let json = json?.by_first();
                let (dialect, finding) =
                    verdict(candidates, &Message { json: Some(json?), ..message }, known)?;
                Some((dialect, finding, json))
            });
        if let Some((dialect, finding, json)) = verdict {
            let setting = Setting {
                direction: letter.direction,
                clean: letter.clean,
                rival: self.rival,
                at: self.frame.at,
            };
            let evidence = || Evidence {
                text: if letter.text.is_empty() { head_text(letter.head) } else { quote(letter.text, json) },
                direction: letter.direction,
                frame: self.frame.number,
            };
            let outcome = learn(session, dialect, finding, message.id(), setting, evidence);
            self.tell(outcome, session, names);
        }
    }

    /// The dialects that a letter could belong to, as bits.
    fn candidates(&mut self, letter: &Letter<'_>, session: Option<&Session>) -> u64 {
        // An HTTP head without a body was told because of what it says, not because of an anchor.
        let head_tells = letter.head.is_some_and(|head| head.marks.any() || !head.stratum.is_empty());
        if letter.text.is_empty() || head_tells {
            return u64::MAX;
        }
        self.scanner.candidates(letter.text) | session.map_or(0, |session| 1 << session.dialect())
    }

    /// Lets the dialects without words judge the turns so far. True when one of them knows.
    pub(crate) fn turns(
        &mut self,
        turns: &Turns,
        direction: Direction,
        session: &mut Option<Box<Session>>,
        names: &mut Names,
    ) -> bool {
        if session.as_ref().is_some_and(|session| session.is_alerted()) {
            return true;
        }
        let verdict =
            DIALECTS.iter().enumerate().find_map(|(index, dialect)| Some((index, dialect.turns(turns)?)));
        let Some((dialect, finding)) = verdict else { return false };
        // Turns are judged whoever completed them, and only where the connection was seen to open: it is the miner who opens it.
        let (way, other) = match finding.what.sender() {
            Role::Client => (Direction::Forward, What::Notice),
            Role::Server => (Direction::Backward, What::Request),
        };
        let setting = Setting { direction: way, clean: true, rival: self.rival, at: self.frame.at };
        let first = turns.all().first().map_or(Direction::Forward, |(first, _)| *first);
        // The last turn may still grow, and how far it has come is the network's doing.
        let measured = if turns.complete().is_empty() { turns.all() } else { turns.complete() };
        let sizes: Vec<String> = measured
            .iter()
            .map(|(way, bytes)| format!("{}{bytes}", if *way == first { ">" } else { "<" }))
            .collect();
        let text = format!("turns of {} bytes", sizes.join(" "));
        let frame = self.frame.number;
        let evidence = || Evidence { text: text.clone(), direction, frame };
        if turns.all().len() > 1 {
            // The verdict is about both sides, so both were heard.
            let setting = Setting { direction: way.reverse(), ..setting };
            learn(session, dialect, Finding::context(other), None, setting, evidence);
        }
        let outcome = learn(session, dialect, finding, None, setting, evidence);
        self.tell(outcome, session, names);
        true
    }

    fn tell(&mut self, outcome: Outcome, session: &Option<Box<Session>>, names: &mut Names) {
        if outcome == Outcome::Quiet {
            return;
        }
        let Some(session) = session else { return };
        let Some(mining) = session.mining(DIALECTS[session.dialect()].name()).map(Box::new) else { return };
        self.app(App::Mining);
        let body = match outcome {
            Outcome::Report => Body::Flow { end: None, mining: Some(mining), oddities: Oddities::default() },
            // Without room for a record each payload is judged alone, but a flow is alerted once.
            _ if self.flow.is_alerted() => return,
            _ => {
                self.flow.set_alerted(true);
                // Now it matters whom the flow was meant for, listed or not.
                if let Some(target) = names.unlisted.take() {
                    self.say(Body::Named(target));
                }
                Body::Alert(mining)
            }
        };
        self.say(body);
    }

    /// Looks a name up in the pool list, and tells of it once a flow.
    pub(crate) fn name(&mut self, name: &Name, place: Where, port: Option<u16>, names: &mut Names) {
        let sighting = || Box::new(Sighting { name: name.clone(), place, port });
        if self.pools.find(name.as_bytes()).is_none() {
            let known =
                names.unlisted.as_ref().is_some_and(|known| known.place == place && known.name == *name);
            if place != Where::TlsCertificate && !known {
                names.unlisted = Some(sighting());
            }
            return;
        }
        let key = fnv(name.as_bytes(), place as u8);
        if !names.told.contains(&key) && names.told.len() < NAMES {
            names.told.push(key);
            self.say(Body::Named(sighting()));
        }
    }

    /// Looks at a DNS message: who asks for a pool, and which address belongs to which name.
    pub(crate) fn dns(&mut self, message: &dns::Message<'_>, direction: Direction) {
        self.app(App::Dns);
        let asked = message.question.as_ref().and_then(|question| question.name.clone());
        let listed = |name: &Name| self.pools.find(name.as_bytes()).is_some();
        if !message.response {
            if let Some(name) = asked.filter(listed) {
                self.say(Body::Named(Box::new(Sighting { name, place: Where::DnsQuery, port: None })));
            }
            return;
        }
        let alias = || {
            message.answers().find_map(|answer| match answer {
                dns::Answer::Alias { target, owner } => [target, owner].into_iter().find(|name| listed(name)),
                dns::Answer::Address { owner, .. } => Some(owner).filter(|name| listed(name)),
            })
        };
        let on_list = asked.clone().filter(listed).or_else(alias);
        if let Some(name) = &on_list {
            self.say(Body::Named(Box::new(Sighting {
                name: name.clone(),
                place: Where::DnsAnswer,
                port: None,
            })));
        }
        let mut addresses: Vec<IpAddr> = Vec::new();
        let mut name = asked;
        for answer in message.answers() {
            if let dns::Answer::Address { owner, address } = answer {
                name.get_or_insert(owner);
                addresses.push(address);
            }
        }
        let Some(name) = name.filter(|_| !addresses.is_empty()) else { return };
        // Whoever is answered has asked, also where the capture has only the answer.
        let client = match direction {
            Direction::Forward => self.flow.destination().ip(),
            Direction::Backward => self.flow.source().ip(),
        };
        self.say(Body::Resolved(Box::new(Resolution { client, name, addresses, listed: on_list })));
    }

    fn say(&mut self, body: Body) {
        self.out.push(Event {
            cause: Cause { sequence: self.frame.sequence, number: self.frame.number },
            at: self.frame.at,
            flow: self.flow.summary(),
            app: App::from_mark(self.flow.app()),
            body,
        });
    }
}

/// The first dialect of those that could be meant that knows the message.
fn verdict(candidates: u64, message: &Message<'_>, session: Option<&Session>) -> Option<(usize, Finding)> {
    DIALECTS
        .iter()
        .enumerate()
        .filter(|(index, _)| candidates >> index & 1 == 1)
        .find_map(|(index, dialect)| Some((index, dialect.judge(message, session)?)))
}

/// Whether this is a word and a tilde, which Xatum puts before each object: part of the message, not something else.
fn is_tag(text: &[u8]) -> bool {
    text.strip_suffix(b"~").is_some_and(|word| word.len() <= 8 && word.iter().all(u8::is_ascii_lowercase))
}

fn learn(
    session: &mut Option<Box<Session>>,
    dialect: usize,
    finding: Finding,
    id: Option<&[u8]>,
    setting: Setting,
    evidence: impl FnOnce() -> Evidence,
) -> Outcome {
    let session = session.get_or_insert_with(|| Box::new(Session::new(dialect, &finding, setting)));
    session.learn(dialect, finding, id, setting, evidence)
}

/// What there is to quote of a head without a body.
fn head_text(head: Option<&HttpHead>) -> String {
    let Some(head) = head else { return String::new() };
    let mut text = if head.request {
        format!("{} {}", if head.post { "POST" } else { "GET" }, head.target)
    } else {
        format!("HTTP {}", head.status)
    };
    let said = [
        ("X-Mining-Extensions", head.marks.mining_extensions),
        ("X-Roll-NTime", head.marks.roll_ntime),
        ("X-Long-Polling", head.marks.long_polling),
    ];
    for (name, _) in said.iter().filter(|(_, said)| *said) {
        text.push_str(&format!(" [{name}]"));
    }
    if !head.agent.is_empty() {
        text.push_str(&format!(" [User-Agent: {}]", head.agent));
    }
    quote(text.as_bytes(), None)
}
