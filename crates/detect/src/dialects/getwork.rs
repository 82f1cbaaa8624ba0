//! getwork, the first way to mine Bitcoin: JSON-RPC over HTTP, with headers of its own.
//!
//! ```text
//! C> POST / HTTP/1.1
//!    Authorization: Basic …
//!    User-Agent: cgminer 2.7.5
//!    X-Mining-Extensions: longpoll midstate rollntime submitold
//!
//!    {"method": "getwork", "params": [], "id":0}
//! S> HTTP/1.1 200 OK
//!    X-Long-Polling: /LP
//!    X-Roll-NTime: Y
//!    X-Stratum: stratum+tcp://pool.example:3333
//!
//!    {"result":{"midstate":"<64 hex>","data":"<256 hex>","hash1":"…","target":"<64 hex>"},"error":null,"id":0}
//! C> {"method": "getwork", "params": ["<256 hex>"], "id": 1}
//! ```
//!
//! The headers prove it even where no body comes. A method of this name without them, without work and from no miner's software is a hint
//! only. The password of the authorization never gets here. Source: <https://en.bitcoin.it/wiki/Getwork>.

use super::software::{is_miner_agent, software};
use super::{answer, answer_in, digits, from_head, list, text};
use crate::dialect::{About, Dialect, HTTP};
use crate::finding::{Facts, Finding, Weight, What};
use crate::message::{HttpHead, Message};
use crate::session::Session;

/// Digits of a block header with its padding, as work and shares have it.
const WORK: usize = 256;

pub(crate) struct GetWork;

impl Dialect for GetWork {
    fn about(&self) -> &'static About {
        &About {
            name: "getwork",
            title: "getwork, as the first Bitcoin miners spoke it over HTTP",
            family: "Bitcoin getwork",
            signature_id: 33_330_021,
            source: "https://en.bitcoin.it/wiki/Getwork",
            anchors: &["\"getwork\"", "\"midstate\"", "\"hash1\""],
            carriers: HTTP,
        }
    }

    fn examine(&self, message: &Message<'_>, session: Option<&Session>) -> Option<Finding> {
        let head = message.head?;
        if message.is_method("getwork") {
            return request(message, head);
        }
        if message.method().is_some() || head.request {
            return marks(head);
        }
        let marked = marks(head);
        let known = work(message).or_else(|| match marked {
            Some(_) => answer(message, session),
            None => answer_in(self.name(), message, session),
        });
        match (known, marked) {
            (Some(known), Some(marked)) => Some(stronger(known, marked)),
            (known, marked) => known.or(marked),
        }
    }
}

/// A request for work, or, with a header of 128 bytes, a share.
fn request(message: &Message<'_>, head: &HttpHead) -> Option<Finding> {
    let params = list(message);
    let share = params.is_some_and(|params| params.len() == 1 && digits(params.at(0)) >= WORK);
    if !share && params.is_some_and(|params| !params.is_empty()) {
        return None;
    }
    let what = if share { What::Submit } else { What::GetWork };
    let mines = share || is_miner(head);
    let mut facts = from_head(head);
    if let Some(software) = software(&head.agent) {
        facts.algorithm = software.algorithm.map(str::to_owned);
        facts.coin = facts.coin.or_else(|| software.coin.map(str::to_owned));
    }
    Some(if mines { Finding::proof(what) } else { Finding::hint(what) }.with(facts))
}

/// Whether a request's head is a miner's.
pub(super) fn is_miner(head: &HttpHead) -> bool {
    head.marks.mining_extensions || head.marks.mining_other || is_miner_agent(&head.agent)
}

/// Work: a block header to be finished, and what its hash must stay below.
fn work(message: &Message<'_>) -> Option<Finding> {
    let result = message.get("result")?;
    let fits = digits(result.get("data")) >= WORK && digits(result.get("target")) == 64;
    let facts = Facts { target: text(result.get("target")), ..Facts::default() };
    fits.then(|| Finding::proof(What::Job).with(facts))
}

/// What the headers of mining software say by themselves.
pub(super) fn marks(head: &HttpHead) -> Option<Finding> {
    let marks = &head.marks;
    if head.request {
        let says = marks.mining_extensions || marks.mining_other;
        return says.then(|| Finding::proof(What::Request).with(from_head(head)));
    }
    if let Some(facts) = stratum(&head.stratum) {
        return Some(Finding::proof(What::Notice).with(facts));
    }
    if marks.roll_ntime {
        return Some(Finding::proof(What::Notice));
    }
    // Each of these could be somebody else's, too; no two together are.
    let others = [marks.long_polling, marks.block_number, marks.reject_reason];
    match others.into_iter().filter(|said| *said).count() {
        0 => None,
        1 => Some(Finding::hint(What::Notice)),
        _ => Some(Finding::proof(What::Notice)),
    }
}

