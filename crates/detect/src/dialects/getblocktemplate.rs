//! getblocktemplate over HTTP, as miners ask pools and nodes for it: BIP 22 and 23.
//!
//! ```text
//! C> X-Mining-Extensions: longpoll midstate rollntime submitold
//!    {"id": 0, "method": "getblocktemplate", "params": [{"capabilities": ["coinbasetxn", "workid", "coinbase/append"]}]}
//! S> X-Long-Polling: /LP
//!    {"result":{"previousblockhash":"<64 hex>","transactions":[…],"coinbasetxn":{"data":"<hex>"},"target":"<64 hex>","workid":"w0"},…}
//! C> {"id": 1, "method": "submitblock", "params": ["<hex>", {"workid": "w0"}]}
//! S> {"result":null,"error":null,"id":1}                    or a word for why not
//! ```
//!
//! A pool's own software asks its node in the same words, capabilities included, and so may an explorer. So the request counts only from a
//! miner's software, with a miner's header, or where it wants both a coinbase transaction and long polls; a template counts only if it
//! brings the coinbase transaction or has a name by which to hand it in, which nodes leave out. Source: <https://en.bitcoin.it/wiki/Getblocktemplate>.

use super::getwork::{is_miner, marks, stronger};
use super::{answer, digits, from_head, list, speaks, text};
use crate::dialect::{About, Dialect, HTTP};
use crate::finding::{Ask, Facts, Finding, What};
use crate::json::{Kind, Value};
use crate::message::{HttpHead, Message};
use crate::session::Session;

/// Digits of a block's header, the least that a block has.
const HEADER: usize = 160;

pub(crate) struct GetBlockTemplate;

impl Dialect for GetBlockTemplate {
    fn about(&self) -> &'static About {
        &About {
            name: "getblocktemplate",
            title: "getblocktemplate over HTTP, as Bitcoin miners ask for it",
            family: "Bitcoin getblocktemplate",
            signature_id: 33_330_022,
            source: "https://en.bitcoin.it/wiki/Getblocktemplate",
            anchors: &["\"getblocktemplate\"", "\"submitblock\"", "\"coinbasetxn\"", "\"workid\""],
            carriers: HTTP,
        }
    }

    fn examine(&self, message: &Message<'_>, session: Option<&Session>) -> Option<Finding> {
        let head = message.head?;
        let known = match message.method() {
            Some(method) if method.is("getblocktemplate") => request(message, head),
            Some(method) if method.is("submitblock") => block(message, head),
            Some(_) => None,
            None => template(message)
                .or_else(|| if speaks(session, self.name()) { reply(message, session) } else { None }),
        }?;
        let marked = marks(head).filter(|_| !head.request);
        Some(match marked {
            Some(marked) => stronger(known, marked),
            None => known,
        })
    }
}

fn request(message: &Message<'_>, head: &HttpHead) -> Option<Finding> {
    // An object instead of an array is Monero's.
    let params = message.params().filter(|params| !params.is_null());
    if params.is_some_and(|params| params.kind() != Kind::Array) {
        return None;
    }
    let wants = params.and_then(|params| params.at(0)?.get("capabilities"));
    let can = |name: &str| {
        wants.is_some_and(|list: Value<'_>| {
            list.items().any(|item| item.text().is_some_and(|text| text.is(name)))
        })
    };
    let mines = is_miner(head) || (can("coinbasetxn") && can("longpoll"));
    let finding = if mines { Finding::proof(What::GetWork) } else { Finding::hint(What::GetWork) };
    Some(finding.with(from_head(head)))
}

fn block(message: &Message<'_>, head: &HttpHead) -> Option<Finding> {
    let params = list(message).filter(|params| digits(params.at(0)) >= HEADER)?;
    if head.target.ends_with("/json_rpc") {
        return None;
    }
    let mines = is_miner(head) || params.at(1).is_some_and(|more| more.get("workid").is_some());
    let finding = if mines { Finding::proof(What::Submit) } else { Finding::hint(What::Submit) };
    Some(finding.with(from_head(head)))
}

/// A template with its coinbase transaction, or with a name by which to hand it in.
fn template(message: &Message<'_>) -> Option<Finding> {
    let result = message.get("result")?;
    let whole = result.get("coinbasetxn").is_some_and(|given| digits(given.get("data")) > 0);
    let pools = whole || result.get("workid").is_some_and(|name| name.text().is_some());
    (pools && digits(result.get("previousblockhash")) == 64)
        .then(|| Finding::proof(What::Job).with(goal(result)))
}

fn goal(result: Value<'_>) -> Facts {
    Facts { target: text(result.get("target")), ..Facts::default() }
}

