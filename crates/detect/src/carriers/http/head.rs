//! What the head of a request or a response says about mining, as views into it.
//!
//! `httparse` reads the grammar, as leniently as it can: a miner's hand-written client or a header folded to hide its value
//! must not end the reading. Every value is cut to a stated length. Left out: every header that says nothing about mining.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use super::super::name::Authority;

/// The most bytes of a request target that are told: getwork wallets and rig names fit many times.
pub const MAX_TARGET: usize = 1024;

/// The most bytes of a user agent, or of an `X-Stratum` value, that are told.
pub const MAX_VALUE: usize = 256;

/// The most headers of one head; browsers send some twenty, and a head with more is given up as too long.
const MAX_HEADERS: usize = 128;

/// The most bytes of Basic credentials that are decoded: a wallet of 106 letters, a worker and a password fit.
const MAX_CREDENTIALS: usize = 512;

/// Basic credentials with or without padding: hand-written clients leave it out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// What a request wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`.
    Get,
    /// `POST`.
    Post,
    /// `HEAD`.
    Head,
    /// `PUT`.
    Put,
    /// `CONNECT`.
    Connect,
    /// `OPTIONS`.
    Options,
    /// Any other.
    Other,
}

/// What a body is said to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Content {
    /// Nothing is said.
    #[default]
    Unsaid,
    /// JSON, under any of its names.
    Json,
    /// Plain text.
    Text,
    /// A web page.
    Html,
    /// A form.
    Form,
    /// Something else.
    Other,
}

/// How a body is coded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// As it is.
    #[default]
    Identity,
    /// Compressed with gzip.
    Gzip,
    /// Compressed with deflate.
    Deflate,
    /// Coded in another way.
    Other,
}

/// Headers that only mining software sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// `X-Mining-Extensions`, from a getwork client.
    pub mining_extensions: bool,
    /// Any other `X-Mining-…`, as `X-Mining-Hashrate` or `X-Mining-Identifier`.
    pub mining_other: bool,
    /// `X-Roll-NTime`, from a getwork server.
    pub roll_ntime: bool,
    /// `X-Long-Polling`, from a getwork server.
    pub long_polling: bool,
    /// `X-Blocknum`, from a getwork server.
    pub block_number: bool,
    /// `X-Reject-Reason`, from a getwork server.
    pub reject_reason: bool,
    /// `X-Hash-Difficulty`, from XMRig in daemon mode.
    pub hash_difficulty: bool,
}

impl Marks {
    /// Whether there is any.
    pub fn any(&self) -> bool {
        *self != Self::default()
    }
}

/// What requests and responses can both say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields<'a> {
    /// What the body is said to be.
    pub content: Content,
    /// How the body is coded.
    pub encoding: Encoding,
    /// Whether this asks for, or agrees to, a WebSocket.
    pub websocket: bool,
    /// Mining headers.
    pub marks: Marks,
    /// The value of `X-Stratum`: where a getwork server wants its miners to go.
    pub stratum: Option<&'a [u8]>,
    pub(super) length: Option<u64>,
    pub(super) chunked: bool,
}

/// The head of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// What is wanted.
    pub method: Method,
    /// The target as it was sent, its first [`MAX_TARGET`] bytes.
    pub target: &'a [u8],
    /// Where to: the target of a `CONNECT`, else the authority of an absolute URI, else the `Host` header.
    pub host: Option<Authority>,
    /// The first [`MAX_VALUE`] bytes of the user agent.
    pub user_agent: Option<&'a [u8]>,
    /// The user of Basic authorization. The password is not kept.
    pub user: Option<&'a [u8]>,
    /// The rest.
    pub fields: Fields<'a>,
}

/// The head of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response<'a> {
    /// The status, as 200.
    pub status: u16,
    /// The rest.
    pub fields: Fields<'a>,
}

/// Why a head could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    NotHttp,
    Overlong,
}

impl From<httparse::Error> for Unread {
    fn from(error: httparse::Error) -> Self {
        match error {
            httparse::Error::TooManyHeaders => Self::Overlong,
            _ => Self::NotHttp,
        }
    }
}

/// Room for what cannot be a view into the head.
pub(super) struct Desk {
    credentials: [u8; MAX_CREDENTIALS],
}

impl Desk {
    pub(super) fn new() -> Self {
        Self { credentials: [0; MAX_CREDENTIALS] }
    }
}

