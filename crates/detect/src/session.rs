//! What a flow's messages have added up to so far.

use std::time::Duration;

use pithead_flow::Direction;
use pithead_wire::Timestamp;

use crate::finding::{Ask, Evidence, Facts, Finding, Role, Stage, Weight, What};
use crate::hash::fnv;

/// Requests whose answers are awaited; miners rarely have more than two.
const ASKS: usize = 16;
/// How often at most a flow that mines is reported on.
const REPORT_EVERY: Duration = Duration::from_secs(600);

/// Shares of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    /// Handed in by the miner.
    pub sent: u64,
    /// Accepted by the pool.
    pub accepted: u64,
    /// Rejected by the pool.
    pub rejected: u64,
}

/// A mining session: everything that events say of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Mining {
    /// Name of the dialect.
    pub dialect: &'static str,
    /// How far it came.
    pub stage: Stage,
    /// Which way the miner's messages go.
    pub client: Direction,
    /// Whether both sides were heard and fit each other; otherwise one side alone was enough.
    pub confirmed: bool,
    /// What its messages told.
    pub facts: Facts,
    /// Shares.
    pub shares: Shares,
    /// What made it certain.
    pub evidence: Evidence,
}

/// The session of a flow in which something like mining was met.
#[derive(Debug)]
pub struct Session {
    dialect: usize,
    stage: Option<Stage>,
    client: Direction,
    facts: Facts,
    shares: Shares,
    /// Pieces of proof by who sent them: hints and proofs, client and server.
    heard: [Heard; 2],
    evidence: Option<Evidence>,
    asks: [Option<(u64, Ask)>; ASKS],
    next_ask: usize,
    alerted: bool,
    reported: Timestamp,
}

#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    anything: bool,
    hints: u32,
    proofs: u32,
}

/// What a finding leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing to say yet, or nothing new.
    Quiet,
    /// It is certain now, for the first time.
    Alert,
    /// Ten minutes have passed since the last word.
    Report,
}

/// How a message was met.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Which way it went.
    pub direction: Direction,
    /// Whether nothing but messages came before it that way.
    pub clean: bool,
    /// Whether it comes from a second reading of bytes that were claimed twice: it proves, but is not counted again.
    pub rival: bool,
    /// When.
    pub at: Timestamp,
}

impl Session {
    /// A session that begins with a finding of the dialect.
    pub fn new(dialect: usize, finding: &Finding, setting: Setting) -> Self {
        Self {
            dialect,
            stage: None,
            client: client(finding, setting),
            facts: Facts::default(),
            shares: Shares::default(),
            heard: [Heard::default(); 2],
            evidence: None,
            asks: [None; ASKS],
            next_ask: 0,
            alerted: false,
            reported: setting.at,
        }
    }

    /// Index of the dialect that it speaks.
    pub const fn dialect(&self) -> usize {
        self.dialect
    }

    /// Whether it has been alerted.
    pub const fn is_alerted(&self) -> bool {
        self.alerted
    }

    /// Which way the miner's messages go.
    pub const fn client(&self) -> Direction {
        self.client
    }

    /// How far it came.
    pub const fn stage(&self) -> Option<Stage> {
        self.stage
    }

    /// What its messages told.
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// What was asked with this id, if the answer is still awaited.
    pub fn asked(&self, id: &[u8]) -> Option<Ask> {
        self.asks[self.place(fnv(id, 0))?].map(|(_, ask)| ask)
    }

    /// Where the latest request of this id stands. Ids that are used again are answered in turn, so the latest is the one meant.
    fn place(&self, id: u64) -> Option<usize> {
        (1..=ASKS)
            .map(|back| (self.next_ask + ASKS - back) % ASKS)
            .find(|place| self.asks[*place].is_some_and(|(known, _)| known == id))
    }

    /// Whether something was said that, with an answer of the other side, would be proof.
    pub fn is_hint(&self) -> bool {
        self.heard.iter().any(|heard| heard.hints + heard.proofs > 0)
    }

    /// Everything that events say of it, once it is certain.
    pub fn mining(&self, name: &'static str) -> Option<Mining> {
        Some(Mining {
            dialect: name,
            stage: self.stage?,
            client: self.client,
            confirmed: self.heard.iter().all(|heard| heard.anything),
            facts: self.facts.clone(),
            shares: self.shares,
            evidence: self.evidence.clone()?,
        })
    }

