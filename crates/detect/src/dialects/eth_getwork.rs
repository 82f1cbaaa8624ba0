//! Ethereum's getwork: the node's JSON-RPC methods over HTTP, from a miner to a pool or a node.
//!
//! ```text
//! C> POST /?miner=30@0x<40 hex>@rig1 HTTP/1.1              or /0x<40 hex>/rig1
//!    {"id":1,"jsonrpc":"2.0","method":"eth_getWork"}
//! S> {"id":1,"jsonrpc":"2.0","result":["0x<64 hex>","0x<64 hex>","0x<64 hex>"]}
//! C> {"id":1,"jsonrpc":"2.0","method":"eth_submitHashrate","params":["0x500000","0x<64 hex>"]}
//! C> {"id":1,"jsonrpc":"2.0","method":"eth_submitWork","params":["0x<16 hex>","0x<64 hex>","0x<64 hex>"]}
//! ```
//!
//! Asking for work is a hint, and three hashes for an answer are one, since a list of new blocks looks alike: together they are certain.
//! A wallet in the target, a hash rate or a share is proof. Source: <https://github.com/ethereum-mining/ethminer>.

use super::{account_text, answer_in, digits, eth_proxy, from_head, list};
use crate::dialect::{About, Dialect, HTTP};
use crate::finding::{Facts, Finding, Weight, What};
use crate::message::{HttpHead, Message};
use crate::session::Session;
use crate::wallet;

pub(crate) struct EthGetWork;

impl Dialect for EthGetWork {
    fn about(&self) -> &'static About {
        &About {
            name: "eth-getwork",
            title: "Ethereum's getwork over HTTP",
            family: "Ethereum getwork",
            signature_id: 33_330_023,
            source: "https://github.com/ethereum-mining/ethminer",
            anchors: &["eth_submit", "eth_getWork", "[\"0x", "[ \"0x"],
            carriers: HTTP,
        }
    }

    fn examine(&self, message: &Message<'_>, session: Option<&Session>) -> Option<Finding> {
        let head = message.head?;
        if message.method().is_some() {
            return request(message, head);
        }
        // Three hashes are work only to somebody who asked for it, and whose answer this is.
        eth_proxy::work(message, session)
            .map(|work| Finding { weight: Weight::Hint, ..work })
            .or_else(|| answer_in(self.name(), message, session))
    }
}

fn request(message: &Message<'_>, head: &HttpHead) -> Option<Finding> {
    let method = message.method()?;
    let hex = |place: usize| list(message).map_or(0, |params| digits(params.at(place)));
    let mut facts = from_head(head);
    facts.learn(miner_in(&head.target));
    let finding = match () {
        () if method.is("eth_getWork") && facts.wallet.is_some() => Finding::proof(What::GetWork),
        () if method.is("eth_getWork") => Finding::hint(What::GetWork),
        () if method.is("eth_submitWork") && hex(1) == 64 && hex(2) == 64 => Finding::proof(What::Submit),
        () if method.is("eth_submitHashrate") && hex(0) > 0 => Finding::proof(What::Request),
        () => return None,
    };
    Some(finding.with(facts))
}

/// The wallet in a request's target, and what stands behind it: the rig.
fn miner_in(target: &str) -> Facts {
    let mut parts = target.split(['/', '?', '&', '=', '@']).filter(|part| !part.is_empty());
    let wallet = parts.find(|part| part.starts_with("0x") && wallet::account(part).is_some());
    let Some(wallet) = wallet else { return Facts::default() };
    let mut facts = account_text(wallet.to_owned());
    facts.worker = facts.worker.or_else(|| parts.next().map(|part| part.chars().take(64).collect()));
    facts
}

#[cfg(test)]
mod tests {
    use super::super::stand_ins::{Http, mining_http, over_http};
    use super::super::testing::is_anchored;
    use super::*;

    const ASK: &str = r#"{"id":1,"jsonrpc":"2.0","method":"eth_getWork"}"#;

    fn weight(http: Http<'_>, body: &str) -> Option<(What, Weight)> {
        assert!(is_anchored(&EthGetWork, body));
        over_http(&EthGetWork, http, body, None).map(|finding| (finding.what, finding.weight))
    }

    fn work() -> String {
        let hash = format!("0x{}", "5e".repeat(32));
        format!(r#"{{"id":1,"jsonrpc":"2.0","result":["{hash}","{hash}","{hash}"]}}"#)
    }

    #[test]
    fn the_target_names_wallet_and_rig() {
        let wallet = format!("0x{}", "4b".repeat(20));
        for target in
            [format!("/?miner=30@{wallet}@rig1"), format!("/{wallet}/rig1"), format!("/{wallet}.rig1")]
        {
            let facts = miner_in(&target);
            assert_eq!(
                (facts.wallet, facts.worker.as_deref()),
                (Some(wallet.clone()), Some("rig1")),
                "{target}"
            );
            let http = Http { target: &target, ..Http::REQUEST };
            assert_eq!(weight(http, ASK), Some((What::GetWork, Weight::Proof)));
        }
        assert_eq!(miner_in("/v1/0xdead"), Facts::default());
    }

    #[test]
    fn a_question_and_its_answer_are_certain_together() {
        assert_eq!(weight(Http::REQUEST, ASK), Some((What::GetWork, Weight::Hint)));
        assert_eq!(weight(Http::RESPONSE, &work()), None);
        let low = work().replace("5e5e\"]", "5e5e\",\"0x12d687\"]").replacen("\"0x5e5e", "\"0x5e5f", 1);
        let low = low.rsplit_once("\"0x5e5e").map(|(start, rest)| format!("{start}\"0x0000{rest}"));
        assert_eq!(weight(Http::RESPONSE, &low.expect("a boundary")), Some((What::Job, Weight::Hint)));
        let mining = mining_http(&[(Http::REQUEST, ASK), (Http::RESPONSE, &work())]).expect("a miner");
        assert_eq!((mining.dialect, mining.stage.name()), ("eth-getwork", "subscribed"));
    }

    #[test]
    fn hash_rates_and_shares_are_proof() {
        let hash = format!("0x{}", "5e".repeat(32));
        let rate = format!(r#"{{"id":1,"method":"eth_submitHashrate","params":["0x0","{hash}"]}}"#);
        let share = format!(
            r#"{{"id":1,"method":"eth_submitWork","params":["0x0000000000000001","{hash}","{hash}"]}}"#
        );
        assert_eq!(weight(Http::REQUEST, &rate), Some((What::Request, Weight::Proof)));
        assert_eq!(weight(Http::REQUEST, &share), Some((What::Submit, Weight::Proof)));
    }

    #[test]
    fn a_wallets_questions_are_nothing() {
        let hashes = work();
        let talk = [
            (Http::REQUEST, r#"{"id":1,"jsonrpc":"2.0","method":"eth_getFilterChanges","params":["0x1"]}"#),
            (Http::RESPONSE, hashes.as_str()),
            (Http::REQUEST, r#"{"id":2,"jsonrpc":"2.0","method":"eth_hashrate","params":[]}"#),
            (Http::RESPONSE, r#"{"id":2,"jsonrpc":"2.0","result":"0x38a"}"#),
        ];
        assert!(mining_http(&talk).is_none());
        assert!(mining_http(&[(Http::REQUEST, ASK), (Http::RESPONSE, talk[3].1)]).is_none());
    }
}
