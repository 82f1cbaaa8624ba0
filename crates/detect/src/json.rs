//! A bounded tokenizer for JSON texts (RFC 8259): a flat list of values, no tree, no allocation a text.
//!
//! It is lenient where pools and miners are (a text may be cut short, numbers are not checked digit by digit) and strict
//! where leniency would let a web page pass for a message (a text must begin with `{` or `[`, and brackets must match). A text that is
//! cut short or has too many values is used as far as it goes.

use crate::framing::MESSAGE_BYTES;

/// The most values of one text that are looked at: as many as the longest message can hold, for with fewer, members that nobody asks for
/// would hide those behind them. An XMRig login has about 45, a mining.notify at most 40, a Grin proof of work 60.
const VALUES: usize = MESSAGE_BYTES;
/// The deepest nesting that is followed; miners' messages nest four deep. What is deeper is passed over as one value.
const DEPTH: usize = 16;
/// How many pairs of names are compared in search of repeated ones. A text that has more is taken to repeat some.
const PAIRS: usize = 1024;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `{…}`
    Object,
    /// `[…]`
    Array,
    /// `"…"`
    String,
    /// A number.
    Number,
    /// `true` or `false`.
    Bool,
    /// `null`
    Null,
}

#[derive(Clone, Copy, Debug)]
struct Token {
    kind: Kind,
    /// Where the value's text begins and ends; strings without their quotes.
    start: u32,
    end: u32,
    /// Index of the first value after this one and all that is in it.
    next: u16,
    /// In an object: names and values alternate, and this is a name.
    is_name: bool,
}

/// Room for the values of one text, used again for the next.
#[derive(Debug, Default)]
pub struct Tokens {
    tokens: Vec<Token>,
}

/// Which of several members of one name counts. Most readers take the last, some that are written for speed the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counts {
    Last,
    First,
}

/// A tokenized text.
#[derive(Clone, Copy, Debug)]
pub struct Value<'t> {
    text: &'t [u8],
    tokens: &'t [Token],
    index: usize,
    counts: Counts,
}

/// The text of a string, as it stands on the wire: escapes are resolved when it is read.
#[derive(Clone, Copy, Debug)]
pub struct Text<'t>(&'t [u8]);

impl Tokens {
    /// Tokenizes a text that begins with `{` or `[`. `None` if it is not JSON as far as it goes.
    pub fn read<'t>(&'t mut self, text: &'t [u8]) -> Option<Value<'t>> {
        self.tokens.clear();
        let mut reader = Reader { text, at: 0, tokens: &mut self.tokens };
        reader.run()?;
        Some(Value { text, tokens: &self.tokens, index: 0, counts: Counts::Last })
    }
}

struct Reader<'t, 'r> {
    text: &'t [u8],
    at: usize,
    tokens: &'r mut Vec<Token>,
}

/// What the reader expects next in the innermost bracket.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    Name,
    Colon,
    Value,
    Comma,
}

