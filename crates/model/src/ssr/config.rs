//! Settings of SSR.

use recgoat_data::Dataset;
use recgoat_graph::spectral::Eigenpairs;
use serde::{Deserialize, Serialize};

use super::Ssr;
use crate::{
    Context, Recommender, Result, Settings,
    bands::{Banding, Cuts, Filters, MOST_BANDS, MOST_DEGREES},
    config::{MOST_DIMENSIONS, MOST_LAYERS, config, expect_positive, expect_within},
    error::Error,
    features::{self, FeatureSimilarity},
};

config! {
    /// Settings of [`Ssr`].
    pub struct SsrConfig {
        /// Width of each tower: of ids, and of every modality.
        pub dim: usize = 64,
        /// Width of the hidden layer between features and their tower.
        pub hidden: usize = 256,
        /// Propagation steps over the user–item graph; a tower is the sum of all layers.
        pub layers: usize = 2,
        /// Propagation steps over the item graph and the user graph.
        pub like_layers: usize = 1,
        /// Nearest items of an item by features, itself among them.
        pub neighbours: usize = 10,
        /// How features are compared: "cosine", or "centred-cosine" for all-positive features.
        pub similarity: FeatureSimilarity = FeatureSimilarity::Cosine,
        /// Share of the text in the item graph; the other modalities have equal parts of the rest.
        pub text_share: f64 = 0.9,
        /// Users with most common items, the user itself among them; 0 leaves their graph out.
        pub peers: usize = 10,
        /// Number of frequency bands; 1 leaves the spectrum whole.
        pub bands: usize = 3,
        /// Where bands are cut: at "equal-energy" of the untrained towers, or "even" in frequency.
        pub cuts: Cuts = Cuts::EqualEnergy,
        /// How bands are made: "chebyshev" (polynomials), "exact" (eigenpairs; small graphs), "released" (no bands).
        pub filters: Filters = Filters::Chebyshev,
        /// Degree of the polynomials: twice as high, half as wide is the way from a band to the next.
        pub degree: usize = 16,
        /// Probability of dropping a band of a node in training.
        pub mask: f64 = 0.2,
        /// Weight of the distance to what the representation is with all bands.
        pub consistency: f64 = 0.01,
        /// How bands become one: by the "operator", its "collapsed" release, or their plain "sum".
        pub fusion: Fusion = Fusion::Operator,
        /// Rank of the operator's interaction across bands and channels.
        pub rank: usize = 8,
        /// How far a node's gate can move a band; 0 leaves gates out.
        pub gate: f64 = 0.5,
        /// Weight of the contrast between modalities, a band.
        pub contrast: f64 = 1e-3,
        /// Temperature of the contrast.
        pub temperature: f64 = 0.2,
        /// What an item is told from in the contrast: "distinct" items of the batch, or as "released".
        pub negatives: Negatives = Negatives::Distinct,
        /// The ranking loss: "bce" (cross-entropy of both items) or "bpr" (pairwise).
        pub ranking: Ranking = Ranking::Bce,
        /// Weight of the squared norm of the rows that rank, a triple.
        pub l2: f64 = 1e-3,
        /// Names of the modalities to use; all of the dataset's when empty.
        pub modalities: Vec<String> = Vec::new(),
    }
}

/// How bands become one representation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fusion {
    /// Mixed, interacting at rank `rank`, gated.
    Operator,
    /// The same with the interaction of the released code, whose terms all lie on one diagonal.
    Collapsed,
    /// Added.
    Sum,
}

/// What an item is told from in the contrast between modalities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Negatives {
    /// Other bands, and other items of the batch, each once.
    Distinct,
    /// Those of the released code: every triple's item again, both modalities, and the anchor itself.
    Released,
}

/// The ranking loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ranking {
    /// Cross-entropy of the positive and of the negative item, the paper's.
    Bce,
    /// Pairwise.
    Bpr,
}

impl SsrConfig {
    pub(super) fn banding(&self) -> Banding {
        let &Self { bands, cuts, filters, degree, .. } = self;
        Banding { bands, cuts, filters, degree }
    }

    /// The released code: its filters, its interaction, its bank of negatives.
    pub fn released() -> Self {
        Self {
            filters: Filters::Released,
            fusion: Fusion::Collapsed,
            negatives: Negatives::Released,
            ..Self::default()
        }
    }
}

impl Settings for SsrConfig {
    fn check(&self, dataset: &Dataset) -> Result<()> {
        expect_within("dim", self.dim, 1..=MOST_DIMENSIONS)?;
        expect_within("hidden", self.hidden, 1..=MOST_DIMENSIONS)?;
        expect_within("layers", self.layers, 0..=MOST_LAYERS)?;
        expect_within("like_layers", self.like_layers, 0..=MOST_LAYERS)?;
        expect_within("neighbours", self.neighbours, 1..)?;
        expect_within("text_share", self.text_share, 0.0..=1.0)?;
        expect_within("bands", self.bands, 1..=MOST_BANDS)?;
        expect_within("degree", self.degree, 1..=MOST_DEGREES)?;
        expect_within("mask", self.mask, 0.0..1.0)?;
        expect_within("consistency", self.consistency, 0.0..f64::INFINITY)?;
        expect_within("rank", self.rank, 1..=MOST_DIMENSIONS)?;
        expect_within("gate", self.gate, 0.0..1.0)?;
        expect_within("contrast", self.contrast, 0.0..f64::INFINITY)?;
        expect_positive("temperature", self.temperature)?;
        expect_within("l2", self.l2, 0.0..f64::INFINITY)?;
        if self.filters == Filters::Released && self.bands != 3 {
            let message = format!("bands: expected 3 with the released filters, found {}", self.bands);
            return Err(Error::Config(message));
        }
        let pairs = dataset.interactions().users() * dataset.interactions().items();
        if self.filters == Filters::Exact && pairs > Eigenpairs::MOST_PAIRS {
            let most = Eigenpairs::MOST_PAIRS;
            return Err(Error::Config(format!(
                "filters: expected at most {most} pairs of a user and an item for \"exact\", found {pairs} (\"chebyshev\" has no limit)"
            )));
        }
        features::modalities(dataset, &self.modalities, "ssr").map(drop)
    }

    fn build(self, context: &Context<'_>) -> Result<Box<dyn Recommender>> {
        Ok(Box::new(Ssr::new(self, context)?))
    }
}
