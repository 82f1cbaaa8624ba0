//! Handshakes, whole, cut, damaged, and as another implementation reads them.

use super::super::name::Name;
use super::super::splits::{hex, mutated, pieces};
use super::*;
use proptest::prelude::*;
use tls_parser::{TlsExtension, TlsMessage, TlsMessageHandshake};

/// What was said, in words that outlive the bytes.
fn heard(bytes: &[u8], lengths: &[usize], server: bool) -> Vec<String> {
    let (mut one, mut other) = (Client::new(), Server::new());
    let mut said = Vec::new();
    for piece in pieces(bytes, lengths) {
        let sink = |item: Item<'_>| said.push(format!("{item:?}"));
        if server {
            other.push(piece, sink);
        } else {
            one.push(piece, sink);
        }
        assert!(one.side.handshake.held().max(other.side.handshake.held()) <= MAX_HANDSHAKE);
    }
    said
}

fn whole(bytes: &[u8], server: bool) -> Vec<String> {
    heard(bytes, &[bytes.len().max(1)], server)
}

/// The content of `record` in records of `size` bytes each.
fn rewrapped(record: &[u8], size: usize) -> Vec<u8> {
    record[5..]
        .chunks(size)
        .flat_map(|part| {
            [&[22, 3, 1][..], &u16::try_from(part.len()).expect("short").to_be_bytes(), part].concat()
        })
        .collect()
}

fn name(text: &str) -> Name {
    Name::from_bytes(text.as_bytes()).expect("a name")
}

#[test]
fn a_client_hello_says_where_it_goes() {
    let bytes = hex(samples::CLIENT_13);
    let mut hellos = 0;
    Client::new().push(&bytes, |item| match item {
        Item::ClientHello(hello) => {
            hellos += 1;
            assert_eq!(hello.server_name, Some(name("eu.pool.example")));
            assert_eq!(hello.alpn, Some(&b"http/1.1"[..]));
            assert_eq!((hello.legacy_version, hello.version, hello.ciphers), (0x0303, TLS13, 31));
            assert!(!hello.encrypted);
        }
        other => assert_eq!((other, hellos), (Item::Done, 1)),
    });
    assert_eq!(hellos, 1);
    let said = whole(&hex(samples::CLIENT_12), false);
    assert!(said[0].contains("server_name: None, alpn: None"), "{said:?}");
    assert!(said[0].contains("version: 771, ciphers: 2"), "{said:?}");
}

#[test]
fn a_server_of_1_2_shows_its_names() {
    let bytes = hex(samples::SERVER_12);
    let mut seen = Vec::new();
    Server::new().push(&bytes, |item| match item {
        Item::Certificate(certificate) => {
            assert_eq!(certificate.common_name, Some(&b"Pool.Example"[..]));
            seen = certificate.names;
        }
        Item::ServerHello(hello) => assert_eq!(hello, ServerHello { version: 0x0303, cipher: 0xc02b }),
        other => assert_eq!(other, Item::Done),
    });
    assert_eq!(seen, [name("pool.example"), name("*.eu.pool.example"), name("stratum.example")]);
}

#[test]
fn a_server_of_1_3_is_sealed_at_once() {
    let said = whole(&hex(samples::SERVER_13), true);
    assert_eq!(said, ["ServerHello(ServerHello { version: 772, cipher: 4866 })", "Done"]);
}

#[test]
fn records_of_one_byte_hide_nothing() {
    for (sample, server) in [(samples::CLIENT_13, false), (samples::CLIENT_12, false)] {
        let bytes = hex(sample);
        for size in [1, 3, 50] {
            assert_eq!(whole(&rewrapped(&bytes, size), server), whole(&bytes, server));
        }
    }
}

#[test]
fn streams_joined_late_and_other_protocols_end_the_reading() {
    assert_eq!(whole(&[23, 3, 3, 0, 30, 1, 2], false), ["Done"], "application data");
    assert_eq!(whole(&[20, 3, 3, 0, 1, 1], true), ["Done"], "the cipher changes");
    assert_eq!(whole(b"{\"id\":1}\n", true), ["NotTls([])"]);
    assert_eq!(whole(&[22, 3, 1, 0, 5, 1, 0, 0, 1, 7], false), ["NotTls([7])"], "a hello of one byte");
    let alert = [21, 3, 3, 0, 2, 1, 112];
    let said = whole(&[&alert[..], &hex(samples::SERVER_12)].concat(), true);
    assert_eq!(said.len(), 3, "a warning comes first: {said:?}");
}

/// A ClientHello with extensions of these kinds and contents.
fn hello(extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 4, 0x0a, 0x0a, 0x13, 0x01, 1, 0]);
    let block: Vec<u8> = extensions
        .iter()
        .flat_map(|(kind, content)| {
            let length = u16::try_from(content.len()).expect("short");
            [&kind.to_be_bytes()[..], &length.to_be_bytes(), content].concat()
        })
        .collect();
    body.extend(u16::try_from(block.len()).expect("short").to_be_bytes());
    body.extend(block);
    let length = u32::try_from(body.len()).expect("short").to_be_bytes();
    let message = [&[1][..], &length[1..], &body].concat();
    rewrapped(&[&[0; 5][..], &message].concat(), 16_000)
}

fn name_extension(text: &str) -> (u16, Vec<u8>) {
    let length = u8::try_from(text.len()).expect("short");
    (0, [&[0, length + 3, 0, 0, length][..], text.as_bytes()].concat())
}

