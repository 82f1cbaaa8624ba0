//! ZIP-301, Stratum for Equihash: Zcash and its kin.
//!
//! ```text
//! C> {"id":1,"method":"mining.subscribe","params":["EWBF 0.3.4b",null,"zec.pool.example","3333"]}
//! S> {"id":1,"result":[null,"e0e6bd6ea895f0e5"],"error":null}
//! S> {"id":null,"method":"mining.set_target","params":["<64 hex>"]}
//! S> {"id":null,"method":"mining.notify","params":["job","04000000","<64 hex>","<64 hex>","<64 hex>","<8 hex>","<8 hex>",true]}
//! C> {"id":4,"method":"mining.submit","params":["t1….rig","job","<8 hex>","<nonce hex>","<length and solution, hex>"]}
//! ```
//!
//! Pools for other Equihash parameters append the algorithm and a personalisation to a job. KawPow miners subscribe in the same words, so a
//! subscription counts here only where its agent or its host's name speaks of Equihash; else it stays plain Stratum until a job tells.
//! Source: <https://zips.z.cash/zip-0301> and
//! <https://github.com/nicehash/Specifications/blob/master/Zhash_NiceHash_v1.0.txt>.

use super::{account, answer_in, digits, is_bool, list, subscription, tells, text};
use crate::dialect::{About, Dialect, TALK};
use crate::finding::{Facts, Finding, What};
use crate::json::Value;
use crate::message::Message;
use crate::session::Session;

/// Beginnings of agents that mine nothing but Equihash, in lower case.
const AGENTS: &[&str] = &[
    "ewbf",
    "nheqminer",
    "miniz",
    "zm/",
    "zm ",
    "dstm",
    "optiminer",
    "silentarmy",
    "zcash",
    "zogminer",
    "equihash",
];

/// Parts of pool names that stand for coins of Equihash or for itself.
const LABELS: &[&str] = &[
    "zec",
    "zcash",
    "zen",
    "horizen",
    "zcl",
    "zclassic",
    "btg",
    "btcz",
    "zel",
    "flux",
    "equihash",
    "equihash144",
    "equihash192",
    "zhash",
    "ycash",
    "kmd",
    "arrr",
];

/// Solutions by the length that stands in front of them, in hexadecimal digits: its digits, bytes, and parameters.
const SOLUTIONS: &[(&str, usize, &str)] = &[
    ("fd4005", 1344, "equihash/200_9"),
    ("fd4004", 1088, "equihash/210_9"),
    ("fd9001", 400, "equihash/192_7"),
    ("64", 100, "equihash/144_5"),
    ("44", 68, "equihash/96_5"),
    ("34", 52, "equihash/125_4"),
];

pub(crate) struct Zip301;

impl Dialect for Zip301 {
    fn about(&self) -> &'static About {
        &About {
            name: "zip301",
            title: "ZIP-301, the Stratum of Equihash miners",
            family: "Zcash Equihash",
            signature_id: 33_330_004,
            source: "https://zips.z.cash/zip-0301",
            anchors: &["mining."],
            carriers: TALK,
        }
    }

    fn examine(&self, message: &Message<'_>, session: Option<&Session>) -> Option<Finding> {
        match message.method() {
            None => answer_in(self.name(), message, session),
            Some(method) if method.is("mining.subscribe") => subscribe(message),
            Some(method) if method.is("mining.notify") => job(list(message)?),
            Some(method) if method.is("mining.submit") => share(list(message)?, message.truncated),
            Some(_) => None,
        }
    }
}

fn subscribe(message: &Message<'_>) -> Option<Finding> {
    let facts = subscription(message)?;
    tells(&facts, AGENTS, LABELS).then(|| Finding::proof(What::Subscribe).with(facts))
}

/// A job: version, three hashes, time and bits; in Bitcoin's the first parameter after the name is a hash.
fn job(params: Value<'_>) -> Option<Finding> {
    let sizes = [8, 64, 64, 64, 8, 8];
    let fits = sizes.iter().enumerate().all(|(place, size)| digits(params.at(place + 1)) == *size);
    (fits && is_bool(params.at(7)))
        .then(|| Finding::proof(What::Job).with(Facts { algorithm: text(params.at(8)), ..Facts::default() }))
}

fn share(params: Value<'_>, truncated: bool) -> Option<Finding> {
    if params.len() != 5 || digits(params.at(2)) != 8 || digits(params.at(3)) == 0 {
        return None;
    }
    let algorithm = solved(params.at(4)?.text()?.hex(), truncated)?;
    let facts = Facts { algorithm: Some(algorithm.to_owned()), ..account(params.at(0)) };
    Some(Finding::proof(What::Submit).with(facts))
}

