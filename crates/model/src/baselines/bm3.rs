//! Bootstrapped views: no negatives at all.

use rand_chacha::ChaCha8Rng;
use recgoat_data::Dataset;
use recgoat_eval::Scorer;
use recgoat_graph::Relay;
use recgoat_torch::{Purpose, indices};
use tch::{Device, Kind, Tensor};

use crate::{
    Batch, Context, EmbeddingScorer, Parameters, Recommender, Result, Settings,
    config::{MOST_DIMENSIONS, MOST_LAYERS, config, expect_within},
    dense::Dense,
    features::{self, FeatureTable, Tables},
    ids::{GraphIds, halves},
    phase::Phase,
};

config! {
    /// Settings of [`Bm3`].
    pub struct Bm3Config {
        /// Width of user and item embeddings.
        pub dim: usize = 64,
        /// Propagation steps over the user–item graph.
        pub layers: usize = 1,
        /// Share of the target views dropped in training.
        pub dropout: f64 = 0.3,
        /// Weight of the agreement of feature views with ids and with themselves.
        pub contrast: f64 = 2.0,
        /// Weight of the norm of all smoothed embeddings, over the number of items.
        pub l2: f64 = 0.1,
        /// Features "frozen", or "trained" from where they are, as the released code does.
        pub features: Tables = Tables::Frozen,
        /// Names of the modalities to use; all of the dataset's when empty.
        pub modalities: Vec<String> = Vec::new(),
    }
}

impl Settings for Bm3Config {
    fn check(&self, dataset: &Dataset) -> Result<()> {
        expect_within("dim", self.dim, 1..=MOST_DIMENSIONS)?;
        expect_within("layers", self.layers, 0..=MOST_LAYERS)?;
        expect_within("dropout", self.dropout, 0.0..1.0)?;
        expect_within("contrast", self.contrast, 0.0..f64::INFINITY)?;
        expect_within("l2", self.l2, 0.0..f64::INFINITY)?;
        features::modalities(dataset, &self.modalities, "bm3").map(drop)
    }

    fn build(self, context: &Context<'_>) -> Result<Box<dyn Recommender>> {
        Ok(Box::new(Bm3::new(self, context)?))
    }
}

/// Zhou et al. 2023: a predicted view of a user agrees with a dropped-out, fixed view of the item and the other way
/// round; so do projected features with the item and with themselves.
///
/// Items without features of a modality take no part in its terms. The penalty is that of the released code:
/// `(|U|_F + |I|_F) / items` of all smoothed embeddings, not squared.
pub struct Bm3 {
    config: Bm3Config,
    parameters: Parameters,
    ids: GraphIds,
    predictor: Dense,
    sides: Vec<Side>,
    device: Device,
}

/// What a modality adds.
struct Side {
    features: FeatureTable,
    /// Items with features.
    present: Vec<bool>,
    projection: Dense,
}

impl Bm3 {
    /// With Glorot's uniform initial embeddings.
    ///
    /// # Errors
    /// [`crate::Error::Config`] for a dataset without the features, else a failure of a graph.
    pub fn new(config: Bm3Config, context: &Context<'_>) -> Result<Self> {
        let device = context.device;
        let mut rng = context.seed.stream(Purpose::Init, 0);
        let mut parameters = Parameters::default();
        let ids = GraphIds::new([config.dim, config.layers], context, &mut parameters, &mut rng)?;
        let predictor = Dense::new("predictor", [config.dim; 2], &mut parameters, &mut rng, device);
        let mut sides = Vec::new();
        for modality in features::modalities(context.dataset, &config.modalities, "bm3")? {
            let widths = [modality.width(), config.dim];
            let projection = Dense::new(modality.name(), widths, &mut parameters, &mut rng, device);
            let features = FeatureTable::new(modality, config.features, &mut parameters, device)?;
            sides.push(Side { features, present: modality.present().to_vec(), projection });
        }
        Ok(Self { config, parameters, ids, predictor, sides, device })
    }

    fn forward<'a>(&'a self, relay: &mut Relay<'a>) -> Result<(Tensor, Tensor)> {
        let smoothed = self.ids.smoothed(&self.parameters, relay)?;
        let (users, items) = halves(&smoothed, self.ids.users);
        Ok((users, items + self.ids.items(&self.parameters, relay)))
    }
}

/// One minus the mean cosine of rows, the targets held fixed.
fn disagreement(rows: &Tensor, targets: &Tensor) -> Tensor {
    -Tensor::cosine_similarity(rows, &targets.detach(), 1, 1e-8).mean(Kind::Float) + 1.0
}

impl Recommender for Bm3 {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut Parameters {
        &mut self.parameters
    }

    fn step(&mut self, batch: &Batch<'_>, randomness: &mut ChaCha8Rng) -> Result<Tensor> {
        let positives = indices(batch.positives, self.device);
        let mut relay = Relay::default();
        let mut phase = Phase::Train(randomness);
        let (users, items) = self.forward(&mut relay)?;
        let user_rows = users.index_select(0, &indices(batch.users, self.device));
        let item_rows = items.index_select(0, &positives);
        let predict = |rows: &Tensor| self.predictor.apply(&self.parameters, rows);
        let user_targets = phase.dropout(&user_rows, self.config.dropout);
        let item_targets = phase.dropout(&item_rows, self.config.dropout);
        let mut loss = disagreement(&predict(&user_rows), &item_targets)
            + disagreement(&predict(&item_rows), &user_targets);
        for side in &self.sides {
            // A missing row would be a zero, where the cosine's gradient is without bound.
            let there = |at: &u32| side.present[batch.positives[*at as usize] as usize];
            let there: Vec<u32> = (0..batch.positives.len() as u32).filter(there).collect();
            if there.is_empty() {
                continue;
            }
            let there = indices(&there, self.device);
            let rows =
                side.features.values(&self.parameters).index_select(0, &positives.index_select(0, &there));
            let projected = side.projection.apply(&self.parameters, &rows);
            let targets = phase.dropout(&projected, self.config.dropout);
            let predicted = predict(&projected);
            let views = disagreement(&predicted, &item_targets.index_select(0, &there))
                + disagreement(&predicted, &targets);
            loss += views * self.config.contrast;
        }
        let count = items.size()[0] as f64;
        loss += (users.norm() + items.norm()) * (self.config.l2 / count);
        relay.backward(&loss)?;
        Ok(loss.detach())
    }

    fn scorer(&self) -> Result<Box<dyn Scorer>> {
        tch::no_grad(|| {
            let (users, items) = self.forward(&mut Relay::default())?;
            let [users, items] = [users, items].map(|rows| self.predictor.apply(&self.parameters, &rows));
            Ok(Box::new(EmbeddingScorer::new(&users, &items)) as Box<dyn Scorer>)
        })
    }
}
