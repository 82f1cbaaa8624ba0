//! Reading a list: CSV lines in, entries out, with the place of and the reason for everything that is refused.
//!
//! Lines are read by the csv crate; this file adds what the columns mean and where in the file an error is.

use std::sync::Arc;

use super::list::Words;
use super::{Entry, Kind, List, MAX_ENTRIES, PortRange};

/// The columns, and the first line that is not a comment.
const HEADER: [&str; 5] = ["domain", "kind", "coins", "ports", "source"];

/// Reads a list; `file` is what errors call it.
pub(super) fn read(file: &str, text: &str) -> Result<List, Error> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut list = List::default();
    let mut draft = Draft::default();
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    let mut record = csv::StringRecord::new();
    let mut rows = 0;
    loop {
        let read = match reader.read_record(&mut record) {
            Ok(false) => break,
            Ok(true) if rows == 0 => check_header(&record),
            Ok(true) => draft.parse(&record).and_then(|entry| add(&mut list, entry)),
            Err(error) => Err(Fault { field: 0, offset: 0, reason: error.to_string() }),
        };
        read.map_err(|fault| fault.located(file, text, rows))?;
        rows += 1;
    }
    if rows == 0 {
        let reason = format!("the first line must be {:?}", HEADER.join(","));
        return Err(Fault { field: 0, offset: 0, reason }.located(file, text, 0));
    }
    Ok(list)
}

fn add(list: &mut List, entry: Entry<'_>) -> Result<(), Fault> {
    if list.len() == MAX_ENTRIES {
        return Err(Fault::at(0, format!("more than {MAX_ENTRIES} names: is this the right file?")));
    }
    if list.exactly(entry.domain).is_some() {
        return Err(Fault::at(0, format!("{:?} is in the list already", entry.domain)));
    }
    list.put(entry);
    Ok(())
}

/// Room for one entry's parts, used again for each row.
#[derive(Default)]
struct Draft {
    domain: String,
    coins: Vec<Arc<str>>,
    ports: Vec<PortRange>,
    words: Words,
}

impl Draft {
    fn parse<'a>(&'a mut self, record: &'a csv::StringRecord) -> Result<Entry<'a>, Fault> {
        if let Some(field) = record.iter().position(|field| field.bytes().any(|byte| b"\n\r".contains(&byte)))
        {
            return Err(Fault::at(field, "a line break inside quotes".to_owned()));
        }
        let [domain, kind, coins, ports, source] = columns(record)?;
        self.domain.clear();
        self.domain.push_str(domain.trim());
        self.domain.make_ascii_lowercase();
        check_domain(domain.trim(), &self.domain).map_err(|reason| Fault::at(0, reason))?;
        let kind = parse_kind(kind.trim()).map_err(|reason| Fault::at(1, reason))?;
        self.coins.clear();
        for coin in words(2, coins, check_coin) {
            self.coins.push(self.words.shared(coin?));
        }
        self.ports.clear();
        for range in words(3, ports, parse_ports) {
            self.ports.push(range?);
        }
        Ok(Entry {
            domain: &self.domain,
            kind,
            coins: &self.coins,
            ports: &self.ports,
            source: source.trim(),
        })
    }
}

/// Why a list was refused, and where: `pools.csv line 12 column 27: port "99999" is not a number from 1 to 65535`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file} line {line} column {column}: {reason}")]
pub struct Error {
    /// What the caller calls the file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// What is wrong there.
    pub reason: String,
}

/// An error inside one row, before its place in the file is known.
struct Fault {
    field: usize,
    /// Bytes into the field.
    offset: usize,
    reason: String,
}

impl Fault {
    fn at(field: usize, reason: String) -> Self {
        Self { field, offset: 0, reason }
    }

    /// Finds the row again in the text. The csv crate's own positions count from the comments before a row; here a row is a line,
    /// since a quoted line break is refused, so the row's number says which line it is.
    fn located(self, file: &str, text: &str, row: usize) -> Error {
        let mut rows =
            text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let (line, content) = rows.nth(row).unwrap_or((text.lines().count().max(1) - 1, ""));
        let start = field_start(content, self.field) + self.offset;
        let column = content.char_indices().take_while(|(at, _)| *at < start).count() + 1;
        Error { file: file.to_owned(), line: line + 1, column, reason: self.reason }
    }
}

/// Where a field's text begins in a line: after so many commas outside quotes, and after its own quote.
fn field_start(line: &str, field: usize) -> usize {
    let mut quoted = false;
    let mut commas = line.match_indices(['"', ',']).filter(|(_, what)| {
        quoted ^= *what == "\"";
        *what == "," && !quoted
    });
    let start = match field.checked_sub(1) {
        None => 0,
        Some(before) => commas.nth(before).map_or(line.len(), |(at, _)| at + 1),
    };
    start + usize::from(line.as_bytes().get(start) == Some(&b'"'))
}

fn check_header(record: &csv::StringRecord) -> Result<(), Fault> {
    if record.iter().eq(HEADER) {
        return Ok(());
    }
    Err(Fault::at(0, format!("the first line must be {:?}", HEADER.join(","))))
}

fn columns(record: &csv::StringRecord) -> Result<[&str; 5], Fault> {
    let mut columns = [""; HEADER.len()];
    if record.len() != columns.len() {
        let reason =
            format!("{} columns, where {} belong ({})", record.len(), columns.len(), HEADER.join(","));
        return Err(Fault::at(record.len().min(columns.len()) - 1, reason));
    }
    columns.iter_mut().zip(record).for_each(|(column, field)| *column = field);
    Ok(columns)
}

