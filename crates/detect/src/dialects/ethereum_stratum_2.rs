//! EthereumStratum/2.0.0, EIP-1571.
//!
//! ```text
//! C> {"id":0,"method":"mining.hello","params":{"agent":"ethminer-0.19","host":"etc.pool.example","port":"115c","proto":"EthereumStratum/2.0.0"}}
//! S> {"id":0,"result":{"proto":"EthereumStratum/2.0.0","encoding":"gzip","resume":"1","timeout":"b4","maxerrors":"5","node":"Geth/v1.13"}}
//! C> {"id":1,"method":"mining.subscribe"}
//! S> {"id":1,"result":"s-12345"}
//! S> {"method":"mining.set","params":{"epoch":"dc","target":"0112…","algo":"ethash","extranonce":"af4c"}}
//! S> {"method":"mining.notify","params":["bf0488aa","6526d5","<64 hex>","0"]}
//! C> {"id":31,"method":"mining.submit","params":["bf0488aa","68765fccd712","w-123"]}
//! S> {"id":31}
//! ```
//!
//! Numbers are hexadecimal without `0x`; an answer without a result is a yes, and an error numbered 2xx is one with a remark. Where the pool
//! chooses gzip, everything after its answer is compressed and cannot be read, so only the greeting is seen. Source:
//! <https://eips.ethereum.org/EIPS/eip-1571>.

use super::{digits, list, speaks, text};
use crate::dialect::{About, Dialect, TALK};
use crate::finding::{Ask, Facts, Finding, What};
use crate::json::{Kind, Value};
use crate::message::Message;
use crate::session::Session;

pub(crate) struct EthereumStratum2;

impl Dialect for EthereumStratum2 {
    fn about(&self) -> &'static About {
        &About {
            name: "ethereum-stratum-2",
            title: "EthereumStratum/2.0.0, EIP-1571",
            family: "Ethereum Stratum 2",
            signature_id: 33_330_007,
            source: "https://eips.ethereum.org/EIPS/eip-1571",
            anchors: &["mining.", "EthereumStratum/2"],
            carriers: TALK,
        }
    }

    fn examine(&self, message: &Message<'_>, session: Option<&Session>) -> Option<Finding> {
        let ours = session.filter(|_| speaks(session, self.name()));
        let Some(method) = message.method() else {
            return greeted(message).or_else(|| outcome(message, ours?));
        };
        match () {
            () if method.is("mining.hello") => hello(message.params()?),
            () if method.is("mining.set") => set(message.params()?, ours.is_some()),
            () if method.is("mining.notify") => job(list(message)?),
            () => ours.and_then(|session| within(message, session)),
        }
    }
}

fn is_version(value: Option<Value<'_>>) -> bool {
    value.and_then(|value| value.text()).is_some_and(|text| text.starts_with("EthereumStratum/2"))
}

fn hello(params: Value<'_>) -> Option<Finding> {
    let host = text(params.get("host"));
    let complete = host.is_some() && params.get("agent").is_some() && params.get("port").is_some();
    if !is_version(params.get("proto")) && !complete {
        return None;
    }
    let port = text(params.get("port")).and_then(|port| u16::from_str_radix(&port, 16).ok());
    let facts =
        Facts { agent: text(params.get("agent")), pool_host: host, pool_port: port, ..Facts::default() };
    Some(Finding::proof(What::Subscribe).with(facts))
}

fn greeted(message: &Message<'_>) -> Option<Finding> {
    is_version(message.get("result")?.get("proto")).then(|| Finding::proof(What::Granted(Ask::Subscribe)))
}

/// What holds for the jobs to come. The first of a session sets all of it; a later one may change a single value.
fn set(params: Value<'_>, ours: bool) -> Option<Finding> {
    let numbers =
        ["epoch", "target", "extranonce"].iter().filter(|name| digits(params.get(name)) > 0).count();
    let algorithm = text(params.get("algo"));
    let facts = Facts { target: text(params.get("target")), algorithm, ..Facts::default() };
    let known = numbers + usize::from(facts.algorithm.is_some());
    (numbers > 0 && (known > 1 || ours)).then(|| Finding::proof(What::Notice).with(facts))
}

/// Job, block number, header hash, and a flag that is a string.
fn job(params: Value<'_>) -> Option<Finding> {
    let flag = text(params.at(3)).is_some_and(|flag| flag == "0" || flag == "1");
    let fits =
        params.len() == 4 && (1..=16).contains(&digits(params.at(1))) && digits(params.at(2)) == 64 && flag;
    fits.then(|| Finding::proof(What::Job))
}

