//! The program: frames in, events out.
//!
//! Everything that decides lives in the rooms below; here they are put in a line ([`Pipeline`]), given threads (`run`), merged
//! ([`Aggregator`]) and shown. The same pipeline reads files and links.
#![forbid(unsafe_code)]

mod aggregator;
mod behaviour;
mod cache;
pub mod cli;
mod columns;
pub mod commands;
pub mod config;
#[cfg(target_os = "linux")]
mod control;
mod expect;
mod halves;
#[cfg(target_os = "linux")]
mod live;
mod names;
mod pipeline;
mod recent;
#[cfg(target_os = "linux")]
mod reload;
mod report;
mod run;
#[cfg(target_os = "linux")]
mod screen;
mod signals;
#[cfg(target_os = "linux")]
mod status;
mod summary;
mod worker;

pub use aggregator::Aggregator;
pub use config::Config;
pub use pipeline::{Pipeline, Settings};
pub use report::{Counters, Report};
