//! Mining in web pages: Coinhive's protocol, its heirs', and webminerpool's, over WebSocket.
//!
//! ```text
//! C> {"type":"auth","params":{"site_key":"<32 letters, or a wallet>","type":"anonymous","user":null,"goal":0}}
//! S> {"type":"authed","params":{"token":"","hashes":0}}
//! S> {"type":"job","params":{"job_id":"412","blob":"<152 hex>","target":"b88d0600"}}
//! C> {"type":"submit","params":{"job_id":"412","nonce":"b3a6ffff","result":"<64 hex>"}}
//! S> {"type":"hash_accepted","params":{"hashes":256}}       or error, or banned
//!
//! C> {"identifier":"handshake","login":"4…","password":"","pool":"moneroocean.stream","userid":"","version":7}
//! S> {"identifier":"job","job_id":"7","algo":"cn","blob":"…","target":"b88d0600"}
//! C> {"identifier":"solved","job_id":"7","nonce":"b3a6ffff","result":"<64 hex>"}
//! ```
//!
//! `auth`, `authed`, `job` and `submit` are everybody's words: a site key with what goes with it, something to hash, or a hash is what counts.
//! Sources: <https://github.com/deepwn/deepMiner/blob/master/server.js>, <https://github.com/notgiven688/webminerpool>.

use super::{account_text, digits, is_number, speaks, text};
use crate::dialect::{About, Dialect, TALK};
use crate::finding::{Ask, Facts, Finding, What};
use crate::json::{Text, Value};
use crate::message::Message;
use crate::session::Session;

/// Kinds of visitors that a page may authorize.
const VISITORS: &[&str] = &["anonymous", "user", "token"];

pub(crate) struct Coinhive;

impl Dialect for Coinhive {
    fn about(&self) -> &'static About {
        &About {
            name: "coinhive",
            title: "Coinhive's protocol, as web pages mine by it",
            family: "Coinhive browser",
            signature_id: 33_330_025,
            source: "https://github.com/deepwn/deepMiner/blob/master/server.js",
            anchors: &["\"site_key\"", "\"job_id\"", "\"hash_accepted\"", "\"handshake\"", "\"hashsolved\""],
            carriers: TALK,
        }
    }

    fn examine(&self, message: &Message<'_>, session: Option<&Session>) -> Option<Finding> {
        if let Some(kind) = message.get("type").and_then(|kind| kind.text()) {
            return coinhive(kind, message.params()?, speaks(session, self.name()));
        }
        let kind = message.get("identifier")?.text()?;
        webminer(kind, message.json?, speaks(session, self.name()))
    }
}

fn coinhive(kind: Text<'_>, params: Value<'_>, known: bool) -> Option<Finding> {
    match kind.to_string(16).as_str() {
        "auth" => auth(params),
        "job" => job(params),
        "submit" => share(params),
        "authed" if known => Some(Finding::context(What::Granted(Ask::Authorize))),
        "hash_accepted" if is_number(params.get("hashes")) => Some(Finding::hint(What::Granted(Ask::Submit))),
        "banned" if known => Some(Finding::context(What::Denied(Ask::Authorize))),
        "error" if known => {
            let key = text(params.get("error")).is_some_and(|error| error.contains("key"));
            let ask = if key { Ask::Authorize } else { Ask::Other };
            Some(Finding::context(What::Denied(ask)))
        }
        _ => None,
    }
}

/// A page names whom it mines for, and on whose behalf.
fn auth(params: Value<'_>) -> Option<Finding> {
    let key = text(params.get("site_key"))?;
    let visitor = params
        .get("type")
        .and_then(|kind| kind.text())
        .is_some_and(|kind| VISITORS.iter().any(|name| kind.is(name)));
    let mut facts = account_text(key);
    let sound = facts.wallet.is_some() || facts.user.as_deref().is_some_and(is_key);
    facts.worker = text(params.get("user")).or(facts.worker);
    let finding =
        if sound && visitor { Finding::proof(What::Authorize) } else { Finding::hint(What::Authorize) };
    Some(finding.with(facts))
}