/// The head with folded header lines joined by blanks, every other byte where it was.
pub(super) fn unfold(head: &[u8]) -> Cow<'_, [u8]> {
    let folds = |end: usize| matches!(head.get(end + 1), Some(b' ' | b'\t'));
    if !memchr::memchr_iter(b'\n', head).any(folds) {
        return Cow::Borrowed(head);
    }
    let mut joined = head.to_vec();
    for (at, _) in head.windows(2).enumerate().filter(|(_, pair)| is_fold(pair)) {
        for place in at.saturating_sub(1)..=at {
            match joined.get_mut(place) {
                Some(byte) if matches!(byte, b'\r' | b'\n') => *byte = b' ',
                _ => {}
            }
        }
    }
    Cow::Owned(joined)
}

/// The head with what the grammar forbids and lenient servers let pass made harmless, every other byte where it was.
///
/// A rig's name may have blanks in it, and `getwork` clients put it into the target as it is.
pub(super) fn mend(head: &[u8]) -> Vec<u8> {
    let mut mended = head.to_vec();
    for byte in &mut mended {
        if *byte == 0 {
            *byte = b' ';
        }
    }
    let line = mended.iter().position(|byte| *byte == b'\n').unwrap_or_default();
    let line = mended.get_mut(..line).unwrap_or_default();
    let (first, last) = (line.iter().position(is_blank), line.iter().rposition(is_blank));
    let target = first.zip(last).and_then(|(first, last)| line.get_mut(first + 1..last)).unwrap_or_default();
    for byte in target {
        match *byte {
            b' ' => *byte = b'+',
            b'!'..=b'~' => {}
            _ => *byte = b'?',
        }
    }
    mended
}

fn is_blank(byte: &u8) -> bool {
    *byte == b' '
}

fn is_fold(pair: &[u8]) -> bool {
    matches!(pair, b"\n " | b"\n\t")
}

/// Reads a whole request head, its last blank line included.
pub(super) fn request<'a>(head: &'a [u8], desk: &'a mut Desk) -> Result<Request<'a>, Unread> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let complete = grammar().parse_request(&mut parsed, head)?.is_complete();
    let (Some(method), Some(target), true) = (parsed.method, parsed.path, complete) else {
        return Err(Unread::NotHttp);
    };
    let method = method_of(method);
    let target = target.as_bytes();
    let mut request = Request {
        method,
        target: clipped(target, MAX_TARGET),
        host: authority(method, target),
        user_agent: None,
        user: None,
        fields: Fields::default(),
    };
    let mut credentials: &[u8] = &[];
    for header in parsed.headers.iter() {
        let mut small = [0; LONGEST_WORD];
        match lower_case(header.name, &mut small) {
            b"host" if request.host.is_none() => request.host = Authority::from_bytes(header.value),
            b"user-agent" => request.user_agent = Some(clipped(header.value, MAX_VALUE)),
            b"authorization" => credentials = header.value,
            name => request.fields.note(name, header.value),
        }
    }
    request.user = user(credentials, &mut desk.credentials);
    Ok(request)
}

/// Reads a whole response head, its last blank line included.
pub(super) fn response(head: &[u8]) -> Result<Response<'_>, Unread> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Response::new(&mut headers);
    let complete = grammar().parse_response(&mut parsed, head)?.is_complete();
    let (Some(status), true) = (parsed.code, complete) else {
        return Err(Unread::NotHttp);
    };
    let mut fields = Fields::default();
    for header in parsed.headers.iter() {
        let mut small = [0; LONGEST_WORD];
        fields.note(lower_case(header.name, &mut small), header.value);
    }
    Ok(Response { status, fields })
}

fn grammar() -> httparse::ParserConfig {
    let mut grammar = httparse::ParserConfig::default();
    grammar
        .allow_spaces_after_header_name_in_responses(true)
        .allow_multiple_spaces_in_request_line_delimiters(true)
        .allow_multiple_spaces_in_response_status_delimiters(true)
        .allow_space_before_first_header_name(true)
        .ignore_invalid_headers_in_requests(true)
        .ignore_invalid_headers_in_responses(true);
    grammar
}

