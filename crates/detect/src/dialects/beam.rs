//! Beam's Stratum (BeamHash), which miners of Equihash 150,5 speak too: flat objects, no parameters.
//!
//! ```text
//! C> {"method":"login","api_key":"<address>.rig","id":"login","jsonrpc":"2.0"}
//! S> {"id":"login","method":"result","jsonrpc":"2.0","code":0,"description":"Login successful","nonceprefix":"5d1a","forkheight":321321}
//! S> {"id":"9000","method":"job","jsonrpc":"2.0","input":"<64 hex>","difficulty":60817408,"height":2900100}
//! C> {"method":"solution","id":"9000","nonce":"5d1a921656ad660f","output":"<208 hex>","jsonrpc":"2.0"}
//! S> {"id":"9000","method":"result","jsonrpc":"2.0","code":1,"description":"accepted"}
//! ```
//!
//! The key is an address at pools and a secret at one's own node, so it is kept only where it is shaped like an address. The difficulty is packed
//! into a number of Beam's own, which is left alone. Source:
//! <https://github.com/BeamMW/beam/wiki/Beam-mining-protocol-API-%28Stratum%29> and
//! <https://github.com/nicehash/Specifications/blob/master/Beam_NiceHash_v1.0.txt>.

use super::{account, digits, is_number, speaks, text};
use crate::dialect::{About, Dialect, TALK};
use crate::finding::{Ask, Facts, Finding, What};
use crate::message::{Carrier, Message};
use crate::session::Session;

pub(crate) struct Beam;

impl Dialect for Beam {
    fn about(&self) -> &'static About {
        &About {
            name: "beam",
            title: "Beam Stratum, as BeamHash and Equihash 150,5 miners speak it",
            family: "Beam Stratum",
            signature_id: 33_330_015,
            source: "https://github.com/BeamMW/beam/wiki/Beam-mining-protocol-API-%28Stratum%29",
            anchors: &["\"api_key\"", "\"nonceprefix\"", "\"solution\"", "\"difficulty\""],
            carriers: TALK,
        }
    }

    fn examine(&self, message: &Message<'_>, session: Option<&Session>) -> Option<Finding> {
        let method = message.method()?;
        if message.params().is_some() {
            return None;
        }
        match () {
            () if method.is("login") => login(message),
            () if method.is("job") => job(message),
            () if method.is("solution") => solution(message),
            () if method.is("result") => outcome(message, speaks(session, self.name())),
            () if method.is("cancel") => speaks(session, self.name()).then(|| Finding::context(What::Notice)),
            () => None,
        }
    }
}

/// Whether the message has this id, one of the few words that Beam uses for it.
fn is_for(message: &Message<'_>, id: &str) -> bool {
    message.get("id").and_then(|id| id.text()).is_some_and(|found| found.is(id))
}

fn login(message: &Message<'_>) -> Option<Finding> {
    let key = text(message.get("api_key"))?;
    let address = key.split(['.', '/']).next().unwrap_or_default();
    // 62 to 67 digits: a public key and a channel number, with or without leading zeros.
    let shaped = (62..=67).contains(&address.len()) && address.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !shaped {
        return Some(Finding::hint(What::Authorize));
    }
    let facts = Facts { wallet: Some(address.to_owned()), ..account(message.get("api_key")) };
    // Keys of other services are as long; miners speak JSON-RPC by name, and straight over TCP.
    let named = is_for(message, "login") && message.get("jsonrpc").is_some();
    let finding = if named && message.carrier == Carrier::Stream { Finding::proof } else { Finding::hint };
    Some(finding(What::Authorize).with(facts))
}

fn job(message: &Message<'_>) -> Option<Finding> {
    let fits = digits(message.get("input")) == 64 && is_number(message.get("difficulty"));
    fits.then(|| Finding::proof(What::Job))
}

/// A solution of BeamHash has 104 bytes, one of its first version 100.
fn solution(message: &Message<'_>) -> Option<Finding> {
    let output = digits(message.get("output"));
    (digits(message.get("nonce")) == 16 && (100..=400).contains(&output))
        .then(|| Finding::proof(What::Submit))
}

