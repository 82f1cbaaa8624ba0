//! Grin's Stratum (Cuckoo cycles), and that of the coins which took it over, such as MWC and Epic.
//!
//! ```text
//! C> {"id":"0","jsonrpc":"2.0","method":"login","params":{"login":"me@example.org","pass":"x","agent":"grin-miner"}}
//! S> {"id":"0","jsonrpc":"2.0","method":"login","result":"ok","error":null}
//! C> {"id":"0","jsonrpc":"2.0","method":"getjobtemplate","params":null}
//! S> {"id":"0","jsonrpc":"2.0","method":"getjobtemplate","result":{"difficulty":1,"height":13726,"job_id":4,"pre_pow":"<476 hex>"}}
//! S> {"id":"Stratum","jsonrpc":"2.0","method":"job","params":{"difficulty":1,"height":16375,"job_id":5,"pre_pow":"<476 hex>"}}
//! C> {"id":"0","jsonrpc":"2.0","method":"submit","params":{"edge_bits":32,"height":16419,"job_id":0,"nonce":88956,"pow":[4210040,…42 of them]}}
//! S> {"id":"0","jsonrpc":"2.0","method":"submit","error":{"code":-32503,"message":"Solution submitted too late"}}
//! ```
//!
//! Answers repeat their request's method, and all requests may have the same id. A login is shared with Monero's miners, so it counts here only with
//! Grin's agent, address or id; else it is judged as theirs until a job tells. Source:
//! <https://github.com/mimblewimble/grin/blob/master/doc/stratum.md>.

use super::{account, is_number, speaks, text};
use crate::dialect::{About, Dialect, TALK};
use crate::finding::{Ask, Facts, Finding, What};
use crate::json::{Kind, Value};
use crate::message::Message;
use crate::session::Session;

/// Beginnings of agents that mine nothing but Grin and its kin, in lower case.
const AGENTS: &[&str] = &["grin-miner", "gringoldminer", "grinpro", "grin/", "mwc-miner", "epic-miner"];

pub(crate) struct Grin;

impl Dialect for Grin {
    fn about(&self) -> &'static About {
        &About {
            name: "grin",
            title: "Grin Stratum, as Cuckoo-cycle miners speak it",
            family: "Grin Stratum",
            signature_id: 33_330_014,
            source: "https://github.com/mimblewimble/grin/blob/master/doc/stratum.md",
            anchors: &["\"pre_pow\"", "\"getjobtemplate\"", "\"pow\"", "\"login\""],
            carriers: TALK,
        }
    }

    fn examine(&self, message: &Message<'_>, session: Option<&Session>) -> Option<Finding> {
        let method = message.method()?;
        if message.get("result").is_some() || message.error().is_some() {
            return reply(message, speaks(session, self.name()));
        }
        match () {
            () if method.is("login") => login(message),
            () if method.is("job") => {
                job(message.params()?).map(|facts| Finding::proof(What::Job).with(facts))
            }
            () if method.is("submit") => share(message.params()?),
            () if method.is("getjobtemplate") => Some(Finding::hint(What::GetWork)),
            () if method.is("keepalive") || method.is("status") => {
                speaks(session, self.name()).then(|| Finding::context(What::Request))
            }
            () => None,
        }
    }
}

fn login(message: &Message<'_>) -> Option<Finding> {
    let params = message.params()?;
    let user = params.get("login").filter(|user| user.text().is_some())?;
    let agent = text(params.get("agent"))?;
    let facts = account(Some(user));
    let stratum = message.get("id").and_then(|id| id.text()).is_some_and(|id| id.is("Stratum"));
    let lower = agent.to_ascii_lowercase();
    let grin = AGENTS.iter().any(|start| lower.starts_with(start)) || facts.coin.as_deref() == Some("GRIN");
    (stratum || grin).then(|| Finding::proof(What::Authorize).with(Facts { agent: Some(agent), ..facts }))
}

/// What a job tells, if it is one: all of a header but its nonce.
fn job(job: Value<'_>) -> Option<Facts> {
    let header = job.get("pre_pow")?.text()?;
    let fits = header.hex().len() >= 200 && job.get("job_id").is_some() && is_number(job.get("height"));
    let difficulty = job.get("difficulty").and_then(|difficulty| difficulty.number());
    fits.then(|| Facts { difficulty, algorithm: text(job.get("algorithm")), ..Facts::default() })
}

/// A share: the cycle's edges, as a list, or under its algorithm's name in an object.
fn share(params: Value<'_>) -> Option<Finding> {
    let pow = params.get("pow")?;
    let cycle = match pow.kind() {
        Kind::Array => pow.len() >= 20 && pow.items().all(|edge| edge.kind() == Kind::Number),
        Kind::Object => ["Cuckoo", "RandomX", "ProgPow", "MD5"].iter().any(|name| pow.get(name).is_some()),
        _ => false,
    };
    let named = ["job_id", "height", "nonce"].iter().all(|name| params.get(name).is_some());
    (cycle && named).then(|| Finding::proof(What::Submit))
}