/// The answer to a request of the session. To a block, nothing is a yes, and a word is a no.
fn reply(message: &Message<'_>, session: Option<&Session>) -> Option<Finding> {
    let found = answer(message, session)?;
    let result = message.get("result")?;
    let what = match found.what {
        What::Granted(Ask::Submit) if result.text().is_some() => What::Denied(Ask::Submit),
        What::Denied(Ask::Submit) if result.is_null() && message.error().is_none() => {
            What::Granted(Ask::Submit)
        }
        what => what,
    };
    Some(Finding { what, ..found }.with(goal(result)))
}

#[cfg(test)]
mod tests {
    use super::super::stand_ins::{Http, mining_http, over_http};
    use super::super::testing::is_anchored;
    use super::*;
    use crate::finding::Weight;

    const POOL: &str = r#"{"id": 0, "method": "getblocktemplate", "params": [{"capabilities": ["coinbasetxn", "workid", "coinbase/append"]}]}"#;
    const MINER: Http<'_> = Http { extensions: true, agent: "bfgminer/5.2.0", ..Http::REQUEST };

    fn weight(http: Http<'_>, body: &str) -> Option<(What, Weight)> {
        over_http(&GetBlockTemplate, http, body, None).map(|finding| (finding.what, finding.weight))
    }

    fn core() -> String {
        format!(
            r#"{{"result":{{"previousblockhash":"{0}","transactions":[],"coinbasevalue":1,"target":"{0}"}},"error":null,"id":0}}"#,
            "00".repeat(32)
        )
    }

    #[test]
    fn a_miner_is_known_by_its_headers_or_its_name() {
        assert!(is_anchored(&GetBlockTemplate, POOL));
        assert_eq!(weight(MINER, POOL), Some((What::GetWork, Weight::Proof)));
        assert_eq!(
            weight(Http { agent: "cpuminer/2.5.1", ..Http::REQUEST }, POOL),
            Some((What::GetWork, Weight::Proof))
        );
        let wants =
            r#"{"method":"getblocktemplate","params":[{"capabilities":["coinbasetxn","longpoll"]}],"id":0}"#;
        assert_eq!(weight(Http::REQUEST, wants), Some((What::GetWork, Weight::Proof)));
    }

    #[test]
    fn a_pools_own_software_asking_its_node_is_no_miner() {
        for ask in [POOL, r#"{"method":"getblocktemplate","params":[{"rules":["segwit"]}],"id":0}"#] {
            assert_eq!(weight(Http::REQUEST, ask), Some((What::GetWork, Weight::Hint)));
            let block = format!(r#"{{"method":"submitblock","params":["{}"],"id":1}}"#, "ab".repeat(200));
            let yes = r#"{"result":null,"error":null,"id":1}"#;
            let talk = [
                (Http::REQUEST, ask),
                (Http::RESPONSE, &core()),
                (Http::REQUEST, &block),
                (Http::RESPONSE, yes),
            ];
            assert!(mining_http(&talk).is_none());
        }
    }

    #[test]
    fn a_template_with_its_coinbase_is_a_pools() {
        let template = format!(
            r#"{{"result":{{"previousblockhash":"{}","coinbasetxn":{{"data":"0100"}},"transactions":[]}},"id":0}}"#,
            "00".repeat(32)
        );
        assert_eq!(weight(Http::RESPONSE, &template), Some((What::Job, Weight::Proof)));
        assert_eq!(weight(Http::RESPONSE, &core()), None);
    }

    #[test]
    fn blocks_are_answered_by_silence_or_a_word() {
        let block = format!(
            r#"{{"id":1,"method":"submitblock","params":["{}",{{"workid":"w"}}]}}"#,
            "ab".repeat(200)
        );
        for (answer, accepted, rejected) in [("null", 1, 0), ("\"high-hash\"", 0, 1)] {
            let answer = format!(r#"{{"result":{answer},"error":null,"id":1}}"#);
            let talk = [
                (MINER, POOL),
                (Http { long_polling: true, ..Http::RESPONSE }, &core()),
                (MINER, &block),
                (Http::RESPONSE, &answer),
            ];
            let mining = mining_http(&talk).expect("a miner");
            assert_eq!(mining.dialect, "getblocktemplate");
            assert_eq!((mining.shares.accepted, mining.shares.rejected), (accepted, rejected));
            assert!(mining.confirmed && mining.facts.target.is_some());
        }
    }

    #[test]
    fn moneros_method_of_the_same_name_is_not_taken() {
        let ask = r#"{"method":"getblocktemplate","params":{"wallet_address":"4A","reserve_size":8}}"#;
        assert_eq!(weight(MINER, ask), None);
    }
}
