//! The CryptoNote dialect of Monero miners: `login`, `job`, `submit`, `keepalived`, one JSON object a line.
//!
//! ```text
//! C> {"id":1,"jsonrpc":"2.0","method":"login","params":{"login":"4…","pass":"x","agent":"XMRig/6.26.0 …","algo":["rx/0"]}}
//! S> {"jsonrpc":"2.0","id":1,"error":null,"result":{"id":"a1b2","job":{"blob":"…","job_id":"Q7X","target":"b88d0600"},"status":"OK"}}
//! C> {"id":2,"jsonrpc":"2.0","method":"submit","params":{"id":"a1b2","job_id":"Q7X","nonce":"1f020000","result":"<64 hex>"}}
//! S> {"id":2,"jsonrpc":"2.0","error":null,"result":{"status":"OK"}}
//! S> {"jsonrpc":"2.0","method":"job","params":{"blob":"…","job_id":"Q7Y","target":"b88d0600"}}
//! C> {"id":3,"jsonrpc":"2.0","method":"keepalived","params":{"id":"a1b2"}}
//! ```
//!
//! `login` is a word of many services, so a login is proof only where its account is shaped like an address or its agent or algorithms are
//! a miner's; else the answer must hold a job. Source: xmrig `src/base/net/stratum/Client.cpp` and
//! <https://github.com/xmrig/xmrig-proxy/blob/master/doc/STRATUM.md>.

use super::software::is_miner_agent;
use super::{account, answer, digits, is_address, text};
use crate::dialect::{About, Dialect, TALK};
use crate::finding::{Ask, Facts, Finding, Weight, What};
use crate::json::{Kind, Value};
use crate::message::Message;
use crate::session::Session;

/// Digits of the shortest blob to be hashed; xmrig takes none of less than 43 bytes, and a hash has 32.
const BLOB: usize = 86;

/// What pools say of a login, and others do not.
const REFUSALS: &[&str] = &["payment address", "wallet address", "mining address"];

pub(crate) struct CryptoNote;

/// Beginnings of algorithm names, as miners list them.
const ALGORITHMS: &[&str] = &[
    "cn/",
    "cn-",
    "rx/",
    "cryptonight",
    "randomx",
    "argon2/",
    "panthera",
    "ghostrider",
    "astrobwt",
    "kawpow",
];

impl Dialect for CryptoNote {
    fn about(&self) -> &'static About {
        &About {
            name: "cryptonote",
            title: "CryptoNote JSON-RPC, as Monero miners such as XMRig speak it",
            family: "Monero XMRig",
            signature_id: 33_330_002,
            source: "https://github.com/xmrig/xmrig-proxy/blob/master/doc/STRATUM.md",
            anchors: &["\"login\"", "\"job_id\"", "\"keepalived\"", "\"getjob\"", "payment address"],
            carriers: TALK,
        }
    }

    fn examine(&self, message: &Message<'_>, session: Option<&Session>) -> Option<Finding> {
        let Some(method) = message.method() else { return reply(message, session) };
        let params = message.params().filter(|params| params.kind() == Kind::Object)?;
        match () {
            () if method.is("login") => login(params),
            () if method.is("submit") => submit(params),
            () if method.is("job") => job(params),
            // The session id alone could be anybody's.
            () if method.is("keepalived") => params.get("id").map(|_| Finding::hint(What::Request)),
            () if method.is("getjob") => params.get("id").map(|_| Finding::hint(What::GetWork)),
            () if method.is("block_template") => params.get("blob").map(|_| Finding::hint(What::Request)),
            () => None,
        }
    }
}

fn login(params: Value<'_>) -> Option<Finding> {
    let user = params.get("login")?;
    user.text()?;
    let agent = text(params.get("agent"));
    let algorithm = params.get("algo").and_then(|list| list.at(0)?.text()).map(|name| name.to_string(32));
    // Ethereum's addresses and tokens in hexadecimal digits are what people sign in with elsewhere.
    let mines = (is_address(Some(user)) && !is_key(&user.text()?.to_string(80)))
        || agent.as_deref().is_some_and(is_miner_agent)
        || algorithm.as_deref().is_some_and(|name| ALGORITHMS.iter().any(|start| name.starts_with(start)));
    // The list says what the miner could do, the job what it does: only a list of one tells the algorithm.
    let only = params.get("algo").is_some_and(|list| list.len() == 1);
    let facts = Facts {
        agent,
        rig: text(params.get("rigid")),
        algorithm: algorithm.filter(|_| only),
        ..account(Some(user))
    };
    Some(if mines { Finding::proof(What::Authorize) } else { Finding::hint(What::Authorize) }.with(facts))
}

