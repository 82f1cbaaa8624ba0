//! JSON written in other ways that mean the same to whoever reads it.

use std::collections::BTreeSet;
use std::path::Path;

use pithead_output::Certainty;

use crate::dice::Dice;
use crate::said::{Saying, rewritten};
use crate::support::steps::{self, Step};
use crate::support::{line, short};
use crate::{Faults, sessions};

/// A value as it stands, strings and numbers with all their letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    Object(Vec<(String, Self)>),
    Array(Vec<Self>),
    Bare(String),
}

/// What stands in a text: values, and what is between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Value(Node),
    Between(Vec<u8>),
}

struct Reader<'b>(&'b [u8]);

impl Reader<'_> {
    fn blanks(&mut self) {
        self.0 = self.0.trim_ascii_start();
    }

    fn takes(&mut self, byte: u8) -> bool {
        self.blanks();
        let there = self.0.first() == Some(&byte);
        self.0 = &self.0[usize::from(there)..];
        there
    }

    fn value(&mut self) -> Option<Node> {
        if self.takes(b'{') {
            let mut members = Vec::new();
            while !self.takes(b'}') {
                if !members.is_empty() && !self.takes(b',') {
                    return None;
                }
                self.blanks();
                let Node::Bare(name) = self.bare()? else { return None };
                self.takes(b':').then_some(())?;
                members.push((name, self.value()?));
            }
            return Some(Node::Object(members));
        }
        if self.takes(b'[') {
            let mut items = Vec::new();
            while !self.takes(b']') {
                if !items.is_empty() && !self.takes(b',') {
                    return None;
                }
                items.push(self.value()?);
            }
            return Some(Node::Array(items));
        }
        self.bare()
    }

    /// A string with its quotes, or a word.
    fn bare(&mut self) -> Option<Node> {
        let mut length = 0;
        if self.0.first() == Some(&b'"') {
            length = 1;
            while *self.0.get(length)? != b'"' {
                length += if self.0[length] == b'\\' { 2 } else { 1 };
            }
            length += 1;
        } else {
            while self.0.get(length).is_some_and(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte))
            {
                length += 1;
            }
        }
        let (word, rest) = self.0.split_at_checked(length).filter(|(word, _)| !word.is_empty())?;
        self.0 = rest;
        Some(Node::Bare(String::from_utf8(word.to_vec()).ok()?))
    }
}

/// The objects in a text and what is between them; `None` where there are none, or the text is cut.
pub(crate) fn parts(bytes: &[u8]) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == b'{') {
        let (between, value) = rest.split_at(at);
        // Tags of Xatum may stand before an object, nothing else.
        if between
            .iter()
            .any(|byte| !(byte.is_ascii_lowercase() || byte.is_ascii_whitespace() || *byte == b'~'))
        {
            return None;
        }
        if !between.is_empty() {
            parts.push(Part::Between(between.to_vec()));
        }
        let mut reader = Reader(value);
        parts.push(Part::Value(reader.value()?));
        rest = reader.0;
    }
    if !rest.is_empty() {
        parts.push(Part::Between(rest.to_vec()));
    }
    parts.iter().any(|part| matches!(part, Part::Value(_))).then_some(parts)
}

/// How values are written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Style {
    /// Blanks that may stand anywhere.
    blanks: &'static [&'static str],
    /// Members in another order.
    shuffled: bool,
    /// One letter of strings in so many is an escape; 0 for none.
    escaped: usize,
    /// Each member twice, the false one here.
    twice: Option<Place>,
    /// Members that nobody asked for.
    more: &'static [(&'static str, usize)],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Before,
    Behind,
}

