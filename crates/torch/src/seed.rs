//! Randomness that can be named, repeated and resumed.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What a random stream is for. Streams of different purposes never overlap, so drawing more numbers for one
/// (a wider layer, say) leaves all others as they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Initial parameters.
    Init,
    /// The order of an epoch and its negatives.
    Sampling,
    /// Dropout masks.
    Dropout,
    /// Splitting interactions.
    Split,
    /// Resampling in statistics.
    Statistics,
    /// Search for settings.
    Search,
    /// Altering data on purpose.
    Alteration,
}

/// A run's seed, from which every random stream derives.
///
/// A stream is `(seed, purpose, index)` and nothing else, where the index is an epoch or a step: a resumed run
/// needs no saved generator to draw what the uninterrupted run would have drawn.
///
/// ```
/// use rand::RngCore;
/// use recgoat_torch::{Purpose, Seed};
/// let seed = Seed(7);
/// let draw = |purpose, index| seed.stream(purpose, index).next_u64();
/// assert_eq!(draw(Purpose::Sampling, 3), draw(Purpose::Sampling, 3));
/// assert_ne!(draw(Purpose::Sampling, 3), draw(Purpose::Sampling, 4));
/// assert_ne!(draw(Purpose::Sampling, 3), draw(Purpose::Dropout, 3));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub u64);

impl Seed {
    /// The stream of this purpose and index (below 2⁵⁶).
    pub fn stream(self, purpose: Purpose, index: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.0);
        rng.set_stream((purpose as u64) << 56 | (index & ((1 << 56) - 1)));
        rng
    }
}
