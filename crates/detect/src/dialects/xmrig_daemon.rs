//! XMRig against a node instead of a pool: the Monero daemon's JSON-RPC over HTTP.
//!
//! ```text
//! C> POST /json_rpc HTTP/1.1
//!    X-Hash-Difficulty: 0
//!    {"id":1,"jsonrpc":"2.0","method":"getblocktemplate","params":{"wallet_address":"4…","extra_nonce":"b4208825789c5fc1"}}
//! S> {"id":1,"jsonrpc":"2.0","result":{"blockhashing_blob":"<hex>","blocktemplate_blob":"<hex>","difficulty":3000000,"seed_hash":"<64 hex>",…}}
//! C> {"id":2,"jsonrpc":"2.0","method":"submitblock","params":["<hex>"]}
//! ```
//!
//! Between these it asks `GET /getheight` every second, as wallets do too. What wallets and explorers ask is none of this; a pool's software
//! asks its own node alike, and cannot be told apart. Source:
//! <https://github.com/xmrig/xmrig/blob/v6.26.0/src/base/net/stratum/DaemonClient.cpp>.

use super::software::is_miner_agent;
use super::{account, answer_in, digits, from_head, is_address, list};
use crate::dialect::{About, Dialect, HTTP};
use crate::finding::{Facts, Finding, What};
use crate::json::Kind;
use crate::message::{HttpHead, Message};
use crate::session::Session;

/// Digits of the smallest block: header, coinbase transaction, no others.
const BLOCK: usize = 200;
/// Digits of the shortest header to be hashed.
const HASHED: usize = 140;

pub(crate) struct XmrigDaemon;

impl Dialect for XmrigDaemon {
    fn about(&self) -> &'static About {
        &About {
            name: "xmrig-daemon",
            title: "XMRig's daemon mode, over a Monero node's JSON-RPC",
            family: "Monero daemon",
            signature_id: 33_330_024,
            source: "https://github.com/xmrig/xmrig/blob/v6.26.0/src/base/net/stratum/DaemonClient.cpp",
            anchors: &[
                "getblocktemplate",
                "get_block_template",
                "submitblock",
                "submit_block",
                "\"blocktemplate_blob\"",
            ],
            carriers: HTTP,
        }
    }

    fn examine(&self, message: &Message<'_>, session: Option<&Session>) -> Option<Finding> {
        let head = message.head?;
        let Some(method) = message.method() else {
            return head_alone(message, head)
                .or_else(|| template(message))
                .or_else(|| answer_in(self.name(), message, session));
        };
        match () {
            () if method.is("getblocktemplate") || method.is("get_block_template") => request(message, head),
            () if method.is("submitblock") || method.is("submit_block") => block(message, head),
            () => None,
        }
    }
}

/// Whether it is XMRig's request by its head.
fn is_miner(head: &HttpHead) -> bool {
    head.marks.hash_difficulty || is_miner_agent(&head.agent)
}

fn head_alone(message: &Message<'_>, head: &HttpHead) -> Option<Finding> {
    let fits = message.text.is_empty() && head.request && head.marks.hash_difficulty;
    let finding =
        if is_json_rpc(head) { Finding::proof(What::Request) } else { Finding::hint(What::Request) };
    fits.then(|| finding.with(from_head(head)))
}

fn is_json_rpc(head: &HttpHead) -> bool {
    head.target.ends_with("/json_rpc")
}

fn request(message: &Message<'_>, head: &HttpHead) -> Option<Finding> {
    let params = message.params().filter(|params| params.kind() == Kind::Object)?;
    let wallet = params.get("wallet_address")?;
    wallet.text()?;
    let reserves = params.get("extra_nonce").is_some() || params.get("reserve_size").is_some();
    let mines = reserves && (is_address(Some(wallet)) || is_miner(head));
    let mut facts = account(Some(wallet));
    facts.agent = from_head(head).agent;
    Some(if mines { Finding::proof(What::GetWork) } else { Finding::hint(What::GetWork) }.with(facts))
}

fn block(message: &Message<'_>, head: &HttpHead) -> Option<Finding> {
    list(message).filter(|params| params.len() == 1 && digits(params.at(0)) >= BLOCK)?;
    // Bitcoin's nodes have a method of the same name, at another place.
    if !is_json_rpc(head) && !head.marks.hash_difficulty {
        return None;
    }
    let finding = if is_miner(head) { Finding::proof(What::Submit) } else { Finding::hint(What::Submit) };
    Some(finding.with(from_head(head)))
}