fn reply(message: &Message<'_>, ours: bool) -> Option<Finding> {
    if let Some(facts) = message.get("result").and_then(job) {
        return Some(Finding::proof(What::Job).with(facts));
    }
    let method = message.method().filter(|_| ours)?;
    let ask = match () {
        () if method.is("login") => Ask::Authorize,
        () if method.is("submit") => Ask::Submit,
        () if method.is("getjobtemplate") => Ask::GetWork,
        () => Ask::Other,
    };
    let no = message.error().is_some();
    Some(Finding::context(if no { What::Denied(ask) } else { What::Granted(ask) }))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{is_anchored, line, mining};
    use super::*;
    use crate::finding::Weight;

    const LOGIN: &str = r#"{"id":"0","jsonrpc":"2.0","method":"login","params":{"login":"me@office.example/rig","pass":"secret","agent":"grin-miner"}}"#;

    fn says(text: &str) -> Option<(What, Weight)> {
        assert!(is_anchored(&Grin, text), "{text}");
        line(&Grin, text).map(|finding| (finding.what, finding.weight))
    }

    fn submit() -> String {
        let edges: Vec<String> = (0..42).map(|edge| (edge * 4_210_040_u64).to_string()).collect();
        format!(
            r#"{{"id":"0","jsonrpc":"2.0","method":"submit","params":{{"edge_bits":32,"height":16419,"job_id":0,"nonce":8895699060858340771,"pow":[{}]}}}}"#,
            edges.join(",")
        )
    }

    fn template(place: &str) -> String {
        format!(
            r#"{{"id":"0","jsonrpc":"2.0","method":"job","{place}":{{"difficulty":128,"height":13726,"job_id":4,"pre_pow":"{}"}}}}"#,
            "00".repeat(238)
        )
    }

    #[test]
    fn what_both_sides_say() {
        assert_eq!(says(LOGIN), Some((What::Authorize, Weight::Proof)));
        assert_eq!(says(&submit()), Some((What::Submit, Weight::Proof)));
        for place in ["params", "result"] {
            assert_eq!(says(&template(place)), Some((What::Job, Weight::Proof)), "{place}");
        }
        let bminer = r#"{"method":"login","id":"Stratum","params":{"agent":"bminer (v12.1)","login":"x.rig","pass":"1"},"jsonrpc":"2.0"}"#;
        assert_eq!(says(bminer), Some((What::Authorize, Weight::Proof)));
    }

    #[test]
    fn answers_without_ids_of_their_own_are_counted() {
        let told = mining(&[
            (true, LOGIN),
            (false, r#"{"id":"0","jsonrpc":"2.0","method":"login","result":"ok","error":null}"#),
            (true, r#"{"id":"0","jsonrpc":"2.0","method":"getjobtemplate","params":null}"#),
            (false, &template("result").replace("\"job\"", "\"getjobtemplate\"")),
            (true, &submit()),
            (true, r#"{"id":"0","jsonrpc":"2.0","method":"keepalive","params":null}"#),
            (false, r#"{"id":"0","jsonrpc":"2.0","method":"submit","result":"ok","error":null}"#),
            (true, &submit()),
            (false, r#"{"id":"0","jsonrpc":"2.0","method":"submit","error":{"code":-32503,"message":"Solution submitted too late"}}"#),
        ])
        .expect("a miner");
        let shares = (told.shares.sent, told.shares.accepted, told.shares.rejected);
        assert_eq!((told.dialect, shares), ("grin", (2, 1, 1)));
        assert_eq!(told.facts.worker.as_deref(), Some("rig"));
        assert_eq!((told.facts.difficulty, told.facts.agent.as_deref()), (Some(128.0), Some("grin-miner")));
    }

    #[test]
    fn a_business_that_repeats_methods_stays_silent() {
        let told = mining(&[
            (
                true,
                r#"{"id":"1","jsonrpc":"2.0","method":"login","params":{"login":"jane","pass":"pw","agent":"Crm/2.1"}}"#,
            ),
            (false, r#"{"id":"1","jsonrpc":"2.0","method":"login","result":"ok","error":null}"#),
            (true, r#"{"id":"2","jsonrpc":"2.0","method":"submit","params":{"job_id":4,"pow":[1,2]}}"#),
            (false, r#"{"id":"2","jsonrpc":"2.0","method":"submit","result":"ok"}"#),
            (true, r#"{"id":"3","jsonrpc":"2.0","method":"getjobtemplate","params":null}"#),
            (
                false,
                r#"{"id":"3","jsonrpc":"2.0","method":"getjobtemplate","result":{"job_id":4,"text":"Dear"}}"#,
            ),
        ]);
        assert_eq!(told, None);
    }
}
