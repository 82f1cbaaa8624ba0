//! One thing that was looked at, and what is to be thought of it.

use std::fmt::Display;

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

/// What is to be thought of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// As it should be.
    Ok,
    /// It costs speed, or certainty.
    Warn,
    /// A tap would not start, or would not see what it should.
    Fail,
}

impl Verdict {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }

    fn style(self) -> Style {
        match self {
            Self::Ok => AnsiColor::Green.on_default(),
            Self::Warn => AnsiColor::Yellow.on_default(),
            Self::Fail => AnsiColor::Red.on_default().bold(),
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// The link it is about; `None` for the machine.
    pub(super) interface: Option<String>,
    /// What was looked at.
    pub(super) check: &'static str,
    pub(super) verdict: Verdict,
    /// What it is, in words.
    pub(super) text: String,
    /// The command that mends it.
    pub(super) remedy: Option<String>,
}

impl Finding {
    pub(super) fn ok(check: &'static str, text: impl Display) -> Self {
        Self::new(check, Verdict::Ok, text, None)
    }

    pub(super) fn warn(check: &'static str, text: impl Display, remedy: Option<String>) -> Self {
        Self::new(check, Verdict::Warn, text, remedy)
    }

    pub(super) fn fail(check: &'static str, text: impl Display, remedy: Option<String>) -> Self {
        Self::new(check, Verdict::Fail, text, remedy)
    }

    /// Something that nobody tells.
    pub(super) fn unknown(check: &'static str, why: impl Display) -> Self {
        Self::new(check, Verdict::Warn, format_args!("unknown: {why}"), None)
    }

    fn new(check: &'static str, verdict: Verdict, text: impl Display, remedy: Option<String>) -> Self {
        Self { interface: None, check, verdict, text: text.to_string(), remedy }
    }

    /// The same, about this link.
    pub(super) fn on(mut self, interface: &str) -> Self {
        self.interface = Some(interface.to_owned());
        self
    }

    /// For people.
    pub(super) fn lines(&self) -> String {
        let style = self.verdict.style();
        let mut lines =
            format!("  {style}{:4}{style:#}  {:12}  {}\n", self.verdict.name(), self.check, self.text);
        for remedy in self.remedy.iter().flat_map(|remedy| remedy.lines()) {
            lines.push_str(&format!("{:22}{remedy}\n", ""));
        }
        lines
    }

    /// For machines.
    pub(super) fn json(&self) -> Value {
        json!({
            "interface": self.interface,
            "check": self.check,
            "verdict": self.verdict.name(),
            "text": self.text,
            "remedy": self.remedy,
        })
    }
}
