//! Nimiq's pool protocol: JSON over WebSocket, each message an object with its name in `message`.
//!
//! ```text
//! C> {"message":"register","mode":"nano","address":"NQ07 …","deviceId":1193046,"genesisHash":"Jkqv…RI="}
//! S> {"message":"registered"}
//! S> {"message":"settings","address":"NQ07 …","extraData":"UGl0aGVhZA==","target":1771875,"nonce":537377874919}
//! S> {"message":"new-block","bodyHash":"…","accountsHash":"…","previousBlock":"…"}
//! C> {"message":"share","block":"…"}                         nano, or "nonce" alone in the dumb mode of later clients
//! C> {"message":"share","blockHeader":"…","minerAddrProof":"…","extraDataProof":"…"}   smart
//! S> {"message":"error","reason":"…"}
//! ```
//!
//! Usually inside TLS; seen where that is not so, or was ended by a proxy. Shares have no answer but an error. Source:
//! <https://nimiq-network.github.io/developer-reference/chapters/pool-protocol.html>.

use super::{account_text, is_number, speaks, text};
use crate::dialect::{About, Dialect, TALK};
use crate::finding::{Ask, Facts, Finding, What};
use crate::json::Kind;
use crate::message::Message;
use crate::session::Session;

pub(crate) struct Nimiq;

impl Dialect for Nimiq {
    fn about(&self) -> &'static About {
        &About {
            name: "nimiq",
            title: "Nimiq's pool protocol",
            family: "Nimiq pool",
            signature_id: 33_330_026,
            source: "https://nimiq-network.github.io/developer-reference/chapters/pool-protocol.html",
            anchors: &["\"genesisHash\"", "\"extraData", "\"accountsHash\"", "\"new-block\""],
            carriers: TALK,
        }
    }

    fn examine(&self, message: &Message<'_>, session: Option<&Session>) -> Option<Finding> {
        let known = speaks(session, self.name());
        match message.get("message")?.text()?.to_string(16).as_str() {
            "register" => register(message),
            "settings" => settings(message),
            "new-block" => block(message),
            "share" => share(message, known),
            "registered" if known => Some(Finding::context(What::Granted(Ask::Authorize))),
            "balance" if known => Some(Finding::context(What::Notice)),
            "error" if known => Some(Finding::context(refusal(session))),
            _ => None,
        }
    }
}

/// The address that a message names, with or without its blanks.
fn address(message: &Message<'_>) -> Facts {
    let Some(address) = text(message.get("address")) else { return Facts::default() };
    account_text(address.replace(' ', ""))
}

fn register(message: &Message<'_>) -> Option<Finding> {
    text(message.get("mode"))?;
    let mut facts = address(message);
    facts.wallet.as_ref()?;
    let sound = message.get("genesisHash").is_some() && message.get("deviceId").is_some();
    facts.rig = message.get("deviceId").filter(|id| id.kind() == Kind::Number).and_then(|id| {
        let id = id.unsigned()?;
        Some(id.to_string())
    });
    let device = message.get("deviceData");
    facts.agent =
        device.and_then(|device| text(device.get("minerVersion").or_else(|| device.get("userAgent"))));
    facts.worker = device.and_then(|device| text(device.get("deviceName")));
    let what = What::Authorize;
    Some(if sound { Finding::proof(what) } else { Finding::hint(what) }.with(facts))
}

/// The address here is the pool's, so it is not kept.
fn settings(message: &Message<'_>) -> Option<Finding> {
    address(message).wallet?;
    let target = message.get("target").filter(|target| target.kind() == Kind::Number)?;
    let fits = message.get("extraData").is_some() && is_number(message.get("nonce"));
    let target = std::str::from_utf8(target.raw()).ok().map(|digits| digits.chars().take(32).collect());
    fits.then(|| Finding::proof(What::Notice).with(Facts { target, ..Facts::default() }))
}

