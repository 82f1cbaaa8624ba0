//! Stratum for Ergo (Autolykos): Bitcoin's words with jobs of its own.
//!
//! ```text
//! C> {"id":2,"method":"mining.authorize","params":["9….rig","x"]}
//! S> {"id":null,"method":"mining.notify","params":["47388824","<64 hex>",4738,true]}
//! S> {"id":null,"method":"mining.notify","params":["3a",1400250,"<64 hex>","","","00000004","1105869538988…","",true]}
//! C> {"id":3,"method":"mining.submit","params":["9….rig","3a","eef69b25ef","","00ab3f161f0b7687"]}
//! ```
//!
//! A job is a message and a height, in either order; the longer form keeps Bitcoin's nine places, with a target in decimal digits. Source:
//! <https://github.com/leifjacky/erg-gominer-demo>, and what pools send to graphics-card miners.

use super::{answer_in, digits, is_bool, is_number, list, owner, text};
use crate::dialect::{About, Dialect, TALK};
use crate::finding::{Facts, Finding, What};
use crate::json::Value;
use crate::message::Message;
use crate::session::Session;

pub(crate) struct Ergo;

impl Dialect for Ergo {
    fn about(&self) -> &'static About {
        &About {
            name: "ergo",
            title: "Ergo Stratum, as Autolykos miners speak it",
            family: "Ergo Autolykos",
            signature_id: 33_330_011,
            source: "https://github.com/leifjacky/erg-gominer-demo",
            anchors: &["mining."],
            carriers: TALK,
        }
    }

    fn examine(&self, message: &Message<'_>, session: Option<&Session>) -> Option<Finding> {
        match message.method() {
            None => answer_in(self.name(), message, session),
            Some(method) if method.is("mining.notify") => job(list(message)?),
            Some(method) if method.is("mining.authorize") => authorize(list(message)?),
            Some(_) => None,
        }
    }
}

fn authorize(params: Value<'_>) -> Option<Finding> {
    Some(Finding::proof(What::Authorize).with(owner(params.at(0), "ERG")?))
}

fn job(params: Value<'_>) -> Option<Finding> {
    let (fits, target) = match params.len() {
        4 => (digits(params.at(1)) == 64 && is_number(params.at(2)) && is_bool(params.at(3)), None),
        9 => {
            let head = is_number(params.at(1)) && digits(params.at(2)) == 64;
            (head && is_bool(params.at(8)), text(params.at(6)))
        }
        _ => return None,
    };
    let facts = Facts { target, algorithm: Some("autolykos2".to_owned()), ..Facts::default() };
    fits.then(|| Finding::proof(What::Job).with(facts))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{is_anchored, line, mining};
    use super::*;
    use crate::finding::Weight;

    fn says(text: &str) -> Option<(What, Weight)> {
        assert!(is_anchored(&Ergo, text), "{text}");
        line(&Ergo, text).map(|finding| (finding.what, finding.weight))
    }

    #[test]
    fn jobs_long_and_short() {
        let hash = "5e".repeat(32);
        let short = format!(r#"{{"id":null,"method":"mining.notify","params":["4738","{hash}",4738,true]}}"#);
        let long = format!(
            r#"{{"id":null,"method":"mining.notify","params":["3a",1400250,"{hash}","","","00000004","11058695389","",true]}}"#
        );
        for text in [&short, &long] {
            assert_eq!(says(text), Some((What::Job, Weight::Proof)), "{text}");
        }
        let told = mining(&[
            (true, r#"{"id":1,"method":"mining.subscribe","params":["nbminer/42.3"]}"#),
            (false, r#"{"id":1,"result":[null,"00ab3f",5],"error":null}"#),
            (false, &long),
            (true, r#"{"id":3,"method":"mining.submit","params":["a.rig","3a","eef69b25ef","","00ab3f161f0b7687"]}"#),
            (false, r#"{"id":3,"result":true,"error":null}"#),
        ])
        .expect("a miner");
        assert_eq!((told.dialect, told.shares.accepted), ("ergo", 1));
        assert_eq!(told.facts.target.as_deref(), Some("11058695389"));
    }

    #[test]
    fn an_account_tells() {
        let text =
            format!(r#"{{"id":2,"method":"mining.authorize","params":["9{}.rig","x"]}}"#, "f".repeat(50));
        assert_eq!(says(&text), Some((What::Authorize, Weight::Proof)));
    }

    #[test]
    fn neighbours_stay_silent() {
        let hash = "5e".repeat(32);
        for text in [
            format!(
                r#"{{"method":"mining.notify","params":["1","{hash}","01","02",[],"20000000","1b00f2a1","5f5e1000",true]}}"#
            ),
            format!(r#"{{"method":"mining.notify","params":["1","{hash}","{hash}",true]}}"#),
            r#"{"id":2,"method":"mining.authorize","params":["user.rig","x"]}"#.to_owned(),
        ] {
            assert_eq!(says(&text), None, "{text}");
        }
    }
}