impl Reader<'_, '_> {
    /// Reads one value with all that is in it. `Some` also when the text ends early or the room does.
    fn run(&mut self) -> Option<()> {
        let mut open: [(usize, Expect); DEPTH] = [(0, Expect::Value); DEPTH];
        let mut depth = 0;
        self.blanks();
        if !matches!(self.peek(), Some(b'{' | b'[')) {
            return None;
        }
        loop {
            self.blanks();
            let Some(byte) = self.peek() else { return self.cut(&open[..depth]) };
            let (owner, expect) = if depth == 0 { (0, Expect::Value) } else { open[depth - 1] };
            if self.tokens.len() >= VALUES {
                return self.cut(&open[..depth]);
            }
            match (byte, expect) {
                (b'}', Expect::Comma | Expect::Name) | (b']', Expect::Comma | Expect::Value) if depth > 0 => {
                    let wanted = if self.tokens[owner].kind == Kind::Object { b'}' } else { b']' };
                    if byte != wanted {
                        return None;
                    }
                    self.at += 1;
                    self.close(owner);
                    depth -= 1;
                }
                (b',', Expect::Comma) => {
                    self.at += 1;
                    let object = self.tokens[owner].kind == Kind::Object;
                    open[depth - 1].1 = if object { Expect::Name } else { Expect::Value };
                    continue;
                }
                (b':', Expect::Colon) => {
                    self.at += 1;
                    open[depth - 1].1 = Expect::Value;
                    continue;
                }
                (b'"', Expect::Name) => {
                    self.string(true);
                    open[depth - 1].1 = Expect::Colon;
                    continue;
                }
                (b'{' | b'[', Expect::Value) => {
                    let kind = if byte == b'{' { Kind::Object } else { Kind::Array };
                    if depth == DEPTH {
                        let start = self.at;
                        self.pass_over();
                        self.push(kind, start, self.at, false);
                        open[depth - 1].1 = Expect::Comma;
                        continue;
                    }
                    open[depth] =
                        (self.tokens.len(), if byte == b'{' { Expect::Name } else { Expect::Value });
                    self.push(kind, self.at, self.at, false);
                    depth += 1;
                    self.at += 1;
                    continue;
                }
                (b'"', Expect::Value) => self.string(false),
                (_, Expect::Value) => self.bare()?,
                _ => return None,
            }
            if depth == 0 {
                return Some(());
            }
            open[depth - 1].1 = Expect::Comma;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn push(&mut self, kind: Kind, start: usize, end: usize, is_name: bool) {
        let next = self.tokens.len() as u16 + 1;
        self.tokens.push(Token { kind, start: start as u32, end: end as u32, next, is_name });
    }

    fn close(&mut self, owner: usize) {
        let next = self.tokens.len() as u16;
        let end = self.at as u32;
        if let Some(token) = self.tokens.get_mut(owner) {
            token.next = next;
            token.end = end;
        }
    }

    /// The text or the room has ended inside these brackets: they end here.
    fn cut(&mut self, open: &[(usize, Expect)]) -> Option<()> {
        self.at = self.text.len();
        for (owner, _) in open.iter().rev() {
            self.close(*owner);
        }
        Some(())
    }

    fn string(&mut self, is_name: bool) {
        let start = self.at + 1;
        let at = self.string_end(start);
        let end = at.min(self.text.len());
        self.push(Kind::String, start.min(end), end, is_name);
        self.at = (at + 1).min(self.text.len());
    }

    /// Passes over a value in brackets with all that is in it.
    fn pass_over(&mut self) {
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                b'"' => self.at = self.string_end(self.at) + 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
        self.at = self.at.min(self.text.len());
    }

    /// Where the string ends that begins here, behind its quote: at the other quote, or behind the text.
    fn string_end(&self, mut at: usize) -> usize {
        while let Some(&byte) = self.text.get(at) {
            match byte {
                b'"' => break,
                b'\\' => at += 2,
                _ => at += 1,
            }
        }
        at
    }

    /// A number, `true`, `false` or `null`.
    fn bare(&mut self) -> Option<()> {
        let start = self.at;
        while matches!(self.peek(), Some(b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'+' | b'-' | b'.')) {
            self.at += 1;
        }
        let kind = match self.text.get(start..self.at)? {
            b"true" | b"false" => Kind::Bool,
            b"null" => Kind::Null,
            [b'-' | b'0'..=b'9', ..] => Kind::Number,
            _ => return None,
        };
        self.push(kind, start, self.at, false);
        Some(())
    }
}

impl<'t> Value<'t> {
    fn token(&self) -> Option<&'t Token> {
        self.tokens.get(self.index)
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.token().map_or(Kind::Null, |token| token.kind)
    }

    /// Its text as it stands; of strings without the quotes.
    pub fn raw(&self) -> &'t [u8] {
        self.token()
            .and_then(|token| self.text.get(token.start as usize..token.end as usize))
            .unwrap_or_default()
    }

