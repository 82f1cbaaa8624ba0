//! The weights, in one table.

/// A trait of a flow, and what it weighs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trait {
    /// Its name in events.
    pub name: &'static str,
    /// What it adds to the logarithm of the odds that the flow mines.
    pub weight: f64,
}

/// The logarithm of the odds that a flow which is watched mines, before anything is known of it.
pub const PRIOR: f64 = -8.0;

/// What a session of a known dialect weighs when both sides were heard, when one was, and what a pool's name and a blocked address weigh: on
/// the same scale, so that all alerts are read alike.
pub const BOTH_SIDES: Trait = Trait { name: "dialect-both-sides", weight: 13.0 };
/// See [`BOTH_SIDES`].
pub const ONE_SIDE: Trait = Trait { name: "dialect-one-side", weight: 11.0 };
/// See [`BOTH_SIDES`].
pub const BLOCKED: Trait = Trait { name: "pool-name-and-address", weight: 10.2 };

macro_rules! traits {
    ($($(#[$doc:meta])* $constant:ident = $name:literal $weight:literal;)*) => {
        $($(#[$doc])* pub const $constant: Trait = Trait { name: $name, weight: $weight };)*
        /// All traits of a shape and its context.
        pub const WEIGHTS: &[Trait] = &[$($constant),*];
    };
}

traits! {
    /// Most messages of the client have one size, as large as a share.
    SHARE_SIZES = "share-sizes" 2.0;
    /// They come at random: neither by a clock nor in bursts.
    RANDOM_GAPS = "random-gaps" 2.75;
    /// They come by a clock.
    CLOCKED = "clocked" -3.0;
    /// Each is answered soon by something small of one size.
    SMALL_ANSWERS = "small-answers" 2.75;
    /// Answers are as large as requests, or larger, or of many sizes.
    LARGE_ANSWERS = "large-answers" -3.0;
    /// The server pushes messages of few sizes, larger than its answers.
    PUSHED_JOBS = "pushed-jobs" 2.75;
    /// It may have done so: too few messages to tell.
    FEW_JOBS = "few-jobs" 1.5;
    /// It never does.
    NO_JOBS = "no-jobs" -4.0;
    /// The sizes are those of Stratum V2.
    V2_SIZES = "stratum-v2-sizes" 4.0;
    /// The client asks for work by a clock and hands in shares at random.
    POLLED_WORK = "polled-work" 10.5;
    /// The client says many things.
    MANY_SIZES = "many-sizes" -3.0;
    /// Messages follow each other as a person types or a program streams.
    HASTY = "hasty" -2.0;
    /// The client answers what the server pushes.
    PRODDED = "answers-pushes" -4.0;
    /// TLS that names no server.
    NO_SERVER_NAME = "no-server-name" 0.6;
    /// TLS that names no protocol.
    NO_PROTOCOL = "no-protocol" 0.3;
    /// TLS on a port that is no service's.
    ODD_PORT = "odd-port" 0.6;
    /// A port that pools like.
    POOL_PORT = "pool-port" 0.9;
    /// The address was looked up by a pool's name.
    POOL_NAME = "pool-name" 5.0;
    /// Another host mined there.
    MINED_BEFORE = "mined-before" 5.0;
    /// The same host says the same to several servers on one port.
    FAN_OUT = "fan-out" 1.5;
}