/// A block to be finished, and the part of it that is hashed.
fn template(message: &Message<'_>) -> Option<Finding> {
    let result = message.get("result")?;
    let whole = digits(result.get("blocktemplate_blob"));
    let cut = message.truncated && result.get("blocktemplate_blob").is_some();
    let hashed = digits(result.get("blockhashing_blob"));
    let difficulty = result.get("difficulty").and_then(|value| value.number());
    (hashed >= HASHED && (whole >= BLOCK || cut))
        .then(|| Finding::proof(What::Job).with(Facts { difficulty, ..Facts::default() }))
}

#[cfg(test)]
mod tests {
    use super::super::stand_ins::{Http, mining_http, over_http};
    use super::super::testing::is_anchored;
    use super::*;
    use crate::finding::Weight;

    const RPC: Http<'_> = Http { target: "/json_rpc", ..Http::REQUEST };
    const XMRIG: Http<'_> = Http { agent: "XMRig/6.26.0 (Linux x86_64)", hash_difficulty: true, ..RPC };

    fn weight(http: Http<'_>, body: &str) -> Option<(What, Weight)> {
        over_http(&XmrigDaemon, http, body, None).map(|finding| (finding.what, finding.weight))
    }

    fn ask(wallet: &str) -> String {
        format!(
            r#"{{"id":1,"jsonrpc":"2.0","method":"getblocktemplate","params":{{"wallet_address":"{wallet}","extra_nonce":"b4208825789c5fc1"}}}}"#
        )
    }

    fn given() -> String {
        let (whole, hashed) = ("10".repeat(400), "10".repeat(76));
        format!(
            r#"{{"id":1,"jsonrpc":"2.0","result":{{"blockhashing_blob":"{hashed}","blocktemplate_blob":"{whole}","difficulty":3000000,"status":"OK"}}}}"#
        )
    }

    #[test]
    fn a_template_is_asked_for_and_given() {
        let wallet = format!("4{}", "B".repeat(94));
        assert!(is_anchored(&XmrigDaemon, &ask(&wallet)) && is_anchored(&XmrigDaemon, &given()));
        assert_eq!(weight(RPC, &ask(&wallet)), Some((What::GetWork, Weight::Proof)));
        assert_eq!(weight(XMRIG, &ask("x")), Some((What::GetWork, Weight::Proof)));
        assert_eq!(weight(RPC, &ask("x")), Some((What::GetWork, Weight::Hint)));
        assert_eq!(weight(Http::RESPONSE, &given()), Some((What::Job, Weight::Proof)));
        assert_eq!(weight(XMRIG, ""), Some((What::Request, Weight::Proof)));
    }

    #[test]
    fn a_block_found_is_a_share() {
        let wallet = format!("4{}", "B".repeat(94));
        let block =
            format!(r#"{{"id":2,"jsonrpc":"2.0","method":"submitblock","params":["{}"]}}"#, "10".repeat(400));
        let yes = r#"{"id":2,"jsonrpc":"2.0","result":{"status":"OK"}}"#;
        let talk = [
            (XMRIG, ask(&wallet)),
            (Http::RESPONSE, given()),
            (XMRIG, block),
            (Http::RESPONSE, yes.to_owned()),
        ];
        let talk: Vec<(Http<'_>, &str)> = talk.iter().map(|(http, body)| (*http, body.as_str())).collect();
        let mining = mining_http(&talk).expect("a miner");
        assert_eq!((mining.dialect, mining.shares.accepted), ("xmrig-daemon", 1));
        assert_eq!((mining.facts.wallet, mining.facts.coin.as_deref()), (Some(wallet), Some("XMR")));
        assert_eq!(mining.facts.difficulty, Some(3_000_000.0));
    }

    #[test]
    fn a_wallet_asking_its_node_is_nothing() {
        let talk = [
            (RPC, r#"{"jsonrpc":"2.0","id":"0","method":"get_info"}"#),
            (
                Http::RESPONSE,
                r#"{"id":"0","jsonrpc":"2.0","result":{"height":1,"difficulty":3,"status":"OK"}}"#,
            ),
            (RPC, r#"{"jsonrpc":"2.0","id":"0","method":"get_last_block_header","params":{}}"#),
            (RPC, r#"{"id":1,"method":"getblocktemplate","params":[{"rules":["segwit"]}]}"#),
        ];
        for (http, body) in talk {
            assert_eq!(weight(http, body), None, "{body}");
        }
        assert!(mining_http(&talk[..3]).is_none());
    }
}
