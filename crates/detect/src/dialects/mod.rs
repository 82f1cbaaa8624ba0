//! The dialects, one file each, and what several of them share.
//!
//! A new one is a unit struct in a file of its own and a line in [`DIALECTS`]; nothing else.

pub(crate) mod alephium;
pub(crate) mod beam;
pub(crate) mod ckb;
pub(crate) mod coinhive;
pub(crate) mod conflux;
pub(crate) mod cryptonote;
pub(crate) mod duino;
pub(crate) mod ergo;
pub(crate) mod eth_getwork;
pub(crate) mod eth_proxy;
pub(crate) mod ethereum_stratum;
pub(crate) mod ethereum_stratum_2;
pub(crate) mod getblocktemplate;
pub(crate) mod getwork;
pub(crate) mod grin;
pub(crate) mod ironfish;
pub(crate) mod kaspa;
pub(crate) mod kawpow;
pub(crate) mod nimiq;
pub(crate) mod p2pool;
pub(crate) mod parse_error;
pub(crate) mod primecoin;
mod software;
#[cfg(test)]
mod stand_ins;
pub(crate) mod stratum_v1;
pub(crate) mod stratum_v2;
pub(crate) mod stratum_v2_plain;
pub(crate) mod xatum;
pub(crate) mod xmrig_daemon;
pub(crate) mod zip301;

use crate::dialect::DIALECTS;
use crate::finding::{Ask, Facts, Finding, What};
use crate::json::{Kind, Text, Value};
use crate::message::{HttpHead, Message};
use crate::session::Session;
use crate::wallet;

/// The longest text from a message that events repeat.
const TEXT: usize = 128;

/// The text of a string value, for events.
pub(crate) fn text(value: Option<Value<'_>>) -> Option<String> {
    some(value?.text()?)
}

fn some(text: Text<'_>) -> Option<String> {
    let text = text.to_string(TEXT);
    (!text.is_empty()).then_some(text)
}

/// What an account name tells: itself, and the wallet, coin and worker in it.
pub(crate) fn account(user: Option<Value<'_>>) -> Facts {
    let Some(user) = text(user) else { return Facts::default() };
    account_text(user)
}

/// The same for a name that is at hand.
pub(crate) fn account_text(user: String) -> Facts {
    let mut facts = Facts::default();
    if let Some(account) = wallet::account(&user) {
        facts.wallet = Some(account.wallet.to_owned());
        facts.coin = account.coin.map(str::to_owned);
        facts.worker = account.worker.map(str::to_owned);
    } else if let Some((_, worker)) = user.split_once(if user.contains('@') { '/' } else { '.' }) {
        // A mail address has dots of its own; what pools append to it comes after a stroke.
        facts.worker = (!worker.is_empty()).then(|| worker.to_owned());
    }
    facts.user = Some(user);
    facts
}

/// What an account tells whose address is of this coin, and not only paid out in it: `ALPH:1…` mines something else for Alephium's coins.
pub(crate) fn owner(user: Option<Value<'_>>, coin: &str) -> Option<Facts> {
    let facts = account(user);
    let scheme = facts.wallet.as_deref()?.split_once(':').map_or("", |(scheme, _)| scheme);
    let own = !scheme.bytes().any(|byte| byte.is_ascii_uppercase());
    (own && facts.coin.as_deref() == Some(coin)).then_some(facts)
}

/// What the head of an HTTP request tells: the account of its authorization, and the software.
pub(crate) fn from_head(head: &HttpHead) -> Facts {
    let short = |text: &str| (!text.is_empty()).then(|| text.chars().take(TEXT).collect::<String>());
    let facts = short(&head.user).map(account_text).unwrap_or_default();
    Facts { agent: short(&head.agent), ..facts }
}

/// Whether a value is shaped like a coin address, with or without what pools append to it.
pub(crate) fn is_address(value: Option<Value<'_>>) -> bool {
    text(value).is_some_and(|user| wallet::account(&user).is_some())
}

/// The positional parameters of a request or a push.
pub(crate) fn list<'m>(message: &Message<'m>) -> Option<Value<'m>> {
    message.params().filter(|params| params.kind() == Kind::Array)
}

/// How many hexadecimal digits a string consists of, `0x` aside; 0 if it is something else.
pub(crate) fn digits(value: Option<Value<'_>>) -> usize {
    value.and_then(|value| value.text()).map_or(0, |text| text.hex().len())
}

/// Whether a value is a number, and not a string that looks like one.
pub(crate) fn is_number(value: Option<Value<'_>>) -> bool {
    value.is_some_and(|value| value.kind() == Kind::Number)
}

/// Whether a value is `true` or `false`.
pub(crate) fn is_bool(value: Option<Value<'_>>) -> bool {
    value.is_some_and(|value| value.kind() == Kind::Bool)
}