#[test]
fn a_hello_beyond_the_limit_is_read_as_far_as_it_was_kept() {
    let filler = (21, vec![0; 20_000]);
    let said = whole(&hello(&[name_extension("pool.example"), filler.clone()]), false);
    assert!(said[0].contains("Name(pool.example)") && said[1] == "Done", "{said:?}");
    let said = whole(&hello(&[filler, name_extension("pool.example")]), false);
    assert!(said[0].contains("server_name: None"), "{said:?}");
    assert!(said[0].contains("ciphers: 1"), "the placeholder does not count");
}

#[test]
fn drafts_placeholders_and_hidden_hellos() {
    let said = whole(&hello(&[(43, vec![6, 0x7f, 0x1c, 0xfa, 0xfa, 3, 3]), (0xfe0d, vec![0])]), false);
    assert!(said[0].contains("version: 772") && said[0].contains("encrypted: true"), "{said:?}");
    let old = [&[22, 3, 1, 0, 40, 2, 0, 0, 36, 0x7f, 0x12][..], &[7; 32], &[0x13, 1]].concat();
    assert_eq!(whole(&old, true), ["ServerHello(ServerHello { version: 772, cipher: 4865 })", "Done"]);
    let said = whole(&hello(&[name_extension("192.0.2.1:80")]), false);
    assert!(said[0].contains("server_name: None"));
}

/// The name, the first protocol, the highest version and the number of suites in a ClientHello.
type Opinion = (Option<String>, Option<Vec<u8>>, u16, usize);

/// What `tls-parser` makes of one record.
fn other_opinion(record: &[u8]) -> Option<Opinion> {
    let (_, plain) = tls_parser::parse_tls_plaintext(record).ok()?;
    let Some(TlsMessage::Handshake(TlsMessageHandshake::ClientHello(hello))) = plain.msg.first() else {
        return None;
    };
    let (_, extensions) =
        tls_parser::parse_tls_client_hello_extensions(hello.ext.unwrap_or_default()).ok()?;
    let (mut name, mut alpn, mut version) = (None, None, hello.version.0);
    for extension in extensions {
        match extension {
            TlsExtension::SNI(names) => {
                name = names.first().map(|it| String::from_utf8_lossy(it.1).to_lowercase());
            }
            TlsExtension::ALPN(offers) => alpn = offers.first().map(|it| it.to_vec()),
            TlsExtension::SupportedVersions(versions) => version = versions.iter().map(|it| it.0).max()?,
            _ => {}
        }
    }
    Some((name, alpn, version, hello.ciphers.len()))
}

fn opinion(record: &[u8]) -> Option<Opinion> {
    let mut said = None;
    Client::new().push(record, |item| {
        if let Item::ClientHello(it) = item {
            let name = it.server_name.map(|it| it.to_string());
            said = Some((name, it.alpn.map(<[u8]>::to_vec), it.version, it.ciphers));
        }
    });
    said
}

#[test]
fn another_implementation_reads_the_same() {
    for sample in [samples::CLIENT_13, samples::CLIENT_12] {
        let bytes = hex(sample);
        assert!(opinion(&bytes).is_some());
        assert_eq!(opinion(&bytes), other_opinion(&bytes));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn names_are_read_as_another_implementation_reads_them(
        text in "[a-z0-9]{1,20}(\\.[a-z0-9-]{1,20}){0,4}x",
        offers in prop::collection::vec("[a-z0-9/.]{1,9}", 1..4),
        filler in 100u16..0x2000,
    ) {
        let list: Vec<u8> = offers.iter().flat_map(|it| [&[it.len() as u8][..], it.as_bytes()].concat()).collect();
        let alpn = (16, [&(list.len() as u16).to_be_bytes()[..], &list].concat());
        let record = hello(&[(filler, vec![1, 2]), alpn, name_extension(&text), (43, vec![4, 3, 4, 3, 3])]);
        let (ours, theirs) = (opinion(&record), other_opinion(&record));
        prop_assert_eq!(ours.as_ref().and_then(|it| it.0.as_deref()), Some(text.as_str()));
        // The other counts the placeholder among the suites.
        prop_assert_eq!(ours.map(|it| (it.0, it.1, it.2)), theirs.map(|it| (it.0, it.1, it.2)));
    }

    #[test]
    fn the_same_is_said_however_the_bytes_are_cut(
        which in 0usize..4,
        size in 1usize..400,
        changes in prop::collection::vec((any::<usize>(), any::<u8>()), 0..4),
        lengths in prop::collection::vec(1usize..200, 1..5),
    ) {
        let sample = [samples::CLIENT_13, samples::CLIENT_12, samples::SERVER_13, samples::SERVER_12][which];
        let bytes = if which < 2 { rewrapped(&hex(sample), size) } else { hex(sample) };
        let bytes = mutated(&bytes, &changes);
        for server in [false, true] {
            let all = whole(&bytes, server);
            prop_assert_eq!(&heard(&bytes, &lengths, server), &all);
            prop_assert_eq!(&heard(&bytes, &[1], server), &all);
        }
    }

    #[test]
    fn any_certificate_is_survived(
        place in 60usize..600,
        values in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        let mut bytes = hex(samples::SERVER_12);
        for (to, from) in bytes.iter_mut().skip(place).zip(values) {
            *to = from;
        }
        prop_assert!(whole(&bytes, true).len() <= 3);
    }
}
