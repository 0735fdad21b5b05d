//! The item–item regression that has a closed form.

use std::sync::Arc;

use recgoat_data::{Csr, Dataset, Split};
use recgoat_eval::Scorer;
use tch::{Kind, Tensor};

use crate::{
    Context, Error, Learning, Recommender, Result, Settings,
    closed::{Closed, Counted},
    config::{config, expect_positive},
    history::{HistoryScorer, Votes},
};

/// Items above which the matrix and its inverse would not fit a common machine: 16 bytes an entry.
const MOST_ITEMS: usize = 30_000;

config! {
    /// Settings of [`Ease`].
    pub struct EaseConfig {
        /// Weight of the squared norm of the item–item matrix.
        pub l2: f64 = 250.0,
    }
}

impl Settings for EaseConfig {
    const LEARNING: Learning = Learning::AtOnce;

    fn check(&self, dataset: &Dataset) -> Result<()> {
        let items = dataset.interactions().items();
        if items > MOST_ITEMS {
            return Err(Error::Config(format!(
                "ease: expected at most {MOST_ITEMS} items, whose dense item–item matrix fits in memory, found {items}"
            )));
        }
        expect_positive("l2", self.l2)
    }

    fn build(self, context: &Context<'_>) -> Result<Box<dyn Recommender>> {
        Ok(Box::new(Counted::new(Ease::new(&self, context)?)))
    }
}

/// Steck 2019: `min_B |X − X B|² + l2 |B|²` with a diagonal of zero, whose answer is `B_ij = −P_ij / P_jj` for
/// `P = (XᵀX + l2 I)⁻¹` (eq. 8); scores `X B`.
///
/// Cost: `2/3 · items³` flops and `16 · items²` bytes, once, in f64.
pub struct Ease {
    votes: Arc<Votes>,
    histories: Csr,
    items: usize,
}

impl Ease {
    /// Solves the regression.
    ///
    /// # Errors
    /// A failure of libtorch.
    pub fn new(config: &EaseConfig, context: &Context<'_>) -> Result<Self> {
        let interactions = context.dataset.interactions();
        let items = interactions.items();
        let histories = interactions.split(Split::Train).clone();
        let mut gram = vec![0f64; items * items];
        for user in 0..histories.rows() {
            for &item in histories.row(user) {
                let row = &mut gram[item as usize * items..][..items];
                histories.row(user).iter().for_each(|&other| row[other as usize] += 1.0);
            }
        }
        (0..items).for_each(|item| gram[item * items + item] += config.l2);
        let votes = tch::no_grad(|| -> Result<Vec<f32>> {
            // Two matrices at a time: what has been used goes before the next is made.
            let matrix = Tensor::from_slice(&gram).view([items as i64, items as i64]);
            drop(gram);
            let factor = matrix.f_linalg_cholesky(false).map_err(recgoat_torch::Error::from)?;
            drop(matrix);
            let mut precision = factor.f_cholesky_inverse(false).map_err(recgoat_torch::Error::from)?;
            drop(factor);
            let scale = -precision.diagonal(0, 0, 1).copy();
            let votes = precision.divide_(&scale).to_kind(Kind::Float);
            drop(precision);
            let _ = votes.diagonal(0, 0, 1).fill_(0.0);
            Ok(recgoat_torch::to_vec(&votes)?)
        })?;
        let votes = Arc::new(Votes::Dense(votes));
        Ok(Self { votes, histories, items })
    }
}

impl Closed for Ease {
    fn scorer(&self) -> Box<dyn Scorer> {
        Box::new(HistoryScorer::new(&self.histories, self.items, self.votes.clone()))
    }
}
