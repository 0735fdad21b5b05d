//! The most popular items, the same for everyone.

use recgoat_data::{Dataset, Split};
use recgoat_eval::Scorer;

use crate::{
    Context, ItemScorer, Learning, Recommender, Result, Settings,
    closed::{Closed, Counted},
    config::config,
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
        Ok(Box::new(Counted::new(Popularity::new(context))))
    }
}

/// Ranks items by their number of train interactions.
#[derive(Debug)]
pub struct Popularity {
    counts: Vec<f32>,
}

impl Popularity {
    /// Counts the train split.
    pub fn new(context: &Context<'_>) -> Self {
        let interactions = context.dataset.interactions();
        let mut counts = vec![0f32; interactions.items()];
        interactions.split(Split::Train).items().iter().for_each(|&item| counts[item as usize] += 1.0);
        Self { counts }
    }
}

impl Closed for Popularity {
    fn scorer(&self) -> Box<dyn Scorer> {
        Box::new(ItemScorer::new(self.counts.clone()))
    }
}
