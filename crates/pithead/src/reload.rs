//! Reading anew, while a tap runs, what can be read anew: the pool lists that the configuration names.
//!
//! All of it is read and tested on a thread of its own; the control thread then takes it into use as a whole, or goes on with what it has. The
//! rest of the configuration is tested too, and what has changed in it takes effect at the next start, which is said.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result};
use crossbeam::channel::Sender;
use pithead_detect::pools::Pools;
use serde_json::{Value, json};
use toml::Table;

use crate::config::Config;
use crate::live::{Ask, Reply};
use crate::summary::counted;

/// The one setting that is taken into use at once.
const AT_ONCE: &str = "pool_lists";

/// How to read anew.
pub(crate) struct Reload {
    path: Option<PathBuf>,
    /// The settings with which the tap began.
    began: Table,
    /// Where what was read goes.
    asks: Sender<Ask>,
    under_way: bool,
}

impl Reload {
    /// Of this configuration, as it is now; without one, of what comes with the program.
    pub(crate) fn new(path: Option<PathBuf>, asks: Sender<Ask>) -> Self {
        let began = path.as_ref().and_then(|path| table(path).ok()).unwrap_or_default();
        Self { path, began, asks, under_way: false }
    }

    /// Begins to read; what comes of it is sent with `reply`. Gives that back with the reason where it cannot.
    pub(crate) fn begin(&mut self, reply: Option<Reply>) -> Result<(), (String, Option<Reply>)> {
        if self.under_way {
            return Err(("a reload is under way already".to_owned(), reply));
        }
        let (path, began, asks) = (self.path.clone(), self.began.clone(), self.asks.clone());
        let again = reply.clone();
        let read = move || {
            let _ = asks.send(Ask::Loaded(load(path.as_ref(), &began), reply));
        };
        match thread::Builder::new().name("reload".into()).spawn(read) {
            Ok(_) => self.under_way = true,
            Err(error) => return Err((format!("no thread can be started: {error}"), again)),
        }
        Ok(())
    }

    /// Notes that it has come to its end.
    pub(crate) const fn ended(&mut self) {
        self.under_way = false;
    }
}

/// What was read, and is sound.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) pools: Arc<Pools>,
    /// Settings that have changed and take effect at the next start.
    pub(crate) waiting: Vec<String>,
}

impl Loaded {
    /// For machines.
    pub(crate) fn json(&self) -> Value {
        json!({ "pools": self.pools.list().len(), "after_restart": self.waiting })
    }
}

impl fmt::Display for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of pools are in use", counted(self.pools.list().len() as u64, "name"))?;
        if !self.waiting.is_empty() {
            write!(f, "; changes to {} take effect at the next start", self.waiting.join(", "))?;
        }
        Ok(())
    }
}

fn load(path: Option<&PathBuf>, began: &Table) -> Result<Loaded> {
    let config = path.map_or_else(|| Ok(Config::default()), |path| Config::read(path))?;
    let now = path.map_or_else(|| Ok(Table::new()), table)?;
    Ok(Loaded { pools: Arc::new(config.pools()?), waiting: changed(began, &now) })
}

fn table(path: &PathBuf) -> Result<Table> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    text.parse().with_context(|| path.display().to_string())
}

/// Settings and tables of settings that are not the same, but for what is taken into use at once.
fn changed(before: &Table, now: &Table) -> Vec<String> {
    let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let differs = |name: &&&String| name.as_str() != AT_ONCE && before.get(**name) != now.get(**name);
    names.iter().filter(differs).map(|name| (*name).clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(folder: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    }

    #[test]
    fn what_waits_for_a_start_is_named() {
        let table = |text: &str| text.parse::<Table>().expect("settings");
        let before =
            table("pool_lists = [\"a\"]\nchecksums = \"ignore\"\n[flows]\nmax = 7\n[names]\nmax = 1\n");
        let now = table("pool_lists = [\"b\"]\nchecksums = \"verify\"\n[flows]\nmax = 7\n[hosts]\nmax = 1\n");
        assert_eq!(changed(&before, &now), ["checksums", "hosts", "names"]);
        assert_eq!(changed(&before, &before), [""; 0]);
    }

    #[test]
    fn lists_are_read_whole_or_not_at_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let list = "domain,kind,coins,ports,source\nours.example,pool,,,\n";
        written(&folder, "ours.csv", list);
        let path = written(&folder, "pithead.toml", "pool_lists = [\"ours.csv\"]\n");
        let began = table(&path).expect("settings");
        let loaded = load(Some(&path), &began).expect("they are sound");
        assert!(loaded.pools.find("ours.example").is_some() && loaded.waiting.is_empty());
        written(&folder, "ours.csv", "domain,kind,coins,ports,source\nours.example,dragon,,,\n");
        let error = format!("{:#}", load(Some(&path), &began).expect_err("no such kind"));
        assert!(error.contains("ours.csv") && error.contains("line 2"), "{error}");
        written(&folder, "pithead.toml", "pool_list = []\n");
        let error = format!("{:#}", load(Some(&path), &began).expect_err("no such setting"));
        assert!(error.contains("pithead.toml line 1"), "{error}");
    }
}
