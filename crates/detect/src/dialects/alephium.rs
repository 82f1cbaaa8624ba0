//! Stratum for Alephium, a chain of several groups: a job names both of its own.
//!
//! ```text
//! C> {"id":2,"method":"mining.authorize","params":["1….rig","x"]}
//! S> {"id":null,"method":"mining.set_extranonce","params":["0a1b"]}
//! S> {"id":null,"method":"mining.notify","params":[{"jobId":"000","fromGroup":0,"toGroup":2,"headerBlob":"<hex>","txsBlob":"","targetBlob":"<hex>"}]}
//! C> {"id":3,"method":"mining.submit","params":{"jobId":"000","fromGroup":0,"toGroup":2,"nonce":"<48 hex>","worker":"1….rig"}}
//! ```
//!
//! A push holds jobs for up to sixteen pairs of groups, so it may be longer than what is held of a message; its first job is enough. Source:
//! <https://github.com/alephium/mining-pool> and
//! <https://github.com/nicehash/Specifications/blob/master/Alephium_NiceHash_v1.0.txt>.

use super::{account, answer_in, digits, is_number, list, owner, text};
use crate::dialect::{About, Dialect, TALK};
use crate::finding::{Facts, Finding, What};
use crate::json::{Kind, Value};
use crate::message::Message;
use crate::session::Session;

pub(crate) struct Alephium;

impl Dialect for Alephium {
    fn about(&self) -> &'static About {
        &About {
            name: "alephium",
            title: "Alephium Stratum",
            family: "Alephium Stratum",
            signature_id: 33_330_009,
            source: "https://github.com/alephium/mining-pool",
            anchors: &["mining."],
            carriers: TALK,
        }
    }

    fn examine(&self, message: &Message<'_>, session: Option<&Session>) -> Option<Finding> {
        match message.method() {
            None => answer_in(self.name(), message, session),
            Some(method) if method.is("mining.notify") => job(list(message)?.at(0)?),
            Some(method) if method.is("mining.submit") => share(message.params()?),
            Some(method) if method.is("mining.authorize") => authorize(list(message)?),
            Some(_) => None,
        }
    }
}

/// Whether it names a pair of groups.
fn is_grouped(job: Value<'_>) -> bool {
    is_number(job.get("fromGroup")) && is_number(job.get("toGroup"))
}

fn job(job: Value<'_>) -> Option<Finding> {
    let blob = job.get("headerBlob")?.text()?;
    let facts = Facts { target: text(job.get("targetBlob")), ..Facts::default() };
    (is_grouped(job) && blob.hex().len() >= 64).then(|| Finding::proof(What::Job).with(facts))
}

fn share(params: Value<'_>) -> Option<Finding> {
    let share = if params.kind() == Kind::Array { params.at(0)? } else { params };
    let fits = is_grouped(share) && share.get("jobId").is_some() && digits(share.get("nonce")) >= 16;
    fits.then(|| Finding::proof(What::Submit).with(account(share.get("worker"))))
}

fn authorize(params: Value<'_>) -> Option<Finding> {
    Some(Finding::proof(What::Authorize).with(owner(params.at(0), "ALPH")?))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{is_anchored, line, mining};
    use super::*;
    use crate::finding::Weight;

    fn says(text: &str) -> Option<(What, Weight)> {
        assert!(is_anchored(&Alephium, text), "{text}");
        line(&Alephium, text).map(|finding| (finding.what, finding.weight))
    }

    fn notify() -> String {
        format!(
            r#"{{"id":null,"method":"mining.notify","params":[{{"jobId":"000","fromGroup":0,"toGroup":2,"headerBlob":"{}","txsBlob":"","targetBlob":"00ff"}}]}}"#,
            "5e".repeat(276)
        )
    }

    #[test]
    fn what_both_sides_say() {
        let user = format!("1{}.rig", "A".repeat(44));
        let authorize = format!(r#"{{"id":2,"method":"mining.authorize","params":["{user}","x"]}}"#);
        let submit = format!(
            r#"{{"id":3,"method":"mining.submit","params":{{"jobId":"000","fromGroup":0,"toGroup":2,"nonce":"{}","worker":"{user}"}}}}"#,
            "0a".repeat(24)
        );
        assert_eq!(says(&authorize), Some((What::Authorize, Weight::Proof)));
        assert_eq!(says(&notify()), Some((What::Job, Weight::Proof)));
        assert_eq!(says(&submit), Some((What::Submit, Weight::Proof)));
        let told = mining(&[
            (true, r#"{"id":1,"method":"mining.subscribe","params":["bzminer/21.4"]}"#),
            (true, &authorize),
            (false, r#"{"id":2,"result":true,"error":null}"#),
            (false, &notify()),
            (true, &submit),
            (false, r#"{"id":3,"result":false,"error":null}"#),
        ])
        .expect("a miner");
        assert_eq!((told.dialect, told.shares.rejected), ("alephium", 1));
        assert_eq!((told.facts.coin.as_deref(), told.facts.worker.as_deref()), (Some("ALPH"), Some("rig")));
    }

    #[test]
    fn a_job_that_was_cut_short_is_one() {
        let text = notify().replace("]}", r#",{"jobId":"001","fromGro"#);
        assert_eq!(says(&text), Some((What::Job, Weight::Proof)));
    }

    #[test]
    fn neighbours_stay_silent() {
        for text in [
            r#"{"method":"mining.notify","params":[{"jobId":"1","headerBlob":"00"}]}"#,
            r#"{"method":"mining.submit","params":{"fromGroup":"north","toGroup":"south"}}"#,
            r#"{"method":"mining.submit","params":["u","j","00","00","00"]}"#,
            r#"{"id":2,"method":"mining.authorize","params":["user.rig","x"]}"#,
        ] {
            assert_eq!(says(text), None, "{text}");
        }
    }
}
