//! Where messages begin and end in a stream of text: JSON values by their brackets, anything else by lines.
//!
//! Fed the bytes of one direction in order, in pieces of any size. A message that lies whole in one piece is lent from
//! there; one that is unfinished is copied into a buffer from a [`Pool`] and held only until it is finished. Brackets outrank line ends,
//! since some miners pretty-print, but a text that cannot be JSON gives up at the next sign of a new message: one stray bracket must
//! not swallow a session.

use crate::unpack::Unpacking;

/// The longest message that is held together; a Zcash submit has 2.9 KiB.
pub(crate) const MESSAGE_BYTES: usize = 4096;

/// Buffers for unfinished messages and what unpacks them, shared by the flows of a worker.
#[derive(Debug)]
pub(crate) struct Pool {
    free: Vec<Vec<u8>>,
    left: usize,
    refusals: u64,
    pub(crate) unpacking: Unpacking,
}

impl Pool {
    /// A pool of at most `buffers` buffers of [`MESSAGE_BYTES`] each, and `windows` for packed messages. Memory is taken as it is needed.
    pub(crate) const fn new(buffers: usize, windows: usize) -> Self {
        Self { free: Vec::new(), left: buffers, refusals: 0, unpacking: Unpacking::new(windows) }
    }

    /// How often there was no buffer, so that a message was judged by its first piece alone.
    pub(crate) const fn refusals(&self) -> u64 {
        self.refusals
    }

    /// An empty buffer, if there is one.
    pub(crate) fn take(&mut self) -> Option<Vec<u8>> {
        if let Some(buffer) = self.free.pop() {
            return Some(buffer);
        }
        if self.left == 0 {
            self.refusals += 1;
            return None;
        }
        self.left -= 1;
        Some(Vec::new())
    }

    /// Takes a buffer back.
    pub(crate) fn give(&mut self, mut buffer: Vec<u8>) {
        buffer.clear();
        self.free.push(buffer);
    }
}

/// What a message looks like from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A balanced JSON object or array.
    Json,
    /// A line of something else, without its line end.
    Line,
}

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Framed<'a> {
    /// Its bytes.
    pub text: &'a [u8],
    /// What they look like.
    pub shape: Shape,
    /// Whether only the first [`MESSAGE_BYTES`] are here, or the first piece where there was no buffer.
    pub truncated: bool,
    /// Whether it is a line of its own inside a larger JSON value.
    pub nested: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Between,
    Line,
    Json,
}

/// Finds the messages in one direction of a stream.
#[derive(Debug)]
pub(crate) struct Framer {
    state: State,
    buffer: Option<Vec<u8>>,
    /// The message has been handed over already, cut short; what is left of it is skipped.
    cut: bool,
    depth: u32,
    in_string: bool,
    escaped: bool,
    /// The last byte that was not blank, outside strings.
    previous: u8,
    /// Depth at the start of this line, if the line began with a brace inside a larger value; and where it began.
    line_depth: Option<u32>,
    line_start: usize,
    fresh_line: bool,
    /// Bytes of this message so far.
    length: usize,
}

impl Default for Framer {
    fn default() -> Self {
        Self {
            state: State::Between,
            buffer: None,
            cut: false,
            depth: 0,
            in_string: false,
            escaped: false,
            previous: 0,
            line_depth: None,
            line_start: 0,
            fresh_line: false,
            length: 0,
        }
    }
}

/// What one byte did to a JSON value.
enum Step {
    Inside,
    Complete,
    /// The value cannot be JSON; a new message may begin at this byte.
    Broken,
    LineEnd,
}

impl Framer {
    /// Forgets an unfinished message: bytes were lost.
    pub(crate) fn reset(&mut self, pool: &mut Pool) {
        if let Some(buffer) = self.buffer.take() {
            pool.give(buffer);
        }
        *self = Self::default();
    }

    /// Whether a message has begun that may still be handed over. A line too: there are miners who end none.
    pub(crate) fn is_inside(&self) -> bool {
        !self.cut && (self.state == State::Json || self.buffer.as_ref().is_some_and(|held| !held.is_empty()))
    }

