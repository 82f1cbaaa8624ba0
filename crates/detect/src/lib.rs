//! What mining looks like.
//!
//! `detect` is given packets in their flows and says who mines, for whom, and how it knows. It relies on `wire` and `flow` for
//! packets and streams and on `matcher` for the first glance. It reads no clock, opens nothing, and knows no output format: what it
//! has to say are [`Event`]s. Everything it keeps a flow is bounded, see [`Limits`].
#![forbid(unsafe_code)]

mod anchors;
mod app;
pub mod behaviour;
pub mod carriers;
mod conversation;
mod course;
mod detector;
mod dialect;
mod dialects;
mod event;
mod finding;
mod framing;
mod gate;
mod hash;
mod json;
mod judge;
mod message;
mod nodes;
mod plain;
pub mod pools;
mod quote;
mod reader;
mod session;
mod turns;
mod unpack;
mod wallet;

pub use anchors::{Anchors, Scanner};
pub use app::App;
pub use detector::{DetectCounters, Detector, Limits, Tell};
pub use dialect::{About, DIALECTS, Dialect, find as find_dialect};
pub use event::{Body, Cause, Event, Oddities, Resolution, Sighting, Where};
pub use finding::{Ask, Evidence, Facts, Finding, Role, Stage, Weight, What};
pub use json::{Kind, Members, Text, Tokens, Value};
pub use message::{Carrier, HttpHead, Message};
pub use session::{Mining, Session, Shares};
pub use turns::{Growth, Turns};
pub use wallet::{Account, account};
