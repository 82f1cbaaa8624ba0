//! The dialects, one file each, and what several of them share.
//!
//! A new one is a unit struct in a file of its own and a line in [`DIALECTS`](crate::dialect::DIALECTS); nothing else.

pub(crate) mod cryptonote;
pub(crate) mod eth_proxy;
pub(crate) mod stratum_v1;

use crate::finding::{Ask, Facts, Finding, What};
use crate::json::{Text, Value};
use crate::message::Message;
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
    } else if let Some((_, worker)) = user.split_once('.') {
        facts.worker = (!worker.is_empty() && !worker.contains('@')).then(|| worker.to_owned());
    }
    facts.user = Some(user);
    facts
}

/// Whether a value is shaped like a coin address, with or without what pools append to it.
pub(crate) fn is_address(value: Option<Value<'_>>) -> bool {
    text(value).is_some_and(|user| wallet::account(&user).is_some())
}

/// The answer to a request of the session, in the manner of JSON-RPC: an error, or `false`, or `null` for a login, is a no.
pub(crate) fn answer(message: &Message<'_>, session: Option<&Session>) -> Option<Finding> {
    if !message.is_answer() {
        return None;
    }
    let ask = session?.asked(message.id()?)?;
    let result = message.get("result");
    let empty = result.is_none_or(|result| result.is_null());
    let no = message.error().is_some()
        || result.and_then(|result| result.bool()) == Some(false)
        || (empty && matches!(ask, Ask::Authorize | Ask::Subscribe | Ask::Submit));
    Some(Finding::context(if no { What::Denied(ask) } else { What::Granted(ask) }))
}

#[cfg(test)]
pub(crate) mod testing {
    //! Messages for the tests of dialects.

    use super::*;
    use crate::dialect::Dialect;
    use crate::json::Tokens;
    use crate::message::Carrier;
    use pithead_flow::Direction;

    /// What a dialect says of a line in a stream, without a session.
    pub(crate) fn line(dialect: &dyn Dialect, text: &str) -> Option<Finding> {
        examine(dialect, text, None)
    }

    /// What a dialect says of a line in a stream.
    pub(crate) fn examine(dialect: &dyn Dialect, text: &str, session: Option<&Session>) -> Option<Finding> {
        let mut tokens = Tokens::default();
        let message = Message {
            text: text.as_bytes(),
            json: tokens.read(text.as_bytes()),
            carrier: Carrier::Stream,
            head: None,
            direction: Direction::Forward,
            truncated: false,
        };
        dialect.examine(&message, session)
    }

    /// Whether a dialect's anchors would bring this text to it at all.
    pub(crate) fn is_anchored(dialect: &dyn Dialect, text: &str) -> bool {
        dialect.anchors().iter().any(|anchor| text.contains(anchor))
    }
}
