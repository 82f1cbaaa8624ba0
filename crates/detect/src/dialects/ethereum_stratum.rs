//! EthereumStratum/1.0.0, as NiceHash wrote it down and most Ethash pools speak it.
//!
//! ```text
//! C> {"id":1,"method":"mining.subscribe","params":["ethminer/0.19.0","EthereumStratum/1.0.0"]}
//! S> {"id":1,"result":[["mining.notify","ae68…","EthereumStratum/1.0.0"],"080c"],"error":null}
//! C> {"id":3,"method":"mining.authorize","params":["0x….rig","x"]}
//! S> {"id":null,"method":"mining.set_difficulty","params":[0.5]}
//! S> {"id":null,"method":"mining.notify","params":["job","<64 hex seed>","<64 hex header>",true]}
//! C> {"id":4,"method":"mining.submit","params":["0x….rig","job","<nonce without the extra nonce>"]}
//! ```
//!
//! Some pools send a job with a target between header and flag; miners of Kaspa name the same version and are told apart by their
//! pool's answer. Source:
//! <https://github.com/nicehash/Specifications/blob/master/EthereumStratum_NiceHash_v1.0.0.txt>.

use super::{answer_in, digits, is_bool, list, text};
use crate::dialect::{About, Dialect, TALK};
use crate::finding::{Ask, Facts, Finding, What};
use crate::json::Value;
use crate::message::Message;
use crate::session::Session;

pub(crate) struct EthereumStratum;

impl Dialect for EthereumStratum {
    fn about(&self) -> &'static About {
        &About {
            name: "ethereum-stratum",
            title: "EthereumStratum/1.0.0, as Ethash miners speak it",
            family: "Ethereum Stratum",
            signature_id: 33_330_006,
            source: "https://github.com/nicehash/Specifications/blob/master/EthereumStratum_NiceHash_v1.0.0.txt",
            anchors: &["mining."],
            carriers: TALK,
        }
    }

    fn examine(&self, message: &Message<'_>, session: Option<&Session>) -> Option<Finding> {
        match message.method() {
            None => subscribed(message).or_else(|| answer_in(self.name(), message, session)),
            Some(method) if method.is("mining.subscribe") => subscribe(list(message)?),
            Some(method) if method.is("mining.notify") => job(list(message)?),
            Some(_) => None,
        }
    }
}

fn is_version(value: Value<'_>) -> bool {
    value.text().is_some_and(|text| text.starts_with("EthereumStratum/1"))
}

fn subscribe(params: Value<'_>) -> Option<Finding> {
    let at = params.items().take(4).position(is_version)?;
    let agent = if at == 0 { None } else { text(params.at(0)) };
    Some(Finding::proof(What::Subscribe).with(Facts { agent, ..Facts::default() }))
}

fn subscribed(message: &Message<'_>) -> Option<Finding> {
    let result = message.get("result")?;
    let versioned = result.at(0)?.items().take(4).any(is_version);
    (versioned && digits(result.at(1)) > 0).then(|| Finding::proof(What::Granted(Ask::Subscribe)))
}

/// Two hashes, perhaps a target, and whether to start afresh.
fn job(params: Value<'_>) -> Option<Finding> {
    let count = params.len();
    let hashes = count.checked_sub(1).is_some_and(|last| {
        (1..last).all(|place| digits(params.at(place)) == 64) && is_bool(params.at(last))
    });
    let target = if count == 5 { text(params.at(3)) } else { None };
    (hashes && matches!(count, 4 | 5))
        .then(|| Finding::proof(What::Job).with(Facts { target, ..Facts::default() }))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{is_anchored, line, mining};
    use super::*;
    use crate::finding::Weight;

    fn says(text: &str) -> Option<(What, Weight)> {
        assert!(is_anchored(&EthereumStratum, text), "{text}");
        line(&EthereumStratum, text).map(|finding| (finding.what, finding.weight))
    }

    const SUBSCRIBE: &str =
        r#"{"id":1,"method":"mining.subscribe","params":["ethminer/0.19.0","EthereumStratum/1.0.0"]}"#;

    fn notify(target: bool) -> String {
        let hash = "5e".repeat(32);
        let target = if target { format!(r#","{hash}""#) } else { String::new() };
        format!(r#"{{"id":null,"method":"mining.notify","params":["bf04","{hash}","{hash}"{target},true]}}"#)
    }

    #[test]
    fn what_both_sides_say() {
        assert_eq!(says(SUBSCRIBE), Some((What::Subscribe, Weight::Proof)));
        assert_eq!(
            says(
                r#"{"id":1,"result":[["mining.notify","ae68","EthereumStratum/1.0.0"],"080c"],"error":null}"#
            ),
            Some((What::Granted(Ask::Subscribe), Weight::Proof))
        );
        assert_eq!(says(&notify(false)), Some((What::Job, Weight::Proof)));
        assert_eq!(says(&notify(true)), Some((What::Job, Weight::Proof)));
    }

    #[test]
    fn old_ethash_shares_stay_here() {
        let hash = "5e".repeat(32);
        let share = format!(
            r#"{{"id":4,"method":"mining.submit","params":["0x{}.rig","bf04","0x2c5fe4ac5edf61a2","0x{hash}","0x{hash}"]}}"#,
            "9c".repeat(20)
        );
        let told = mining(&[(false, &notify(true)), (true, &share)]).expect("a miner");
        assert_eq!((told.dialect, told.shares.sent), ("ethereum-stratum", 1));
        assert_eq!(told.facts.worker.as_deref(), Some("rig"));
    }

    #[test]
    fn neighbours_stay_silent() {
        let hash = "5e".repeat(32);
        for text in [
            r#"{"id":1,"method":"mining.subscribe","params":["cgminer/4.12.0","0a"]}"#.to_owned(),
            r#"{"id":1,"result":[["mining.notify","5b0"],"07b9",4],"error":null}"#.to_owned(),
            format!(r#"{{"id":null,"method":"mining.notify","params":["1","{hash}",4738,true]}}"#),
            r#"{"id":null,"method":"mining.notify","params":[]}"#.to_owned(),
        ] {
            assert_eq!(says(&text), None, "{text}");
        }
    }
}
