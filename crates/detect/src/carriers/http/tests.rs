//! Conversations in HTTP/1.x, whole, cut and damaged.

use super::super::name::Authority;
use super::super::splits::{mutated, pieces};
use super::*;
use proptest::prelude::*;

/// What a side said, pieces of the same kind joined, so that it does not depend on how the bytes were cut.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    Request { method: Method, target: String, host: Option<String>, user: Option<String>, marks: Marks },
    Response { status: u16, stratum: Option<String>, encoding: Encoding },
    Body(Vec<u8>),
    End,
    Tunnel(Vec<u8>),
    NotHttp,
    Overlong,
    Opaque(Vec<u8>),
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn listen(said: &mut Vec<Said>, item: Item<'_>) {
    let next = match item {
        Item::Request(it) => Said::Request {
            method: it.method,
            target: text(it.target),
            host: it.host.map(|it| format!("{} {:?}", it.host, it.port)),
            user: it.user.map(text),
            marks: it.fields.marks,
        },
        Item::Response(it) => Said::Response {
            status: it.status,
            stratum: it.fields.stratum.map(text),
            encoding: it.fields.encoding,
        },
        Item::Body(piece) => Said::Body(piece.to_vec()),
        Item::End => Said::End,
        Item::Tunnel(piece) => Said::Tunnel(piece.to_vec()),
        Item::NotHttp => Said::NotHttp,
        Item::Overlong => Said::Overlong,
        Item::Opaque(piece) => Said::Opaque(piece.to_vec()),
    };
    match (said.last_mut(), next) {
        (Some(Said::Body(whole)), Said::Body(piece))
        | (Some(Said::Tunnel(whole)), Said::Tunnel(piece))
        | (Some(Said::Opaque(whole)), Said::Opaque(piece)) => whole.extend(piece),
        (_, next) => said.push(next),
    }
}

fn heard(mut side: Side, bytes: &[u8], lengths: &[usize]) -> Vec<Said> {
    let mut said = Vec::new();
    for piece in pieces(bytes, lengths) {
        side.push(piece, |item| listen(&mut said, item));
        assert!(side.kept.len() <= MAX_HEAD);
    }
    said
}

fn requests(bytes: &[u8]) -> Vec<Said> {
    heard(Side::new(Role::Request), bytes, &[bytes.len().max(1)])
}

fn responses(bytes: &[u8], expected: &[Expect]) -> Vec<Said> {
    heard(answering(expected), bytes, &[bytes.len().max(1)])
}

fn answering(expected: &[Expect]) -> Side {
    let mut side = Side::new(Role::Response);
    expected.iter().for_each(|kind| side.expect(*kind));
    side
}