fn method_of(word: &str) -> Method {
    match word {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "HEAD" => Method::Head,
        "PUT" => Method::Put,
        "CONNECT" => Method::Connect,
        "OPTIONS" => Method::Options,
        _ => Method::Other,
    }
}

/// The authority that a target itself names, if it does.
fn authority(method: Method, target: &[u8]) -> Option<Authority> {
    if method == Method::Connect {
        return Authority::from_bytes(target);
    }
    let scheme = target.get(..8)?.to_ascii_lowercase();
    let after = if scheme.starts_with(b"http://") {
        target.get(7..)?
    } else if scheme == b"https://" {
        target.get(8..)?
    } else {
        return None;
    };
    Authority::from_bytes(after.split(|byte| matches!(byte, b'/' | b'?' | b'#')).next()?)
}

/// The user of `Basic` credentials, decoded onto `desk`.
fn user<'a>(credentials: &[u8], desk: &'a mut [u8; MAX_CREDENTIALS]) -> Option<&'a [u8]> {
    let (scheme, coded) = credentials.split_at_checked(6)?;
    let coded = clipped(coded.trim_ascii(), MAX_CREDENTIALS);
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let length = BASE64.decode_slice(coded, desk).ok()?;
    let user = desk.get(..length)?.split(|byte| *byte == b':').next()?.len();
    // What follows the colon is a secret and leaves even this buffer.
    desk.get_mut(user..)?.fill(0);
    desk.get(..user)
}

/// The length of the longest header name that anybody looks at, and some room.
const LONGEST_WORD: usize = 40;

/// The name in small letters; a name too long to be of interest is empty.
fn lower_case<'s>(name: &str, small: &'s mut [u8; LONGEST_WORD]) -> &'s [u8] {
    let Some(place) = small.get_mut(..name.len()) else {
        return &[];
    };
    place.copy_from_slice(name.as_bytes());
    place.make_ascii_lowercase();
    place
}

fn clipped(bytes: &[u8], most: usize) -> &[u8] {
    bytes.get(..most).unwrap_or(bytes)
}

impl<'a> Fields<'a> {
    /// Takes note of a header, its name in small letters.
    fn note(&mut self, name: &[u8], value: &'a [u8]) {
        let marks = &mut self.marks;
        match name {
            // Where two lengths disagree the first is believed, as most servers that go on at all do.
            b"content-length" => self.length = self.length.or_else(|| number(value)),
            b"transfer-encoding" => self.chunked |= last_word(value).eq_ignore_ascii_case(b"chunked"),
            b"content-type" => self.content = content(value),
            b"content-encoding" => self.encoding = encoding(value),
            b"upgrade" => self.websocket |= words(value).any(|word| word.eq_ignore_ascii_case(b"websocket")),
            b"x-stratum" => self.stratum = Some(clipped(value, MAX_VALUE)),
            b"x-mining-extensions" => marks.mining_extensions = true,
            b"x-roll-ntime" => marks.roll_ntime = true,
            b"x-long-polling" => marks.long_polling = true,
            b"x-blocknum" => marks.block_number = true,
            b"x-reject-reason" => marks.reject_reason = true,
            b"x-hash-difficulty" => marks.hash_difficulty = true,
            other => marks.mining_other |= other.starts_with(b"x-mining-"),
        }
    }
}

fn words(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

fn last_word(value: &[u8]) -> &[u8] {
    words(value).last().unwrap_or_default()
}

fn number(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(words(value).next()?).ok()?.parse().ok()
}

fn content(value: &[u8]) -> Content {
    let essence = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let is = |word: &[u8]| essence.eq_ignore_ascii_case(word);
    match () {
        () if essence.is_empty() => Content::Unsaid,
        () if is(b"text/plain") => Content::Text,
        () if is(b"text/html") => Content::Html,
        () if is(b"application/x-www-form-urlencoded") => Content::Form,
        () if essence.windows(4).any(|part| part.eq_ignore_ascii_case(b"json")) => Content::Json,
        () => Content::Other,
    }
}

fn encoding(value: &[u8]) -> Encoding {
    let is = |word: &[u8]| last_word(value).eq_ignore_ascii_case(word);
    if is(b"") || is(b"identity") {
        Encoding::Identity
    } else if is(b"gzip") || is(b"x-gzip") {
        Encoding::Gzip
    } else if is(b"deflate") {
        Encoding::Deflate
    } else {
        Encoding::Other
    }
}
