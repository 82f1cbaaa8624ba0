//! What miners and pools say to each other, a script a dialect.
//!
//! The words are those of the sessions by which the detector is tested, in `crates/detect/tests/sessions`: a line is what one side wrote at
//! once, `>` the client and `<` the server, with `\r`, `\n`, `\t`, `\\` and `\xNN` for what cannot be written plainly; `#` begins a remark.

/// A conversation between a miner and its pool.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    /// The dialect that it is in, as alerts name it.
    pub dialect: &'static str,
    /// The port that the pool listens on.
    pub port: u16,
    text: &'static str,
}

/// What one side writes at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) from_client: bool,
    pub(crate) bytes: Vec<u8>,
}

macro_rules! scripts {
    ($($dialect:literal $port:literal,)*) => {
        /// Every script there is, by dialect.
        pub static SCRIPTS: &[Script] = &[$(Script {
            dialect: $dialect,
            port: $port,
            text: include_str!(concat!("../../detect/tests/sessions/mining/", $dialect, ".txt")),
        },)*];
    };
}

scripts! {
    "stratum-v1" 3333,
    "cryptonote" 3333,
    "eth-proxy" 4444,
    "ethereum-stratum" 3353,
    "ethereum-stratum-2" 4444,
    "kawpow" 6060,
    "zip301" 3357,
    "getwork" 8332,
    "getblocktemplate" 8332,
    "eth-getwork" 8545,
    "xmrig-daemon" 18081,
    "coinhive" 80,
    "nimiq" 8443,
    "alephium" 10973,
    "beam" 5252,
    "ckb" 3333,
    "conflux" 3357,
    "ergo" 3056,
    "grin" 3416,
    "ironfish" 9034,
    "kaspa" 5555,
    "duino-coin" 2813,
    "primecoin" 1337,
    "xatum" 5454,
    "stratum-v2-plain" 34255,
    "stratum-v2" 34254,
    "p2pool" 37889,
}

impl Script {
    /// The script of a dialect, if there is one.
    pub fn of(dialect: &str) -> Option<&'static Self> {
        SCRIPTS.iter().find(|script| script.dialect == dialect)
    }

    pub(crate) fn lines(&self) -> Vec<Line> {
        self.text.lines().filter_map(line).collect()
    }
}

fn line(text: &str) -> Option<Line> {
    let (side, said) = text.split_once(' ')?;
    let from_client = match side {
        ">" => true,
        "<" => false,
        _ => return None,
    };
    Some(Line { from_client, bytes: unescape(said.as_bytes()) })
}

fn unescape(mut text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    while let Some((&first, rest)) = text.split_first() {
        let (byte, taken) = match (first, rest) {
            (b'\\', [b'n', ..]) => (b'\n', 2),
            (b'\\', [b'r', ..]) => (b'\r', 2),
            (b'\\', [b't', ..]) => (b'\t', 2),
            (b'\\', [b'x', high, low, ..]) => (hex(*high) << 4 | hex(*low), 4),
            (b'\\', [other, ..]) => (*other, 2),
            _ => (first, 1),
        };
        bytes.push(byte);
        text = &text[taken..];
    }
    bytes
}

const fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_script_has_both_sides() {
        for script in SCRIPTS {
            let lines = script.lines();
            assert!(lines.iter().any(|line| line.from_client), "{}", script.dialect);
            assert!(lines.iter().any(|line| !line.from_client), "{}", script.dialect);
            assert!(lines.iter().all(|line| !line.bytes.is_empty()), "{}", script.dialect);
        }
        assert_eq!(Script::of("kaspa").map(|script| script.port), Some(5555));
        assert!(Script::of("gold").is_none());
    }

    #[test]
    fn escapes_are_bytes() {
        let said = line(r"> a\r\n\t\\\x00\xff\x1b").expect("a line");
        assert_eq!((said.from_client, said.bytes), (true, b"a\r\n\t\\\x00\xff\x1b".to_vec()));
        assert_eq!(line("# a remark"), None);
    }
}