/// The subscription of graphics-card miners, `[agent, session or null, host, port]`: whom they take themselves to talk to.
pub(crate) fn subscription(message: &Message<'_>) -> Option<Facts> {
    let params = list(message).filter(|_| message.is_method("mining.subscribe"))?;
    let agent = text(params.at(0))?;
    let host = text(params.at(2)).filter(|host| !host.contains(' '))?;
    // Miners that keep the pool as it was configured send the scheme along.
    let host = host.rsplit_once("://").map_or(host.as_str(), |(_, host)| host).to_owned();
    let port = u16::try_from(params.at(3)?.unsigned()?).ok()?;
    Some(Facts { agent: Some(agent), pool_host: Some(host), pool_port: Some(port), ..Facts::default() })
}

/// Whether a subscription's agent begins, or a part of its host name is, as one of these. In lower case.
pub(crate) fn tells(facts: &Facts, agents: &[&str], labels: &[&str]) -> bool {
    let agent = facts.agent.as_deref().unwrap_or_default().to_ascii_lowercase();
    let host = facts.pool_host.as_deref().unwrap_or_default().to_ascii_lowercase();
    agents.iter().any(|start| agent.starts_with(start))
        || host.split(['.', '-', '_']).any(|label| labels.contains(&label))
}

/// Whether the session speaks the dialect of this name.
pub(crate) fn speaks(session: Option<&Session>, name: &str) -> bool {
    session.and_then(|session| DIALECTS.get(session.dialect())).is_some_and(|dialect| dialect.name() == name)
}

/// The same as [`answer`] for a dialect that shares requests with others: only in a session that it has recognised by more than an answer.
pub(crate) fn answer_in(name: &str, message: &Message<'_>, session: Option<&Session>) -> Option<Finding> {
    if speaks(session, name) { answer(message, session) } else { None }
}

/// The answer to a request of the session, in the manner of JSON-RPC: an error, or `false`, or `null` for a login, is a no.
pub(crate) fn answer(message: &Message<'_>, session: Option<&Session>) -> Option<Finding> {
    if !message.is_answer() {
        return None;
    }
    let ask = session?.asked(message.id()?)?;
    let result = message.get("result");
    let empty = result.is_none_or(|result| result.is_null());
    // Some pools send an empty error with their yes, and some a remark.
    let no = match result.and_then(|result| result.bool()) {
        Some(yes) => !yes,
        None => {
            message.error().is_some()
                || (empty && matches!(ask, Ask::Authorize | Ask::Subscribe | Ask::Submit))
        }
    };
    Some(Finding::context(if no { What::Denied(ask) } else { What::Granted(ask) }))
}

#[cfg(test)]
pub(crate) mod testing {
    //! Messages for the tests of dialects.

    use super::*;
    use crate::dialect::Dialect;
    use crate::finding::Evidence;
    use crate::json::Tokens;
    use crate::message::Carrier;
    use crate::session::{Mining, Setting};
    use pithead_flow::Direction;
    use pithead_wire::Timestamp;

    /// As the judge has it: a line may hold an object with something before it.
    fn json_part(text: &str) -> &[u8] {
        let at = if text.starts_with('[') { Some(0) } else { text.find('{') };
        at.and_then(|at| text.as_bytes().get(at..)).unwrap_or_default()
    }

    /// What a dialect says of a line in a stream, without a session.
    pub(crate) fn line(dialect: &dyn Dialect, text: &str) -> Option<Finding> {
        examine(dialect, text, None)
    }

    /// What a dialect says of a line in a stream.
    pub(crate) fn examine(dialect: &dyn Dialect, text: &str, session: Option<&Session>) -> Option<Finding> {
        let mut tokens = Tokens::default();
        let message = Message {
            text: text.as_bytes(),
            json: tokens.read(json_part(text)),
            carrier: Carrier::Stream,
            head: None,
            direction: Direction::Forward,
            truncated: false,
        };
        dialect.judge(&message, session)
    }

    /// The session that these lines add up to, each with whether the miner sends it, judged by all dialects.
    pub(crate) fn session(lines: &[(bool, &str)]) -> Option<Session> {
        let mut session: Option<Session> = None;
        for (client, text) in lines {
            let direction = if *client { Direction::Forward } else { Direction::Backward };
            let mut tokens = Tokens::default();
            let message = Message {
                text: text.as_bytes(),
                json: tokens.read(json_part(text)),
                carrier: Carrier::Stream,
                head: None,
                direction,
                truncated: false,
            };
            let found = DIALECTS.iter().enumerate().find_map(|(index, dialect)| {
                let known = session.as_ref().is_some_and(|session| session.dialect() == index);
                (known || is_anchored(*dialect, text)).then_some(())?;
                Some((index, dialect.judge(&message, session.as_ref())?))
            });
            let Some((index, finding)) = found else { continue };
            let setting = Setting { direction, clean: true, rival: false, at: Timestamp::default() };
            let evidence = || Evidence { text: (*text).to_owned(), direction, frame: 0 };
            let session = session.get_or_insert_with(|| Session::new(index, &finding, setting));
            session.learn(index, finding, message.id(), setting, evidence);
        }
        session
    }

