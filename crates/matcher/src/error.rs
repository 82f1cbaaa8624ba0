//! What can go wrong before the first scan. A scan itself never fails: see [`crate::Outcome`].

use crate::{EngineKind, MAX_PATTERN_BYTES, MAX_PATTERNS};

/// Why patterns could not be made into a database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No pattern was given. A matcher that can find nothing is a mistake further up, so it is not made.
    #[error("no patterns: nothing could ever be found")]
    NoPatterns,
    /// More patterns than [`MAX_PATTERNS`].
    #[error("{count} patterns: at most {MAX_PATTERNS} fit one database")]
    TooManyPatterns {
        /// How many there were.
        count: usize,
    },
    /// One pattern is empty or longer than [`MAX_PATTERN_BYTES`].
    #[error("pattern {pattern} has {bytes} bytes: from 1 to {MAX_PATTERN_BYTES} are possible")]
    PatternLength {
        /// Its index.
        pattern: usize,
        /// Its length.
        bytes: usize,
    },
    /// The engine asked for cannot run here.
    #[error("{kind} cannot be used: {cause} ({remedy})")]
    Unusable {
        /// The engine.
        kind: EngineKind,
        /// Why not.
        cause: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// The engine refused the patterns.
    #[error("{kind} cannot compile the patterns: {cause}")]
    Refused {
        /// The engine.
        kind: EngineKind,
        /// What it said.
        cause: String,
    },
}