    /// The values in an array, or the values (not the names) in an object.
    pub fn items(&self) -> impl Iterator<Item = Value<'t>> + use<'t> {
        self.members().map(|(_, value)| value)
    }

    /// The members of an object, or the values of an array with empty names.
    pub fn members(&self) -> Members<'t> {
        let end = match self.token() {
            Some(token) if matches!(token.kind, Kind::Object | Kind::Array) => usize::from(token.next),
            _ => 0,
        };
        Members { of: *self, at: self.index + 1, end }
    }

    /// An object's member by name; of several the last one, or in the other reading the first.
    pub fn get(&self, name: &str) -> Option<Self> {
        if self.kind() != Kind::Object {
            return None;
        }
        let mut named = self.members().filter(|(found, _)| found.is(name));
        let found = if self.counts == Counts::Last { named.last() } else { named.next() };
        found.map(|(_, value)| value)
    }

    /// The same as a reader sees it who takes the first of several members of one name; `None` where no object has any, so that it would see
    /// the same.
    pub fn by_first(&self) -> Option<Self> {
        self.repeats().then_some(Self { counts: Counts::First, ..*self })
    }

    /// Whether an object in it has several members of one name. Asks at most so many pairs as miners' messages have, many times over.
    fn repeats(&self) -> bool {
        let mut pairs = PAIRS;
        self.tokens.iter().enumerate().filter(|(_, token)| token.kind == Kind::Object).any(|(index, _)| {
            let members = Self { index, ..*self }.members();
            members.clone().enumerate().any(|(at, (name, _))| {
                members.clone().skip(at + 1).any(|(other, _)| {
                    pairs -= usize::from(pairs > 0);
                    pairs == 0 || other.0 == name.0
                })
            })
        })
    }

    /// An array's value by place.
    pub fn at(&self, place: usize) -> Option<Self> {
        if self.kind() == Kind::Array { self.items().nth(place) } else { None }
    }

    /// How many values an array or members an object has.
    pub fn len(&self) -> usize {
        self.members().count()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The text, of a string.
    pub fn text(&self) -> Option<Text<'t>> {
        (self.kind() == Kind::String).then(|| Text(self.raw()))
    }

    /// A number that is whole and not negative; also where it was written as a string.
    pub fn unsigned(&self) -> Option<u64> {
        match self.kind() {
            Kind::Number | Kind::String => std::str::from_utf8(self.raw()).ok()?.parse().ok(),
            _ => None,
        }
    }

    /// A number; also where it was written as a string.
    pub fn number(&self) -> Option<f64> {
        match self.kind() {
            Kind::Number | Kind::String => {
                std::str::from_utf8(self.raw()).ok()?.parse().ok().filter(|number: &f64| number.is_finite())
            }
            _ => None,
        }
    }

    /// `true` or `false`.
    pub fn bool(&self) -> Option<bool> {
        (self.kind() == Kind::Bool).then(|| self.raw() == b"true")
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        self.kind() == Kind::Null
    }
}

/// The members of an object or array.
#[derive(Clone, Debug)]
pub struct Members<'t> {
    of: Value<'t>,
    at: usize,
    end: usize,
}

impl<'t> Iterator for Members<'t> {
    type Item = (Text<'t>, Value<'t>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end {
            return None;
        }
        let mut name = Text(b"");
        let mut value = Value { index: self.at, ..self.of };
        if value.token()?.is_name {
            name = Text(value.raw());
            value.index += 1;
            // A name without a value, at the end of a text that was cut short.
            if value.index >= self.end {
                return None;
            }
        }
        self.at = usize::from(value.token()?.next);
        Some((name, value))
    }
}

