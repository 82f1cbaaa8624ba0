//! Stratum v1 as Bitcoin miners speak it: one JSON object a line, over TCP.
//!
//! ```text
//! C> {"id": 1, "method": "mining.subscribe", "params": ["cgminer/4.12.0"]}
//! S> {"id":1,"result":[[["mining.set_difficulty","a"],["mining.notify","b"]],"f000000f",4],"error":null}
//! C> {"id": 2, "method": "mining.authorize", "params": ["user.worker", "x"]}
//! S> {"id":null,"method":"mining.set_difficulty","params":[8192]}
//! S> {"id":null,"method":"mining.notify","params":["job","<64 hex>","…","…",[],"20000000","<8 hex>","<8 hex>",true]}
//! C> {"id": 3, "method": "mining.submit", "params": ["user.worker","job","00000000","<8 hex>","<8 hex>"]}
//! ```
//!
//! Key order, blanks and the kind of `id` vary. `mining.configure` may come first. The methods are those of
//! <https://github.com/slushpool/stratumprotocol/blob/master/stratum-extensions.mediawiki> and what miners were seen to send.

use super::software::is_miner_agent;
use super::{account, answer, digits, subscription, text};
use crate::dialect::{About, Dialect, TALK};
use crate::finding::{Ask, Facts, Finding, What};
use crate::json::{Kind, Value};
use crate::message::{Carrier, Message};
use crate::session::Session;

pub(crate) struct StratumV1;

impl Dialect for StratumV1 {
    fn about(&self) -> &'static About {
        &About {
            name: "stratum-v1",
            title: "Stratum v1, as Bitcoin miners and their kin speak it",
            family: "Bitcoin Stratum",
            signature_id: 33_330_001,
            source: "https://github.com/slushpool/stratumprotocol",
            anchors: &["mining.", "client.reconnect", "client.show_message", "client.get_version"],
            carriers: TALK,
        }
    }

    fn examine(&self, message: &Message<'_>, session: Option<&Session>) -> Option<Finding> {
        // Over HTTP the same words are a web page's, or an API's that speaks of mining.
        match message.method() {
            Some(_) => method(message),
            None => subscribed(message).or_else(|| answer(message, session)),
        }
    }
}

