//! What time it is, as far as frames can tell.
//!
//! Expiry needs one clock for all flows, and it must be a function of the frames alone, so that a replay gives the same
//! answer with any number of workers: each of them shows every frame's time to its own `Clock`. Times in real captures
//! run back and jump; one frame with a wrong time must not end every flow, and a second capture file that is older than the
//! first must not end its own flows at once.

use pithead_wire::Timestamp;

/// How far time may go back before it is more than frames out of order, in nanoseconds: each frame is compared.
const BACK: i64 = 60_000_000_000;
/// How far time may jump ahead before more frames have to agree.
const AHEAD: i64 = 3_600_000_000_000;
/// How many frames in a row must agree on a jump.
const AGREE: u32 = 16;
/// How many jumps back make the next one harder to believe, each by [`AGREE`] frames. Every jump has all flows looked at, so a capture made
/// of nothing but jumps would cost the square of its length.
const HARDER: u64 = 255;

/// The time of a link, moved by its frames.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    now: Option<Timestamp>,
    doubts: u32,
    jumps_back: u64,
}

/// What a frame did to the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// Time stays, or moves within its slice.
    Within,
    /// A new slice of time has begun: one in which flows are looked for that ran out.
    Slice,
    /// Time went back for good; the time until which the old run lasted.
    Back(Timestamp),
}

impl Clock {
    /// The time now: no earlier than any frame's but those that were not believed. The epoch, before the first frame.
    pub fn now(&self) -> Timestamp {
        self.now.unwrap_or_default()
    }

    /// The time as a frame of `at` has it: the clock's, unless the frame is from so long ago that it is of another time.
    #[inline]
    pub fn with(&self, at: Timestamp) -> Timestamp {
        let now = self.now();
        if now.nanos().saturating_sub(at.nanos()) > BACK { at } else { at.max(now) }
    }

    /// How often time went back by more than frames out of order explain.
    pub const fn jumps_back(&self) -> u64 {
        self.jumps_back
    }

    /// Shows the clock a frame's time.
    #[inline]
    pub fn observe(&mut self, at: Timestamp) -> Moved {
        let Some(now) = self.now else {
            self.now = Some(at);
            return Moved::Slice;
        };
        let ahead = at.nanos().saturating_sub(now.nanos());
        if (-BACK..=AHEAD).contains(&ahead) {
            self.doubts = 0;
            return if at > now { self.advance(now, at) } else { Moved::Within };
        }
        self.doubts += 1;
        let agree = if at > now { AGREE } else { AGREE * (1 + self.jumps_back.min(HARDER) as u32) };
        if self.doubts < agree {
            return Moved::Within;
        }
        self.doubts = 0;
        if at > now {
            return self.advance(now, at);
        }
        self.now = Some(at);
        self.jumps_back += 1;
        Moved::Back(now)
    }

    fn advance(&mut self, now: Timestamp, at: Timestamp) -> Moved {
        self.now = Some(at);
        if slice(now) == slice(at) { Moved::Within } else { Moved::Slice }
    }
}

/// The slice in which a time lies: 2^24 nanoseconds, about a sixtieth of a second. So short that what comes due in one holds nobody up: of ten
/// million flows, each visited once a minute, it is three thousand.
pub(crate) const fn slice(at: Timestamp) -> i64 {
    at.nanos() >> 24
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::new(seconds, 0)
    }

    #[test]
    fn frames_out_of_order_do_not_turn_it_back() {
        let mut clock = Clock::default();
        assert_eq!(clock.observe(at(100)), Moved::Slice);
        assert_eq!(clock.observe(at(70)), Moved::Within);
        assert_eq!(clock.observe(at(101)), Moved::Slice);
        assert_eq!(clock.observe(Timestamp::new(101, 5)), Moved::Within);
        assert_eq!(clock.now(), Timestamp::new(101, 5));
    }

    #[test]
    fn one_wrong_frame_is_not_believed() {
        let mut clock = Clock::default();
        clock.observe(at(100));
        assert_eq!(clock.observe(at(9_000_000)), Moved::Within);
        assert_eq!(clock.observe(at(101)), Moved::Slice);
        assert_eq!(clock.now(), at(101));
    }

    #[test]
    fn an_older_file_turns_it_back_once() {
        let mut clock = Clock::default();
        clock.observe(at(1_000_000));
        let moves: Vec<Moved> = (0..40).map(|n| clock.observe(at(500 + n))).collect();
        assert_eq!(moves.iter().filter(|moved| matches!(moved, Moved::Back(_))).count(), 1);
        assert_eq!(clock.now(), at(539));
        assert_eq!(clock.jumps_back(), 1);
    }

    #[test]
    fn each_jump_back_is_harder_to_believe() {
        let mut clock = Clock::default();
        let times = (0..20_000).map(|n| if n / 40 % 2 == 0 { 0 } else { 3000 });
        let moves = times.map(|seconds| clock.observe(at(1_000_000 + seconds)));
        assert_eq!(moves.filter(|moved| matches!(moved, Moved::Back(_))).count(), 2);
        (0..AGREE * 3).for_each(|_| {
            clock.observe(at(500));
        });
        assert_eq!((clock.now(), clock.jumps_back()), (at(500), 3));
    }

    #[test]
    fn a_long_silence_is_believed_when_frames_agree() {
        let mut clock = Clock::default();
        clock.observe(at(100));
        for _ in 0..AGREE {
            clock.observe(at(30_000_000));
        }
        assert_eq!(clock.now(), at(30_000_000));
    }
}