/// Which Equihash a solution is of, by the length in front of it; it must be as long as it says, unless the message was cut short.
fn solved(solution: &[u8], truncated: bool) -> Option<&'static str> {
    let (prefix, bytes, name) = SOLUTIONS.iter().find(|(prefix, ..)| starts(solution, prefix))?;
    let whole = prefix.len() + 2 * bytes;
    (solution.len() == whole || (truncated && solution.len() < whole)).then_some(*name)
}

fn starts(digits: &[u8], prefix: &str) -> bool {
    digits.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{is_anchored, line, mining};
    use super::*;
    use crate::finding::Weight;

    fn says(text: &str) -> Option<(What, Facts)> {
        assert!(is_anchored(&Zip301, text), "{text}");
        let finding = line(&Zip301, text)?;
        assert_eq!(finding.weight, Weight::Proof);
        Some((finding.what, finding.facts))
    }

    fn notify(more: &str) -> String {
        let hash = "5e".repeat(32);
        format!(
            r#"{{"params":["1530394281","04000000","{hash}","{hash}","{hash}","f1a5395b","ecf60a1c",true{more}],"id":null,"method":"mining.notify"}}"#
        )
    }

    fn submit(prefix: &str, bytes: usize) -> String {
        let solution = "7c".repeat(bytes);
        format!(
            r#"{{"id":4,"method":"mining.submit","params":["t1x.rig","job","a0230769","{}","{prefix}{solution}"]}}"#,
            "9".repeat(48)
        )
    }

    #[test]
    fn a_subscription_tells_the_pool() {
        let (what, facts) = says(
            r#"{"id":1,"method":"mining.subscribe","params":["EWBF 0.3.4b",null,"eu1.pool.example","3333"]}"#,
        )
        .expect("a finding");
        assert_eq!(what, What::Subscribe);
        assert_eq!((facts.pool_host.as_deref(), facts.pool_port), (Some("eu1.pool.example"), Some(3333)));
        assert_eq!(facts.agent.as_deref(), Some("EWBF 0.3.4b"));
        assert!(
            says(r#"{"id":1,"method":"mining.subscribe","params":["GMiner/3",null,"eu1-zec.pool.example",3333]}"#)
                .is_some()
        );
    }

    #[test]
    fn jobs_and_shares_of_every_size() {
        assert_eq!(says(&notify("")).map(|(what, _)| what), Some(What::Job));
        let (_, facts) = says(&notify(r#","144_5","BgoldPoW""#)).expect("a job");
        assert_eq!(facts.algorithm.as_deref(), Some("144_5"));
        for (prefix, bytes, name) in SOLUTIONS {
            let (what, facts) = says(&submit(prefix, *bytes)).expect("a share");
            assert_eq!((what, facts.algorithm.as_deref()), (What::Submit, Some(*name)));
        }
    }

    #[test]
    fn a_share_that_was_cut_short_is_one() {
        assert_eq!(solved(b"fd40051d655bac20", true), Some("equihash/200_9"));
        assert_eq!(solved(b"fd40051d655bac20", false), None);
        assert_eq!(solved(b"fd40", true), None);
    }

    #[test]
    fn other_miners_words_are_left_to_them() {
        let hash = "5e".repeat(32);
        for text in [
            r#"{"id":1,"method":"mining.subscribe","params":["GMiner/2.09",null,"rvn.pool.example","4505"]}"#
                .to_owned(),
            r#"{"id":1,"method":"mining.subscribe","params":["cgminer/4.12.0"]}"#.to_owned(),
            format!(r#"{{"id":null,"method":"mining.set_target","params":["{hash}"]}}"#),
            format!(
                r#"{{"id":null,"method":"mining.notify","params":["1","{hash}","01","02",[],"20000000","1b00f2a1","5f5e1000",true]}}"#
            ),
            submit("fd4005", 1000),
            submit("aa", 100),
        ] {
            assert_eq!(line(&Zip301, &text), None, "{text}");
        }
    }

    #[test]
    fn a_session_through_to_its_shares() {
        let told = mining(&[
            (
                true,
                r#"{"id":1,"method":"mining.subscribe","params":["lolMiner",null,"pool.example","3333"]}"#,
            ),
            (false, r#"{"id":1,"result":[null,"e0e6bd6ea895f0e5"],"error":null}"#),
            (false, &notify("")),
            (true, &submit("fd4005", 1344)),
            (false, r#"{"id":4,"result":true,"error":null}"#),
        ])
        .expect("a miner");
        assert_eq!((told.dialect, told.shares.sent, told.shares.accepted), ("zip301", 1, 1));
        assert_eq!(told.facts.pool_host.as_deref(), Some("pool.example"));
    }
}
