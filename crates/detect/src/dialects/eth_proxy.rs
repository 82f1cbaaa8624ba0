//! eth-proxy, the first Stratum of Ethereum miners: the node's JSON-RPC methods, one JSON object a line, straight over TCP.
//!
//! ```text
//! C> {"id":1,"jsonrpc":"2.0","method":"eth_submitLogin","params":["0x<40 hex>"],"worker":"rig1"}
//! S> {"id":1,"jsonrpc":"2.0","result":true}
//! C> {"id":2,"jsonrpc":"2.0","method":"eth_getWork","params":[]}
//! S> {"id":0,"jsonrpc":"2.0","result":["0x<64 hex>","0x<64 hex>","0x<64 hex>"]}
//! C> {"id":6,"jsonrpc":"2.0","method":"eth_submitHashrate","params":["0x500000","0x<64 hex>"]}
//! C> {"id":4,"jsonrpc":"2.0","method":"eth_submitWork","params":["0x<16 hex>","0x<64 hex>","0x<64 hex>"]}
//! ```
//!
//! Claymore's miner writes blanks and puts `worker` first. The same methods over HTTP are getwork's, a dialect of its own.
//! Source: <https://github.com/ethereum-mining/ethminer>.

use super::{account, answer, digits, text};
use crate::dialect::{About, Dialect, TALK};
use crate::finding::{Ask, Facts, Finding, What};
use crate::json::Value;
use crate::message::Message;
use crate::session::Session;

pub(crate) struct EthProxy;

impl Dialect for EthProxy {
    fn about(&self) -> &'static About {
        &About {
            name: "eth-proxy",
            title: "eth-proxy, the first Stratum of Ethereum miners",
            family: "Ethereum eth-proxy",
            signature_id: 33_330_003,
            source: "https://github.com/ethereum-mining/ethminer",
            anchors: &["eth_submit", "eth_getWork", "eth_login", "[\"0x", "[ \"0x"],
            carriers: TALK,
        }
    }

    fn examine(&self, message: &Message<'_>, session: Option<&Session>) -> Option<Finding> {
        match message.method() {
            Some(_) => request(message),
            None => work(message, session).or_else(|| answer(message, session)),
        }
    }
}

fn request(message: &Message<'_>) -> Option<Finding> {
    let method = message.method()?.to_string(24);
    let params = message.params();
    let at = |place| params.and_then(|params: Value<'_>| params.at(place));
    let worker = text(message.get("worker"));
    Some(match method.as_str() {
        login @ ("eth_submitLogin" | "eth_login") => {
            let mut facts = account(at(0));
            facts.worker = worker.or(facts.worker);
            // The short name could be a wallet's; only an address makes it a miner's.
            let mines = login == "eth_submitLogin" || facts.wallet.is_some();
            if mines { Finding::proof(What::Authorize) } else { Finding::hint(What::Authorize) }.with(facts)
        }
        // A node's own clients ask for work too, so it takes the answer to be sure.
        "eth_getWork" => Finding::hint(What::GetWork),
        "eth_submitWork" if is_share(params?) => {
            Finding::proof(What::Submit).with(Facts { worker, ..Facts::default() })
        }
        "eth_submitHashrate" if digits(at(0)) > 0 => {
            Finding::proof(What::Request).with(Facts { worker, ..Facts::default() })
        }
        _ => return None,
    })
}

fn is_share(params: Value<'_>) -> bool {
    digits(params.at(1)) == 64 && digits(params.at(2)) == 64
}

/// Work: header hash, seed hash and boundary, and in later miners the height.
///
/// A list of new blocks or transactions looks alike but for the boundary: that of a pool begins with zeros, which a hash does by rare chance.
/// Another boundary counts for something only in a push or in the answer to who asked for work.
pub(super) fn work(message: &Message<'_>, session: Option<&Session>) -> Option<Finding> {
    let result = message.get("result").filter(|result| (3..=5).contains(&result.len()))?;
    let boundary = result.at(2);
    if !(0..3).all(|place| digits(result.at(place)) == 64) || digits(result.at(3)) == 64 {
        return None;
    }
    let facts = Facts { target: text(boundary), ..Facts::default() };
    let low = is_low(boundary) && !is_low(result.at(0));
    let meant = || {
        message.id().is_none_or(|id| {
            id == b"0" || session.and_then(|session| session.asked(id)) == Some(Ask::GetWork)
        })
    };
    match low {
        true => Some(Finding::proof(What::Job).with(facts)),
        false => meant().then(|| Finding::hint(What::Job).with(facts)),
    }
}

/// Whether a hash is below what the easiest chain of all allows: a difficulty of 2^17 has 17 bits of zeros.
fn is_low(hash: Option<Value<'_>>) -> bool {
    hash.and_then(|hash| hash.text()).is_some_and(|hash| hash.hex().starts_with(b"0000"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{is_anchored, line};
    use super::*;
    use crate::finding::Weight;

    fn weight(text: &str) -> Option<(What, Weight)> {
        assert!(is_anchored(&EthProxy, text), "{text}");
        line(&EthProxy, text).map(|finding| (finding.what, finding.weight))
    }

    #[test]
    fn logins_compact_and_spaced() {
        let wallet = format!("0x{}", "9c".repeat(20));
        let compact = format!(
            r#"{{"id":1,"jsonrpc":"2.0","method":"eth_submitLogin","params":["{wallet}"],"worker":"rig1"}}"#
        );
        let spaced = format!(
            r#"{{"worker": "eth1.0", "jsonrpc": "2.0", "params": ["{wallet}/tester/mail@example.org", "x"], "id": 2, "method": "eth_submitLogin"}}"#
        );
        for text in [&compact, &spaced] {
            assert_eq!(weight(text), Some((What::Authorize, Weight::Proof)));
        }
        let facts = line(&EthProxy, &spaced).expect("a finding").facts;
        assert_eq!((facts.wallet, facts.worker.as_deref()), (Some(wallet), Some("eth1.0")));
    }

    #[test]
    fn work_tells_itself_apart() {
        let hash = format!("0x{}", "5e".repeat(32));
        let low = format!("0x{}", "00ab".repeat(16)).replacen("00ab", "0000", 1);
        let push =
            |words: &[&str]| format!(r#"{{"id":0,"jsonrpc":"2.0","result":["{}"]}}"#, words.join("\",\""));
        assert_eq!(weight(&push(&[&hash, &hash, &low])), Some((What::Job, Weight::Proof)));
        assert_eq!(weight(&push(&[&hash, &hash, &low, "0x12d687"])), Some((What::Job, Weight::Proof)));
        // A wallet's filter brings new blocks and transactions in the same form.
        assert_eq!(weight(&push(&[&hash, &hash, &hash])), Some((What::Job, Weight::Hint)));
        assert_eq!(weight(&push(&[&low, &low, &low])), Some((What::Job, Weight::Hint)));
        assert_eq!(weight(&push(&[&hash, &hash, &low, &hash])), None);
        let accounts = format!(r#"{{"id":0,"jsonrpc":"2.0","result":["0x{}","0x12"]}}"#, "ab".repeat(20));
        assert_eq!(weight(&accounts), None);
    }

    #[test]
    fn asking_a_node_for_work_is_not_enough() {
        assert_eq!(
            weight(r#"{"id":2,"jsonrpc":"2.0","method":"eth_getWork","params":[]}"#),
            Some((What::GetWork, Weight::Hint))
        );
        assert_eq!(
            line(&EthProxy, r#"{"id":2,"jsonrpc":"2.0","method":"eth_blockNumber","params":[]}"#),
            None
        );
    }
}
