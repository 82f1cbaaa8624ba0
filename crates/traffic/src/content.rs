//! What flows carry: TLS, web pages and names, shaped as far as a reader of their first bytes looks, and noise behind that.

use crate::dice::Dice;
use crate::recipe::MAX;

/// Bytes of noise and of text; a body begins anywhere in them.
const BLOCK: usize = 64 << 10;
/// How many different names are asked for.
const NAMES: usize = 64;

/// Everything that is said, made once.
#[derive(Debug)]
pub(crate) struct Content {
    noise: Vec<u8>,
    text: Vec<u8>,
    names: Vec<Named>,
    pub(crate) server_hello: Vec<u8>,
    pub(crate) response: Vec<u8>,
}

/// What is said of a name.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) client_hello: Vec<u8>,
    pub(crate) request: Vec<u8>,
    pub(crate) query: Vec<u8>,
    pub(crate) answer: Vec<u8>,
}

impl Content {
    pub(crate) fn new(dice: &mut Dice) -> Self {
        let noise: Vec<u8> = (0..(BLOCK + MAX) / 8 + 1).flat_map(|_| dice.next().to_le_bytes()).collect();
        let names = (0..NAMES).map(|number| Named::new(&format!("www.site{number}.example"), &noise));
        Self {
            text: text(dice),
            names: names.collect(),
            server_hello: server_hello(&noise),
            response: b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 1000000000\r\n\r\n"
                .to_vec(),
            noise,
        }
    }

    /// So many bytes that look like nothing.
    pub(crate) fn noise(&self, from: u64, len: usize) -> &[u8] {
        cut(&self.noise, from, len)
    }

    /// So many bytes of a page.
    pub(crate) fn text(&self, from: u64, len: usize) -> &[u8] {
        cut(&self.text, from, len)
    }

    pub(crate) fn named(&self, number: u64) -> &Named {
        &self.names[number as usize % NAMES]
    }
}

fn cut(block: &[u8], from: u64, len: usize) -> &[u8] {
    &block[from as usize % BLOCK..][..len]
}

/// A page, with a script in it here and there.
fn text(dice: &mut Dice) -> Vec<u8> {
    const WORDS: [&str; 16] = [
        "the ",
        "shift ",
        "of ",
        "a ",
        "long ",
        "day ",
        "ended ",
        "<p>",
        "</p>\n",
        "before ",
        "noon. ",
        "{\"id\": 7}, ",
        "<a href=\"/next\">",
        "</a> ",
        "and ",
        "so on ",
    ];
    let mut text = Vec::with_capacity(BLOCK + MAX + 32);
    while text.len() <= BLOCK + MAX {
        text.extend_from_slice(WORDS[dice.below(WORDS.len() as u32) as usize].as_bytes());
    }
    text
}

impl Named {
    fn new(name: &str, noise: &[u8]) -> Self {
        let request =
            format!("GET / HTTP/1.1\r\nHost: {name}\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n");
        Self {
            client_hello: client_hello(name, noise),
            request: request.into_bytes(),
            query: dns(name, false),
            answer: dns(name, true),
        }
    }
}

/// A TLS record around a handshake message (RFC 8446, 4 and 5.1).
fn handshake(version: u8, kind: u8, body: &[u8]) -> Vec<u8> {
    let (message, record) = ((body.len() as u32).to_be_bytes(), (body.len() as u16 + 4).to_be_bytes());
    [&[22, 3, version][..], &record, &[kind], &message[1..], body].concat()
}

fn client_hello(name: &str, noise: &[u8]) -> Vec<u8> {
    let host = [&[0][..], &counted(name.as_bytes())].concat();
    let extensions = [
        extension(0, &counted(&host)),
        extension(16, &counted(b"\x02h2\x08http/1.1")),
        extension(43, &[2, 3, 4]),
        extension(51, &counted(&[&[0, 29][..], &counted(&noise[32..64])].concat())),
    ]
    .concat();
    let suites = counted(&[0x13, 1, 0x13, 2, 0x13, 3, 0xc0, 0x2b, 0xc0, 0x2f]);
    let body =
        [&[3, 3][..], &noise[..32], &[32], &noise[64..96], &suites, &[1, 0], &counted(&extensions)].concat();
    handshake(1, 1, &body)
}

fn server_hello(noise: &[u8]) -> Vec<u8> {
    let extensions =
        [extension(43, &[3, 4]), extension(51, &[&[0, 29][..], &counted(&noise[96..128])].concat())].concat();
    let body =
        [&[3, 3][..], &noise[128..160], &[32], &noise[64..96], &[0x13, 1, 0], &counted(&extensions)].concat();
    [&handshake(3, 2, &body)[..], &[20, 3, 3, 0, 1, 1]].concat()
}

fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &counted(body)].concat()
}

/// Bytes after their number, in two.
fn counted(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat()
}

/// A question for a name's address, or its answer (RFC 1035, 4.1). Its first two bytes are the id.
fn dns(name: &str, answered: bool) -> Vec<u8> {
    let head: [u8; 10] =
        if answered { [0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0] } else { [1, 0, 0, 1, 0, 0, 0, 0, 0, 0] };
    let labels = name.split('.').flat_map(|label| [&[label.len() as u8][..], label.as_bytes()].concat());
    let mut message: Vec<u8> = [0, 0].into_iter().chain(head).chain(labels).chain([0, 0, 1, 0, 1]).collect();
    if answered {
        message.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 198, 18, 0, 1]);
    }
    message
}
