//! What the targets share: reading an input as choices, cutting bytes at any place, and noting what a parser said.
//!
//! Inputs are simple on purpose, a few bytes of choices and then the bytes themselves, so that seeds can be written by hand.
#![forbid(unsafe_code)]

use std::{fs, path::PathBuf, sync::LazyLock};

#[doc(hidden)]
pub use libfuzzer_sys;

/// The body of a target: called with any bytes, must return.
#[macro_export]
macro_rules! target {
    (|$input:ident| $body:block) => {
        $crate::libfuzzer_sys::fuzz_target!(|$input: &[u8]| {
            $crate::keep($input);
            $body
        });
    };
}

/// Writes the input to the file that `PITHEAD_FUZZ_KEEP` names, if it is set.
///
/// libFuzzer keeps the input of every crash but one: a stack that overflows leaves no room for its signal handler.
pub fn keep(input: &[u8]) {
    static FILE: LazyLock<Option<PathBuf>> =
        LazyLock::new(|| std::env::var_os("PITHEAD_FUZZ_KEEP").map(PathBuf::from));
    if let Some(file) = &*FILE {
        fs::write(file, input).expect("an input can be kept");
    }
}

/// Takes choices off the front of an input. At its end every choice is 0.
pub struct Choices<'a>(pub &'a [u8]);

impl<'a> Choices<'a> {
    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        u8::from_le_bytes(self.array())
    }

    /// The next two bytes, little-endian.
    pub fn word(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    /// The next four bytes, little-endian.
    pub fn long(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    /// The next `count` bytes, or as many as there are.
    pub fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        bytes
    }

    /// Whether nothing is left.
    pub fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let bytes = self.bytes(N);
        array[..bytes.len()].copy_from_slice(bytes);
        array
    }
}

/// `bytes` in pieces: all at once for 0, byte by byte for 1, else of lengths that `seed` decides.
pub fn cut(mut bytes: &[u8], seed: u8) -> impl Iterator<Item = &[u8]> {
    let mut state = u32::from(seed);
    std::iter::from_fn(move || {
        let length = match seed {
            0 => bytes.len(),
            1 => 1,
            _ => {
                // Any generator does; this one has a period that is long enough and no state to keep.
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                1 + (state >> 24) as usize % 40
            }
        };
        let (piece, rest) =
            bytes.split_at_checked(length.min(bytes.len())).filter(|(piece, _)| !piece.is_empty())?;
        bytes = rest;
        Some(piece)
    })
}

/// What a parser said, so that two readings of the same bytes can be compared.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Said(Vec<(String, Vec<u8>)>);

impl Said {
    /// Notes something said in one go.
    pub fn note(&mut self, words: impl std::fmt::Debug) {
        self.0.push((format!("{words:?}"), Vec::new()));
    }

    /// Notes a piece of something that may come in any number of pieces.
    pub fn piece(&mut self, of: &str, bytes: &[u8]) {
        match self.0.last_mut() {
            Some((last, whole)) if last == of => whole.extend(bytes),
            _ => self.0.push((of.into(), bytes.into())),
        }
    }
}
