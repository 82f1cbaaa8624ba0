//! A Stratum port that was spoken to in another language: it answers each line that it cannot read with an error in JSON.
//!
//! ```text
//! C> GET / HTTP/1.1                                          or a TLS ClientHello
//! S> {"id":0,"result":null,"error":[20,"Parse error",null]}
//! ```
//!
//! Errors of Stratum are arrays of a number, a text and something else; JSON-RPC 2.0 has objects with a negative code, and those stay silent.
//! The client is not known to mine by what it says, but by whom it says it to: miners try TLS and HTTP at such ports. Source: the trace
//! `bitcoin-mining.pcap` of <https://github.com/jsiwek/zeek-cryptomining>, and error codes of
//! <https://github.com/zcash/zips/blob/main/zips/zip-0301.rst>.

use crate::dialect::{About, Dialect};
use crate::finding::{Ask, Finding, What};
use crate::json::{Kind, Value};
use crate::message::{Carrier, Message};
use crate::session::Session;

/// Codes that Stratum servers give to what they cannot read or do not know.
const CODES: std::ops::RangeInclusive<u64> = 20..=27;
/// Their words for it, in lower case.
const WORDS: &[&str] = &["parse error", "parse", "invalid json request", "illegal params", "unknown method"];
/// What a server that speaks only Stratum says to browsers.
const ADVICE: &str = "trying to connect to a stratum server";

pub(crate) struct ParseError;

impl Dialect for ParseError {
    fn about(&self) -> &'static About {
        &About {
            name: "parse-error",
            title: "A Stratum port's answers to what it cannot read",
            family: "Stratum port",
            signature_id: 33_330_030,
            source: "https://github.com/jsiwek/zeek-cryptomining",
            anchors: &["Parse error", "Invalid JSON request", "Illegal params", "to a Stratum server"],
            carriers: &[Carrier::Stream, Carrier::Http],
        }
    }

    fn examine(&self, message: &Message<'_>, session: Option<&Session>) -> Option<Finding> {
        // A miner that asked in another dialect has its answer with this.
        let what = What::Denied(if session.is_some() { Ask::GetWork } else { Ask::Other });
        let root = message.json?;
        let answer = root.kind() == Kind::Object
            && root.get("method").is_none()
            && root.get("result").is_some_and(|result| result.is_null())
            && root.get("id").is_some();
        let error = root.get("error").filter(|_| answer)?;
        if error.kind() == Kind::Object {
            let advice = error.get("message").is_some_and(|text| says(text, &[ADVICE]));
            return advice.then(|| Finding::hint(what));
        }
        let array = error.kind() == Kind::Array && (2..=3).contains(&error.len()) && root.len() == 3;
        let code = error.at(0).filter(|code| code.kind() == Kind::Number)?.unsigned()?;
        (array && message.carrier == Carrier::Stream && CODES.contains(&code) && says(error.at(1)?, WORDS))
            .then(|| Finding::proof(what))
    }
}

fn says(value: Value<'_>, words: &[&str]) -> bool {
    value.text().is_some_and(|text| {
        let text = text.to_string(160).to_ascii_lowercase();
        words.iter().any(|word| if *word == ADVICE { text.contains(word) } else { text == *word })
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{is_anchored, line, mining};
    use super::*;
    use crate::finding::Weight;

    #[test]
    fn a_stratum_ports_errors() {
        for text in [
            r#"{"id":0,"result":null,"error":[20,"Parse error",null]}"#,
            r#"{"id":999,"result": null,"error": [20, "Invalid JSON request"]}"#,
            r#"{"error":[27,"Illegal params",null],"id":null,"result":null}"#,
        ] {
            assert!(is_anchored(&ParseError, text), "{text}");
            let mining = mining(&[(false, text)]).expect("a Stratum port");
            assert_eq!(
                (mining.dialect, mining.stage.name(), mining.confirmed),
                ("parse-error", "attempt", false)
            );
        }
    }

    #[test]
    fn a_miner_in_another_dialect_is_refused() {
        let login = r#"{"id":1,"method":"login","params":{"login":"x","agent":"XMRig/6.26.0"}}"#;
        let talk = [(true, login), (false, r#"{"id":0,"result":null,"error":[20,"Parse error",null]}"#)];
        let mining = mining(&talk).expect("a miner");
        assert_eq!((mining.dialect, mining.stage.name(), mining.confirmed), ("cryptonote", "refused", true));
    }

    #[test]
    fn advice_is_a_hint() {
        let text = r#"{"id":null,"result":null,"error":{"code":0,"message":"You are trying to connect to a Stratum server but you are not using the right protocol."}}"#;
        assert!(is_anchored(&ParseError, text));
        assert_eq!(line(&ParseError, text).map(|found| found.weight), Some(Weight::Hint));
    }

    #[test]
    fn other_servers_errors_are_nothing() {
        for text in [
            r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"},"id":null}"#,
            r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"},"result":null}"#,
            r#"{"id":0,"result":null,"error":[-32700,"Parse error",null]}"#,
            r#"{"id":0,"result":null,"error":"Parse error"}"#,
            r#"{"id":0,"result":null,"error":[20,"Parse error at line 7",null]}"#,
            r#"{"errors":["Parse error"],"id":0,"result":null}"#,
            r#"["Parse error"]"#,
        ] {
            assert_eq!(line(&ParseError, text), None, "{text}");
        }
    }
}
