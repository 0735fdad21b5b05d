//! Item-to-item neighbours, by who interacted with them and by what they are.

use std::{collections::HashMap, sync::Arc};

use rayon::prelude::*;
use recgoat_data::{Dataset, Split};
use recgoat_eval::Scorer;

use crate::{
    Context, Learning, Recommender, Result, Settings,
    closed::{Closed, Counted},
    config::{config, expect_within},
    features::{EdgeWeight, FeatureSimilarity, item_edges, modalities},
    history::{HistoryScorer, Votes},
};

config! {
    /// Settings of [`ItemKnn`].
    pub struct ItemKnnConfig {
        /// Most similar items kept of each item.
        pub neighbours: usize = 100,
        /// Added to the product of norms: similarities that rest on few interactions shrink.
        pub shrink: f64 = 10.0,
        /// Share of the features in the score; the rest is of the interactions. 0 needs no features.
        pub content: f64 = 0.0,
        /// Names of the modalities to use; all of the dataset's when empty.
        pub modalities: Vec<String> = Vec::new(),
        /// How features are compared: "cosine", or "centred-cosine" for all-positive features.
        pub similarity: FeatureSimilarity = FeatureSimilarity::Cosine,
    }
}

impl Settings for ItemKnnConfig {
    const LEARNING: Learning = Learning::AtOnce;

    fn check(&self, dataset: &Dataset) -> Result<()> {
        expect_within("neighbours", self.neighbours, 1..)?;
        expect_within("shrink", self.shrink, 0.0..f64::INFINITY)?;
        expect_within("content", self.content, 0.0..=1.0)?;
        if self.content > 0.0 {
            modalities(dataset, &self.modalities, "itemknn with content")?;
        }
        Ok(())
    }

    fn build(self, context: &Context<'_>) -> Result<Box<dyn Recommender>> {
        Ok(Box::new(Counted::new(ItemKnn::new(&self, context)?)))
    }
}

/// Neighbourhood models (Deshpande and Karypis 2004; Cremonesi et al. 2010): an item scores the sum of its
/// similarities to the items of the history, each item having its `neighbours` most similar others only.
///
/// The similarity by interactions of items with `n_i` and `n_j` users of whom `c_ij` are common is
/// `c_ij / (√(n_i n_j) + shrink)`; the one by features is the mean of the modalities' cosines, where positive. The
/// score is `(1 − content)` of the first sum and `content` of the second. Cost: `Σ_u |history|²` to count.
pub struct ItemKnn {
    votes: Arc<Votes>,
    histories: recgoat_data::Csr,
    items: usize,
}

impl ItemKnn {
    /// Finds the neighbours.
    ///
    /// # Errors
    /// As [`Settings::check`], or a failure of libtorch.
    pub fn new(config: &ItemKnnConfig, context: &Context<'_>) -> Result<Self> {
        let interactions = context.dataset.interactions();
        let items = interactions.items();
        let histories = interactions.split(Split::Train).clone();
        let mut votes = vec![Vec::new(); items];
        let share = (1.0 - config.content) as f32;
        for (item, near) in collaborative(&histories, items, config).into_iter().enumerate() {
            // An item has neighbours; a history's item votes for those it is a neighbour of.
            near.into_iter()
                .for_each(|(other, value)| votes[other as usize].push((item as u32, share * value)));
        }
        if config.content > 0.0 {
            let chosen = modalities(context.dataset, &config.modalities, "itemknn with content")?;
            let share = config.content as f32 / chosen.len() as f32;
            for modality in chosen {
                let edges = item_edges(
                    modality,
                    config.neighbours + 1,
                    config.similarity,
                    EdgeWeight::Cosine,
                    context,
                )?;
                for (item, other, cosine) in edges.into_iter().filter(|edge| edge.0 != edge.1) {
                    votes[other as usize].push((item, share * cosine));
                }
            }
        }
        let votes = Arc::new(Votes::Sparse(votes));
        Ok(Self { votes, histories, items })
    }
}

/// The most similar items of each item by common users, with their similarities.
fn collaborative(
    histories: &recgoat_data::Csr,
    items: usize,
    config: &ItemKnnConfig,
) -> Vec<Vec<(u32, f32)>> {
    let mut users = vec![Vec::new(); items];
    histories.pairs().for_each(|(user, item)| users[item as usize].push(user));
    let similar = |item: usize| {
        let mut common: HashMap<u32, f64> = HashMap::new();
        for &user in &users[item] {
            histories.row(user as usize).iter().for_each(|&other| *common.entry(other).or_default() += 1.0);
        }
        common.remove(&(item as u32));
        let norm = |other: u32| (users[item].len() as f64 * users[other as usize].len() as f64).sqrt();
        let mut near: Vec<(u32, f32)> = common
            .into_iter()
            .map(|(other, count)| (other, (count / (norm(other) + config.shrink)) as f32))
            .collect();
        near.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        near.truncate(config.neighbours);
        near
    };
    (0..items).into_par_iter().map(similar).collect()
}

impl Closed for ItemKnn {
    fn scorer(&self) -> Box<dyn Scorer> {
        Box::new(HistoryScorer::new(&self.histories, self.items, self.votes.clone()))
    }
}