fn block(message: &Message<'_>) -> Option<Finding> {
    let whole = ["bodyHash", "accountsHash", "previousBlock"]
        .iter()
        .all(|name| message.get(name).is_some_and(|value| value.text().is_some()));
    // The dumb mode is given the header itself.
    let header = message.get("blockHeader").is_some_and(|value| value.text().is_some());
    match (whole, header) {
        (true, _) => Some(Finding::proof(What::Job)),
        (false, true) => Some(Finding::hint(What::Job)),
        (false, false) => None,
    }
}

fn share(message: &Message<'_>, known: bool) -> Option<Finding> {
    let smart = message.get("minerAddrProof").is_some() && message.get("extraDataProof").is_some();
    match () {
        () if smart => Some(Finding::proof(What::Submit)),
        () if known && (message.get("block").is_some() || message.get("nonce").is_some()) => {
            Some(Finding::hint(What::Submit))
        }
        () => None,
    }
}

/// An error is about the share before it, or about the address if there was none.
fn refusal(session: Option<&Session>) -> What {
    let working = session.and_then(Session::stage) == Some(crate::finding::Stage::Working);
    What::Denied(if working { Ask::Submit } else { Ask::Authorize })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{is_anchored, line, mining};
    use super::*;
    use crate::finding::Weight;

    const REGISTER: &str = r#"{"message":"register","mode":"nano","address":"NQ07 TEST EXAM PLE0 TEST EXAM PLE0 TEST EXAM","deviceId":1193046,"genesisHash":"Jkqvik+YKKdsVQY12geOtGYwahifzANxC+6fZJyGnRI="}"#;
    const SETTINGS: &str = r#"{"message":"settings","address":"NQ07 TEST EXAM PLE0 TEST EXAM PLE0 TEST EXAM","extraData":"UGl0aGVhZA==","target":1771875,"nonce":537377874919}"#;
    const BLOCK: &str =
        r#"{"message":"new-block","bodyHash":"4d54=","accountsHash":"6558=","previousBlock":"e810"}"#;

    fn weight(text: &str) -> Option<(What, Weight)> {
        assert!(is_anchored(&Nimiq, text), "{text}");
        line(&Nimiq, text).map(|finding| (finding.what, finding.weight))
    }

    #[test]
    fn a_device_registers_and_works() {
        assert_eq!(weight(REGISTER), Some((What::Authorize, Weight::Proof)));
        assert_eq!(weight(SETTINGS), Some((What::Notice, Weight::Proof)));
        assert_eq!(weight(BLOCK), Some((What::Job, Weight::Proof)));
        let talk = [
            (true, REGISTER),
            (false, r#"{"message":"registered"}"#),
            (false, SETTINGS),
            (false, BLOCK),
            (true, r#"{"message":"share","block":"AAHL9kSzaU"}"#),
        ];
        let mining = mining(&talk).expect("a miner");
        assert_eq!((mining.dialect, mining.stage.name(), mining.shares.sent), ("nimiq", "working", 1));
        assert_eq!(mining.facts.wallet.as_deref(), Some("NQ07TESTEXAMPLE0TESTEXAMPLE0TESTEXAM"));
        assert_eq!(
            (mining.facts.rig.as_deref(), mining.facts.coin.as_deref()),
            (Some("1193046"), Some("NIM"))
        );
        assert_eq!(mining.facts.target.as_deref(), Some("1771875"));
    }

    #[test]
    fn a_refusal_is_one() {
        let no = r#"{"message":"error","reason":"Invalid address"}"#;
        assert_eq!(
            mining(&[(true, REGISTER), (false, no)]).map(|mining| mining.stage.name()),
            Some("refused")
        );
    }

    #[test]
    fn other_services_have_users_and_settings() {
        for text in [
            r#"{"message":"register","mode":"user","address":"1 Main Street"}"#,
            r#"{"message":"settings","target":"x","address":"a@b"}"#,
            r#"{"message":"share","block":"paragraph-7"}"#,
            r#"{"message":"registered"}"#,
            r#"{"message":"new-block","title":"a new block of flats"}"#,
        ] {
            assert_eq!(line(&Nimiq, text), None, "{text}");
        }
    }
}