/// Site keys are 32 letters and digits.
fn is_key(key: &str) -> bool {
    key.len() == 32 && key.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn job(job: Value<'_>) -> Option<Finding> {
    job.get("job_id")?;
    let fits = digits(job.get("blob")) >= 64 && matches!(digits(job.get("target")), 8 | 16 | 64);
    let facts =
        Facts { target: text(job.get("target")), algorithm: text(job.get("algo")), ..Facts::default() };
    fits.then(|| Finding::proof(What::Job).with(facts))
}

fn share(share: Value<'_>) -> Option<Finding> {
    share.get("job_id")?;
    let fits = digits(share.get("nonce")) == 8 && digits(share.get("result")) == 64;
    fits.then(|| Finding::proof(What::Submit))
}

fn webminer(kind: Text<'_>, message: Value<'_>, known: bool) -> Option<Finding> {
    match kind.to_string(16).as_str() {
        "handshake" => {
            let mut facts = account_text(text(message.get("login").or_else(|| message.get("wallet")))?);
            facts.pool_host = text(message.get("pool"));
            let sound = facts.wallet.is_some() && facts.pool_host.is_some();
            let what = What::Authorize;
            Some(if sound { Finding::proof(what) } else { Finding::hint(what) }.with(facts))
        }
        "job" => job(message),
        "solved" => share(message),
        "hashsolved" if known => Some(Finding::context(What::Granted(Ask::Submit))),
        "error" if known => Some(Finding::context(What::Denied(Ask::Other))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{is_anchored, line, mining};
    use super::*;
    use crate::finding::Weight;

    const AUTH: &str = r#"{"type":"auth","params":{"site_key":"ExampLePitheadSiteKeyNotARealOne","type":"user","user":"visitor","goal":0}}"#;

    fn weight(text: &str) -> Option<(What, Weight)> {
        assert!(is_anchored(&Coinhive, text), "{text}");
        line(&Coinhive, text).map(|finding| (finding.what, finding.weight))
    }

    #[test]
    fn a_page_mines() {
        let job = format!(
            r#"{{"type":"job","params":{{"blob":"{}","job_id":"412","target":"b88d0600"}}}}"#,
            "10".repeat(76)
        );
        let share = format!(
            r#"{{"type":"submit","params":{{"job_id":"412","nonce":"b3a6ffff","result":"{}"}}}}"#,
            "01".repeat(32)
        );
        let yes = r#"{"type":"hash_accepted","params":{"hashes":256}}"#;
        assert_eq!(weight(&job), Some((What::Job, Weight::Proof)));
        assert_eq!(weight(&share), Some((What::Submit, Weight::Proof)));
        let talk = [
            (true, AUTH),
            (false, r#"{"type":"authed","params":{"token":"","hashes":0}}"#),
            (false, &job),
            (true, &share),
            (false, yes),
        ];
        let mining = mining(&talk).expect("a miner");
        assert_eq!((mining.dialect, mining.shares.accepted), ("coinhive", 1));
        assert_eq!(mining.facts.worker.as_deref(), Some("visitor"));
        assert_eq!(mining.facts.user.as_deref(), Some("ExampLePitheadSiteKeyNotARealOne"));
    }

    #[test]
    fn a_key_may_be_a_wallet_and_may_be_refused() {
        let wallet = format!("4{}", "B".repeat(94));
        let auth =
            format!(r#"{{"type":"auth","params":{{"site_key":"{wallet}","type":"anonymous","user":null}}}}"#);
        assert_eq!(line(&Coinhive, &auth).expect("a finding").facts.coin.as_deref(), Some("XMR"));
        let no = r#"{"type":"error","params":{"error":"invalid_site_key"}}"#;
        assert_eq!(mining(&[(true, AUTH), (false, no)]).map(|mining| mining.stage.name()), Some("refused"));
    }

    #[test]
    fn webminerpools_words() {
        let wallet = format!("4{}", "B".repeat(94));
        let hello = format!(
            r#"{{"identifier":"handshake","login":"{wallet}","password":"x","pool":"moneroocean.stream","userid":"","version":7}}"#
        );
        let finding = line(&Coinhive, &hello).expect("a finding");
        assert_eq!((finding.what, finding.weight), (What::Authorize, Weight::Proof));
        assert_eq!(finding.facts.pool_host.as_deref(), Some("moneroocean.stream"));
        let solved = format!(
            r#"{{"identifier":"solved","job_id":"7","nonce":"b3a6ffff","result":"{}"}}"#,
            "01".repeat(32)
        );
        assert_eq!(weight(&solved), Some((What::Submit, Weight::Proof)));
    }

    #[test]
    fn other_peoples_words_are_nothing() {
        for text in [
            r#"{"type":"auth","params":{"token":"abc"}}"#,
            r#"{"type":"authed","params":{"token":"abc","hashes":0}}"#,
            r#"{"type":"job","params":{"job_id":"7","title":"night shift"}}"#,
            r#"{"type":"submit","params":{"job_id":"7","result":"done"}}"#,
            r#"{"identifier":"job","job_id":"7","blob":"x"}"#,
        ] {
            assert_eq!(line(&Coinhive, text), None, "{text}");
        }
        assert_eq!(
            line(&Coinhive, r#"{"type":"auth","params":{"site_key":"captcha-7"}}"#).map(|found| found.weight),
            Some(Weight::Hint)
        );
    }
}