/// What is said in other words than Stratum's once the greeting is over: no account in a share, no parameters in a subscription.
fn within(message: &Message<'_>, session: &Session) -> Option<Finding> {
    let method = message.method()?.to_string(24);
    let from_miner = message.direction == session.client();
    let list = message.params().is_some_and(|params| params.kind() == Kind::Array);
    Some(match method.as_str() {
        "mining.submit" if list => Finding::proof(What::Submit),
        "mining.subscribe" if !list => Finding::proof(What::Subscribe),
        "mining.hashrate" => Finding::proof(What::Request),
        "mining.noop" | "mining.bye" if from_miner => Finding::context(What::Request),
        "mining.noop" | "mining.bye" => Finding::context(What::Notice),
        _ => return None,
    })
}

/// An answer by its request's id.
fn outcome(message: &Message<'_>, session: &Session) -> Option<Finding> {
    let ask = session.asked(message.id()?)?;
    let remark = |error: Value<'_>| {
        error.get("code").and_then(|code| code.unsigned()).is_some_and(|code| code / 100 == 2)
    };
    let no = message.error().is_some_and(|error| !remark(error));
    Some(Finding::context(if no { What::Denied(ask) } else { What::Granted(ask) }))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{is_anchored, line, mining};
    use super::*;
    use crate::finding::Weight;

    const HELLO: &str = r#"{"id":0,"method":"mining.hello","params":{"agent":"ethminer-0.19","host":"etc.pool.example","port":"115c","proto":"EthereumStratum/2.0.0"}}"#;

    fn says(text: &str) -> Option<(What, Weight)> {
        assert!(is_anchored(&EthereumStratum2, text), "{text}");
        line(&EthereumStratum2, text).map(|finding| (finding.what, finding.weight))
    }

    #[test]
    fn the_greeting_tells_the_pool() {
        assert_eq!(says(HELLO), Some((What::Subscribe, Weight::Proof)));
        let facts = line(&EthereumStratum2, HELLO).expect("a finding").facts;
        assert_eq!((facts.pool_host.as_deref(), facts.pool_port), (Some("etc.pool.example"), Some(4444)));
        assert_eq!(
            says(r#"{"id":0,"result":{"proto":"EthereumStratum/2.0.0","encoding":"gzip"}}"#),
            Some((What::Granted(Ask::Subscribe), Weight::Proof))
        );
    }

    #[test]
    fn a_session_counts_bare_answers() {
        let hash = "5e".repeat(32);
        let told = mining(&[
            (true, HELLO),
            (false, r#"{"id":0,"result":{"proto":"EthereumStratum/2.0.0","encoding":"plain"}}"#),
            (true, r#"{"id":1,"method":"mining.subscribe"}"#),
            (false, r#"{"id":1,"result":"s-12345"}"#),
            (true, r#"{"id":2,"method":"mining.authorize","params":["team.rig4",""]}"#),
            (false, r#"{"id":2,"result":"w-123"}"#),
            (false, r#"{"method":"mining.set","params":{"epoch":"dc","target":"0112e0","algo":"ethash"}}"#),
            (false, &format!(r#"{{"method":"mining.notify","params":["bf0488aa","6526d5","{hash}","0"]}}"#)),
            (true, r#"{"id":31,"method":"mining.submit","params":["bf0488aa","68765fccd712","w-123"]}"#),
            (false, r#"{"id":31}"#),
            (true, r#"{"id":32,"method":"mining.submit","params":["bf0488aa","68765fccd713","w-123"]}"#),
            (false, r#"{"id":32,"error":{"code":202,"message":"Stale"}}"#),
            (true, r#"{"id":33,"method":"mining.submit","params":["bf0488aa","68765fccd714","w-123"]}"#),
            (false, r#"{"id":33,"error":{"code":406,"message":"Bad nonce"}}"#),
            (false, r#"{"method":"mining.bye"}"#),
        ])
        .expect("a miner");
        let shares = (told.shares.sent, told.shares.accepted, told.shares.rejected);
        assert_eq!((told.dialect, shares), ("ethereum-stratum-2", (3, 2, 1)));
        assert_eq!(told.facts.user.as_deref(), Some("team.rig4"));
        assert_eq!(told.facts.algorithm.as_deref(), Some("ethash"));
    }

    #[test]
    fn neighbours_stay_silent() {
        for text in [
            r#"{"id":0,"method":"mining.hello","params":{"name":"Ada"}}"#,
            r#"{"id":0,"method":"mining.hello"}"#,
            r#"{"method":"mining.set","params":{"colour":"red"}}"#,
            r#"{"method":"mining.set","params":{"target":"2000 t","algo":"blast"}}"#,
            r#"{"method":"mining.set","params":{"target":"2000"}}"#,
            r#"{"method":"mining.notify","params":["a","b","c","0"]}"#,
            r#"{"id":3,"method":"mining.submit","params":["a","b","c"]}"#,
            r#"{"id":1,"result":{"proto":"mining.http"}}"#,
        ] {
            assert_eq!(says(text), None, "{text}");
        }
    }
}
