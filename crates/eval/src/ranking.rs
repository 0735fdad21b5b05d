//! Full ranking: blocks of scores in, ranked lists and per-user metrics out.

use rayon::prelude::*;
use recgoat_data::{Csr, Interactions, Split};

use crate::error::{Error, Result};
use crate::metrics::Cutoffs;
use crate::per_user::PerUser;
use crate::scorer::Scorer;
use crate::top_k::{item_of, select};

/// Which of a user's interactions are excluded from the ranking at test.
///
/// At valid it is always [`Mask::Train`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mask {
    /// Train items are masked, valid items are not, as in MMRec.
    #[default]
    Train,
    /// Train and valid items are masked, as in RecBole and Cornac.
    TrainValid,
}

/// What to rank, and how much of it at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RankingConfig {
    /// Cut-offs k, in any order; default 5, 10, 20, 50.
    pub topk: Vec<usize>,
    /// Mask at test; default [`Mask::Train`].
    pub mask: Mask,
    /// Users scored at a time; default 32, so that a block of scores stays in cache between the product that fills
    /// it and the selection that reads it. The scores held are `[block, items]`, and no result
    /// depends on it.
    pub block: usize,
}

impl Default for RankingConfig {
    fn default() -> Self {
        Self { topk: vec![5, 10, 20, 50], mask: Mask::Train, block: 32 }
    }
}

/// Ranks all items for every user with an interaction in `split` and measures the lists.
///
/// The result is bit-identical for every block size and number of threads.
///
/// # Errors
/// As [`rank`].
pub fn evaluate(
    scorer: &dyn Scorer,
    interactions: &Interactions,
    split: Split,
    config: &RankingConfig,
) -> Result<PerUser> {
    rank(scorer, interactions, split, config)?.measure(&config.topk)
}

/// Ranks all items for every user with an interaction in `split`.
///
/// # Errors
/// When `split` is train, no user has an interaction in it, the scorer's items are not those of the
/// interactions, or a cut-off or the block size is zero.
pub fn rank<'a>(
    scorer: &dyn Scorer,
    interactions: &'a Interactions,
    split: Split,
    config: &RankingConfig,
) -> Result<Rankings<'a>> {
    let items = interactions.items();
    if scorer.items() != items {
        return Err(Error::ItemCount { scorer: scorer.items(), interactions: items });
    }
    if config.block == 0 {
        return Err(Error::Config("block is 0, expected at least 1 user"));
    }
    let mask = match split {
        Split::Train => return Err(Error::TrainSplit),
        Split::Valid => Mask::Train,
        Split::Test => config.mask,
    };
    let width = ascending(&config.topk)?.last().copied().unwrap_or(0).min(items);
    let relevant = interactions.split(split);
    let users: Vec<u32> =
        (0..relevant.rows() as u32).filter(|&user| !relevant.row(user as usize).is_empty()).collect();
    if users.is_empty() {
        return Err(Error::NothingRelevant { split: split.name() });
    }

    let block = config.block.min(users.len());
    let mut scores = vec![0.0; block * items];
    let mut lists = vec![0; users.len() * width];
    let mut lengths = vec![0; users.len()];
    let blocks = users.chunks(block);
    let outputs = lists.chunks_mut(block * width).zip(lengths.chunks_mut(block));
    for (users, (lists, lengths)) in blocks.zip(outputs) {
        let scores = &mut scores[..users.len() * items];
        scorer.score(users, scores);
        let rows = users.par_iter().zip(scores.par_chunks(items));
        rows.zip(lists.par_chunks_mut(width)).zip(lengths).for_each_init(
            Scratch::default,
            |scratch, (((&user, scores), list), length)| {
                let masked = scratch.masked.of(user, interactions, mask);
                select(scores, masked, width, &mut scratch.candidates);
                for (slot, &candidate) in list.iter_mut().zip(&scratch.candidates) {
                    *slot = item_of(candidate);
                }
                *length = scratch.candidates.len();
            },
        );
    }
    Ok(Rankings { users, lists, lengths, width, items, relevant })
}

/// Ranked lists of the users of a split, best item first.
#[derive(Clone, Debug)]
pub struct Rankings<'a> {
    users: Vec<u32>,
    /// `[users, width]`; only the first `lengths[row]` items of a row count.
    lists: Vec<u32>,
    lengths: Vec<usize>,
    width: usize,
    items: usize,
    relevant: &'a Csr,
}

impl Rankings<'_> {
    /// The users ranked for, ascending.
    pub fn users(&self) -> &[u32] {
        &self.users
    }

    /// The relevant items of a user, ascending.
    pub fn relevant(&self, user: u32) -> &[u32] {
        self.relevant.row(user as usize)
    }

    /// Number of items that were ranked.
    pub fn items(&self) -> usize {
        self.items
    }

    /// Length of a full list: the deepest cut-off, or the number of items where that is smaller.
    pub fn width(&self) -> usize {
        self.width
    }

    /// One list per user, in the order of [`Rankings::users`]; shorter than the width where masking
    /// left fewer items.
    pub fn lists(&self) -> impl ExactSizeIterator<Item = &[u32]> {
        self.lists.chunks(self.width).zip(&self.lengths).map(|(list, &length)| &list[..length])
    }

    /// Measures the lists against the interactions of their split.
    ///
    /// # Errors
    /// When no cut-off is given, or one is zero or deeper than the lists.
    pub fn measure(&self, topk: &[usize]) -> Result<PerUser> {
        let ks = ascending(topk)?;
        for &k in &ks {
            self.check_cut_off(k)?;
        }
        let cutoffs = Cutoffs::new(ks, self.items);
        let names = cutoffs.names();
        let mut rows = vec![0.0; self.users.len() * names.len()];
        let lists = self.lists.par_chunks(self.width).zip(&self.lengths).zip(&self.users);
        lists.zip(rows.par_chunks_mut(names.len())).for_each(|(((list, &length), &user), row)| {
            cutoffs.measure(&list[..length], self.relevant.row(user as usize), row);
        });
        PerUser::new(self.users.clone(), names, rows)
    }

    /// Lists cut at `k` say nothing of a deeper cut-off, unless they already hold every item.
    pub(crate) fn check_cut_off(&self, k: usize) -> Result<()> {
        if k > self.width && self.width < self.items {
            return Err(Error::CutOff { k, width: self.width });
        }
        Ok(())
    }
}

/// Buffers of one worker, reused from row to row.
#[derive(Default)]
struct Scratch {
    candidates: Vec<u64>,
    masked: Masked,
}

/// Merged rows of masked items.
#[derive(Default)]
struct Masked(Vec<u32>);

impl Masked {
    /// The user's masked items in ascending order.
    fn of<'a>(&'a mut self, user: u32, interactions: &'a Interactions, mask: Mask) -> &'a [u32] {
        let train = interactions.split(Split::Train).row(user as usize);
        match mask {
            Mask::Train => train,
            Mask::TrainValid => {
                self.0.clear();
                self.0.extend_from_slice(train);
                self.0.extend_from_slice(interactions.split(Split::Valid).row(user as usize));
                self.0.sort_unstable();
                &self.0
            }
        }
    }
}

/// The cut-offs, checked, ascending and each once.
fn ascending(topk: &[usize]) -> Result<Vec<usize>> {
    if topk.is_empty() {
        return Err(Error::Config("topk is empty, expected at least one cut-off"));
    }
    if topk.contains(&0) {
        return Err(Error::Config("topk holds a cut-off of 0, expected at least 1"));
    }
    let mut ks = topk.to_vec();
    ks.sort_unstable();
    ks.dedup();
    Ok(ks)
}