impl Style {
    pub(crate) fn text(&self, node: &Node, dice: &mut Dice) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(node, true, dice, &mut out);
        out
    }

    fn write(&self, node: &Node, root: bool, dice: &mut Dice, out: &mut Vec<u8>) {
        match node {
            Node::Bare(word) => self.word(word, dice, out),
            Node::Array(items) => {
                out.push(b'[');
                for (at, item) in items.iter().enumerate() {
                    self.comma(at, dice, out);
                    self.write(item, false, dice, out);
                }
                self.blank(dice, out);
                out.push(b']');
            }
            Node::Object(members) => {
                let mut members = members.clone();
                if self.shuffled {
                    for at in (1..members.len()).rev() {
                        members.swap(at, dice.below(at + 1));
                    }
                }
                if root {
                    let more = self.more.iter().flat_map(|(text, times)| {
                        (0..*times).map(|turn| (format!("\"x{turn}\""), Node::Bare((*text).to_owned())))
                    });
                    members.splice(0..0, more);
                }
                if let Some(place) = self.twice {
                    members = members
                        .into_iter()
                        .flat_map(|(name, value)| {
                            let decoy = (name.clone(), Node::Bare("\"no\"".to_owned()));
                            if place == Place::Before {
                                [decoy, (name, value)]
                            } else {
                                [(name, value), decoy]
                            }
                        })
                        .collect();
                }
                out.push(b'{');
                for (at, (name, value)) in members.iter().enumerate() {
                    self.comma(at, dice, out);
                    self.word(name, dice, out);
                    self.blank(dice, out);
                    out.push(b':');
                    self.blank(dice, out);
                    self.write(value, false, dice, out);
                }
                self.blank(dice, out);
                out.push(b'}');
            }
        }
    }

    fn comma(&self, at: usize, dice: &mut Dice, out: &mut Vec<u8>) {
        if at > 0 {
            self.blank(dice, out);
            out.push(b',');
        }
        self.blank(dice, out);
    }

    fn blank(&self, dice: &mut Dice, out: &mut Vec<u8>) {
        if !self.blanks.is_empty() {
            out.extend(self.blanks[dice.below(self.blanks.len())].bytes());
        }
    }

    fn word(&self, word: &str, dice: &mut Dice, out: &mut Vec<u8>) {
        let plain = word.strip_prefix('"').and_then(|word| word.strip_suffix('"'));
        let Some(plain) = plain.filter(|plain| self.escaped > 0 && !plain.contains('\\')) else {
            return out.extend(word.bytes());
        };
        out.push(b'"');
        for letter in plain.chars() {
            match letter {
                '/' if dice.once_in(2) => out.extend(b"\\/"),
                _ if letter.is_ascii() && dice.once_in(self.escaped) => {
                    out.extend(format!("\\u{:04x}", letter as u32).bytes());
                }
                _ => out.extend(letter.to_string().bytes()),
            }
        }
        out.push(b'"');
    }
}

const PLAIN: Style = Style { blanks: &[], shuffled: false, escaped: 0, twice: None, more: &[] };

/// Ways to write JSON that mean the same.
pub(crate) const STYLES: [(&str, Style); 13] = [
    ("compact", PLAIN),
    ("blanks between", Style { blanks: &["", " ", "  ", "\t", " \t "], ..PLAIN }),
    ("line ends between", Style { blanks: &["", "\n", "\r\n\t", "\n  "], ..PLAIN }),
    ("members shuffled", Style { shuffled: true, ..PLAIN }),
    ("a few letters escaped", Style { escaped: 12, ..PLAIN }),
    ("every letter escaped", Style { escaped: 1, ..PLAIN }),
    ("a false member before each", Style { twice: Some(Place::Before), ..PLAIN }),
    ("a false member behind each", Style { twice: Some(Place::Behind), ..PLAIN }),
    (
        "nested deep in front",
        Style { more: &[("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", 1)], ..PLAIN },
    ),
    (
        "objects nested deep in front",
        Style {
            more: &[(
                "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}}}}}}}}}}}}}}}",
                1,
            )],
            ..PLAIN
        },
    ),
    ("a hundred members in front", Style { more: &[("0", 100)], ..PLAIN }),
    (
        "a long list in front",
        Style {
            more: &[("[1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9]", 6)],
            ..PLAIN
        },
    ),
    (
        "all at once",
        Style {
            blanks: &["", "", "", " "],
            shuffled: true,
            escaped: 9,
            twice: Some(Place::Before),
            more: &[("[[0]]", 9)],
        },
    ),
];

/// Longest message that is held together; what the styles make longer is sent as it was.
const HELD: usize = 4096;

/// Everything JSON in a conversation, written so.
pub(crate) fn restyled(steps: &[Step], style: Style, dice: &mut Dice) -> Vec<Step> {
    rewritten(steps, |saying| restyle(saying, style, dice))
}

fn restyle(saying: &Saying<'_>, style: Style, dice: &mut Dice) -> Vec<u8> {
    let Some(parts) = parts(saying.bytes) else { return saying.bytes.to_vec() };
    let write = |part: &Part| match part {
        Part::Between(bytes) => bytes.clone(),
        Part::Value(node) => {
            let text = style.text(node, dice);
            if text.len() <= HELD { text } else { PLAIN.text(node, dice) }
        }
    };
    parts.iter().map(write).collect::<Vec<_>>().concat()
}

