//! Tests of the public interface, in one binary.
//!
//! | module | what it holds |
//! |---|---|
//! | `autotraits` | public types are `Send` and `Sync` |
//! | `bad_input` | every entry point refuses bad input with its error |
//! | `beyond` | measures beyond accuracy against hand-computed cases |
//! | `browser` | the page in headless Chromium, where there is one |
//! | `golden` | every metric against hand-computed cases |
//! | `properties` | selection and metrics against a naive full sort; block sizes and threads |
//! | `real_data` | popularity on Baby against the published numbers |
//! | `report` | files, escaping, tables and plots of a report; comparisons |
//! | `stats` | intervals and tests against hand-computed and SciPy values |

mod autotraits;
mod bad_input;
mod beyond;
mod browser;
mod golden;
mod properties;
mod real_data;
mod report;
mod stats;

use recgoat_eval::Scorer;

/// A scorer whose scores are a matrix, `[users, items]` row-major.
#[derive(Debug)]
struct Fixed {
    items: usize,
    scores: Vec<f32>,
}

impl Fixed {
    /// One user, whose items rank in the order of their ids.
    fn by_id(items: usize) -> Self {
        Self { items, scores: (0..items).map(|item| -(item as f32)).collect() }
    }
}

impl Scorer for Fixed {
    fn items(&self) -> usize {
        self.items
    }

    fn score(&self, users: &[u32], scores: &mut [f32]) {
        for (&user, row) in users.iter().zip(scores.chunks_mut(self.items)) {
            row.copy_from_slice(&self.scores[user as usize * self.items..][..self.items]);
        }
    }
}