fn first_request(bytes: &[u8], check: impl FnOnce(&Request<'_>)) {
    let mut check = Some(check);
    Side::new(Role::Request).push(bytes, |item| {
        if let Item::Request(request) = item {
            check.take().expect("one request")(&request);
        }
    });
    assert!(check.is_none(), "there is a request");
}

const GETWORK: &[u8] = b"POST / HTTP/1.1\r\nAuthorization: Basic cmlnLjE6c2VjcmV0\r\nHost: Pool.Example:8332\r\n\
    User-Agent: cgminer 2.7\r\nContent-Type: application/json\r\nX-Mining-Extensions: longpoll midstate\r\n\
    X-Mining-Hashrate: 5\r\nContent-Length: 44\r\n\r\n{\"method\": \"getwork\", \"params\": [], \"id\":0}\r\n";

const WORK: &[u8] =
    b"HTTP/1.1 200 OK\r\nX-Stratum: stratum+tcp://pool.example:3333\r\nX-Roll-NTime: expire=60\r\n\
    Transfer-Encoding: gzip, Chunked\r\nContent-Encoding: gzip\r\n\r\n4;x=y\r\nabcd\r\n2\r\nef\r\n0\r\n\r\n\
    HTTP/1.1 204 No Content\r\n\r\nHTTP/1.0 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno";

#[test]
fn a_getwork_request_tells_all_that_matters() {
    first_request(GETWORK, |request| {
        assert_eq!(request.method, Method::Post);
        assert_eq!(request.target, b"/");
        assert_eq!(request.host, Authority::from_bytes(b"pool.example:8332"));
        assert_eq!(request.user_agent, Some(&b"cgminer 2.7"[..]));
        assert_eq!(request.user, Some(&b"rig.1"[..]));
        assert_eq!(request.fields.content, Content::Json);
        let marks = Marks { mining_extensions: true, mining_other: true, ..Marks::default() };
        assert_eq!(request.fields.marks, marks);
        assert!(!format!("{request:?}").contains("secret"));
    });
    let said = requests(&GETWORK.repeat(2));
    assert_eq!(said.len(), 6, "{said:?}");
    assert!(matches!(&said[1], Said::Body(body) if body.len() == 44));
    assert_eq!(said[2], Said::End);
}

#[test]
fn responses_end_by_chunk_by_status_and_by_length() {
    let said = responses(WORK, &[]);
    let stratum = Some("stratum+tcp://pool.example:3333".to_owned());
    let none = Encoding::Identity;
    assert_eq!(
        said,
        [
            Said::Response { status: 200, stratum, encoding: Encoding::Gzip },
            Said::Body(b"abcdef".to_vec()),
            Said::End,
            Said::Response { status: 204, stratum: None, encoding: none },
            Said::End,
            Said::Response { status: 401, stratum: None, encoding: none },
            Said::Body(b"no".to_vec()),
            Said::End,
        ]
    );
}

#[test]
fn the_request_decides_whether_a_body_follows() {
    let bytes = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\n\r\nrest";
    let said = responses(bytes, &[Expect::Head, Expect::Plain]);
    assert_eq!(said.iter().filter(|it| matches!(it, Said::Response { .. })).count(), 3);
    assert_eq!(said.last(), Some(&Said::Body(b"rest".to_vec())), "until the connection closes");
}

#[test]
fn a_granted_connect_is_a_tunnel_on_both_sides() {
    let client = b"CONNECT pool.example:3333 HTTP/1.1\r\nHost: other.example\r\n\r\n{\"id\":1}\n";
    let said = requests(client);
    assert!(matches!(&said[0], Said::Request { host: Some(host), .. } if host == "pool.example Some(3333)"));
    assert_eq!(said[1..], [Said::End, Said::Tunnel(b"{\"id\":1}\n".to_vec())]);
    let server = b"HTTP/1.1 200 Connection established\r\n\r\n{\"result\":1}\n";
    assert_eq!(responses(server, &[Expect::Connect])[2], Said::Tunnel(b"{\"result\":1}\n".to_vec()));
}

#[test]
fn a_refused_connect_may_be_tried_again() {
    let once = b"CONNECT pool.example:3333 HTTP/1.1\r\n\r\n";
    let said = requests(&[&once[..], once, b"C{"].concat());
    assert_eq!(said.len(), 5);
    assert_eq!(said[4], Said::Tunnel(b"C{".to_vec()));
    let refused = b"HTTP/1.1 407 Auth\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\n\r\ny";
    let said = responses(refused, &[Expect::Connect, Expect::Connect]);
    assert_eq!(said.last(), Some(&Said::Tunnel(b"y".to_vec())));
}

#[test]
fn a_web_socket_begins_after_the_switch_only() {
    let ask = b"GET /proxy HTTP/1.1\r\nHost: ws.example\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n";
    first_request(ask, |request| assert!(request.fields.websocket));
    assert_eq!(requests(&[&ask[..], b"\x81\x80abcd"].concat())[2], Said::Tunnel(b"\x81\x80abcd".to_vec()));
    assert_eq!(requests(&[&ask[..], ask].concat()).len(), 4, "refused, and asked again");
    let switch = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x00";
    assert_eq!(responses(switch, &[Expect::Plain])[2], Said::Tunnel(b"\x81\x00".to_vec()));
}

#[test]
fn odd_but_honest_heads_are_read() {
    let bytes = b"\r\nGET  http://User@Pool.Example/x?miner=1@0xab@rig HTTP/1.0\nhOST: other\n\
        X-MINING-EXTENSIONS:\r\n longpoll\r\n\tmidstate\n  broken line\nAUTHORIZATION: basic cmlnOng6eQ\n\n";
    first_request(bytes, |request| {
        assert_eq!(request.host, Authority::from_bytes(b"pool.example"));
        assert_eq!(request.user, Some(&b"rig"[..]), "without padding");
        assert!(request.fields.marks.mining_extensions);
        assert_eq!(request.target, b"http://User@Pool.Example/x?miner=1@0xab@rig");
    });
}

#[test]
fn what_lenient_servers_let_pass_is_read() {
    let bytes = b"GET /?miner=1@0xab@my rig\xe9 HTTP/1.1\r\nX-Odd: a\0b\r\nHost: pool.example\r\n\r\n";
    first_request(bytes, |request| {
        assert_eq!(request.target, b"/?miner=1@0xab@my+rig?");
        assert_eq!(request.host, Authority::from_bytes(b"pool.example"));
    });
}

#[test]
fn what_is_not_http_passes_untouched() {
    let line = b"{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[]}\n";
    assert_eq!(requests(line), [Said::NotHttp, Said::Opaque(line.to_vec())]);
    assert_eq!(responses(line, &[]), [Said::NotHttp, Said::Opaque(line.to_vec())]);
    for bytes in
        [&b"GET sip:a SIP/2.0\r\n\r\n"[..], b"OPTIONS rtsp://x RTSP/1.0\r\nCSeq: 1\r\n\r\n", b"PUT\r\n\r\n"]
    {
        assert_eq!(requests(bytes), [Said::NotHttp, Said::Opaque(bytes.to_vec())]);
    }
    let said = requests(&[GETWORK, line].concat());
    assert_eq!(said[3..], [Said::NotHttp, Said::Opaque(line.to_vec())], "after a message");
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{\"id\":1}\n";
    assert_eq!(responses(chunked, &[])[1..], [Said::NotHttp, Said::Opaque(b"{\"id\":1}\n".to_vec())]);
}

#[test]
fn heads_are_bounded_in_bytes_and_in_headers() {
    let filler = "a".repeat(MAX_HEAD);
    let fits = format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", &filler[..MAX_HEAD - 23]);
    assert_eq!(fits.len(), MAX_HEAD);
    assert_eq!(requests(fits.as_bytes()).len(), 2);
    let long = format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", &filler[..MAX_HEAD - 22]);
    let expected = [Said::Overlong, Said::Opaque(long.clone().into_bytes())];
    assert_eq!(requests(long.as_bytes()), expected);
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(300));
    assert_eq!(requests(many.as_bytes())[0], Said::Overlong);
    first_request(format!("GET /{} HTTP/1.1\r\n\r\n", "w".repeat(2000)).as_bytes(), |request| {
        assert_eq!(request.target.len(), MAX_TARGET);
    });
}

#[test]
fn prefixes_are_told_apart() {
    assert_eq!(looks_like_request(b""), None);
    assert_eq!(looks_like_request(b"P"), None);
    assert_eq!(looks_like_request(b"POST /"), Some(true));
    for bytes in [&b"{"[..], b"\x16\x03\x01", b"PASS x", b"get / HTTP/1.1", b"\x05\x01\0"] {
        assert_eq!(looks_like_request(bytes), Some(false), "{bytes:?}");
    }
    assert_eq!(looks_like_response(b"HTTP/"), None);
    assert_eq!(looks_like_response(b"HTTP/1.1 200"), Some(true));
    assert_eq!(looks_like_response(b"HTTP/2"), Some(false));
}

fn scripts() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        Just(GETWORK.to_vec()),
        Just(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n".to_vec()),
        Just(b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".to_vec()),
        Just(b"CONNECT a.example:1 HTTP/1.1\r\n\r\n".to_vec()),
        Just(b"GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n".to_vec()),
        Just(WORK.to_vec()),
        Just(b"HTTP/1.1 200 OK\r\nA:\r\n b\r\nContent-Length: 3\r\n\r\nabc".to_vec()),
        Just(b"HTTP/1.1 101 Switch\r\n\r\n".to_vec()),
        prop::collection::vec(any::<u8>(), 0..20),
    ];
    prop::collection::vec(part, 1..6).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn the_same_is_said_however_the_bytes_are_cut(
        bytes in scripts(),
        changes in prop::collection::vec((any::<usize>(), any::<u8>()), 0..3),
        lengths in prop::collection::vec(1usize..80, 1..5),
        kinds in prop::collection::vec(prop_oneof![Just(Expect::Plain), Just(Expect::Head), Just(Expect::Connect)], 0..4),
    ) {
        let bytes = mutated(&bytes, &changes);
        for side in [Side::new(Role::Request), answering(&kinds)] {
            let whole = heard(side.clone(), &bytes, &[bytes.len().max(1)]);
            prop_assert_eq!(&heard(side.clone(), &bytes, &lengths), &whole);
            prop_assert_eq!(&heard(side, &bytes, &[1]), &whole);
        }
    }

    #[test]
    fn any_head_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let bytes = [&b"GET / HTTP/1.1\r\n"[..], &bytes, b"\r\n\r\n"].concat();
        prop_assert!(!requests(&bytes).is_empty());
    }
}