/// What would no longer be the same thing, written so.
fn is_another(capture: &Path, style: Style) -> bool {
    match short(capture).split_once('/') {
        // Known by the few lines that such servers are known to send, word for word: with another member it is another server's.
        Some(("parse-error", _)) => style.twice.is_some() || !style.more.is_empty(),
        // Read by lines, of which each must have its tag.
        Some(("xatum", _)) => style.blanks.iter().any(|blank| blank.contains('\n')),
        _ => false,
    }
}

#[test]
fn what_is_read_is_written() {
    let text = br#"{"a":[1,-2.5e3,{"b":"x\"y"},null,true],"c":{}}"#;
    let parts = parts(text).expect("an object");
    let [Part::Value(node)] = &parts[..] else { panic!("{parts:?}") };
    assert_eq!(PLAIN.text(node, &mut Dice(0)), text);
}

#[test]
fn in_any_style() {
    let (mut written, mut faults) = (0, Faults::default());
    for (capture, original) in sessions() {
        let expected = line::run(&steps::frames(&original));
        for (name, style) in STYLES {
            let made = restyled(&original, style, &mut Dice(3));
            let found = line::run(&steps::frames(&made));
            if is_another(&capture, style) {
                continue;
            }
            if style.twice == Some(Place::Behind) {
                faults.compare_miners(&capture, &expected, &found, name);
            } else {
                faults.compare(&capture, &expected, &found, name);
            }
        }
        written += rewritten_objects(&original);
    }
    assert!(written > 300, "{written} sayings are JSON");
}

fn rewritten_objects(steps: &[Step]) -> usize {
    let mut count = 0;
    rewritten(steps, |saying| {
        count += usize::from(parts(saying.bytes).is_some());
        saying.bytes.to_vec()
    });
    count
}

/// Lines that are sent in another way: what stands before, between and behind them.
#[derive(Clone, Copy)]
struct Lines {
    /// Before the first of each side.
    front: &'static [u8],
    /// Instead of each line end.
    end: &'static [u8],
}

const LINES: [(&str, Lines); 8] = [
    ("CRLF", Lines { front: b"", end: b"\r\n" }),
    ("blank lines between", Lines { front: b"\n\r\n", end: b"\n\n \n" }),
    ("a byte order mark", Lines { front: b"\xef\xbb\xbf", end: b"\n" }),
    ("a byte order mark each", Lines { front: b"\xef\xbb\xbf", end: b"\n\xef\xbb\xbf" }),
    ("all in one line", Lines { front: b"", end: b" " }),
    ("nothing between", Lines { front: b"", end: b"" }),
    ("NULs between", Lines { front: b"", end: b"\0" }),
    ("junk in front", Lines { front: b"hello there\n{not json}\nGET / HTTP/1.1\n", end: b"\n" }),
];

#[test]
fn in_any_lines() {
    let mut faults = Faults::default();
    for (name, lines) in LINES {
        for (capture, original) in sessions() {
            let expected = line::run(&steps::frames(&original));
            let mut said = std::collections::HashSet::new();
            let made = rewritten(&original, |saying| {
                let parts = parts(saying.bytes).filter(|_| saying.bytes.starts_with(b"{"));
                let Some(parts) = parts else { return saying.bytes.to_vec() };
                let front = if said.insert(saying.way) { lines.front } else { b"" };
                let part = |part: &Part| match part {
                    Part::Value(node) => PLAIN.text(node, &mut Dice(0)),
                    Part::Between(bytes) if bytes.contains(&b'\n') => lines.end.to_vec(),
                    Part::Between(bytes) => bytes.clone(),
                };
                [front, &parts.iter().map(part).collect::<Vec<_>>().concat()].concat()
            });
            let found = line::run(&steps::frames(&made));
            if lines.front.starts_with(b"hello") {
                // Behind something else one side alone proves nothing, so what is said may come later.
                let flows = |told: &line::Told, both: bool| -> BTreeSet<u64> {
                    let counts = |flow: &&pithead_output::FlowRecord| {
                        flow.verdict.as_ref().is_some_and(|verdict| {
                            !both
                                || (verdict.certainty() == Certainty::BothSides
                                    && verdict.dialect() != Some("parse-error"))
                        })
                    };
                    told.flows().filter(counts).map(|flow| flow.flow.id).collect()
                };
                let refused = ["refused", "banned"].iter().any(|word| short(&capture).ends_with(word));
                if !refused && !flows(&expected, true).is_subset(&flows(&found, false)) {
                    faults.note(
                        &capture,
                        name,
                        &format!("{:?}, found {:?}", expected.miners(), found.miners()),
                    );
                }
            } else {
                faults.compare(&capture, &expected, &found, name);
            }
        }
    }
}
