//! What a response has to look like, because of the request it answers.
//!
//! A response does not say by itself whether it has a body: one to `HEAD` has none, and one to `CONNECT` opens a tunnel.

use super::head::{Method, Request};

/// How many unanswered requests are remembered: pipelines are shorter, and the memory is one word.
const CAPACITY: u32 = 32;

/// The kind of request that a response answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expect {
    /// Any whose response has a body when it says so.
    #[default]
    Plain,
    /// `HEAD`: no body follows, whatever is said.
    Head,
    /// `CONNECT`: success begins a tunnel.
    Connect,
}

impl Request<'_> {
    /// The kind of response that this request calls for, to be told to the other side.
    pub fn expects(&self) -> Expect {
        match self.method {
            Method::Head => Expect::Head,
            Method::Connect => Expect::Connect,
            _ => Expect::Plain,
        }
    }
}

/// A queue of kinds, two bits each, the oldest lowest.
#[derive(Clone, Debug, Default)]
pub(super) struct Expected {
    kinds: u64,
    count: u32,
    /// Requests that found the queue full. Each counts as plain, so that the others keep their places.
    uncertain: u32,
}

impl Expected {
    pub(super) fn push(&mut self, kind: Expect) {
        if self.count == CAPACITY {
            self.uncertain = self.uncertain.saturating_add(1);
            return;
        }
        let bits: u64 = match kind {
            Expect::Plain => 0,
            Expect::Head => 1,
            Expect::Connect => 2,
        };
        self.kinds |= bits << (2 * self.count);
        self.count += 1;
    }

    /// The oldest kind, or plain where nothing was announced.
    pub(super) fn pop(&mut self) -> Expect {
        let bits = self.kinds & 3;
        self.kinds >>= 2;
        if self.uncertain > 0 {
            // One place has become free: the first of those that found none takes it.
            self.uncertain -= 1;
        } else {
            self.count = self.count.saturating_sub(1);
        }
        match bits {
            1 => Expect::Head,
            2 => Expect::Connect,
            _ => Expect::Plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_come_out_in_order_and_a_full_queue_keeps_their_places() {
        let mut expected = Expected::default();
        assert_eq!(expected.pop(), Expect::Plain, "nothing announced");
        for kind in [Expect::Head, Expect::Plain, Expect::Connect] {
            expected.push(kind);
        }
        assert_eq!([expected.pop(), expected.pop()], [Expect::Head, Expect::Plain]);
        for _ in 0..31 {
            expected.push(Expect::Plain);
        }
        expected.push(Expect::Head);
        assert_eq!((expected.count, expected.uncertain), (32, 1));
        assert_eq!(expected.pop(), Expect::Connect);
        expected.push(Expect::Head);
        let rest: Vec<Expect> = (0..34).map(|_| expected.pop()).collect();
        assert!(rest.iter().all(|kind| *kind == Expect::Plain), "what found no room is plain: {rest:?}");
        assert_eq!(expected.count, 0);
    }
}