    /// No more bytes will come: hands over an unfinished message as far as it came, and gives its memory back.
    pub(crate) fn end(&mut self, pool: &mut Pool, sink: &mut dyn FnMut(Framed<'_>)) {
        if let (false, Some(buffer)) = (self.cut, &self.buffer) {
            let shape = if self.state == State::Json { Shape::Json } else { Shape::Line };
            sink(Framed { text: strip_return(buffer, shape), shape, truncated: true, nested: false });
        }
        self.reset(pool);
    }

    /// Takes the next bytes and hands over every message that they complete.
    pub(crate) fn feed(&mut self, data: &[u8], pool: &mut Pool, sink: &mut dyn FnMut(Framed<'_>)) {
        let mut start = 0;
        let mut at = 0;
        while at < data.len() {
            let byte = data[at];
            match self.state {
                State::Between => {
                    // Blanks, a byte order mark and padding zeros stand between messages.
                    if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0 | 0xef | 0xbb | 0xbf) {
                        self.begin(byte);
                        start = at;
                        continue;
                    }
                    at += 1;
                }
                State::Line => match memchr::memchr(b'\n', &data[at..]) {
                    Some(more) => {
                        at += more + 1;
                        self.complete(&data[start..at - 1], Shape::Line, pool, sink);
                    }
                    None => at = data.len(),
                },
                State::Json => match self.json(byte) {
                    Step::Broken => {
                        self.complete(&data[start..at], Shape::Line, pool, sink);
                        start = at;
                    }
                    step => {
                        at += 1;
                        self.length += 1;
                        match step {
                            Step::Complete => self.complete(&data[start..at], Shape::Json, pool, sink),
                            Step::LineEnd => start = self.line_end(data, start, at, pool, sink),
                            _ => {}
                        }
                    }
                },
            }
        }
        if self.state != State::Between {
            self.hold(&data[start..], pool, sink);
        }
    }

    fn begin(&mut self, byte: u8) {
        let buffer = self.buffer.take();
        *self = Self { buffer, ..Self::default() };
        self.state = if matches!(byte, b'{' | b'[') { State::Json } else { State::Line };
    }

    /// One byte of a JSON value.
    fn json(&mut self, byte: u8) -> Step {
        if self.in_string {
            match byte {
                b'\n' => return Step::Broken,
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => {
                    self.in_string = false;
                    self.previous = b'"';
                }
                _ => {}
            }
            return Step::Inside;
        }
        let fresh = self.fresh_line;
        self.fresh_line &= matches!(byte, b' ' | b'\t' | b'\r');
        match byte {
            b'{' | b'[' => {
                // A value follows an opening bracket, a comma or a colon, or it is not JSON. An object's name must be a string.
                if !matches!(self.previous, 0 | b'[' | b',' | b':') {
                    return Step::Broken;
                }
                if fresh && byte == b'{' {
                    self.line_depth = Some(self.depth);
                    self.line_start = self.length;
                }
                self.depth += 1;
            }
            b'}' | b']' => {
                self.depth -= 1;
                if self.depth == 0 {
                    return Step::Complete;
                }
            }
            b'"' => self.in_string = true,
            b'\n' => {
                self.fresh_line = true;
                return Step::LineEnd;
            }
            b' ' | b'\t' | b'\r' => return Step::Inside,
            _ => {}
        }
        self.previous = byte;
        Step::Inside
    }

    /// A line has ended inside a larger value. If it was an object by itself, a reader that goes by lines sees a message.
    fn line_end(
        &mut self,
        data: &[u8],
        start: usize,
        at: usize,
        pool: &mut Pool,
        sink: &mut dyn FnMut(Framed<'_>),
    ) -> usize {
        let whole = self.line_depth.take() == Some(self.depth) && !self.cut;
        if !whole {
            return start;
        }
        self.hold(&data[start..at], pool, sink);
        if let (false, Some(buffer)) = (self.cut, &self.buffer) {
            let line = buffer.get(self.line_start..).unwrap_or_default().trim_ascii_end();
            let text = line.strip_suffix(b",").unwrap_or(line);
            sink(Framed { text, shape: Shape::Json, truncated: false, nested: true });
        }
        at
    }

    /// Hands over a message whose last bytes these are.
    fn complete(&mut self, rest: &[u8], shape: Shape, pool: &mut Pool, sink: &mut dyn FnMut(Framed<'_>)) {
        let cut = std::mem::replace(&mut self.cut, false);
        self.state = State::Between;
        match self.buffer.take() {
            Some(mut buffer) => {
                if !cut {
                    let room = MESSAGE_BYTES.saturating_sub(buffer.len());
                    buffer.extend_from_slice(&rest[..rest.len().min(room)]);
                    let text = strip_return(&buffer, shape);
                    sink(Framed { text, shape, truncated: rest.len() > room, nested: false });
                }
                pool.give(buffer);
            }
            None if !cut && !rest.is_empty() => {
                let text = strip_return(&rest[..rest.len().min(MESSAGE_BYTES)], shape);
                sink(Framed { text, shape, truncated: rest.len() > MESSAGE_BYTES, nested: false });
            }
            None => {}
        }
    }

    /// Keeps the bytes of an unfinished message; hands over what there is when it grows too long.
    fn hold(&mut self, bytes: &[u8], pool: &mut Pool, sink: &mut dyn FnMut(Framed<'_>)) {
        if self.cut || bytes.is_empty() {
            return;
        }
        let shape = if self.state == State::Json { Shape::Json } else { Shape::Line };
        if self.buffer.is_none() {
            self.buffer = pool.take();
        }
        let Some(buffer) = &mut self.buffer else {
            self.cut = true;
            let text = &bytes[..bytes.len().min(MESSAGE_BYTES)];
            return sink(Framed { text, shape, truncated: true, nested: false });
        };
        let room = MESSAGE_BYTES - buffer.len();
        buffer.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if bytes.len() > room {
            self.cut = true;
            sink(Framed { text: buffer, shape, truncated: true, nested: false });
            if let Some(buffer) = self.buffer.take() {
                pool.give(buffer);
            }
        }
    }
}

fn strip_return(text: &[u8], shape: Shape) -> &[u8] {
    match (shape, text) {
        (Shape::Line, [line @ .., b'\r']) => line,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(pieces: &[&[u8]]) -> Vec<(String, Shape, bool, bool)> {
        let (mut framer, mut pool, mut out) = (Framer::default(), Pool::new(4, 0), Vec::new());
        for piece in pieces {
            framer.feed(piece, &mut pool, &mut |framed| {
                out.push((
                    String::from_utf8_lossy(framed.text).into_owned(),
                    framed.shape,
                    framed.truncated,
                    framed.nested,
                ));
            });
        }
        out
    }

    fn texts(input: &str) -> Vec<String> {
        frame(&[input.as_bytes()]).into_iter().map(|(text, ..)| text).collect()
    }

    #[test]
    fn objects_are_balanced_whatever_stands_between() {
        assert_eq!(
            texts("{\"a\":1}\n{\"b\":{\"c\":[1,2]}}{\"d\":\"}\"}\r\n"),
            ["{\"a\":1}", "{\"b\":{\"c\":[1,2]}}", "{\"d\":\"}\"}"]
        );
        assert_eq!(texts("\u{feff}{\"a\":\n 1\n}\n"), ["{\"a\":\n 1\n}"]);
    }

    #[test]
    fn lines_are_lines() {
        let got = frame(&[b"hello world\r\n{\"a\":1}\nbye\n"]);
        let shapes: Vec<_> = got.iter().map(|(text, shape, ..)| (text.as_str(), *shape)).collect();
        assert_eq!(shapes, [("hello world", Shape::Line), ("{\"a\":1}", Shape::Json), ("bye", Shape::Line)]);
    }

    #[test]
    fn a_stray_bracket_swallows_nothing() {
        for junk in ["{{{{\n", "{\"a\n", "{\"a\":1\n", "[1 [\n", "{\"x\":\"\\\n"] {
            let got = texts(&format!("{junk}{{\"id\":1}}\n"));
            assert!(got.contains(&"{\"id\":1}".to_owned()), "{junk:?} gave {got:?}");
        }
    }

    #[test]
    fn a_line_inside_an_open_array_is_a_message_too() {
        let got = frame(&[b"{\"a\":[\n{\"id\":1}\n{\"id\":2},\n"]);
        assert!(got.iter().any(|(text, _, _, nested)| text == "{\"id\":1}" && *nested), "{got:?}");
    }

    #[test]
    fn long_messages_are_cut_once_and_skipped_to_their_end() {
        let long = format!("{{\"a\":\"{}\"}}\n{{\"b\":1}}\n", "x".repeat(10_000));
        for size in [1, 7, 1000, 20_000] {
            let pieces: Vec<&[u8]> = long.as_bytes().chunks(size).collect();
            let got = frame(&pieces);
            let (cut, rest) = got.split_first().expect("two messages");
            assert!(cut.0.len() == MESSAGE_BYTES && cut.2, "in pieces of {size}");
            assert_eq!(rest.iter().map(|got| got.0.as_str()).collect::<Vec<_>>(), ["{\"b\":1}"]);
        }
    }

    #[test]
    fn without_a_buffer_the_first_piece_is_judged() {
        let (mut framer, mut pool, mut out) = (Framer::default(), Pool::new(0, 0), Vec::new());
        framer.feed(b"{\"method\":", &mut pool, &mut |framed| out.push(framed.truncated));
        framer.feed(b"\"login\"}\n", &mut pool, &mut |framed| out.push(framed.truncated));
        assert_eq!((out, pool.refusals()), (vec![true], 1));
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(
            text in proptest::collection::vec(prop_oneof![
                Just(b'{'), Just(b'}'), Just(b'['), Just(b']'), Just(b'"'), Just(b'\\'), Just(b'\n'), Just(b','), Just(b':'), Just(b'a'), any::<u8>()
            ], 0..300),
            size in 1..40_usize,
        ) {
            let whole = frame(&[&text]);
            let pieces: Vec<&[u8]> = text.chunks(size).collect();
            prop_assert_eq!(whole, frame(&pieces));
        }
    }
}