/// Where a server wants its miners to go: `stratum+tcp://host:port`.
fn stratum(value: &str) -> Option<Facts> {
    let (_, place) = value.trim().strip_prefix("stratum")?.split_once("://")?;
    let place = place.split(['/', ',', ' ']).next()?;
    let (host, port) = place.rsplit_once(':').map_or((place, None), |(host, port)| (host, port.parse().ok()));
    (!host.is_empty()).then(|| Facts {
        pool_host: Some(host.to_owned()),
        pool_port: port,
        ..Facts::default()
    })
}

/// What a message does, with the weight and the facts of the head that it came with, if those are more.
pub(super) fn stronger(message: Finding, head: Finding) -> Finding {
    let weight = Weight::max(message.weight, head.weight);
    let mut facts = head.facts;
    facts.learn(message.facts);
    Finding { what: message.what, weight, facts }
}

#[cfg(test)]
mod tests {
    use super::super::stand_ins::{Http, mining_http, over_http};
    use super::super::testing::is_anchored;
    use super::*;

    const ASK: &str = r#"{"method": "getwork", "params": [], "id":0}"#;

    fn weight(http: Http<'_>, body: &str) -> Option<(What, Weight)> {
        over_http(&GetWork, http, body, None).map(|finding| (finding.what, finding.weight))
    }

    fn job() -> String {
        let (data, target) = ("2f".repeat(128), "ff".repeat(32));
        format!(r#"{{"result":{{"data":"{data}","target":"{target}"}},"error":null,"id":0}}"#)
    }

    #[test]
    fn a_miner_is_known_by_its_headers_or_its_name() {
        let extensions = Http { extensions: true, ..Http::REQUEST };
        let software = Http { agent: "poclbm/1.2", ..Http::REQUEST };
        for http in [extensions, software] {
            assert_eq!(weight(http, ASK), Some((What::GetWork, Weight::Proof)));
        }
        assert_eq!(weight(Http::REQUEST, ASK), Some((What::GetWork, Weight::Hint)));
        assert!(is_anchored(&GetWork, ASK));
    }

    #[test]
    fn headers_alone_are_enough() {
        assert_eq!(
            weight(Http { extensions: true, ..Http::REQUEST }, ""),
            Some((What::Request, Weight::Proof))
        );
        let said = Http { stratum: "stratum+tcp://pool.example:3333", ..Http::RESPONSE };
        let facts = over_http(&GetWork, said, "", None).expect("a finding").facts;
        assert_eq!((facts.pool_host.as_deref(), facts.pool_port), (Some("pool.example"), Some(3333)));
        assert_eq!(
            weight(Http { long_polling: true, ..Http::RESPONSE }, ""),
            Some((What::Notice, Weight::Hint))
        );
        assert_eq!(weight(Http::RESPONSE, ""), None);
    }

    #[test]
    fn work_and_shares_tell_themselves_apart() {
        assert_eq!(weight(Http::RESPONSE, &job()), Some((What::Job, Weight::Proof)));
        let share = format!(r#"{{"method":"getwork","params":["{}"],"id":1}}"#, "ab".repeat(128));
        assert_eq!(weight(Http::REQUEST, &share), Some((What::Submit, Weight::Proof)));
    }

    #[test]
    fn a_session_is_followed_to_its_shares() {
        let miner = Http { extensions: true, agent: "cgminer 2.7.5", user: "team.rig1", ..Http::REQUEST };
        let share = format!(r#"{{"method":"getwork","params":["{}"],"id":1}}"#, "ab".repeat(128));
        let yes = r#"{"result":true,"error":null,"id":1}"#;
        let mining =
            mining_http(&[(miner, ASK), (Http::RESPONSE, &job()), (miner, &share), (Http::RESPONSE, yes)])
                .expect("a miner");
        assert_eq!((mining.dialect, mining.shares.accepted), ("getwork", 1));
        assert_eq!(mining.facts.worker.as_deref(), Some("rig1"));
        assert_eq!(mining.facts.agent.as_deref(), Some("cgminer 2.7.5"));
    }

    #[test]
    fn other_peoples_work_is_not() {
        assert_eq!(weight(Http::REQUEST, r#"{"method":"getwork","params":["open"],"id":0}"#), None);
        assert_eq!(weight(Http::RESPONSE, r#"{"result":{"data":"abc","target":"x"},"id":0}"#), None);
        assert_eq!(weight(Http::RESPONSE, r#"{"result":true,"id":0}"#), None);
        assert!(
            mining_http(&[(Http::REQUEST, ASK), (Http::RESPONSE, r#"{"result":["a task"],"id":0}"#)])
                .is_none()
        );
    }
}