impl<'t> Text<'t> {
    /// The text as it stands on the wire, escapes and all.
    pub const fn raw(&self) -> &'t [u8] {
        self.0
    }

    /// Whether it is empty.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it says this, escapes resolved.
    pub fn is(&self, wanted: &str) -> bool {
        if !self.0.contains(&b'\\') {
            return self.0 == wanted.as_bytes();
        }
        self.chars().eq(wanted.chars())
    }

    /// Whether it begins so, escapes resolved.
    pub fn starts_with(&self, wanted: &str) -> bool {
        let mut chars = self.chars();
        wanted.chars().all(|wanted| chars.next() == Some(wanted))
    }

    /// Its characters, escapes resolved, bytes that are not UTF-8 replaced.
    pub fn chars(&self) -> Chars<'t> {
        Chars { rest: self.0 }
    }

    /// At most `limit` characters of it, escapes resolved, control characters left out.
    pub fn to_string(&self, limit: usize) -> String {
        self.chars().filter(|char| !char.is_control()).take(limit).collect()
    }

    /// Whether it is `digits` hexadecimal digits, with or without `0x`.
    pub fn is_hex(&self, digits: usize) -> bool {
        let hex = self.hex();
        hex.len() == digits && !hex.is_empty()
    }

    /// The hexadecimal digits it consists of, without `0x`; empty if it has others.
    pub fn hex(&self) -> &'t [u8] {
        let digits = self.0.strip_prefix(b"0x").unwrap_or(self.0);
        if digits.iter().all(u8::is_ascii_hexdigit) { digits } else { b"" }
    }
}

/// The characters of a [`Text`].
#[derive(Clone, Debug)]
pub struct Chars<'t> {
    rest: &'t [u8],
}

impl Iterator for Chars<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        let (&first, rest) = self.rest.split_first()?;
        if first == b'\\' {
            return Some(self.escape(rest));
        }
        if first.is_ascii() {
            self.rest = rest;
            return Some(char::from(first));
        }
        let most = &self.rest[..self.rest.len().min(4)];
        let char = (2..=most.len()).find_map(|len| std::str::from_utf8(&most[..len]).ok()?.chars().next());
        self.rest = &self.rest[char.map_or(1, char::len_utf8)..];
        Some(char.unwrap_or(char::REPLACEMENT_CHARACTER))
    }
}

