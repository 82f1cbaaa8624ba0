//! Expected events: kept as JSON lines without their volatile fields, compared event by event.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use pithead_output::{Record, json, normalize};
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

/// Events as lines that can be compared.
#[derive(Debug, Default)]
pub(crate) struct Lines(Vec<String>);

impl Lines {
    /// Takes in a record.
    pub(crate) fn push(&mut self, record: &Record) {
        let event: Value =
            serde_json::from_str(&json(record)).expect("events are JSON: a test holds them to the schema");
        self.0.push(normalize(&event).to_string());
    }

    /// The lines of an expectation file.
    ///
    /// # Errors
    /// A file that cannot be read, or a line that is no event: with line, column and reason.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| {
            format!("{}: cannot read the expected events; --update writes them", path.display())
        })?;
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let lines = lines.map(|(number, line)| {
            let wrong = |column: usize, reason: String| {
                anyhow!("{} line {} column {column}: {reason}", path.display(), number + 1)
            };
            let value: Value = serde_json::from_str(line).map_err(|error| {
                let reason = error.to_string();
                // serde_json counts its own line and column; the line is always 1 here.
                let reason = reason.split(" at line ").next().unwrap_or_default().to_owned();
                wrong(error.column(), reason)
            })?;
            match value.get("event_type") {
                Some(Value::String(_)) => Ok(normalize(&value).to_string()),
                _ => Err(wrong(1, "not an event: \"event_type\" is missing".to_owned())),
            }
        });
        lines.collect::<Result<Vec<String>>>().map(Self)
    }

    /// Writes them to a file, whole or not at all. A file that is there but damaged is left alone.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        if path.exists() {
            Self::read(path).context("not overwritten: remove it first if it is not wanted")?;
        }
        let whole = || format!("{}: cannot write the expected events", path.display());
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let name = path.file_name().with_context(whole)?.to_string_lossy();
        let draft = folder.join(format!(".{name}.{}", std::process::id()));
        let mut file = std::fs::File::create(&draft).with_context(whole)?;
        let mut text = self.0.join("\n");
        if !text.is_empty() {
            text.push('\n');
        }
        let written = file.write_all(text.as_bytes()).and_then(|()| std::fs::rename(&draft, path));
        if written.is_err() {
            let _ = std::fs::remove_file(&draft);
        }
        written.with_context(whole)
    }

    /// What differs, event by event; nothing where nothing does.
    pub(crate) fn difference(&self, expected: &Self) -> Option<Difference> {
        if self.0 == expected.0 {
            return None;
        }
        let (old, new): (Vec<&str>, Vec<&str>) =
            (expected.0.iter().map(String::as_str).collect(), self.0.iter().map(String::as_str).collect());
        let diff = TextDiff::from_slices(&old, &new);
        let of = |tag| {
            let changes = diff.iter_all_changes().filter(move |change| change.tag() == tag);
            changes.map(|change| change.value()).collect::<Vec<&str>>()
        };
        let (missing, surplus) = (of(ChangeTag::Delete), of(ChangeTag::Insert));
        let mut difference = Difference::default();
        let mut alike: HashMap<Subject, VecDeque<usize>> = HashMap::new();
        for (place, line) in surplus.iter().enumerate() {
            alike.entry(subject(line)).or_default().push_back(place);
        }
        let mut paired = vec![false; surplus.len()];
        for line in missing {
            let twin = alike.get_mut(&subject(line)).and_then(VecDeque::pop_front);
            if let Some(place) = twin {
                paired[place] = true;
            }
            difference.add(Some(line), twin.map(|place| surplus[place]));
        }
        for (line, _) in surplus.iter().zip(paired).filter(|(_, paired)| !paired) {
            difference.add(None, Some(line));
        }
        Some(difference)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// What an event is about: two of the same subject are one event that changed, others are two events.
type Subject = [Option<String>; 3];

fn subject(line: &str) -> Subject {
    let event: Value = serde_json::from_str(line).unwrap_or_default();
    ["/event_type", "/flow_id", "/host/ip"].map(|path| event.pointer(path).map(Value::to_string))
}

/// What differs.
#[derive(Debug, Default)]
pub(crate) struct Difference {
    changed: usize,
    missing: usize,
    surplus: usize,
    /// All of them, for people.
    pub(crate) text: String,
}

impl Difference {
    /// How many differ, and how.
    pub(crate) fn counts(&self) -> String {
        format!("{} changed, {} missing, {} new", self.changed, self.missing, self.surplus)
    }

    /// One difference: an event that is missing, one too many, or one that is not as expected, field by field.
    fn add(&mut self, expected: Option<&str>, found: Option<&str>) {
        let parse = |line: &str| serde_json::from_str::<Value>(line).unwrap_or_default();
        match (expected, found) {
            (Some(old), Some(new)) => {
                self.changed += 1;
                let (old, new) = (parse(old), parse(new));
                let _ = writeln!(self.text, "~ {}", headline(&new));
                fields(&mut self.text, "", &old, &new);
            }
            (Some(line), None) => {
                self.missing += 1;
                let _ = writeln!(self.text, "- {line}");
            }
            (None, Some(line)) => {
                self.surplus += 1;
                let _ = writeln!(self.text, "+ {line}");
            }
            (None, None) => {}
        }
    }
}

fn headline(event: &Value) -> String {
    let part = |name: &str| match event.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => "-".to_owned(),
    };
    format!("{} of frame {}, {} > {}", part("event_type"), part("pcap_cnt"), part("src_ip"), part("dest_ip"))
}

