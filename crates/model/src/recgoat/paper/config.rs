//! Settings of RecGOAT as specified, and as released.

use recgoat_data::Dataset;
use serde::{Deserialize, Serialize};

use super::PaperRecGoat;
use crate::{
    Context, Error, Recommender, Result, Settings,
    config::{MOST_DIMENSIONS, MOST_LAYERS, config, expect_within},
    features::{FeatureSimilarity, modalities},
    recgoat::{
        align::{AlignConfig, Solver},
        profiles::Profiles,
    },
};

config! {
    /// Settings of [`PaperRecGoat`]. Defaults are the paper's for Baby at the width of a fair comparison.
    pub struct PaperConfig {
        /// Width of all embeddings; a multiple of `heads`.
        pub dim: usize = 64,
        /// Propagation steps over the user–item graph.
        pub layers: usize = 3,
        /// Standard deviation of the initial id embeddings.
        pub init_deviation: f64 = 0.1,
        /// Weight of the squared norm of the layer-0 embeddings a batch touches, a triple.
        pub l2: f64 = 1e-4,
        /// Names of the modalities to use; all of the dataset's when empty.
        pub modalities: Vec<String> = Vec::new(),
        /// Attention heads of a modality branch.
        pub heads: usize = 8,
        /// Nearest neighbours of an item in a modality's graph, before the union with the reverse relation.
        pub neighbours: usize = 20,
        /// Nearest users of a user by profile, before the same union; 0 leaves the user graph out.
        pub peers: usize = 10,
        /// Where profiles come from: "written", the dataset's own where it has any, or "features" of train items.
        pub profiles: Profiles = Profiles::Written,
        /// How features are compared for that graph: "cosine", or "centred-cosine" for all-positive features.
        pub similarity: FeatureSimilarity = FeatureSimilarity::Cosine,
        /// Share of projected features dropped in training.
        pub feature_dropout: f64 = 0.1,
        /// Share of attention weights dropped in training.
        pub attention_dropout: f64 = 0.1,
        /// Share of a branch's output dropped in training.
        pub output_dropout: f64 = 0.1,
        /// Share of the fused representation dropped in training.
        pub fusion_dropout: f64 = 0.1,
        /// What the shares of the views add up to: "simplex" (one), or "free" (anything; the released code).
        pub shares: Shares = Shares::Simplex,
        /// What evaluation drops out: "nothing", or "dropout" as in training (the released code).
        pub evaluation: Evaluation = Evaluation::Nothing,
        /// Share of the view-to-view part in it; the rest is user-to-item.
        pub contrast_lambda: f64 = 0.5,
        /// What the plan is multiplied by: "dim", which makes it a mean, or "one" (the released code).
        pub factor: Factor = Factor::Dim,
        /// What the contrast does to an item's views: "attract", or "repel" (the released code).
        pub views: Contrast = Contrast::Attract,
        /// Negatives of the contrast: the batch's "distinct" items, or "all" its rows, copies too (the released code).
        pub negatives: Negatives = Negatives::Distinct,
        in /// Alignment of the views.
        pub align: AlignConfig = AlignConfig { contrast: 0.032, ..AlignConfig::default() },
    }
}

impl PaperConfig {
    /// The settings that reproduce what the authors' released code does: its Sinkhorn, whose plan vanishes; the plan
    /// without its factor; views that repel each other; copies of an item as its negatives; no transport cost in the
    /// loss; shares that need not add up; dropout in evaluation. The graph of users stays, as specified: the released one
    /// has none, since its constructor crashes.
    pub fn released() -> Self {
        let own = Self::default();
        Self {
            shares: Shares::Free,
            evaluation: Evaluation::Dropout,
            factor: Factor::One,
            views: Contrast::Repel,
            negatives: Negatives::All,
            align: AlignConfig { solver: Solver::Released, wasserstein: 0.0, ..own.align },
            ..own
        }
    }
}

impl Settings for PaperConfig {
    fn check(&self, dataset: &Dataset) -> Result<()> {
        expect_within("heads", self.heads, 1..)?;
        expect_within("dim", self.dim, 1..=MOST_DIMENSIONS)?;
        expect_within("layers", self.layers, 0..=MOST_LAYERS)?;
        if !self.dim.is_multiple_of(self.heads) {
            let (dim, heads) = (self.dim, self.heads);
            return Err(Error::Config(format!("dim: expected a multiple of heads = {heads}, found {dim}")));
        }
        expect_within("neighbours", self.neighbours, 1..)?;
        expect_within("init_deviation", self.init_deviation, 0.0..=1e6)?;
        expect_within("l2", self.l2, 0.0..f64::INFINITY)?;
        for (name, rate) in [
            ("feature_dropout", self.feature_dropout),
            ("attention_dropout", self.attention_dropout),
            ("output_dropout", self.output_dropout),
            ("fusion_dropout", self.fusion_dropout),
        ] {
            expect_within(name, rate, 0.0..1.0)?;
        }
        expect_within("contrast_lambda", self.contrast_lambda, 0.0..=1.0)?;
        self.align.check()?;
        modalities(dataset, &self.modalities, "recgoat-paper").map(drop)
    }

    fn build(self, context: &Context<'_>) -> Result<Box<dyn Recommender>> {
        Ok(Box::new(PaperRecGoat::new(self, context)?))
    }
}

/// What the shares of the views in the fusion add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shares {
    /// One: a softmax.
    Simplex,
    /// Anything; from 0.8 for text and 0.05 for the others, as in the released code.
    Free,
}

/// What evaluation drops out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evaluation {
    /// Nothing.
    Nothing,
    /// As much as training; the released code never leaves training mode.
    Dropout,
}

/// What the plan is multiplied by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Factor {
    /// The number of coordinates: rows of the map sum to one.
    Dim,
    /// One, which leaves a map beside which any Δ is large.
    One,
}

/// What the contrast does to an item's views.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contrast {
    /// Minimises InfoNCE.
    Attract,
    /// Minimises `1 − InfoNCE`.
    Repel,
}

/// Negatives of the contrast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Negatives {
    /// The batch's items, each once.
    Distinct,
    /// The items of all rows of the batch: most meet their own copies.
    All,
}
