//! One way in which miners speak to pools, and the list of all of them.

use crate::dialects;
use crate::finding::Finding;
use crate::message::{Carrier, Message};
use crate::session::Session;
use crate::turns::Turns;

/// What there is to say of a dialect before any message was seen.
#[derive(Debug)]
pub struct About {
    /// Its name in events, file names and folders: `stratum-v1`.
    pub name: &'static str,
    /// What it is, for people: `Stratum v1, as Bitcoin miners speak it`.
    pub title: &'static str,
    /// The word that alerts name it by, between `Miner` and what was seen: `Bitcoin Stratum`.
    pub family: &'static str,
    /// Its number in alerts. Never changed, never used again.
    pub signature_id: u32,
    /// Where it is described.
    pub source: &'static str,
    /// Literals, of which every message that it would recognise without a session holds at least one. Few and rare: each is looked for
    /// in all text.
    pub anchors: &'static [&'static str],
    /// How its messages travel; it is asked about no others. None for a dialect without words.
    pub carriers: &'static [Carrier],
}

/// The carriers of those who talk both ways at any time.
pub(crate) const TALK: &[Carrier] = &[Carrier::Stream, Carrier::WebSocket];
/// The carriers of those who ask over HTTP.
pub(crate) const HTTP: &[Carrier] = &[Carrier::Http];

/// One way in which miners speak to pools.
///
/// A dialect is asked about whole messages only, in whichever pieces they came, and answers from the message and from what the session
/// has shown; it keeps nothing itself. A word alone must never be proof: a page that quotes a message is not a miner.
pub trait Dialect: Sync {
    /// What it is.
    fn about(&self) -> &'static About;

    /// Its name.
    fn name(&self) -> &'static str {
        self.about().name
    }

    /// Judges a message that came by one of its carriers. `session` is what its flow has shown so far, if anything.
    fn examine(&self, _message: &Message<'_>, _session: Option<&Session>) -> Option<Finding> {
        None
    }

    /// Whether these turns, which are not known yet, could become known by those that follow, so that it is worth going on.
    fn expects_more(&self, _turns: &Turns) -> bool {
        false
    }

    /// Judges the first turns of a conversation without words, by their sizes and first bytes.
    fn turns(&self, _turns: &Turns) -> Option<Finding> {
        None
    }
}

impl dyn Dialect + '_ {
    /// Judges a message, if it came by one of its carriers.
    pub(crate) fn judge(&self, message: &Message<'_>, session: Option<&Session>) -> Option<Finding> {
        if self.about().carriers.contains(&message.carrier) { self.examine(message, session) } else { None }
    }
}

/// Every dialect. Where two fit the same message, the more exact one stands first.
pub static DIALECTS: &[&dyn Dialect] = &[
    &dialects::ironfish::IronFish,
    &dialects::alephium::Alephium,
    &dialects::kaspa::Kaspa,
    &dialects::conflux::Conflux,
    &dialects::ergo::Ergo,
    &dialects::ethereum_stratum_2::EthereumStratum2,
    &dialects::ethereum_stratum::EthereumStratum,
    &dialects::kawpow::KawPow,
    &dialects::zip301::Zip301,
    &dialects::ckb::Ckb,
    &dialects::grin::Grin,
    &dialects::beam::Beam,
    &dialects::xatum::Xatum,
    &dialects::duino::Duino,
    &dialects::primecoin::Primecoin,
    &dialects::xmrig_daemon::XmrigDaemon,
    &dialects::eth_getwork::EthGetWork,
    &dialects::getblocktemplate::GetBlockTemplate,
    &dialects::getwork::GetWork,
    &dialects::coinhive::Coinhive,
    &dialects::nimiq::Nimiq,
    &dialects::stratum_v2_plain::StratumV2Plain,
    &dialects::stratum_v2::StratumV2,
    &dialects::p2pool::P2Pool,
    &dialects::eth_proxy::EthProxy,
    &dialects::cryptonote::CryptoNote,
    &dialects::stratum_v1::StratumV1,
    &dialects::parse_error::ParseError,
];

/// The dialect of this name.
pub fn find(name: &str) -> Option<&'static dyn Dialect> {
    DIALECTS.iter().find(|dialect| dialect.name() == name).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_and_numbers_are_unique() {
        let names: HashSet<_> = DIALECTS.iter().map(|dialect| dialect.name()).collect();
        let numbers: HashSet<_> = DIALECTS.iter().map(|dialect| dialect.about().signature_id).collect();
        assert_eq!((names.len(), numbers.len()), (DIALECTS.len(), DIALECTS.len()));
        assert!(DIALECTS.len() <= 64, "candidates are kept in the bits of a u64");
    }

    #[test]
    fn anchors_are_long_enough_to_be_rare() {
        for dialect in DIALECTS {
            for anchor in dialect.about().anchors {
                assert!(anchor.len() >= 4, "{}: {anchor:?}", dialect.name());
            }
        }
    }
}