fn check_domain(text: &str, domain: &str) -> Result<(), String> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    if domain.len() > super::lookup::MAX_NAME_BYTES || !domain.split('.').all(label) {
        return Err(format!(
            "{text:?} is not a name as DNS carries it (letters, digits, '-' and '_' between dots)"
        ));
    }
    match domain.rsplit_once('.') {
        None => Err(format!("{text:?} has no dot, so it would stand for a whole top-level domain")),
        Some((_, top)) if top.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err(format!("{text:?} is an address, not a name"))
        }
        Some(_) => Ok(()),
    }
}

fn parse_kind(text: &str) -> Result<Kind, String> {
    Kind::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| {
        let names = Kind::ALL.map(Kind::name).join(", ");
        format!("kind {text:?} is none of {names}")
    })
}

fn check_coin(text: &str) -> Result<&str, String> {
    if text.len() <= 16 && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(text);
    }
    Err(format!("coin {text:?} is not a ticker (at most 16 letters and digits)"))
}

fn parse_ports(text: &str) -> Result<PortRange, String> {
    let (numbers, tls) = text.strip_suffix('s').map_or((text, false), |numbers| (numbers, true));
    let (start, end) = numbers.split_once('-').unwrap_or((numbers, numbers));
    let (start, end) = (parse_port(start)?, parse_port(end)?);
    if start > end {
        return Err(format!("ports {text:?} run backwards"));
    }
    Ok(PortRange { start, end, tls })
}

fn parse_port(text: &str) -> Result<u16, String> {
    // `+80` is a number to Rust, and a mistake here.
    let number = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    number.filter(|port| *port != 0).ok_or_else(|| format!("port {text:?} is not a number from 1 to 65535"))
}

/// Reads a field of words with spaces between; an error points at its word.
fn words<'t, T>(
    field: usize,
    text: &'t str,
    parse: fn(&'t str) -> Result<T, String>,
) -> impl Iterator<Item = Result<T, Fault>> {
    let offset = |word: &str| word.as_ptr() as usize - text.as_ptr() as usize;
    text.split_ascii_whitespace()
        .map(move |word| parse(word).map_err(|reason| Fault { field, offset: offset(word), reason }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(line: &str) -> Result<List, Error> {
        List::parse(
            "mine.csv",
            &format!("# a comment\n\ndomain,kind,coins,ports,source\n# another\n{line}\n"),
        )
    }

    fn complaint(line: &str) -> String {
        row(line).unwrap_err().to_string()
    }

    #[test]
    fn reads_a_row() {
        let list = row("XMR.Pool.example,pool,XMR ZEPH,3333 443s 12000-12999,\"me, today\"").unwrap();
        assert_eq!(list.len(), 1);
        let entry = list.entries().next().unwrap();
        assert_eq!(entry.domain, "xmr.pool.example");
        assert_eq!(entry.coins, ["XMR".into(), "ZEPH".into()]);
        assert_eq!(entry.ports[1], PortRange { start: 443, end: 443, tls: true });
        assert!(entry.lists_port(12345) && !entry.lists_port(13000));
        assert_eq!(entry.source, "me, today");
    }

    #[test]
    fn errors_say_where_and_why() {
        let cases = [
            ("a.b,pool,,80 99999,x", 14, "port \"99999\" is not a number from 1 to 65535"),
            ("\"a.b\",pool,,\"80 0\",x", 17, "port \"0\" is not a number from 1 to 65535"),
            ("a.b,pool,,90-80,x", 11, "ports \"90-80\" run backwards"),
            (
                "a.b,pond,,,x",
                5,
                "kind \"pond\" is none of pool, proxy, market, webminer, wallet, exchange, lookalike",
            ),
            ("a.b,pool,B/C,,x", 10, "coin \"B/C\" is not a ticker (at most 16 letters and digits)"),
            ("com,pool,,,x", 1, "\"com\" has no dot, so it would stand for a whole top-level domain"),
            ("10.0.0.1,pool,,,x", 1, "\"10.0.0.1\" is an address, not a name"),
            ("a.b,pool,,", 11, "4 columns, where 5 belong (domain,kind,coins,ports,source)"),
            ("a.b,pool,,,x\na.b,pool,,,x", 1, "\"a.b\" is in the list already"),
        ];
        for (line, column, reason) in cases {
            let number = 4 + line.lines().count();
            assert_eq!(complaint(line), format!("mine.csv line {number} column {column}: {reason}"));
        }
        for odd in ["a..b", ".a.b", "a.b.", "-a.b", "a b.c", "ä.b", &format!("{}.b", "a".repeat(64))] {
            assert!(
                complaint(&format!("{odd},pool,,,")).contains("is not a name as DNS carries it"),
                "{odd}"
            );
        }
        let first = List::parse("mine.csv", "#\nname\n").unwrap_err().to_string();
        assert_eq!(
            first,
            "mine.csv line 2 column 1: the first line must be \"domain,kind,coins,ports,source\""
        );
        assert!(List::parse("mine.csv", "").is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_is_read_or_refused(text in "(domain,kind,coins,ports,source\n)?([a-c.,\"# \n\r0-9s-]|pool){0,60}") {
            if let Err(error) = List::parse("x", &text) {
                prop_assert!(error.line >= 1 && error.line <= text.lines().count().max(1));
                prop_assert!(error.column >= 1);
            }
        }
    }
}