fn fields(text: &mut String, path: &str, old: &Value, new: &Value) {
    if let (Value::Object(before), Value::Object(after)) = (old, new) {
        let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
        names.sort();
        names.dedup();
        for name in names {
            let (old, new) =
                (before.get(name).unwrap_or(&Value::Null), after.get(name).unwrap_or(&Value::Null));
            fields(text, &format!("{path}/{name}"), old, new);
        }
    } else if old != new {
        let _ = writeln!(text, "    {path}: expected {old}, found {new}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(lines: &[&str]) -> Lines {
        Lines(lines.iter().map(|line| (*line).to_owned()).collect())
    }

    #[test]
    fn differences_name_the_field() {
        let expected = lines(&[r#"{"event_type":"alert","pcap_cnt":4,"mining":{"user":"a"}}"#]);
        let found = lines(&[r#"{"event_type":"alert","pcap_cnt":4,"mining":{"user":"b"}}"#]);
        let difference = found.difference(&expected).expect("a difference");
        assert!(difference.text.contains("/mining/user: expected \"a\", found \"b\""), "{}", difference.text);
        assert!(expected.difference(&expected).is_none());
    }

    #[test]
    fn events_of_other_flows_are_not_one_that_changed() {
        let expected = lines(&[
            r#"{"event_type":"flow","flow_id":1,"n":1}"#,
            r#"{"event_type":"flow","flow_id":2,"n":1}"#,
        ]);
        let found = lines(&[
            r#"{"event_type":"flow","flow_id":3,"n":1}"#,
            r#"{"event_type":"flow","flow_id":2,"n":2}"#,
        ]);
        let difference = found.difference(&expected).expect("a difference");
        assert_eq!(difference.counts(), "1 changed, 1 missing, 1 new");
        assert!(!difference.text.contains("/flow_id"), "{}", difference.text);
    }

    #[test]
    fn missing_and_surplus_events_are_shown() {
        let (one, two) = (lines(&[r#"{"event_type":"alert"}"#]), lines(&[]));
        assert!(two.difference(&one).expect("a difference").text.starts_with("- "));
        assert!(one.difference(&two).expect("a difference").text.starts_with("+ "));
    }

    #[test]
    fn a_damaged_file_is_named_by_place_and_kept() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let path = folder.path().join("x.jsonl");
        std::fs::write(&path, "{\"event_type\":\"stats\"}\n{\"event_type\" 7}\n").expect("a file");
        let error = format!("{:#}", Lines::read(&path).expect_err("damage"));
        assert!(error.contains("line 2 column 15"), "{error}");
        assert!(lines(&[]).write(&path).is_err());
        assert!(std::fs::read_to_string(&path).expect("the file").contains("7}"));
    }
}