    /// What events would say of these lines; `None` if nothing is certain.
    pub(crate) fn mining(lines: &[(bool, &str)]) -> Option<Mining> {
        let session = session(lines).filter(Session::is_alerted)?;
        session.mining(DIALECTS[session.dialect()].name())
    }

    /// Whether a dialect's anchors would bring this text to it at all.
    pub(crate) fn is_anchored(dialect: &dyn Dialect, text: &str) -> bool {
        dialect.about().anchors.iter().any(|anchor| text.contains(anchor))
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{examine, session};
    use super::*;
    use proptest::prelude::*;

    /// Words of the dialects and of their neighbours, values of every kind, and signs that break texts.
    const PIECES: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "\\u00",
        " ",
        "\n",
        "\"id\":1",
        "\"id\":\"Stratum\"",
        "\"method\":",
        "\"params\":",
        "\"result\":",
        "\"error\":",
        "\"body\":",
        "\"mining.subscribe\"",
        "\"mining.notify\"",
        "\"mining.submit\"",
        "\"mining.hello\"",
        "\"mining.set\"",
        "\"set_extranonce\"",
        "\"ckb_submitWork\"",
        "\"pow_hash\":",
        "\"pow\":",
        "\"login\"",
        "\"job\"",
        "\"solution\"",
        "\"nonce\":",
        "\"api_key\":",
        "\"EthereumStratum/1.0.0\"",
        "null",
        "true",
        "0",
        "18446744073709551615",
        "-1e999",
        "\"fd4005\"",
        "\"0x\"",
        "\"5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e\"",
        "shake~",
        "job~",
        "submit~",
        "JOB,",
        "user",
        "LOW",
        "GOOD",
        "kaspa:",
        "\u{e9}",
        "\u{1f480}",
    ];

    /// A beginning of a session of each kind, so that what only counts within one is reached.
    const OPENINGS: &[&str] = &[
        r#"{"id":1,"method":"mining.subscribe","params":["cgminer/4.12.0"]}"#,
        r#"{"id":1,"method":"mining.hello","params":{"proto":"EthereumStratum/2.0.0"}}"#,
        r#"{"id":1,"method":"mining.subscribe","params":["ewbf",null,"pool.example",3333]}"#,
        r#"{"id":1,"method":"login","params":{"login":"x","agent":"grin-miner"}}"#,
        r#"{"id":1,"method":"ckb_submitHashrate","params":"0x1"}"#,
        r#"shake~{"addr":"x","algos":["xel/0"]}"#,
        "JOB,user,AVR,None",
    ];

    fn texts() -> impl Strategy<Value = String> {
        proptest::collection::vec(proptest::sample::select(PIECES), 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

        #[test]
        fn nothing_makes_a_dialect_panic(text in texts(), any in "\\PC{0,60}", opening in 0..OPENINGS.len()) {
            let session = session(&[(true, OPENINGS[opening])]);
            for dialect in DIALECTS {
                for text in [&text, &any] {
                    examine(*dialect, text, session.as_ref());
                    examine(*dialect, text, None);
                }
            }
        }
    }

    #[test]
    fn openings_open() {
        for opening in OPENINGS {
            assert!(session(&[(true, opening)]).is_some_and(|session| session.is_alerted()), "{opening}");
        }
    }

    #[test]
    fn the_workers_name_follows_the_account() {
        let worker = |user: &str| account_text(user.to_owned()).worker;
        assert_eq!(worker("team.rig1").as_deref(), Some("rig1"));
        assert_eq!(worker("jane.doe@example.org/rig").as_deref(), Some("rig"));
        assert_eq!(worker("jane.doe@example.org"), None);
        assert_eq!(worker("team."), None);
    }

    #[test]
    fn an_address_to_be_paid_at_does_not_tell_what_is_mined() {
        let address = format!("1{}", "A".repeat(44));
        let mut tokens = crate::json::Tokens::default();
        for (text, mines) in
            [(format!("[\"{address}.rig\"]"), true), (format!("[\"ALPH:{address}.rig\"]"), false)]
        {
            let value = tokens.read(text.as_bytes()).expect("an array");
            assert_eq!(owner(value.at(0), "ALPH").is_some(), mines, "{text}");
        }
    }
}