impl Chars<'_> {
    /// The character of an escape, whose backslash has been taken.
    fn escape(&mut self, after: &[u8]) -> char {
        let Some(&kind) = after.first() else {
            self.rest = &[];
            return '\\';
        };
        let hex = |digits: &[u8]| u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
        let (char, used) = match kind {
            b'u' => match after.get(1..5).and_then(hex) {
                Some(unit) => (char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER), 5),
                None => (char::REPLACEMENT_CHARACTER, 1),
            },
            b'n' => ('\n', 1),
            b'r' => ('\r', 1),
            b't' => ('\t', 1),
            b'b' => ('\u{8}', 1),
            b'f' => ('\u{c}', 1),
            other if other.is_ascii() => (char::from(other), 1),
            _ => ('\\', 0),
        };
        self.rest = self.rest.get(1 + used..).unwrap_or_default();
        char
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read<R>(text: &str, look: impl FnOnce(Value<'_>) -> R) -> Option<R> {
        let mut tokens = Tokens::default();
        tokens.read(text.as_bytes()).map(look)
    }

    #[test]
    fn members_are_found_in_any_order_and_spacing() {
        for text in [
            r#"{"id":1,"method":"login"}"#,
            r#"{ "method" : "login" , "id" : 1 }"#,
            "{\"id\":1,\r\n\t\"method\":\"login\"}",
        ] {
            let found = read(text, |root| {
                (
                    root.get("id").and_then(|id| id.unsigned()),
                    root.get("method").and_then(|method| method.text().map(|text| text.is("login"))),
                )
            });
            assert_eq!(found, Some((Some(1), Some(true))), "{text}");
        }
    }

    #[test]
    fn escapes_are_resolved_in_names_and_values() {
        let found = read(r#"{"m\u0065thod":"mining\u002esubscrib\u0065"}"#, |root| {
            root.get("method").and_then(|method| method.text()).map(|text| text.is("mining.subscribe"))
        });
        assert_eq!(found, Some(Some(true)));
    }

    #[test]
    fn arrays_by_place() {
        let found = read(r#"{"params":["a",[1,2],{"b":3},null,true]}"#, |root| {
            let params = root.get("params").expect("params");
            (
                params.len(),
                params.at(1).map(|value| value.len()),
                params.at(2).and_then(|value| value.get("b")?.unsigned()),
                params.at(3).map(|value| value.is_null()),
                params.at(4).and_then(|value| value.bool()),
            )
        });
        assert_eq!(found, Some((5, Some(2), Some(3), Some(true), Some(true))));
    }

    #[test]
    fn a_text_cut_short_is_used_as_far_as_it_goes() {
        let found = read(r#"{"method":"job","params":{"blob":"0011"#, |root| {
            (root.get("method").is_some(), root.get("params").and_then(|params| params.get("blob")).is_some())
        });
        assert_eq!(found, Some((true, true)));
        assert_eq!(read(r#"{"method":"job","para"#, |root| root.len()), Some(1));
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in
            ["", "GET / HTTP/1.1", "{not json}", "{\"a\":}", "[1,2}", "{\"a\" 1}", "{color: red}", "{{}}"]
        {
            assert!(read(text, |_| ()).is_none(), "{text}");
        }
    }

    #[test]
    fn nothing_hides_what_is_behind_it() {
        let deep = format!("{}\"]}}{}", "[{\"a\":".repeat(30), "}]".repeat(30)).replacen("\"]}", "\"]}\"", 1);
        for front in [deep.as_str(), "[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]"] {
            let text = format!("{{\"a\":{front},\"method\":\"login\"}}");
            let found = read(&text, |root| root.get("method").is_some_and(|method| method.text().is_some()));
            assert_eq!(found, Some(true), "{text}");
        }
        let many: String = (0..300).map(|turn| format!("\"x{turn}\":0,")).collect();
        let found = read(&format!("{{{many}\"method\":\"login\"}}"), |root| root.get("method").is_some());
        assert_eq!(found, Some(true));
    }

    #[test]
    fn of_two_members_of_one_name_either_may_count() {
        let both = |text| {
            read(text, |root| {
                let id = |root: Value<'_>| root.get("id").and_then(|id| id.unsigned());
                (id(root), root.by_first().map(id))
            })
        };
        assert_eq!(both(r#"{"id":1,"a":2,"id":3}"#), Some((Some(3), Some(Some(1)))));
        assert_eq!(both(r#"{"id":1,"a":{"b":2,"b":3}}"#), Some((Some(1), Some(Some(1)))));
        assert_eq!(both(r#"{"id":1,"a":{"id":3},"b":[{"id":4},{"id":5}]}"#), Some((Some(1), None)));
    }

    #[test]
    fn bombs_are_cut() {
        let deep = "[".repeat(100_000);
        assert!(read(&deep, |_| ()).is_some());
        let wide = format!("[{}1]", "1,".repeat(100_000));
        assert_eq!(read(&wide, |root| root.len()), Some(VALUES - 1));
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut tokens = Tokens::default();
            if let Some(root) = tokens.read(&bytes) {
                for (name, value) in root.members() {
                    let _ = (name.to_string(10), value.text().map(|text| text.to_string(10)), value.number(), value.len());
                }
            }
        }

        #[test]
        fn what_serde_json_writes_is_read_alike(keys in proptest::collection::btree_map("[a-z]{1,8}", "\\PC{0,12}", 1..8)) {
            let text = serde_json::to_string(&keys).expect("a map of strings");
            let mut tokens = Tokens::default();
            let root = tokens.read(text.as_bytes()).expect("JSON");
            prop_assert_eq!(root.len(), keys.len());
            for (key, wanted) in &keys {
                let got = root.get(key).and_then(|value| value.text()).expect("a member").chars().collect::<String>();
                prop_assert_eq!(&got, wanted);
            }
        }
    }
}
