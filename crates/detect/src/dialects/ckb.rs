//! Stratum for Nervos CKB (Eaglesong): methods of its own, with an object of parameters.
//!
//! ```text
//! C> {"id":1,"method":"ckb_submitLogin","params":{"login":"ckb1q…","agent":"nbminer/42.3","worker":"rig8"}}
//! S> {"id":1,"result":true}
//! C> {"id":2,"method":"ckb_getWork","params":null}
//! S> {"id":2,"result":{"pow_hash":"0x<64 hex>","target":"0x<64 hex>"}}
//! C> {"id":3,"method":"ckb_submitWork","params":{"pow_hash":"0x<64 hex>","nonce":"0x<hex>"}}
//! S> {"id":3,"error":{"code":"103","message":"low difficulty"}}
//! C> {"id":4,"method":"ckb_submitHashrate","params":"0x123"}
//! ```
//!
//! Work that the pool pushes looks like the answer to `ckb_getWork`, with 0 for an id. Source:
//! <https://github.com/nervosnetwork/ckb/blob/develop/docs/stratum_v1.md>.

use super::{account, answer_in, digits, text};
use crate::dialect::{About, Dialect, TALK};
use crate::finding::{Facts, Finding, What};
use crate::json::Value;
use crate::message::Message;
use crate::session::Session;

pub(crate) struct Ckb;

impl Dialect for Ckb {
    fn about(&self) -> &'static About {
        &About {
            name: "ckb",
            title: "Nervos CKB Stratum, as Eaglesong miners speak it",
            family: "Nervos CKB",
            signature_id: 33_330_013,
            source: "https://github.com/nervosnetwork/ckb/blob/develop/docs/stratum_v1.md",
            anchors: &["ckb_", "\"pow_hash\""],
            carriers: TALK,
        }
    }

    fn examine(&self, message: &Message<'_>, session: Option<&Session>) -> Option<Finding> {
        let Some(method) = message.method() else {
            return work(message).or_else(|| answer_in(self.name(), message, session));
        };
        match () {
            () if method.is("ckb_submitLogin") => login(message.params()?),
            () if method.is("ckb_submitWork") => share(message.params()?),
            () if method.is("ckb_submitHashrate") => rate(message.params()?),
            // A word that its own node might be asked with.
            () if method.is("ckb_getWork") => Some(Finding::hint(What::GetWork)),
            () => None,
        }
    }
}

fn login(params: Value<'_>) -> Option<Finding> {
    let user = params.get("login")?;
    user.text()?;
    let known = account(Some(user));
    let facts = Facts {
        agent: text(params.get("agent")),
        worker: text(params.get("worker")).or(known.worker.clone()),
        coin: Some("CKB".to_owned()),
        ..known
    };
    Some(Finding::proof(What::Authorize).with(facts))
}

fn share(params: Value<'_>) -> Option<Finding> {
    (digits(params.get("pow_hash")) == 64 && digits(params.get("nonce")) > 0)
        .then(|| Finding::proof(What::Submit))
}

/// A hash rate, by itself or in a list.
fn rate(params: Value<'_>) -> Option<Finding> {
    (digits(params.at(0).or(Some(params))) > 0).then(|| Finding::proof(What::Request))
}

fn work(message: &Message<'_>) -> Option<Finding> {
    let result = message.get("result")?;
    let target = result.get("target");
    let facts = Facts { target: text(target), algorithm: Some("eaglesong".to_owned()), ..Facts::default() };
    (digits(result.get("pow_hash")) == 64 && digits(target) > 0)
        .then(|| Finding::proof(What::Job).with(facts))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{is_anchored, line, mining};
    use super::*;
    use crate::finding::Weight;

    fn says(text: &str) -> Option<(What, Weight)> {
        assert!(is_anchored(&Ckb, text), "{text}");
        line(&Ckb, text).map(|finding| (finding.what, finding.weight))
    }

    #[test]
    fn a_session_through_to_its_shares() {
        let login = format!(
            r#"{{"id":1,"method":"ckb_submitLogin","params":{{"login":"ckb1q{}","agent":"nbminer/42.3","worker":"rig8"}}}}"#,
            "z".repeat(60)
        );
        let hash = "5e".repeat(32);
        let work = format!(r#"{{"id":0,"result":{{"pow_hash":"0x{hash}","target":"0x{hash}"}}}}"#);
        let submit = format!(
            r#"{{"id":3,"method":"ckb_submitWork","params":{{"pow_hash":"0x{hash}","nonce":"0x9a93e9"}}}}"#
        );
        assert_eq!(says(&login), Some((What::Authorize, Weight::Proof)));
        assert_eq!(says(&work), Some((What::Job, Weight::Proof)));
        assert_eq!(says(&submit), Some((What::Submit, Weight::Proof)));
        assert_eq!(
            says(r#"{"id":2,"method":"ckb_getWork","params":null}"#),
            Some((What::GetWork, Weight::Hint))
        );
        let told = mining(&[
            (true, &login),
            (false, r#"{"id":1,"result":true}"#),
            (false, &work),
            (true, &submit),
            (false, r#"{"id":3,"error":{"code":"103","message":"low difficulty"}}"#),
            (true, &submit),
            (false, r#"{"id":3,"result":true}"#),
            (true, r#"{"id":4,"method":"ckb_submitHashrate","params":"0x123"}"#),
        ])
        .expect("a miner");
        assert_eq!((told.dialect, told.shares.accepted, told.shares.rejected), ("ckb", 1, 1));
        assert_eq!((told.facts.coin.as_deref(), told.facts.worker.as_deref()), (Some("CKB"), Some("rig8")));
    }

    #[test]
    fn neighbours_stay_silent() {
        for text in [
            r#"{"id":1,"result":{"pow_hash":"0x5e","target":"0x5e"}}"#,
            r#"{"id":1,"method":"get_transaction","params":["ckb_submitLogin"]}"#,
            r#"{"id":1,"method":"ckb_submitLogin","params":["a"]}"#,
            r#"{"id":1,"method":"ckb_submitHashrate","params":[]}"#,
        ] {
            assert_eq!(says(text), None, "{text}");
        }
    }
}
