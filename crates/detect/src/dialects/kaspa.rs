//! Stratum for Kaspa (kHeavyHash) and the coins that took over its bridge.
//!
//! ```text
//! C> {"id":1,"method":"mining.subscribe","params":["lolMiner/1.88","EthereumStratum/1.0.0"]}
//! S> {"id":1,"result":[true,"EthereumStratum/1.0.0"]}
//! S> {"id":1,"method":"set_extranonce","params":["0029",6]}
//! C> {"id":2,"method":"mining.authorize","params":["kaspa:q….rig","x"]}
//! S> {"id":100,"method":"mining.notify","params":["0",[47396,15544,49461,80859],1793610000000]}
//! S> {"id":null,"method":"mining.notify","params":["0","<80 hex>"]}
//! C> {"id":10,"method":"mining.submit","params":["kaspa:q….rig","0","0x0029799e015fecaf"]}
//! ```
//!
//! The extra nonce comes by a method with or without the prefix. A job is the header hash, as four numbers or in hexadecimal digits, and a time,
//! which stands in the same digits for IceRiver's and Bitmain's machines. Source: <https://github.com/onemorebsmith/kaspa-stratum-bridge> and
//! <https://github.com/nicehash/Specifications/blob/master/KHeavyHash_NiceHash_v1.0.txt>.

use super::{answer_in, digits, is_number, list, owner};
use crate::dialect::{About, Dialect, TALK};
use crate::finding::{Ask, Finding, What};
use crate::json::{Kind, Value};
use crate::message::Message;
use crate::session::Session;

pub(crate) struct Kaspa;

impl Dialect for Kaspa {
    fn about(&self) -> &'static About {
        &About {
            name: "kaspa",
            title: "Kaspa Stratum, as kHeavyHash miners speak it",
            family: "Kaspa Stratum",
            signature_id: 33_330_008,
            source: "https://github.com/onemorebsmith/kaspa-stratum-bridge",
            anchors: &["mining.", "set_extranonce", "EthereumStratum/"],
            carriers: TALK,
        }
    }

    fn examine(&self, message: &Message<'_>, session: Option<&Session>) -> Option<Finding> {
        match message.method() {
            None => subscribed(message).or_else(|| answer_in(self.name(), message, session)),
            Some(method) if method.is("mining.notify") => job(list(message)?),
            Some(method) if method.is("mining.authorize") => authorize(list(message)?),
            Some(method) if method.is("set_extranonce") => extranonce(list(message)?),
            Some(_) => None,
        }
    }
}

/// `true` and a version, where Ethereum's pools name a subscription.
fn subscribed(message: &Message<'_>) -> Option<Finding> {
    let result = message.get("result")?;
    let version = result.at(1)?.text()?.starts_with("EthereumStratum/");
    (version && result.at(0)?.bool()?).then(|| Finding::proof(What::Granted(Ask::Subscribe)))
}

fn authorize(params: Value<'_>) -> Option<Finding> {
    Some(Finding::proof(What::Authorize).with(owner(params.at(0), "KAS")?))
}

fn extranonce(params: Value<'_>) -> Option<Finding> {
    let finding = if is_number(params.at(1)) { Finding::proof } else { Finding::hint };
    (digits(params.at(0)) > 0).then(|| finding(What::Notice))
}

fn job(params: Value<'_>) -> Option<Finding> {
    let header = params.at(1)?;
    let words = header.kind() == Kind::Array
        && header.len() == 4
        && header.items().all(|word| word.kind() == Kind::Number);
    let hash = digits(Some(header)) == 64;
    let fits = match params.len() {
        2 => digits(Some(header)) == 80,
        3 => (words || hash) && is_number(params.at(2)),
        _ => false,
    };
    fits.then(|| Finding::proof(What::Job))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{is_anchored, line, mining};
    use super::*;
    use crate::finding::Weight;

    fn says(text: &str) -> Option<(What, Weight)> {
        assert!(is_anchored(&Kaspa, text), "{text}");
        line(&Kaspa, text).map(|finding| (finding.what, finding.weight))
    }

    fn user() -> String {
        format!("kaspa:q{}.rig3", "z".repeat(60))
    }

    #[test]
    fn what_both_sides_say() {
        for (text, what) in [
            (r#"{"id":1,"result":[true,"EthereumStratum/1.0.0"],"error":null}"#.to_owned(), What::Granted(Ask::Subscribe)),
            (r#"{"id":1,"method":"set_extranonce","params":["0029",6]}"#.to_owned(), What::Notice),
            (format!(r#"{{"id":2,"method":"mining.authorize","params":["{}","x"]}}"#, user()), What::Authorize),
            (r#"{"id":9,"method":"mining.notify","params":["0",[47396,15544,18446744073709551615,80859],1793610000000]}"#.to_owned(), What::Job),
            (format!(r#"{{"id":9,"method":"mining.notify","params":["0","{}",1793610000000]}}"#, "5e".repeat(32)), What::Job),
            (format!(r#"{{"id":null,"method":"mining.notify","params":["0","{}"]}}"#, "5e".repeat(40)), What::Job),
        ] {
            assert_eq!(says(&text), Some((what, Weight::Proof)), "{text}");
        }
    }

    #[test]
    fn the_pools_answer_tells_it_from_ethereum() {
        let subscribe =
            r#"{"id":1,"method":"mining.subscribe","params":["lolMiner/1.88","EthereumStratum/1.0.0"]}"#;
        let told = mining(&[
            (true, subscribe),
            (false, r#"{"id":1,"result":[true,"EthereumStratum/1.0.0"]}"#),
            (true, &format!(r#"{{"id":2,"method":"mining.authorize","params":["{}","x"]}}"#, user())),
            (false, r#"{"id":2,"result":true}"#),
            (
                true,
                &format!(
                    r#"{{"id":10,"method":"mining.submit","params":["{}","0","0x0029799e015fecaf"]}}"#,
                    user()
                ),
            ),
            (false, r#"{"id":10,"result":true}"#),
        ])
        .expect("a miner");
        assert_eq!((told.dialect, told.shares.accepted), ("kaspa", 1));
        assert_eq!((told.facts.coin.as_deref(), told.facts.worker.as_deref()), (Some("KAS"), Some("rig3")));
        assert_eq!(told.facts.agent.as_deref(), Some("lolMiner/1.88"));
    }

    #[test]
    fn neighbours_stay_silent() {
        for text in [
            r#"{"id":1,"result":[true,"mining."]}"#,
            r#"{"id":1,"method":"mining.notify","params":["0","05"]}"#,
            r#"{"id":1,"method":"mining.notify","params":["0",[1,2,3],4]}"#,
            r#"{"id":1,"method":"set_extranonce","params":{"on":true}}"#,
            r#"{"id":2,"method":"mining.authorize","params":["user.rig","x"]}"#,
        ] {
            assert_eq!(says(text), None, "{text}");
        }
    }
}
