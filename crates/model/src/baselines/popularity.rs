//! The most popular items, the same for everyone.

use rand_chacha::ChaCha8Rng;
use recgoat_data::{Dataset, Split};
use recgoat_eval::Scorer;

use crate::{
    Batch, Context, ItemScorer, Learning, Parameters, Recommender, Result, Settings, config::config,
};

config! {
    /// Settings of [`Popularity`]: there are none.
    pub struct PopularityConfig {}
}

impl Settings for PopularityConfig {
    const LEARNING: Learning = Learning::AtOnce;

    fn check(&self, _dataset: &Dataset) -> Result<()> {
        Ok(())
    }

    fn build(self, context: &Context<'_>) -> Result<Box<dyn Recommender>> {
        Ok(Box::new(Popularity::new(context)))
    }
}

/// Ranks items by their number of train interactions.
#[derive(Debug)]
pub struct Popularity {
    counts: Vec<f32>,
    parameters: Parameters,
}

impl Popularity {
    /// Counts the train split.
    pub fn new(context: &Context<'_>) -> Self {
        let interactions = context.dataset.interactions();
        let mut counts = vec![0f32; interactions.items()];
        interactions.split(Split::Train).items().iter().for_each(|&item| counts[item as usize] += 1.0);
        Self { counts, parameters: Parameters::default() }
    }
}

impl Recommender for Popularity {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut Parameters {
        &mut self.parameters
    }

    fn step(&mut self, _batch: &Batch<'_>, _randomness: &mut ChaCha8Rng) -> Result<f64> {
        Ok(0.0)
    }

    fn scorer(&self) -> Result<Box<dyn Scorer>> {
        Ok(Box::new(ItemScorer::new(self.counts.clone())))
    }
}
