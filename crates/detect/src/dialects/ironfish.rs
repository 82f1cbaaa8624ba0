//! Iron Fish's Stratum (FishHash): Stratum's methods, with an object called `body` instead of parameters.
//!
//! ```text
//! C> {"id":0,"method":"mining.subscribe","body":{"version":3,"agent":"lolMiner/1.85","publicAddress":"<64 hex>.rig","extend":["mining.submitted"]}}
//! S> {"id":0,"method":"mining.subscribed","body":{"clientId":41,"xn":"2b9c"}}
//! S> {"id":1,"method":"mining.set_target","body":{"target":"<64 hex>"}}
//! S> {"id":2,"method":"mining.notify","body":{"miningRequestId":70,"header":"<360 hex>"}}
//! C> {"id":1,"method":"mining.submit","body":{"miningRequestId":70,"randomness":"2b9c99233b5d6015"}}
//! S> {"id":10,"method":"mining.submitted","body":{"id":1,"result":true}}
//! S> {"id":11,"method":"mining.wait_for_work"}
//! ```
//!
//! Every message counts its own ids; only `mining.submitted` names the one that it answers. Source:
//! <https://github.com/iron-fish/ironfish/tree/master/ironfish/src/mining/stratum> and
//! <https://github.com/nicehash/Specifications/blob/master/FishHash_v1.0.txt>.

use super::{account, digits, is_bool, is_number, text};
use crate::dialect::{About, Dialect, TALK};
use crate::finding::{Ask, Facts, Finding, What};
use crate::json::Value;
use crate::message::Message;
use crate::session::Session;

pub(crate) struct IronFish;

impl Dialect for IronFish {
    fn about(&self) -> &'static About {
        &About {
            name: "ironfish",
            title: "Iron Fish Stratum, as FishHash miners speak it",
            family: "Iron Fish Stratum",
            signature_id: 33_330_012,
            source: "https://github.com/iron-fish/ironfish/tree/master/ironfish/src/mining/stratum",
            anchors: &["mining."],
            carriers: TALK,
        }
    }

    fn examine(&self, message: &Message<'_>, _session: Option<&Session>) -> Option<Finding> {
        let method = message.method()?;
        if method.is("mining.wait_for_work") {
            return Some(Finding::hint(What::Notice));
        }
        let body = message.get("body")?;
        match () {
            () if method.is("mining.subscribe") => subscribe(body),
            () if method.is("mining.subscribed") => {
                is_number(body.get("clientId")).then(|| Finding::proof(What::Granted(Ask::Subscribe)))
            }
            () if method.is("mining.set_target") => target(body),
            () if method.is("mining.notify") => job(body),
            () if method.is("mining.submit") => share(body),
            () if method.is("mining.submitted") => outcome(body),
            () => None,
        }
    }
}

fn subscribe(body: Value<'_>) -> Option<Finding> {
    let address = body.get("publicAddress");
    if !is_number(body.get("version")) || address.or(body.get("name")).is_none() {
        return None;
    }
    let known = account(address);
    let coin = known.wallet.is_some().then(|| "IRON".to_owned());
    let facts = Facts { agent: text(body.get("agent")), rig: text(body.get("name")), coin, ..known };
    Some(Finding::proof(What::Subscribe).with(facts))
}

fn target(body: Value<'_>) -> Option<Finding> {
    let target = body.get("target");
    let facts = Facts { target: text(target), ..Facts::default() };
    (digits(target) == 64).then(|| Finding::proof(What::Notice).with(facts))
}

fn job(body: Value<'_>) -> Option<Finding> {
    let header = body.get("header")?.text()?;
    (is_number(body.get("miningRequestId")) && header.hex().len() >= 128).then(|| Finding::proof(What::Job))
}

fn share(body: Value<'_>) -> Option<Finding> {
    (is_number(body.get("miningRequestId")) && digits(body.get("randomness")) >= 8)
        .then(|| Finding::proof(What::Submit))
}

/// The answer to a share; the pool's word for it is proof enough.
fn outcome(body: Value<'_>) -> Option<Finding> {
    let result = body.get("result").filter(|result| is_bool(Some(*result)))?;
    body.get("id")?;
    let yes = result.bool() == Some(true);
    Some(Finding::proof(if yes { What::Granted(Ask::Submit) } else { What::Denied(Ask::Submit) }))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{is_anchored, line, mining};
    use super::*;
    use crate::finding::Weight;

    fn says(text: &str) -> Option<(What, Weight)> {
        assert!(is_anchored(&IronFish, text), "{text}");
        line(&IronFish, text).map(|finding| (finding.what, finding.weight))
    }

    #[test]
    fn a_session_through_to_its_shares() {
        let subscribe = format!(
            r#"{{"id":0,"method":"mining.subscribe","body":{{"version":3,"agent":"lolMiner/1.85beta","publicAddress":"{}.rig7","extend":["mining.submitted"]}}}}"#,
            "fe".repeat(32)
        );
        let notify = format!(
            r#"{{"id":2,"method":"mining.notify","body":{{"miningRequestId":70,"header":"{}"}}}}"#,
            "5e".repeat(180)
        );
        let target =
            format!(r#"{{"id":1,"method":"mining.set_target","body":{{"target":"{}"}}}}"#, "0f".repeat(32));
        let submit = r#"{"id":1,"method":"mining.submit","body":{"miningRequestId":70,"randomness":"2b9c99233b5d6015"}}"#;
        for (text, what) in [
            (&*subscribe, What::Subscribe),
            (&notify, What::Job),
            (&target, What::Notice),
            (submit, What::Submit),
        ] {
            assert_eq!(says(text), Some((what, Weight::Proof)), "{text}");
        }
        let told = mining(&[
            (true, &subscribe),
            (false, r#"{"id":0,"method":"mining.subscribed","body":{"clientId":41,"xn":"2b9c"}}"#),
            (false, &target),
            (false, &notify),
            (true, submit),
            (false, r#"{"id":10,"method":"mining.submitted","body":{"id":1,"result":true}}"#),
            (true, submit),
            (
                false,
                r#"{"id":11,"method":"mining.submitted","body":{"id":2,"result":false,"message":"stale"}}"#,
            ),
        ])
        .expect("a miner");
        let shares = (told.shares.sent, told.shares.accepted, told.shares.rejected);
        assert_eq!((told.dialect, shares), ("ironfish", (2, 1, 1)));
        assert_eq!((told.facts.worker.as_deref(), told.facts.coin.as_deref()), (Some("rig7"), Some("IRON")));
    }

    #[test]
    fn neighbours_stay_silent() {
        for text in [
            r#"{"id":0,"method":"mining.subscribe","body":{"topic":"gold"}}"#,
            r#"{"id":0,"method":"mining.subscribe","params":["cgminer/4.12"]}"#,
            r#"{"id":0,"method":"mining.notify","body":"a shift begins at nine"}"#,
            r#"{"id":0,"method":"mining.submitted","body":{"result":"thanks"}}"#,
        ] {
            assert_eq!(says(text), None, "{text}");
        }
        assert_eq!(mining(&[(false, r#"{"id":11,"method":"mining.wait_for_work"}"#)]), None);
    }
}
