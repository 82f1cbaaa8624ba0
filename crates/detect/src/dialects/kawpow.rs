//! Stratum for KawPow: Ravencoin and its kin.
//!
//! ```text
//! C> {"id":1,"method":"mining.subscribe","params":["GMiner/3.44",null,"rvn.pool.example","3636"]}
//! S> {"id":1,"result":[null,"2c5f"],"error":null}
//! S> {"id":null,"method":"mining.notify","params":["job","<64 hex>","<64 hex>","<64 hex>",true,3900123,"<8 hex>"]}
//! C> {"id":3,"method":"mining.submit","params":["R….rig","job","0x<16 hex>","0x<64 hex>","0x<64 hex>"]}
//! ```
//!
//! A job holds header hash, seed hash, target, whether to start afresh, height and bits; a share nonce, header hash and mix hash. ZIP-301 miners
//! subscribe in the same words, so a subscription counts only where its agent or its host's name speaks of KawPow. Source:
//! <https://github.com/nicehash/Specifications/blob/master/KawPow_NiceHash_v1.0.txt> and xmrig's
//! `src/base/net/stratum/EthStratumClient.cpp`.

use super::{account, answer_in, digits, is_bool, is_number, list, subscription, tells, text};
use crate::dialect::{About, Dialect, TALK};
use crate::finding::{Facts, Finding, What};
use crate::json::Value;
use crate::message::Message;
use crate::session::Session;

/// Beginnings of agents that mine nothing but KawPow, in lower case.
const AGENTS: &[&str] = &["kawpow", "ravenminer"];

/// Parts of pool names that stand for coins of KawPow or for itself.
const LABELS: &[&str] = &[
    "rvn",
    "rvnt",
    "raven",
    "ravencoin",
    "kawpow",
    "clore",
    "neox",
    "neoxa",
    "mewc",
    "meowcoin",
    "xna",
    "neurai",
    "aipg",
];

pub(crate) struct KawPow;

impl Dialect for KawPow {
    fn about(&self) -> &'static About {
        &About {
            name: "kawpow",
            title: "KawPow Stratum, as Ravencoin miners speak it",
            family: "Ravencoin KawPow",
            signature_id: 33_330_005,
            source: "https://github.com/nicehash/Specifications/blob/master/KawPow_NiceHash_v1.0.txt",
            anchors: &["mining."],
            carriers: TALK,
        }
    }

    fn examine(&self, message: &Message<'_>, session: Option<&Session>) -> Option<Finding> {
        match message.method() {
            None => answer_in(self.name(), message, session),
            Some(method) if method.is("mining.subscribe") => subscribe(message),
            Some(method) if method.is("mining.notify") => job(list(message)?),
            Some(method) if method.is("mining.submit") => share(list(message)?),
            Some(_) => None,
        }
    }
}

fn subscribe(message: &Message<'_>) -> Option<Finding> {
    let facts = subscription(message)?;
    tells(&facts, AGENTS, LABELS).then(|| Finding::proof(What::Subscribe).with(facts))
}

fn job(params: Value<'_>) -> Option<Finding> {
    let hashes = (1..=3).all(|place| digits(params.at(place)) == 64);
    let fits = hashes && is_bool(params.at(4)) && is_number(params.at(5)) && digits(params.at(6)) == 8;
    let facts =
        Facts { target: text(params.at(3)), algorithm: Some("kawpow".to_owned()), ..Facts::default() };
    fits.then(|| Finding::proof(What::Job).with(facts))
}

/// Ethash miners of old sent the same; a session that has been seen to be theirs stays so, since theirs stands before this one.
fn share(params: Value<'_>) -> Option<Finding> {
    let fits = params.len() == 5
        && digits(params.at(2)) == 16
        && digits(params.at(3)) == 64
        && digits(params.at(4)) == 64;
    fits.then(|| Finding::proof(What::Submit).with(account(params.at(0))))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{is_anchored, line, mining};
    use super::*;
    use crate::finding::Weight;

    fn says(text: &str) -> Option<(What, Weight)> {
        assert!(is_anchored(&KawPow, text), "{text}");
        line(&KawPow, text).map(|finding| (finding.what, finding.weight))
    }

    fn notify() -> String {
        let hash = "5e".repeat(32);
        format!(
            r#"{{"id":null,"method":"mining.notify","params":["77f","{hash}","{hash}","{hash}",true,3900123,"1b00f2a1"]}}"#
        )
    }

    fn submit() -> String {
        let hash = "5e".repeat(32);
        format!(
            r#"{{"id":3,"method":"mining.submit","params":["Rx.rig","77f","0x2c5fe4ac5edf61a2","0x{hash}","0x{hash}"]}}"#
        )
    }

    #[test]
    fn what_both_sides_say() {
        let subscribe =
            r#"{"id":1,"method":"mining.subscribe","params":["GMiner/3.44",null,"rvn.pool.example","3636"]}"#;
        assert_eq!(says(subscribe), Some((What::Subscribe, Weight::Proof)));
        assert_eq!(says(&notify()), Some((What::Job, Weight::Proof)));
        assert_eq!(says(&submit()), Some((What::Submit, Weight::Proof)));
    }

    #[test]
    fn a_subscription_that_could_be_zcashs_is_left_open() {
        let text =
            r#"{"id":1,"method":"mining.subscribe","params":["GMiner/3.44",null,"eu.pool.example","3636"]}"#;
        assert_eq!(says(text), None);
        let told = mining(&[(true, text)]).expect("a miner");
        assert_eq!((told.dialect, told.facts.pool_port), ("stratum-v1", Some(3636)));
        let told = mining(&[(true, text), (false, &notify())]).expect("a miner");
        assert_eq!((told.dialect, told.facts.pool_host.as_deref()), ("kawpow", Some("eu.pool.example")));
    }

    #[test]
    fn shares_are_counted() {
        let told = mining(&[
            (false, &notify()),
            (true, &submit()),
            (false, r#"{"id":3,"result":true,"error":null}"#),
            (true, &submit()),
            (false, r#"{"id":3,"result":null,"error":[23,"Low difficulty share",null]}"#),
        ])
        .expect("a miner");
        let shares = (told.shares.sent, told.shares.accepted, told.shares.rejected);
        assert_eq!((told.dialect, shares), ("kawpow", (2, 1, 1)));
    }

    #[test]
    fn neighbours_stay_silent() {
        let hash = "5e".repeat(32);
        for text in [
            format!(r#"{{"id":null,"method":"mining.notify","params":["1","{hash}","{hash}",true]}}"#),
            r#"{"id":1,"method":"mining.submit","params":["u","j","00000000","5f5e1000","deadbeef"]}"#
                .to_owned(),
        ] {
            assert_eq!(says(&text), None, "{text}");
        }
    }
}
