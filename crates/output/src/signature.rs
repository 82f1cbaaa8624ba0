//! Under which words and number an alert is filed.

use pithead_detect::{Stage, find_dialect};

use crate::record::Verdict;

/// Number of the signature for a miner that was kept from its pool. Never changed, never used again.
pub const BLOCKED_ID: u32 = 33_332_001;

/// Number of the signature for a flow that behaves like a miner's. Never changed, never used again.
pub const BEHAVIOUR_ID: u32 = 33_332_002;

/// Number for a dialect that has none: never seen, since every session names a dialect of the list.
const UNNAMED_ID: u32 = 33_330_000;

const GENERATOR: u32 = 1;
const REVISION: u32 = 1;
const CATEGORY: &str = "Crypto mining";
const BLOCKED_FAMILY: &str = "Pool connection";
const BEHAVIOUR_FAMILY: &str = "Behaviour";

/// What Suricata calls a signature: the rule that an alert stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Its number: one for each dialect, whatever the stage.
    pub id: u32,
    /// Who numbers it; 1, as for rules of the packet engine.
    pub gid: u32,
    /// Its revision.
    pub rev: u32,
    /// Its text: `PITHEAD Miner`, the family, and what was seen: `PITHEAD Miner Monero XMRig login`.
    pub text: String,
    /// Its class.
    pub category: &'static str,
    /// 1 while a pool hands out work, 2 for whoever only tries.
    pub severity: u8,
}

impl Signature {
    /// The signature of a verdict.
    pub fn of(verdict: &Verdict) -> Self {
        let stage = verdict.stage();
        match verdict.dialect() {
            None if matches!(verdict, Verdict::Behaviour(_)) => {
                Self::new(BEHAVIOUR_ID, BEHAVIOUR_FAMILY, stage)
            }
            None => Self::new(BLOCKED_ID, BLOCKED_FAMILY, stage),
            Some(name) => match find_dialect(name) {
                Some(dialect) => Self::new(dialect.about().signature_id, dialect.about().family, stage),
                None => Self::new(UNNAMED_ID, name, stage),
            },
        }
    }

    /// The signature of this number and family for a miner that came so far.
    pub fn new(id: u32, family: &str, stage: Stage) -> Self {
        Self {
            id,
            gid: GENERATOR,
            rev: REVISION,
            text: format!("PITHEAD Miner {family} {}", word(stage)),
            category: CATEGORY,
            severity: severity(stage),
        }
    }
}

/// What was seen when the alert was raised, in a word that SIEM rules can look for.
const fn word(stage: Stage) -> &'static str {
    match stage {
        Stage::Blocked => "blocked",
        Stage::Attempt => "login",
        Stage::Refused => "refused",
        Stage::Subscribed => "job",
        Stage::Authorized => "accepted",
        Stage::Working => "share",
    }
}

const fn severity(stage: Stage) -> u8 {
    match stage {
        Stage::Blocked | Stage::Attempt | Stage::Refused => 2,
        Stage::Subscribed | Stage::Authorized | Stage::Working => 1,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use pithead_detect::DIALECTS;

    use super::*;

    const STAGES: [Stage; 6] = [
        Stage::Blocked,
        Stage::Attempt,
        Stage::Refused,
        Stage::Subscribed,
        Stage::Authorized,
        Stage::Working,
    ];

    #[test]
    fn the_words_that_siem_rules_look_for() {
        let dialect = find_dialect("cryptonote").unwrap();
        let signature = Signature::new(dialect.about().signature_id, dialect.about().family, Stage::Attempt);
        assert_eq!(signature.text, "PITHEAD Miner Monero XMRig login");
        assert_eq!(signature.category, "Crypto mining");
    }

    #[test]
    fn every_dialect_and_stage_has_its_own_text() {
        let mut texts = BTreeSet::new();
        for dialect in DIALECTS {
            for stage in STAGES {
                let text = Signature::new(dialect.about().signature_id, dialect.about().family, stage).text;
                assert!(text.contains("Miner") && text.contains(dialect.about().family), "{text}");
                assert!(texts.insert(text));
            }
        }
    }

    #[test]
    fn no_dialect_has_a_number_that_is_taken() {
        let ids: BTreeSet<u32> = DIALECTS.iter().map(|dialect| dialect.about().signature_id).collect();
        assert_eq!(ids.len(), DIALECTS.len());
        assert!([BLOCKED_ID, BEHAVIOUR_ID, UNNAMED_ID].iter().all(|id| !ids.contains(id)));
    }
}
