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

use super::{account, answer, text};
use crate::dialect::Dialect;
use crate::finding::{Facts, Finding, What};
use crate::json::{Kind, Value};
use crate::message::{Carrier, Message};
use crate::session::Session;

pub(crate) struct EthProxy;

impl Dialect for EthProxy {
    fn name(&self) -> &'static str {
        "eth-proxy"
    }

    fn title(&self) -> &'static str {
        "eth-proxy, the first Stratum of Ethereum miners"
    }

    fn family(&self) -> &'static str {
        "Ethereum eth-proxy"
    }

    fn signature_id(&self) -> u32 {
        33_330_003
    }

    fn source(&self) -> &'static str {
        "https://github.com/ethereum-mining/ethminer"
    }

    fn anchors(&self) -> &'static [&'static str] {
        &["eth_submit", "eth_getWork", "eth_login", "[\"0x", "[ \"0x"]
    }

    fn examine(&self, message: &Message<'_>, session: Option<&Session>) -> Option<Finding> {
        if message.carrier == Carrier::Http {
            return None;
        }
        match message.method() {
            Some(_) => request(message),
            None => work(message).or_else(|| answer(message, session)),
        }
    }
}

fn request(message: &Message<'_>) -> Option<Finding> {
    let method = message.method()?.to_string(24);
    let params = message.params();
    let at = |place| params.and_then(|params: Value<'_>| params.at(place));
    let worker = text(message.get("worker"));
    Some(match method.as_str() {
        "eth_submitLogin" | "eth_login" => {
            let mut facts = account(at(0));
            facts.worker = worker.or(facts.worker);
            Finding::proof(What::Authorize).with(facts)
        }
        // A node's own clients ask for work too, so it takes the answer to be sure.
        "eth_getWork" => Finding::hint(What::GetWork),
        "eth_submitWork" if is_share(params?) => {
            Finding::proof(What::Submit).with(Facts { worker, ..Facts::default() })
        }
        "eth_submitHashrate" if at(0).is_some() => {
            Finding::proof(What::Request).with(Facts { worker, ..Facts::default() })
        }
        _ => return None,
    })
}

fn is_share(params: Value<'_>) -> bool {
    let hex = |place: usize, digits: usize| {
        params.at(place).and_then(|value| value.text()).is_some_and(|text| text.hex().len() == digits)
    };
    hex(1, 64) && hex(2, 64)
}

/// Work: header hash, seed hash and boundary, and in later miners the height.
pub(super) fn work(message: &Message<'_>) -> Option<Finding> {
    let result = message.get("result").filter(|result| result.kind() == Kind::Array)?;
    let hashes =
        result.items().take(3).filter(|value| value.text().is_some_and(|text| text.is_hex(64))).count();
    if hashes < 3 || result.len() > 5 {
        return None;
    }
    Some(Finding::proof(What::Job).with(Facts { target: text(result.at(2)), ..Facts::default() }))
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
        let push = format!(r#"{{"id":0,"jsonrpc":"2.0","result":["{hash}","{hash}","{hash}"]}}"#);
        assert_eq!(weight(&push), Some((What::Job, Weight::Proof)));
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
