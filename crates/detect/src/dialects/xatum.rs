//! Xatum, spoken by miners of Xelis: a word, a tilde and an object, one a line. Usually inside TLS.
//!
//! ```text
//! C> shake~{"addr":"xel:…","work":"rig","agent":"XelMiner/1.0.0","algos":["xel/0"]}
//! S> print~{"msg":"welcome","lvl":1}
//! S> job~{"algo":"xel/0","diff":15021,"blob":"<base64>"}
//! C> submit~{"data":"<base64>","hash":"<64 hex>"}
//! S> success~{"msg":"ok"}
//! S> ping~{}
//! C> pong~{}
//! ```
//!
//! Source: <https://github.com/xelpool/Xatum/blob/main/specification.md>.

use super::{account, digits, is_address, speaks, text};
use crate::dialect::{About, Dialect, TALK};
use crate::finding::{Ask, Facts, Finding, What};
use crate::json::{Kind, Value};
use crate::message::Message;
use crate::session::Session;

pub(crate) struct Xatum;

impl Dialect for Xatum {
    fn about(&self) -> &'static About {
        &About {
            name: "xatum",
            title: "Xatum, as Xelis miners speak it",
            family: "Xelis Xatum",
            signature_id: 33_330_016,
            source: "https://github.com/xelpool/Xatum/blob/main/specification.md",
            anchors: &["shake~", "submit~", "job~"],
            carriers: TALK,
        }
    }

    fn examine(&self, message: &Message<'_>, session: Option<&Session>) -> Option<Finding> {
        let (word, body) = (word(message.text)?, message.json?);
        match word {
            b"shake" => shake(body),
            b"job" => job(body),
            b"submit" => share(body),
            _ if speaks(session, self.name()) => aside(word, body),
            _ => None,
        }
    }
}

/// What stands before the tilde and the object.
fn word(text: &[u8]) -> Option<&[u8]> {
    let tilde = text.iter().take(12).position(|byte| *byte == b'~')?;
    let (word, rest) = (text.get(..tilde)?, text.get(tilde + 1..)?);
    (rest.trim_ascii_start().first() == Some(&b'{')).then_some(word)
}

/// Whether it names an algorithm: `xel/0`, `rx/0`.
fn is_algorithm(value: Value<'_>) -> bool {
    value.text().is_some_and(|text| (3..=24).contains(&text.raw().len()) && text.raw().contains(&b'/'))
}

fn shake(body: Value<'_>) -> Option<Finding> {
    let user = body.get("addr").filter(|user| user.text().is_some())?;
    let algorithms = body.get("algos").filter(|list| list.kind() == Kind::Array)?;
    let first = algorithms.at(0);
    if !is_address(Some(user)) && !first.is_some_and(is_algorithm) {
        return None;
    }
    let known = account(Some(user));
    let facts = Facts {
        agent: text(body.get("agent")),
        worker: text(body.get("work")).or(known.worker.clone()),
        algorithm: text(first).filter(|_| algorithms.len() == 1),
        ..known
    };
    Some(Finding::proof(What::Authorize).with(facts))
}

fn job(body: Value<'_>) -> Option<Finding> {
    let difficulty = body.get("diff")?.number()?;
    let fits = body.get("algo").is_some_and(is_algorithm) && body.get("blob")?.text()?.raw().len() >= 64;
    let facts = Facts { difficulty: Some(difficulty), algorithm: text(body.get("algo")), ..Facts::default() };
    fits.then(|| Finding::proof(What::Job).with(facts))
}

fn share(body: Value<'_>) -> Option<Finding> {
    (body.get("data")?.text().is_some() && digits(body.get("hash")) == 64)
        .then(|| Finding::proof(What::Submit))
}

/// What says something only between the two.
fn aside(word: &[u8], body: Value<'_>) -> Option<Finding> {
    let good = || body.get("msg").and_then(|text| text.text()).is_some_and(|text| text.is("ok"));
    Some(Finding::context(match word {
        b"success" if good() => What::Granted(Ask::Submit),
        b"success" => What::Denied(Ask::Submit),
        b"print" | b"ping" => What::Notice,
        b"pong" => What::Request,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{is_anchored, line, mining};
    use super::*;
    use crate::finding::Weight;

    fn says(text: &str) -> Option<(What, Weight)> {
        assert!(is_anchored(&Xatum, text), "{text}");
        line(&Xatum, text).map(|finding| (finding.what, finding.weight))
    }

    #[test]
    fn a_session_through_to_its_shares() {
        let shake = format!(
            r#"shake~{{"addr":"xel:{}","work":"rig","agent":"XelMiner/1.0.0","algos":["xel/0"]}}"#,
            "q".repeat(59)
        );
        let job = format!(r#"job~{{"algo":"xel/0","diff":100000,"blob":"{}"}}"#, "hb63".repeat(32));
        let submit = format!(r#"submit~{{"data":"NXGxQAgt","hash":"{}"}}"#, "b8".repeat(32));
        for (text, what) in [(&shake, What::Authorize), (&job, What::Job), (&submit, What::Submit)] {
            assert_eq!(says(text), Some((what, Weight::Proof)), "{text}");
        }
        let told = mining(&[
            (true, &shake),
            (false, r#"print~{"msg":"welcome","lvl":1}"#),
            (false, &job),
            (true, &submit),
            (false, r#"success~{"msg":"ok"}"#),
            (true, &submit),
            (false, r#"success~{"msg":"stale job"}"#),
            (false, "ping~{}"),
            (true, "pong~{}"),
        ])
        .expect("a miner");
        assert_eq!((told.dialect, told.shares.accepted, told.shares.rejected), ("xatum", 1, 1));
        assert_eq!((told.facts.worker.as_deref(), told.facts.coin.as_deref()), (Some("rig"), Some("XEL")));
        assert_eq!(
            (told.facts.algorithm.as_deref(), told.facts.difficulty),
            (Some("xel/0"), Some(100_000.0))
        );
    }

    #[test]
    fn neighbours_stay_silent() {
        for text in [
            r#"shake~{"hands":2}"#,
            r#"job~{"title":"baker","diff":1}"#,
            r#"submit~{"form":"a"}"#,
            r#"please submit~{"data":"x","hash":"00"}"#,
            "shake~",
            "submit~{",
        ] {
            assert_eq!(says(text), None, "{text}");
        }
        assert_eq!(line(&Xatum, r#"success~{"msg":"ok"}"#), None);
    }
}
