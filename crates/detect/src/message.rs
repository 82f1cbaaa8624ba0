//! A whole message, as dialects see it.

use pithead_flow::Direction;

use crate::carriers::Authority;
use crate::carriers::http::Marks;
use crate::json::{Text, Value};

/// What a message travelled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// Straight in the stream.
    Stream,
    /// The body of an HTTP request or response, or, where `text` is empty, a head without one.
    Http,
    /// A WebSocket message.
    WebSocket,
}

/// What is kept of an HTTP head until its body has come. Used again for the next one.
#[derive(Clone, Debug, Default)]
pub struct HttpHead {
    /// Whether it is a request's.
    pub request: bool,
    /// Whether that is a POST.
    pub post: bool,
    /// A response's status code.
    pub status: u16,
    /// A request's target.
    pub target: String,
    /// `User-Agent`, empty if there is none.
    pub agent: String,
    /// User of Basic authorization, empty if there is none.
    pub user: String,
    /// Whom a request is for.
    pub host: Option<Authority>,
    /// Headers that only mining software sends.
    pub marks: Marks,
    /// `X-Stratum`, empty if there is none.
    pub stratum: String,
}

/// A whole message with its direction.
#[derive(Clone, Copy, Debug)]
pub struct Message<'m> {
    /// Its bytes.
    pub text: &'m [u8],
    /// The same, tokenized, if it is JSON.
    pub json: Option<Value<'m>>,
    /// What it travelled in.
    pub carrier: Carrier,
    /// The HTTP head that it came with.
    pub head: Option<&'m HttpHead>,
    /// Which way it went.
    pub direction: Direction,
    /// Whether it is not all here.
    pub truncated: bool,
}

impl<'m> Message<'m> {
    /// A member of the message, if it is a JSON object.
    pub fn get(&self, name: &str) -> Option<Value<'m>> {
        self.json?.get(name)
    }

    /// The `method`, in most dialects.
    pub fn method(&self) -> Option<Text<'m>> {
        self.get("method")?.text()
    }

    /// Whether the `method` is this.
    pub fn is_method(&self, wanted: &str) -> bool {
        self.method().is_some_and(|method| method.is(wanted))
    }

    /// The `params`, in most dialects.
    pub fn params(&self) -> Option<Value<'m>> {
        self.get("params")
    }

    /// The `id` as it stands, quotes aside.
    pub fn id(&self) -> Option<&'m [u8]> {
        let id = self.get("id")?;
        (!id.is_null()).then(|| id.raw())
    }

    /// The `error`, if there is one that is not null, false or empty.
    pub fn error(&self) -> Option<Value<'m>> {
        let error = self.get("error")?;
        let nothing = error.is_null()
            || error.bool() == Some(false)
            || (error.text().is_some() && error.raw().is_empty());
        (!nothing).then_some(error)
    }

    /// Whether it is an answer: no method, but an id with a result or an error.
    pub fn is_answer(&self) -> bool {
        self.json.is_some_and(|root| {
            root.get("method").is_none_or(|method| method.is_null())
                && (root.get("result").is_some() || root.get("error").is_some())
        })
    }
}