    /// Takes in a finding. `dialect` may refine the session's: of two that fit, the one listed first is the more exact.
    pub fn learn(
        &mut self,
        dialect: usize,
        finding: Finding,
        id: Option<&[u8]>,
        setting: Setting,
        evidence: impl FnOnce() -> Evidence,
    ) -> Outcome {
        if finding.weight == Weight::Proof && setting.clean && !self.alerted {
            // What the bytes say outranks who spoke first.
            self.client = client(&finding, setting);
        } else if client(&finding, setting) != self.client {
            // Both roles in one mouth: somebody tells of a session.
            return Outcome::Quiet;
        }
        self.dialect = self.dialect.min(dialect);
        if !setting.rival {
            self.count(finding.what, id);
        }
        self.advance(finding.what);
        let heard = &mut self.heard[usize::from(finding.what.sender() == Role::Server)];
        // Between other things a proof could be a quotation, so there it is only a hint.
        let proof = finding.weight == Weight::Proof && setting.clean;
        heard.anything = true;
        heard.proofs += u32::from(proof);
        heard.hints += u32::from(!proof && finding.weight != Weight::Context);
        self.facts.learn(finding.facts);
        if self.evidence.is_none() || (proof && !self.alerted) {
            self.evidence = Some(evidence());
        }
        self.conclude(setting)
    }

    fn conclude(&mut self, setting: Setting) -> Outcome {
        if self.alerted {
            if setting.at.since(self.reported) < REPORT_EVERY {
                return Outcome::Quiet;
            }
            self.reported = setting.at;
            return Outcome::Report;
        }
        let both = self.heard.iter().all(|heard| heard.hints + heard.proofs > 0);
        if !both && self.heard.iter().all(|heard| heard.proofs == 0) {
            return Outcome::Quiet;
        }
        self.alerted = true;
        self.reported = setting.at;
        Outcome::Alert
    }

    /// Keeps the requests and counts the shares.
    fn count(&mut self, what: What, id: Option<&[u8]>) {
        match what {
            What::Submit => self.shares.sent += 1,
            What::Granted(Ask::Submit) => self.shares.accepted += 1,
            What::Denied(Ask::Submit) => self.shares.rejected += 1,
            _ => {}
        }
        let Some(id) = id.map(|id| fnv(id, 0)) else { return };
        if let Some(ask) = what.ask() {
            self.asks[self.next_ask] = Some((id, ask));
            self.next_ask = (self.next_ask + 1) % ASKS;
        } else if matches!(what, What::Granted(_) | What::Denied(_)) {
            // One answer, one request: shares may go out under one id.
            if let Some(place) = self.place(id) {
                self.asks[place] = None;
            }
        }
    }

    fn advance(&mut self, what: What) {
        let stage = match what {
            What::Submit | What::Granted(Ask::Submit) | What::Denied(Ask::Submit) => Stage::Working,
            What::Granted(Ask::Authorize) => Stage::Authorized,
            What::Granted(Ask::Subscribe | Ask::GetWork) | What::Job => Stage::Subscribed,
            What::Denied(Ask::Subscribe | Ask::Authorize | Ask::GetWork) => Stage::Refused,
            _ => Stage::Attempt,
        };
        let refused_login = what == What::Denied(Ask::Authorize) && self.stage <= Some(Stage::Subscribed);
        // A pool that refused the login may push jobs all the same; only an accepted login or a share undoes the refusal.
        let stands = self.stage == Some(Stage::Refused) && stage < Stage::Authorized;
        if refused_login {
            self.stage = Some(Stage::Refused);
        } else if !stands {
            self.stage = self.stage.max(Some(stage));
        }
    }
}