/// Whether an account is nothing but 20 or 32 bytes in hexadecimal digits.
fn is_key(user: &str) -> bool {
    let digits = user.strip_prefix("0x").unwrap_or(user);
    matches!(digits.len(), 40 | 64) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn submit(params: Value<'_>) -> Option<Finding> {
    let fits = matches!(digits(params.get("nonce")), 8 | 16 | 24) && digits(params.get("result")) == 64;
    (params.get("job_id").is_some() && fits).then(|| Finding::proof(What::Submit))
}

/// A job is one where there is something to hash, by name, up to a target.
fn job(job: Value<'_>) -> Option<Finding> {
    let blob = job.get("blob")?.text()?;
    job.get("job_id")?;
    let target = job.get("target").filter(|target| (4..=64).contains(&digits(Some(*target))))?;
    if blob.hex().len() < BLOB {
        return None;
    }
    let facts = Facts { target: text(Some(target)), algorithm: text(job.get("algo")), ..Facts::default() };
    Some(Finding::proof(What::Job).with(facts))
}

fn reply(message: &Message<'_>, session: Option<&Session>) -> Option<Finding> {
    let result = message.get("result");
    if let Some(given) = result.and_then(|result| result.get("job")).and_then(job) {
        return Some(Finding { what: What::Granted(Ask::Authorize), ..given });
    }
    // To `getjob` the answer is the job itself.
    if let Some(given) = result.and_then(job) {
        return Some(given);
    }
    let found = answer(message, session)?;
    // Many services answer a login; before the session is certain only a pool's words count.
    let certain = session.is_some_and(Session::is_alerted);
    let pools_word = message.error().and_then(|error| text(error.get("message"))).is_some_and(|text| {
        let text = text.to_ascii_lowercase();
        REFUSALS.iter().any(|words| text.contains(words))
    });
    match (pools_word, certain) {
        (true, _) => Some(Finding { weight: Weight::Hint, ..found }),
        (false, true) => Some(found),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{is_anchored, line};
    use super::*;

    fn weight(text: &str) -> Option<(What, Weight)> {
        assert!(is_anchored(&CryptoNote, text) || text.contains("\\u00"), "{text}");
        line(&CryptoNote, text).map(|finding| (finding.what, finding.weight))
    }

    fn address() -> String {
        format!("4{}", "B".repeat(94))
    }

    #[test]
    fn logins_of_miners_in_every_order() {
        let a = address();
        for text in [
            format!(r#"{{"id":1,"jsonrpc":"2.0","method":"login","params":{{"login":"{a}","pass":"x","agent":"XMRig/6.26.0"}}}}"#),
            format!(r#"{{"method": "login", "params": {{"login": "{a}.rig", "pass": "x"}}, "id": 1}}"#),
            format!(r#"{{"params":{{"login":"{a}"}},"method":"login","id":1}}"#),
            r#"{"jsonrpc":"2.0","id":1,"method":"login","params":{"login":"x","agent":"XMRig/6.21.0 (Linux)"}}"#.to_owned(),
            r#"{"id":1,"method":"login","params":{"login":"web-01","algo":["rx/0"]}}"#.to_owned(),
            format!(r#"{{"id":1,"m\u0065thod":"log\u0069n","params":{{"log\u0069n":"{a}"}}}}"#),
        ] {
            assert_eq!(weight(&text), Some((What::Authorize, Weight::Proof)), "{text}");
        }
    }

    #[test]
    fn a_login_to_something_else_is_no_proof() {
        let text = r#"{"id":1,"jsonrpc":"2.0","method":"login","params":{"login":"jane","pass":"pw","agent":"Crm/2.1"}}"#;
        assert_eq!(weight(text), Some((What::Authorize, Weight::Hint)));
        assert_eq!(
            line(&CryptoNote, r#"{"id":1,"result":{"token":"abc","status":"OK"},"error":null}"#),
            None
        );
    }

    #[test]
    fn jobs_and_shares() {
        let blob = "0e".repeat(76);
        let job = format!(
            r#"{{"jsonrpc":"2.0","method":"job","params":{{"blob":"{blob}","job_id":"q","target":"b88d0600","algo":"rx/0"}}}}"#
        );
        assert_eq!(weight(&job), Some((What::Job, Weight::Proof)));
        let reply = format!(
            r#"{{"id":1,"error":null,"result":{{"id":"a","job":{{"blob":"{blob}","job_id":"q","target":"b88d0600"}},"status":"OK"}}}}"#
        );
        assert_eq!(weight(&reply), Some((What::Granted(Ask::Authorize), Weight::Proof)));
        let share = format!(
            r#"{{"id":2,"method":"submit","params":{{"id":"a","job_id":"q","nonce":"1f020000","result":"{}"}}}}"#,
            "ab".repeat(32)
        );
        assert_eq!(weight(&share), Some((What::Submit, Weight::Proof)));
    }

    #[test]
    fn a_job_that_was_asked_for_is_one() {
        let text = format!(
            r#"{{"id":4,"result":{{"blob":"{}","job_id":"q","target":"b88d0600"}}}}"#,
            "0e".repeat(76)
        );
        assert_eq!(weight(&text), Some((What::Job, Weight::Proof)));
    }

    #[test]
    fn signing_in_with_a_key_is_no_proof() {
        for user in [format!("0x{}", "9c".repeat(20)), "3d".repeat(32)] {
            let text = format!(r#"{{"id":1,"method":"login","params":{{"login":"{user}"}}}}"#);
            assert_eq!(weight(&text), Some((What::Authorize, Weight::Hint)), "{text}");
        }
    }

    #[test]
    fn other_peoples_jobs_are_not() {
        let hash = "a7".repeat(32);
        for text in [
            &*format!(r#"{{"method":"job","params":{{"job_id":"7","blob":"{hash}","target":"b88d0600"}}}}"#),
            &format!(
                r#"{{"method":"job","params":{{"job_id":"7","blob":"{hash}{hash}","target":"x86_64"}}}}"#
            ),
            &format!(r#"{{"method":"submit","params":{{"job_id":"7","nonce":"{hash}","result":"{hash}"}}}}"#),
            r#"{"method":"submit","params":{"job_id":"7","nonce":"deadbeef","result":"c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4"}}"#,
            r#"{"method":"job","params":{"job_id":"7","name":"nightly backup"}}"#,
            r#"{"method":"submit","params":{"job_id":"7","form":"login"}}"#,
        ] {
            assert_eq!(line(&CryptoNote, text), None, "{text}");
        }
    }
}