fn method(message: &Message<'_>) -> Option<Finding> {
    let method = message.method()?.to_string(40);
    let params = message.params().filter(|params| !params.is_null());
    let list = params.filter(|params| params.kind() == Kind::Array);
    let at = |place| list.and_then(|list: Value<'_>| list.at(place));
    // Methods are words, of quarries too; what proves is that the parameters are what a miner or a pool would send.
    let weigh = |fits: bool, what| if fits { Finding::proof(what) } else { Finding::context(what) };
    let finding = match method.as_str() {
        "mining.subscribe" if params.is_none_or(|params| params.kind() == Kind::Array) => {
            let facts =
                subscription(message).unwrap_or_else(|| Facts { agent: text(at(0)), ..Facts::default() });
            weigh(subscribes(message, list, &facts), What::Subscribe).with(facts)
        }
        "mining.authorize" | "mining.authorise" => {
            weigh(at(0).is_some_and(|user| user.text().is_some()), What::Authorize).with(account(at(0)))
        }
        "mining.submit" if list.is_some_and(|list| list.len() >= 2) => {
            weigh(holds_digits(list, 4), What::Submit).with(account(at(0)))
        }
        "mining.configure" => weigh(at(0).is_some_and(|names| names.kind() == Kind::Array), What::Request),
        "mining.suggest_difficulty" => {
            weigh(at(0).is_some_and(|wish| wish.number().is_some()), What::Request)
        }
        "mining.suggest_target" => weigh(digits(at(0)) >= 4, What::Request),
        "mining.extranonce.subscribe" | "mining.get_transactions" | "mining.multi_version" => {
            Finding::proof(What::Request)
        }
        "mining.ping" | "mining.pong" => Finding::hint(What::Request),
        "mining.notify" if list.is_some_and(|list| list.len() >= 2) => {
            weigh(holds_digits(list, 32), What::Job)
        }
        "mining.set_difficulty" => {
            let difficulty = at(0)?.number();
            weigh(difficulty.is_some(), What::Notice).with(Facts { difficulty, ..Facts::default() })
        }
        "mining.set_target" => {
            let target = text(at(0)).filter(|_| digits(at(0)) >= 4);
            weigh(target.is_some(), What::Notice).with(Facts { target, ..Facts::default() })
        }
        "mining.set_extranonce" | "mining.set_version_mask" => weigh(digits(at(0)) > 0, What::Notice),
        "mining.set_goal" => Finding::context(What::Notice),
        "client.reconnect" => Finding::hint(What::Notice).with(reconnect(list)),
        "client.show_message" | "client.get_version" => Finding::hint(What::Notice),
        _ => return None,
    };
    Some(finding)
}

/// Whether a subscription is to work. Over WebSocket anybody subscribes to anything, so there it takes a pool's name or a miner's.
fn subscribes(message: &Message<'_>, list: Option<Value<'_>>, facts: &Facts) -> bool {
    let plain = list.is_none_or(|list| {
        list.items().all(|value| !matches!(value.kind(), Kind::Object | Kind::Array | Kind::Bool))
    });
    let named = facts.pool_host.is_some() || facts.agent.as_deref().is_some_and(is_miner_agent);
    plain && (message.carrier == Carrier::Stream || named)
}

/// Whether one of the parameters after the first, or what stands in it, is this many hexadecimal digits, or longer.
fn holds_digits(list: Option<Value<'_>>, least: usize) -> bool {
    let long = |value: Value<'_>| {
        digits(Some(value)) >= least || value.items().any(|inner| digits(Some(inner)) >= least)
    };
    list.is_some_and(|list| list.items().skip(1).any(long))
}

/// Where the pool sends its miner: `[host, port, wait]`, or nothing for "here again".
fn reconnect(params: Option<Value<'_>>) -> Facts {
    let port = params.and_then(|params| params.at(1)?.unsigned()).and_then(|port| u16::try_from(port).ok());
    Facts { pool_host: text(params.and_then(|params| params.at(0))), pool_port: port, ..Facts::default() }
}

