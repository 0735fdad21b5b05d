//! Scores that are sums over the items of a user's history.

use rayon::prelude::*;
use recgoat_data::Csr;
use recgoat_eval::Scorer;

/// What an item of a history adds to the score of every item.
pub(crate) enum Votes {
    /// `[items, items]`, row-major: row `j` is what item `j` adds.
    Dense(Vec<f32>),
    /// Row `j` lists `(item, value)`.
    Sparse(Vec<Vec<(u32, f32)>>),
}

/// `score(u, i) = Σ_{j in the history of u} votes(j, i)`.
pub(crate) struct HistoryScorer {
    histories: Csr,
    items: usize,
    votes: std::sync::Arc<Votes>,
}

impl HistoryScorer {
    pub(crate) fn new(histories: &Csr, items: usize, votes: std::sync::Arc<Votes>) -> Self {
        Self { histories: histories.clone(), items, votes }
    }
}

impl Scorer for HistoryScorer {
    fn items(&self) -> usize {
        self.items
    }

    fn score(&self, users: &[u32], scores: &mut [f32]) {
        scores.par_chunks_mut(self.items).zip(users).for_each(|(row, &user)| {
            row.fill(0.0);
            for &item in self.histories.row(user as usize) {
                match &*self.votes {
                    Votes::Dense(votes) => {
                        let votes = &votes[item as usize * self.items..][..self.items];
                        row.iter_mut().zip(votes).for_each(|(score, vote)| *score += vote);
                    }
                    Votes::Sparse(votes) => {
                        votes[item as usize].iter().for_each(|&(other, vote)| row[other as usize] += vote);
                    }
                }
            }
        });
    }
}
