//! Stratum for Conflux (Octopus).
//!
//! ```text
//! C> {"jsonrpc":"2.0","method":"mining.subscribe","params":["cfx:aa….rig","x"],"id":1}
//! S> {"jsonrpc":"2.0","result":"true","id":1}
//! S> {"id":null,"method":"mining.notify","params":["job","1641369","0x<64 hex>","0x<up to 64 hex>"]}
//! C> {"jsonrpc":"2.0","method":"mining.submit","params":["cfx:aa….rig","job","0x<nonce>","0x<64 hex>"],"id":2}
//! S> {"jsonrpc":"2.0","result":["false","invalid nonce"],"id":2}
//! ```
//!
//! The subscription is the login: an account and a password, no agent. A job is its name, at pools its height, a header hash and a boundary.
//! Yes and no are strings, or the first of a list. Source:
//! <https://github.com/Conflux-Chain/conflux-doc/blob/master/docs/stratum.md> and
//! <https://github.com/nicehash/Specifications/blob/master/Octopus_NiceHash_v1.0.txt>.

use super::{account, answer_in, digits, list, owner, speaks, text};
use crate::dialect::{About, Dialect, TALK};
use crate::finding::{Facts, Finding, What};
use crate::json::Value;
use crate::message::Message;
use crate::session::Session;

pub(crate) struct Conflux;

impl Dialect for Conflux {
    fn about(&self) -> &'static About {
        &About {
            name: "conflux",
            title: "Conflux Stratum, as Octopus miners speak it",
            family: "Conflux Octopus",
            signature_id: 33_330_010,
            source: "https://github.com/Conflux-Chain/conflux-doc/blob/master/docs/stratum.md",
            anchors: &["mining."],
            carriers: TALK,
        }
    }

    fn examine(&self, message: &Message<'_>, session: Option<&Session>) -> Option<Finding> {
        match message.method() {
            None => refused(message, session.filter(|_| speaks(session, self.name())))
                .or_else(|| answer_in(self.name(), message, session)),
            Some(method) if method.is("mining.subscribe") => subscribe(list(message)?),
            Some(method) if method.is("mining.notify") => job(list(message)?),
            Some(method) if method.is("mining.submit") => share(list(message)?),
            Some(_) => None,
        }
    }
}

fn subscribe(params: Value<'_>) -> Option<Finding> {
    Some(Finding::proof(What::Subscribe).with(owner(params.at(0), "CFX")?))
}

/// Whether a value is hexadecimal and says so.
fn is_prefixed(value: Option<Value<'_>>) -> bool {
    digits(value) > 0 && value.is_some_and(|value| value.raw().starts_with(b"0x"))
}

fn job(params: Value<'_>) -> Option<Finding> {
    let hash = match params.len() {
        3 => 1,
        4 if params.at(1)?.unsigned().is_some() => 2,
        _ => return None,
    };
    let boundary = params.at(hash + 1);
    let fits = is_prefixed(params.at(hash))
        && digits(params.at(hash)) == 64
        && is_prefixed(boundary)
        && digits(boundary) <= 64;
    let facts = Facts { target: text(boundary), algorithm: Some("octopus".to_owned()), ..Facts::default() };
    fits.then(|| Finding::proof(What::Job).with(facts))
}

fn share(params: Value<'_>) -> Option<Finding> {
    let fits = params.len() == 4
        && is_prefixed(params.at(2))
        && is_prefixed(params.at(3))
        && digits(params.at(3)) == 64;
    fits.then(|| Finding::proof(What::Submit).with(account(params.at(0))))
}

/// A no that is a string, alone or with its reason in a list.
fn refused(message: &Message<'_>, session: Option<&Session>) -> Option<Finding> {
    let ask = session?.asked(message.id()?)?;
    let result = message.get("result")?;
    let word = result.at(0).unwrap_or(result);
    let no = word.bool() == Some(false) || word.text().is_some_and(|word| word.is("false"));
    no.then(|| Finding::context(What::Denied(ask)))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{is_anchored, line, mining};
    use super::*;
    use crate::finding::Weight;

    fn says(text: &str) -> Option<(What, Weight)> {
        assert!(is_anchored(&Conflux, text), "{text}");
        line(&Conflux, text).map(|finding| (finding.what, finding.weight))
    }

    #[test]
    fn a_session_through_to_its_shares() {
        let hash = "5e".repeat(32);
        let user = format!("cfx:{}.rig2", "a".repeat(42));
        let subscribe =
            format!(r#"{{"id":1,"jsonrpc":"2.0","method":"mining.subscribe","params":["{user}","x"]}}"#);
        let notify = format!(
            r#"{{"id":0,"method":"mining.notify","params":["2a17","1641369","0x{hash}","0x044b82fa09"],"xn":"01ab"}}"#
        );
        let submit = format!(
            r#"{{"id":2,"jsonrpc":"2.0","method":"mining.submit","params":["{user}","2a17","0xe890fdd00b401efd","0x{hash}"]}}"#
        );
        assert_eq!(says(&subscribe), Some((What::Subscribe, Weight::Proof)));
        assert_eq!(says(&notify), Some((What::Job, Weight::Proof)));
        assert_eq!(says(&submit), Some((What::Submit, Weight::Proof)));
        let told = mining(&[
            (true, &subscribe),
            (false, r#"{"id":1,"jsonrpc":"2.0","result":"true"}"#),
            (false, &notify),
            (true, &submit),
            (false, r#"{"id":2,"jsonrpc":"2.0","result":["false","invalid nonce"]}"#),
            (true, &submit),
            (false, r#"{"id":2,"jsonrpc":"2.0","result":[true],"error":null}"#),
        ])
        .expect("a miner");
        assert_eq!((told.dialect, told.shares.accepted, told.shares.rejected), ("conflux", 1, 1));
        assert_eq!((told.facts.coin.as_deref(), told.facts.agent), (Some("CFX"), None));
    }

    #[test]
    fn a_nodes_own_job_has_no_height() {
        let hash = "4e".repeat(32);
        let text = format!(
            r#"{{"jsonrpc":"2.0","method":"mining.notify","params":["0x{hash}","0x{hash}","0x1a4e34"],"id":3}}"#
        );
        assert_eq!(says(&text), Some((What::Job, Weight::Proof)));
    }

    #[test]
    fn neighbours_stay_silent() {
        let hash = "5e".repeat(32);
        for text in [
            format!(r#"{{"method":"mining.notify","params":["j","{hash}","{hash}",true]}}"#),
            format!(r#"{{"method":"mining.notify","params":["bf04","6526d5","{hash}","0"]}}"#),
            r#"{"method":"mining.submit","params":["u","j","00","00"]}"#.to_owned(),
            r#"{"method":"mining.subscribe","params":["cfxmine",""]}"#.to_owned(),
        ] {
            assert_eq!(says(&text), None, "{text}");
        }
    }
}