/// Which way the miner's messages go, if this finding is right.
fn client(finding: &Finding, setting: Setting) -> Direction {
    match finding.what.sender() {
        Role::Client => setting.direction,
        Role::Server => setting.direction.reverse(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(direction: Direction, clean: bool, seconds: i64) -> Setting {
        Setting { direction, clean, rival: false, at: Timestamp::new(seconds, 0) }
    }

    fn evidence() -> Evidence {
        Evidence { text: "x".into(), direction: Direction::Forward, frame: 1 }
    }

    #[test]
    fn a_proof_alerts_once() {
        let here = setting(Direction::Forward, true, 0);
        let finding = Finding::proof(What::Subscribe);
        let mut session = Session::new(3, &finding, here);
        assert_eq!(session.learn(3, finding.clone(), Some(b"1"), here, evidence), Outcome::Alert);
        assert_eq!(session.learn(3, finding.clone(), Some(b"2"), here, evidence), Outcome::Quiet);
        assert_eq!(
            session.learn(3, finding, Some(b"2"), setting(Direction::Forward, true, 600), evidence),
            Outcome::Report
        );
    }

    #[test]
    fn a_hint_waits_for_the_other_side() {
        let here = setting(Direction::Forward, true, 0);
        let mut session = Session::new(0, &Finding::hint(What::Authorize), here);
        for _ in 0..10 {
            assert_eq!(
                session.learn(0, Finding::hint(What::Authorize), None, here, evidence),
                Outcome::Quiet
            );
        }
        let there = setting(Direction::Backward, true, 0);
        assert_eq!(session.learn(0, Finding::hint(What::Job), None, there, evidence), Outcome::Alert);
    }

    #[test]
    fn an_answer_alone_proves_nothing() {
        let here = setting(Direction::Forward, true, 0);
        let mut session = Session::new(0, &Finding::hint(What::GetWork), here);
        session.learn(0, Finding::hint(What::GetWork), Some(b"1"), here, evidence);
        let there = setting(Direction::Backward, true, 0);
        let answer = Finding::context(What::Granted(Ask::GetWork));
        assert_eq!(session.learn(0, answer, Some(b"1"), there, evidence), Outcome::Quiet);
    }

    #[test]
    fn a_proof_among_other_things_is_a_hint() {
        let here = setting(Direction::Forward, false, 0);
        let mut session = Session::new(0, &Finding::proof(What::Subscribe), here);
        assert_eq!(session.learn(0, Finding::proof(What::Subscribe), None, here, evidence), Outcome::Quiet);
    }

    #[test]
    fn both_roles_in_one_mouth_are_a_tale() {
        let here = setting(Direction::Forward, false, 0);
        let mut session = Session::new(0, &Finding::proof(What::Subscribe), here);
        assert_eq!(session.learn(0, Finding::proof(What::Subscribe), None, here, evidence), Outcome::Quiet);
        assert_eq!(session.learn(0, Finding::proof(What::Job), None, here, evidence), Outcome::Quiet);
        let there = setting(Direction::Backward, false, 0);
        assert_eq!(session.learn(0, Finding::proof(What::Job), None, there, evidence), Outcome::Alert);
    }

    #[test]
    fn a_servers_push_names_the_miner() {
        let first = setting(Direction::Forward, true, 0);
        let session = Session::new(0, &Finding::proof(What::Job), first);
        assert_eq!(session.client(), Direction::Backward);
    }

    #[test]
    fn a_refused_login_stays_refused_until_another_is_accepted() {
        let (here, there) = (setting(Direction::Forward, true, 0), setting(Direction::Backward, true, 0));
        let mut session = Session::new(0, &Finding::proof(What::Subscribe), here);
        let steps = [
            (Finding::proof(What::Subscribe), here, Stage::Attempt),
            (Finding::context(What::Granted(Ask::Subscribe)), there, Stage::Subscribed),
            (Finding::context(What::Denied(Ask::Authorize)), there, Stage::Refused),
            (Finding::proof(What::Job), there, Stage::Refused),
            (Finding::context(What::Granted(Ask::Authorize)), there, Stage::Authorized),
        ];
        for (finding, way, stage) in steps {
            session.learn(0, finding, None, way, evidence);
            assert_eq!(session.stage(), Some(stage));
        }
    }

    #[test]
    fn answers_meet_their_requests() {
        let here = setting(Direction::Forward, true, 0);
        let mut session = Session::new(0, &Finding::proof(What::Submit), here);
        session.learn(0, Finding::proof(What::Submit), Some(b"7"), here, evidence);
        assert_eq!(session.asked(b"7"), Some(Ask::Submit));
        session.learn(
            0,
            Finding::context(What::Granted(Ask::Submit)),
            Some(b"7"),
            setting(Direction::Backward, true, 0),
            evidence,
        );
        assert_eq!(session.asked(b"7"), None);
        assert_eq!(session.shares, Shares { sent: 1, accepted: 1, rejected: 0 });
        assert_eq!(session.stage(), Some(Stage::Working));
    }
}