/// The answer to a subscription tells itself apart: subscriptions by method name, then an extranonce in hex and its size.
fn subscribed(message: &Message<'_>) -> Option<Finding> {
    let result = message.get("result")?;
    let named = result.at(0)?;
    let names = |value: Value<'_>| {
        value.at(0).and_then(|name| name.text()).is_some_and(|name| name.starts_with("mining."))
    };
    let listed = names(named) || named.items().any(names);
    let extranonce = result.at(1)?.text()?;
    (listed && !extranonce.hex().is_empty()).then(|| Finding::proof(What::Granted(Ask::Subscribe)))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{is_anchored, line, mining};
    use super::*;
    use crate::finding::Weight;

    fn proof(text: &str) -> Option<What> {
        assert!(is_anchored(&StratumV1, text), "{text}");
        line(&StratumV1, text).filter(|finding| finding.weight == Weight::Proof).map(|finding| finding.what)
    }

    #[test]
    fn what_clients_say() {
        assert_eq!(
            proof(r#"{"id": 1, "method": "mining.subscribe", "params": ["cgminer/4.12.0"]}"#),
            Some(What::Subscribe)
        );
        assert_eq!(proof(r#"{"params":[],"method":"mining.subscribe","id":"c-1"}"#), Some(What::Subscribe));
        assert_eq!(
            proof(r#"{"id":2,"method":"mining.authorize","params":["u.w","x"]}"#),
            Some(What::Authorize)
        );
        assert_eq!(
            proof(r#"{"params":["u","j","00000000","5f5e1000","deadbeef"],"id":4,"method":"mining.submit"}"#),
            Some(What::Submit)
        );
        assert_eq!(
            proof(r#"{"id":1,"method":"mining.configure","params":[["version-rolling"],{}]}"#),
            Some(What::Request)
        );
    }

    #[test]
    fn what_servers_say() {
        assert_eq!(
            proof(r#"{"id":null,"method":"mining.set_difficulty","params":[8192]}"#),
            Some(What::Notice)
        );
        assert_eq!(
            proof(
                r#"{"id":1,"result":[[["mining.set_difficulty","a"],["mining.notify","b"]],"f000000f",4],"error":null}"#
            ),
            Some(What::Granted(Ask::Subscribe))
        );
        assert_eq!(
            proof(r#"{"result":[["mining.notify","5b0"],"07b9",4],"id":388,"error":null}"#),
            Some(What::Granted(Ask::Subscribe))
        );
    }

    #[test]
    fn what_is_told_is_kept() {
        let facts =
            line(&StratumV1, r#"{"id":2,"method":"mining.authorize","params":["team.rig1","hunter2"]}"#)
                .map(|finding| finding.facts);
        assert_eq!(
            facts,
            Some(Facts { user: Some("team.rig1".into()), worker: Some("rig1".into()), ..Facts::default() })
        );
    }

    #[test]
    fn shares_are_counted_by_answers_of_every_form() {
        let share = |id: &str| {
            format!(
                r#"{{"id":{id},"method":"mining.submit","params":["u.w","j","00000000","5f5e1000","DEADBEEF"]}}"#
            )
        };
        let told = mining(&[
            (true, &share("4")),
            (false, r#"{"id":4,"result":true,"error":[]}"#),
            (true, &share("\"c-5\"")),
            (false, r#"{"result":true,"id":"c-5","error":null,"jsonrpc":"2.0"}"#),
            (true, &share("6")),
            (false, r#"{"id":6,"result":false,"error":null}"#),
            (true, &share("7")),
            (false, r#"{"id":7,"result":null,"error":[23,"Low difficulty share",null]}"#),
            (true, &share("8")),
            (false, r#"{"id":8,"error":{"code":21,"message":"Job not found"}}"#),
        ])
        .expect("a miner");
        assert_eq!((told.shares.sent, told.shares.accepted, told.shares.rejected), (5, 2, 3));
    }

    #[test]
    fn words_alone_are_nothing() {
        for text in [
            r#"{"id":0,"method":"blockchain.scripthash.subscribe","params":["ab"]}"#,
            r#"{"text":"try mining.subscribe","method":"chat.post"}"#,
            r#"{"method":"mining.subscribe","params":{"topic":"gold"}}"#,
            r#"{"result":[["mining.companies","x"],"not hex"],"id":1}"#,
            r#"{"method":{"mining.notify":1}}"#,
        ] {
            assert_eq!(line(&StratumV1, text), None, "{text}");
        }
    }

    #[test]
    fn methods_without_what_belongs_to_them_prove_nothing() {
        for text in [
            r#"{"method":"mining.subscribe","params":[{"topic":"gold"}]}"#,
            r#"{"method":"mining.authorize","params":[]}"#,
            r#"{"method":"mining.submit","params":["shift 2","report"]}"#,
            r#"{"method":"mining.notify","params":["crusher 4","stopped"]}"#,
            r#"{"method":"mining.set_difficulty","params":["hard"]}"#,
            r#"{"method":"mining.set_target","params":["2000 t"]}"#,
            r#"{"method":"mining.configure","params":["crusher"]}"#,
        ] {
            assert_eq!(line(&StratumV1, text).map(|finding| finding.weight), Some(Weight::Context), "{text}");
        }
    }

    #[test]
    fn parameters_may_be_null_or_missing() {
        for text in [
            r#"{"id":1,"method":"mining.subscribe","params":null}"#,
            r#"{"id":1,"method":"mining.subscribe"}"#,
        ] {
            assert_eq!(proof(text), Some(What::Subscribe), "{text}");
        }
    }
}
