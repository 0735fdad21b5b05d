//! Settings of RecGOAT.

use recgoat_data::Dataset;

use super::{AlignConfig, Alike, Profiles, RecGoat};
use crate::{
    Context, Error, Recommender, Result, Settings,
    bands::MOST_BANDS,
    config::{MOST_DIMENSIONS, MOST_LAYERS, config, expect_positive, expect_within},
    features::{self, FeatureSimilarity, Precision, Rows},
};

config! {
    /// Settings of [`RecGoat`].
    pub struct RecGoatConfig {
        /// Width of all embeddings.
        pub dim: usize = 64,
        /// Propagation steps over the user–item graph.
        pub layers: usize = 3,
        /// Propagation steps over each item–item and user–user graph.
        pub like_layers: usize = 1,
        /// Nearest items of an item by features, itself among them.
        pub neighbours: usize = 10,
        /// How features are compared: "cosine", or "centred-cosine" for all-positive features.
        pub similarity: FeatureSimilarity = FeatureSimilarity::Cosine,
        /// Items that share most users with an item, itself among them; 0 leaves their graph out.
        pub companions: usize = 10,
        /// Users most like a user, itself among them; 0 leaves their graph out.
        pub peers: usize = 20,
        /// By what users are alike: common "items", "profiles", or "both": items, and profiles that the dataset has.
        pub alike: Alike = Alike::Both,
        /// Where profiles come from: "written", the dataset's own where it has any, or "features" of train items, which
        /// `alike = "both"` leaves to the views.
        pub profiles: Profiles = Profiles::Written,
        /// Share of the user–item edges that ids are not smoothed over, drawn each epoch, those of popular nodes first.
        pub edge_dropout: f64 = 0.0,
        /// Share of the preference gates dropped in training.
        pub dropout: f64 = 0.1,
        /// Frequency bands of the user–item graph that are transported by a plan each; 1 has one plan for all.
        pub bands: usize = 1,
        /// Share of the ranking loss that is a softmax over the batch's items; the rest is pairwise.
        pub softmax: f64 = 0.5,
        /// Temperature of that softmax.
        pub softmax_temperature: f64 = 1.0,
        /// Weight of the squared norm of the layer-0 embeddings a batch touches, a triple.
        pub l2: f64 = 1e-3,
        /// Names of the modalities to use; all of the dataset's when empty.
        pub modalities: Vec<String> = Vec::new(),
        /// Numbers in which features are kept and projected: "f32" or "bf16".
        pub precision: Precision = Precision::F32,
        /// Whose features an item gets: its "own", or those of another by a permutation ("permuted"): a control.
        pub rows: Rows = Rows::Own,
        /// Share of the items whose features are hidden from the model.
        pub hidden: f64 = 0.0,
        in /// Alignment of the views.
        pub align: AlignConfig = AlignConfig::default(),
    }
}

impl Settings for RecGoatConfig {
    fn check(&self, dataset: &Dataset) -> Result<()> {
        expect_within("dim", self.dim, 1..=MOST_DIMENSIONS)?;
        expect_within("layers", self.layers, 0..=MOST_LAYERS)?;
        expect_within("like_layers", self.like_layers, 0..=MOST_LAYERS)?;
        expect_within("neighbours", self.neighbours, 1..)?;
        expect_within("edge_dropout", self.edge_dropout, 0.0..1.0)?;
        expect_within("dropout", self.dropout, 0.0..1.0)?;
        expect_within("bands", self.bands, 1..=MOST_BANDS)?;
        expect_within("softmax", self.softmax, 0.0..=1.0)?;
        expect_positive("softmax_temperature", self.softmax_temperature)?;
        expect_within("l2", self.l2, 0.0..f64::INFINITY)?;
        expect_within("hidden", self.hidden, 0.0..1.0)?;
        let items = dataset.interactions().items();
        if features::share_of(items, self.hidden) == items {
            let message =
                format!("hidden: expected a share that leaves one of {items} items, found {}", self.hidden);
            return Err(Error::Config(message));
        }
        self.align.check()?;
        if self.bands > 1 && !self.align.transport.has_plan() {
            let message =
                format!("bands: expected 1 where align.transport has no plan, found {}", self.bands);
            return Err(Error::Config(message));
        }
        features::modalities(dataset, &self.modalities, "recgoat").map(drop)
    }

    fn build(self, context: &Context<'_>) -> Result<Box<dyn Recommender>> {
        Ok(Box::new(RecGoat::new(self, context)?))
    }
}
