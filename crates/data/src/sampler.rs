//! Training triples: each train interaction once, in random order, with one uniform negative.

use rand::Rng;
use rand::seq::SliceRandom;
use rustc_hash::FxHashSet;

use crate::csr::Csr;
use crate::error::{Error, Result};
use crate::interactions::{Interactions, Split};

/// Draws one epoch of training triples.
///
/// A negative is uniform over the items that are not train items of its user: uniform over all items,
/// drawn again while it is a train item. A user with `p` of `n` items takes `n / (n − p)` draws on average,
/// each a look-up in a hash set of the train interactions.
#[derive(Debug, Clone)]
pub struct TripleSampler {
    train: Csr,
    positives: FxHashSet<(u32, u32)>,
    items: u32,
}

/// Parallel lists of one epoch's triples, shuffled; as long as the train split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Triples {
    /// The users.
    pub users: Vec<u32>,
    /// A train item of each user.
    pub positives: Vec<u32>,
    /// An item that is not a train item of the user.
    pub negatives: Vec<u32>,
}

impl TripleSampler {
    /// Prepares for sampling from the train split.
    ///
    /// # Errors
    /// [`Error::Argument`] when a user has every item, so that no negative exists.
    pub fn new(interactions: &Interactions) -> Result<Self> {
        let train = interactions.split(Split::Train).clone();
        let items = interactions.items();
        if let Some(user) = (0..train.rows()).find(|&user| train.row(user).len() == items) {
            let expected = format!("at least one item that is not a train item of user {user}");
            return Err(Error::argument("interactions", expected, format!("all {items} items in train")));
        }
        let positives = train.pairs().collect();
        Ok(Self { train, positives, items: items as u32 })
    }

    /// One epoch: every train interaction once, in random order, with a fresh negative each.
    ///
    /// ```
    /// use rand::SeedableRng;
    /// use recgoat_data::{Interactions, TripleSampler};
    /// let data = Interactions::from_pairs(1, 3, &[(0, 0), (0, 2)], &[], &[])?;
    /// let triples = TripleSampler::new(&data)?.epoch(&mut rand_chacha::ChaCha8Rng::seed_from_u64(1));
    /// assert_eq!(triples.negatives, [1, 1]); // the only item that is not a train item
    /// # Ok::<(), recgoat_data::Error>(())
    /// ```
    pub fn epoch(&self, rng: &mut impl Rng) -> Triples {
        let mut pairs: Vec<_> = self.train.pairs().collect();
        pairs.shuffle(rng);
        let negatives = pairs.iter().map(|&(user, _)| self.negative(user, rng)).collect();
        let (users, positives) = pairs.into_iter().unzip();
        Triples { users, positives, negatives }
    }

    fn negative(&self, user: u32, rng: &mut impl Rng) -> u32 {
        loop {
            let item = rng.random_range(0..self.items);
            if !self.positives.contains(&(user, item)) {
                return item;
            }
        }
    }
}
