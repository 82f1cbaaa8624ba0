//! Which name an address was looked up by: what DNS said, in the order of frames.

use std::net::IpAddr;

use pithead_detect::Resolution;
use pithead_wire::Timestamp;

use crate::recent::Recent;

/// A name that led to an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// The name that was asked for.
    pub(crate) name: String,
    /// The name on the pool list behind it, if there is one.
    pub(crate) listed: Option<String>,
    /// When it was answered first.
    pub(crate) at: Timestamp,
    /// Number of the frame that answered then.
    pub(crate) frame: u64,
}

impl Known {
    /// Whether it is the same as another, and no later.
    fn says_no_less(&self, other: &Self) -> bool {
        self.name == other.name && self.listed == other.listed && self.at <= other.at
    }
}

/// Who asked; nobody in particular stands for the latest of all.
type Key = (Option<IpAddr>, IpAddr);

/// Names by who asked and by address, up to a fixed number.
#[derive(Debug)]
pub(crate) struct Names {
    known: Recent<Key, Known>,
}

impl Names {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { known: Recent::new(capacity) }
    }

    /// How many names had to make room.
    pub(crate) const fn forgotten(&self) -> u64 {
        self.known.forgotten()
    }

    /// Takes in an answer.
    pub(crate) fn learn(&mut self, resolution: &Resolution, at: Timestamp, frame: u64) {
        let known = Known {
            name: resolution.name.to_string(),
            listed: resolution.listed.as_ref().map(ToString::to_string),
            at,
            frame,
        };
        for address in &resolution.addresses {
            // A resolver in between hides who asked, so the address alone must do.
            for client in [Some(resolution.client), None] {
                let key = (client, *address);
                // Who is not let through asks again and again, and what has failed since the first answer is told of only later.
                let stands = self.known.get(&key).is_some_and(|before| before.says_no_less(&known));
                if !stands {
                    self.known.put(key, known.clone());
                }
            }
        }
    }

    /// The name by which a client, or else anybody, came to an address.
    pub(crate) fn find(&self, client: IpAddr, address: IpAddr) -> Option<&Known> {
        self.known.get(&(Some(client), address)).or_else(|| self.known.get(&(None, address)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pithead_detect::carriers::Name;

    fn answer(client: [u8; 4], name: &str, address: [u8; 4]) -> Resolution {
        let name = Name::from_bytes(name.as_bytes()).expect("a name");
        Resolution { client: client.into(), name, addresses: vec![address.into()], listed: None }
    }

    #[test]
    fn who_asked_counts_first_and_anybody_second() {
        let mut names = Names::new(100);
        names.learn(&answer([10, 0, 0, 1], "a.example", [192, 0, 2, 1]), Timestamp::default(), 1);
        names.learn(&answer([10, 0, 0, 2], "b.example", [192, 0, 2, 1]), Timestamp::default(), 2);
        let name = |client: [u8; 4]| {
            names.find(client.into(), [192, 0, 2, 1].into()).map(|known| known.name.as_str())
        };
        assert_eq!(name([10, 0, 0, 1]), Some("a.example"));
        assert_eq!(name([10, 0, 0, 9]), Some("b.example"));
        assert_eq!(names.find([10, 0, 0, 1].into(), [192, 0, 2, 9].into()), None);
    }

    #[test]
    fn the_first_answer_stands_until_there_is_another() {
        let mut names = Names::new(100);
        let mut learn = |name, seconds| {
            names.learn(&answer([10, 0, 0, 1], name, [192, 0, 2, 1]), Timestamp::new(seconds, 0), 7);
            names.find([10, 0, 0, 1].into(), [192, 0, 2, 1].into()).map(|known| known.at)
        };
        assert_eq!(learn("a.example", 20), Some(Timestamp::new(20, 0)));
        assert_eq!(learn("a.example", 50), Some(Timestamp::new(20, 0)));
        assert_eq!(learn("a.example", 10), Some(Timestamp::new(10, 0)), "an older file");
        assert_eq!(learn("b.example", 60), Some(Timestamp::new(60, 0)));
    }

    #[test]
    fn the_oldest_make_room() {
        let mut names = Names::new(4);
        for n in 0..10 {
            names.learn(&answer([10, 0, 0, 1], "a.example", [192, 0, 2, n]), Timestamp::default(), 1);
        }
        assert_eq!(names.forgotten(), 16);
        assert!(names.find([10, 0, 0, 1].into(), [192, 0, 2, 9].into()).is_some());
        assert!(names.find([10, 0, 0, 1].into(), [192, 0, 2, 0].into()).is_none());
    }
}