fn outcome(message: &Message<'_>, ours: bool) -> Option<Finding> {
    let code = message.get("code")?.number()?;
    let login = is_for(message, "login");
    if login && digits(message.get("nonceprefix")) > 0 {
        return Some(Finding::proof(What::Granted(Ask::Authorize)));
    }
    // Zero says that a login went well, one that a share did.
    let what = match (login, code) {
        (true, 0.0) => What::Granted(Ask::Authorize),
        (true, _) => What::Denied(Ask::Authorize),
        (false, 1.0) => What::Granted(Ask::Submit),
        (false, _) => What::Denied(Ask::Submit),
    };
    ours.then(|| Finding::context(what))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{is_anchored, line, mining};
    use super::*;
    use crate::finding::Weight;

    fn says(text: &str) -> Option<(What, Weight)> {
        assert!(is_anchored(&Beam, text), "{text}");
        line(&Beam, text).map(|finding| (finding.what, finding.weight))
    }

    #[test]
    fn a_session_through_to_its_shares() {
        let login = format!(
            r#"{{"method":"login","api_key":"{}.rig","id":"login","jsonrpc":"2.0"}}"#,
            "beefc0de".repeat(8)
        );
        let accepted = r#"{"id":"login","method":"result","jsonrpc":"2.0","code":0,"description":"Login successful","nonceprefix":"5d1a"}"#;
        let job = format!(
            r#"{{"id":"9000","method":"job","jsonrpc":"2.0","input":"{}","difficulty":60817408,"height":2900100}}"#,
            "5e".repeat(32)
        );
        let solution = format!(
            r#"{{"method":"solution","id":"9000","nonce":"5d1a921656ad660f","output":"{}","jsonrpc":"2.0"}}"#,
            "e9".repeat(104)
        );
        for (text, what) in [
            (&*login, What::Authorize),
            (accepted, What::Granted(Ask::Authorize)),
            (&job, What::Job),
            (&solution, What::Submit),
        ] {
            assert_eq!(says(text), Some((what, Weight::Proof)), "{text}");
        }
        let told = mining(&[
            (true, &login),
            (false, accepted),
            (false, &job),
            (true, &solution),
            (false, r#"{"id":"9000","method":"result","jsonrpc":"2.0","code":1,"description":"accepted"}"#),
            (true, &solution),
            (false, r#"{"id":"9000","method":"result","jsonrpc":"2.0","code":3,"description":"rejected"}"#),
        ])
        .expect("a miner");
        assert_eq!((told.dialect, told.shares.accepted, told.shares.rejected), ("beam", 1, 1));
        assert_eq!(told.facts.wallet.map(|wallet| wallet.len()), Some(64));
        assert_eq!(told.facts.worker.as_deref(), Some("rig"));
    }

    #[test]
    fn a_key_to_something_else_is_not_kept() {
        let text = r#"{"method":"login","api_key":"skjdb7343636gucgjdjgd","id":"login","jsonrpc":"2.0"}"#;
        let finding = line(&Beam, text).expect("a hint");
        assert_eq!((finding.weight, finding.facts), (Weight::Hint, Facts::default()));
        let key = format!(r#"{{"method":"login","api_key":"{}","id":"login"}}"#, "5e".repeat(32));
        assert_eq!(says(&key), Some((What::Authorize, Weight::Hint)));
        let told = mining(&[
            (true, text),
            (false, r#"{"id":"login","method":"result","code":0,"description":"Login successful"}"#),
        ]);
        assert_eq!(told, None);
    }

    #[test]
    fn neighbours_stay_silent() {
        for text in [
            r#"{"method":"job","input":"lorem ipsum","difficulty":3}"#,
            r#"{"method":"solution","text":"turn it off and on again"}"#,
            r#"{"method":"login","params":{"api_key":"x"},"id":"login"}"#,
        ] {
            assert_eq!(says(text), None, "{text}");
        }
    }
}
