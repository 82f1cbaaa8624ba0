//! Records as EVE JSON: one object a line, in the words of Suricata where it has them.
//!
//! The fields stand in the order of the structs here, so the same record is always the same bytes. What is not known is left
//! out: no field is ever empty to say so. Everything of our own is in one object, `mining`, but for what Suricata has no
//! word for at all (`anomalies`, `host`, and what `stats` counts).

mod capture;
mod envelope;
mod flow;
mod mining;
mod name;
mod number;
mod sink;
mod totals;
mod watched;

pub use sink::EveSink;

use crate::record::Record;

/// The record as one line of JSON, without the line's end. The same record always gives the same text.
pub fn json(record: &Record) -> String {
    serde_json::to_string(&envelope::Event::new(record))
        .expect("only structs, lists, numbers and texts are written, into memory")
}
