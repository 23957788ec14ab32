//! What a draw is for, and where in a study it happens.

use crate::stream::Stream;

/// What a draw is used for. Two purposes never share a stream.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u32)]
pub enum Purpose {
    /// A sampler proposes parameters.
    Propose = 1,
    /// Initial weights of a network.
    Initialise = 2,
    /// The order of the training images in an epoch.
    Shuffle = 3,
    /// Which activations dropout keeps.
    Dropout = 4,
    /// The division into training, validation and test parts, or into folds.
    Split = 5,
    /// The images and labels of a generated data set.
    Generate = 6,
    /// Random changes to training images.
    Augment = 7,
    /// How images are mixed with each other.
    Mix = 8,
    /// Which trials a tree of a forest is grown on.
    Resample = 9,
    /// How the points of a quasi-random sequence are scrambled.
    Scramble = 10,
}

/// A place in a study: the study's seed and, below it, trial, replicate and fold.
///
/// A key is a value: the methods return a new key and leave the old one as it is.
///
/// ```
/// use tunefork_rng::{Key, Purpose};
///
/// let study = Key::study(42);
/// let first = study.trial(0).stream(Purpose::Initialise).next_u64();
/// let second = study.trial(1).stream(Purpose::Initialise).next_u64();
/// assert_ne!(first, second);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Key {
    seed: u64,
    /// 0 is the study itself, n + 1 is trial n.
    trial: u64,
    replicate: u32,
    fold: u32,
}

impl Key {
    /// The key of a study, from its seed.
    pub const fn study(seed: u64) -> Self {
        Self { seed, trial: 0, replicate: 0, fold: 0 }
    }

    /// The key of trial `number` (counted from 0); different from the study's own key.
    pub const fn trial(self, number: u32) -> Self {
        Self { trial: number as u64 + 1, ..self }
    }

    /// The key of a repetition of the same configuration; 0 is the key without a replicate.
    pub const fn replicate(self, replicate: u32) -> Self {
        Self { replicate, ..self }
    }

    /// The key of a cross-validation fold; 0 is the key without a fold.
    pub const fn fold(self, fold: u32) -> Self {
        Self { fold, ..self }
    }

    /// The stream for one purpose: `stream_at(purpose, 0)`.
    pub fn stream(self, purpose: Purpose) -> Stream {
        self.stream_at(purpose, 0)
    }

    /// The stream number `index` for one purpose, such as the epoch of a shuffle or the index of a
    /// parameter tensor. Streams with different indices are independent.
    ///
    /// The index `u64::MAX` is kept for [`Key::counter_key`].
    pub fn stream_at(self, purpose: Purpose, index: u64) -> Stream {
        // The five parts fill the 256-bit ChaCha key without overlap and the purpose is its stream
        // number, so two different places can never meet in the same keystream.
        let mut seed = [0; 32];
        seed[0..8].copy_from_slice(&self.seed.to_le_bytes());
        seed[8..16].copy_from_slice(&self.trial.to_le_bytes());
        seed[16..20].copy_from_slice(&self.replicate.to_le_bytes());
        seed[20..24].copy_from_slice(&self.fold.to_le_bytes());
        seed[24..32].copy_from_slice(&index.to_le_bytes());
        Stream::new(seed, purpose as u64)
    }

    /// The key for [`philox4x32_10`](crate::philox4x32_10), for draws that are addressed by a counter.
    pub fn counter_key(self, purpose: Purpose) -> [u32; 2] {
        let mut stream = self.stream_at(purpose, u64::MAX);
        [stream.next_u32(), stream.next_u32()]
    }
}
