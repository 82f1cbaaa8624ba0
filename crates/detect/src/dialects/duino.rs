//! Duino-Coin: short lines of text with commas, made for microcontrollers.
//!
//! ```text
//! S> 3.0
//! C> JOB,user,LOW,key
//! S> <40 hex>,<40 hex>,100000
//! C> 900000,512000.20,Official PC Miner 4.3,rig,,1357
//! S> GOOD
//! C> JOB,user,AVR,key
//! S> BAD,Incorrect result
//! ```
//!
//! The server greets with its version. A job is a hash to begin with, one to reach, and a difficulty; a share the number found, hashes a second,
//! software, machine, and a chip's serial number. The key of a request is a password and is not kept. Old miners end no line, so a message may have
//! others behind it. Source: <https://github.com/revoxhere/duino-coin>, `PC_Miner.py`.

use super::speaks;
use crate::dialect::{About, Dialect, TALK};
use crate::finding::{Ask, Facts, Finding, What};
use crate::message::Message;
use crate::session::Session;

/// The longest line that is looked at; none has more than 130 bytes, but old miners run several together.
const LINE: usize = 512;

/// Levels of difficulty that are named after a chip. The others that official miners ask for, such as LOW and MEDIUM, are words of every queue.
const CHIPS: &[&str] =
    &["AVR", "ESP8266", "ESP8266H", "ESP8266N", "ESP8266NH", "ESP32", "ESP32S", "RP2040", "STM32"];

pub(crate) struct Duino;

impl Dialect for Duino {
    fn about(&self) -> &'static About {
        &About {
            name: "duino-coin",
            title: "Duino-Coin, short lines of text",
            family: "Duino-Coin",
            signature_id: 33_330_017,
            source: "https://github.com/revoxhere/duino-coin",
            anchors: &["JOB,", "JOBXX,"],
            carriers: TALK,
        }
    }

    fn examine(&self, message: &Message<'_>, session: Option<&Session>) -> Option<Finding> {
        if message.json.is_some() {
            return None;
        }
        let line = std::str::from_utf8(message.text.get(..message.text.len().min(LINE))?).ok()?.trim_end();
        let ours = session.filter(|_| speaks(session, self.name()));
        match ours {
            None => request(line),
            Some(session) if message.direction == session.client() => request(line).or_else(|| share(line)),
            Some(_) => job(line).or_else(|| outcome(line)),
        }
    }
}

/// `JOB`, a user, and in all but the oldest miners a level and a key.
fn request(line: &str) -> Option<Finding> {
    let mut parts = line.split(',');
    let (word, user) = (parts.next()?, parts.next()?);
    if !matches!(word, "JOB" | "JOBXX") || !is_user(user) {
        return None;
    }
    let level = parts.next().unwrap_or_default();
    let facts = Facts { user: Some(user.to_owned()), coin: Some("DUCO".to_owned()), ..Facts::default() };
    let known = CHIPS.contains(&level) && parts.next().is_some();
    Some(if known { Finding::proof(What::GetWork) } else { Finding::hint(What::GetWork) }.with(facts))
}

fn is_user(user: &str) -> bool {
    (1..=64).contains(&user.len())
        && user.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte))
}

/// Two SHA-1 hashes, or in its other algorithm two shorter ones, and a difficulty.
fn job(line: &str) -> Option<Finding> {
    let mut parts = line.split(',');
    let (from, to, difficulty) = (parts.next()?, parts.next()?, parts.next()?);
    // The server's version may stand before the first hash, where no line ends.
    let from = from.get(from.len().checked_sub(to.len())?..)?;
    let hash =
        |text: &str| (16..=40).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let difficulty = difficulty.parse::<u32>().ok();
    let facts = Facts {
        difficulty: difficulty.map(f64::from),
        algorithm: Some("DUCO-S1".to_owned()),
        ..Facts::default()
    };
    (hash(from) && hash(to) && difficulty.is_some()).then(|| Finding::hint(What::Job).with(facts))
}

/// The number found, hashes a second, software and machine.
fn share(line: &str) -> Option<Finding> {
    let mut parts = line.split(',');
    parts.next()?.parse::<u64>().ok()?;
    parts.next()?.parse::<f64>().ok()?;
    let text = |part: Option<&str>| part.map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned);
    let facts = Facts { agent: text(parts.next()), rig: text(parts.next()), ..Facts::default() };
    Some(Finding::hint(What::Submit).with(facts))
}

fn outcome(line: &str) -> Option<Finding> {
    let word = line.split(',').next()?;
    Some(Finding::context(match word {
        "GOOD" | "BLOCK" => What::Granted(Ask::Submit),
        "BAD" => What::Denied(Ask::Submit),
        "INVU" | "NO" => What::Denied(Ask::GetWork),
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{is_anchored, line, mining, session};
    use super::*;
    use crate::finding::Weight;

    const JOB: &str = "84130a832692fc977005b55355da362a6a7a370d,5a16c9cfd6040114f7c7b21563e9da98b8068834,8";

    #[test]
    fn a_session_through_to_its_shares() {
        let told = mining(&[
            (false, "3.0"),
            (true, "JOB,pithead-example,AVR,hunter2"),
            (false, JOB),
            (true, "300,258.0,Official AVR Miner 4.3,uno,DUCOIDBBA62196E68EB0B8,1234"),
            (false, "GOOD"),
            (true, "JOB,pithead-example,AVR,hunter2"),
            (false, JOB),
            (true, "317,258.1,Official AVR Miner 4.3,uno,DUCOID5FF82490BAE6CB01,1234"),
            (false, "BAD,Incorrect result"),
        ])
        .expect("a miner");
        let shares = (told.shares.sent, told.shares.accepted, told.shares.rejected);
        assert_eq!((told.dialect, shares), ("duino-coin", (2, 1, 1)));
        assert_eq!(
            (told.facts.user.as_deref(), told.facts.rig.as_deref()),
            (Some("pithead-example"), Some("uno"))
        );
        assert_eq!(told.facts.agent.as_deref(), Some("Official AVR Miner 4.3"));
        assert!(!format!("{:?}", told.facts).contains("hunter2"));
    }

    #[test]
    fn a_request_without_level_or_key_waits_for_a_job() {
        assert!(is_anchored(&Duino, "JOB,revox"));
        assert_eq!(line(&Duino, "JOB,revox").map(|finding| finding.weight), Some(Weight::Hint));
        assert_eq!(
            line(&Duino, "JOB,invoice42,LOW,printer3").map(|finding| finding.weight),
            Some(Weight::Hint)
        );
        assert_eq!(mining(&[(true, "JOB,revox"), (false, "GOOD")]), None);
        assert!(mining(&[(true, "JOB,revox"), (false, JOB)]).is_some());
        assert!(mining(&[(true, "JOB,revox"), (false, &format!("2.7{JOB}"))]).is_some());
    }

    #[test]
    fn neighbours_stay_silent() {
        for text in
            ["JOB,", "JOB,alice smith,HIGH", "JOBS,a,b", "JOB,<b>,LOW,x", "id,JOB,LOW,None", "{\"JOB,\":1}"]
        {
            assert_eq!(line(&Duino, text), None, "{text}");
        }
        assert!(session(&[(false, JOB), (true, "300,258.0,csv"), (false, "GOOD")]).is_none());
    }
}
