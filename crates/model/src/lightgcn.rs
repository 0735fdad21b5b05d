//! LightGCN: embeddings smoothed over the user–item graph.

use rand_chacha::ChaCha8Rng;
use recgoat_data::{Interactions, Split};
use recgoat_eval::Scorer;
use recgoat_graph::{Adjacency, Propagation};
use recgoat_torch::{Cut, Purpose, init, push};
use tch::Device;

use crate::{
    Batch, Context, EmbeddingScorer, ParameterId, Parameters, Recommender, Result,
    bpr::halves,
    config::{MOST_DIMENSIONS, MOST_LAYERS, config, expect_within},
    objective::{BatchRows, pairwise_loss},
};

config! {
    /// Settings of [`LightGcn`].
    pub struct LightGcnConfig {
        /// Width of user and item embeddings.
        pub dim: usize = 64,
        /// Propagation steps over the user–item graph.
        pub layers: usize = 3,
        /// Weight of the squared norm of the layer-0 embeddings a batch touches, a triple.
        pub l2: f64 = 1e-4,
    }
}

impl LightGcnConfig {
    /// `Ok` when every setting is in its range.
    ///
    /// # Errors
    /// [`crate::Error::Config`] naming the first that is not.
    pub fn check(&self) -> Result<()> {
        expect_within("dim", self.dim, 1..=MOST_DIMENSIONS)?;
        expect_within("layers", self.layers, 0..=MOST_LAYERS)?;
        expect_within("l2", self.l2, 0.0..f64::INFINITY)
    }
}

/// He et al. 2020: `Ê = mean_l Âˡ E`, scores `ê_u · ê_i`, BPR loss.
#[derive(Debug)]
pub struct LightGcn {
    config: LightGcnConfig,
    parameters: Parameters,
    table: ParameterId,
    propagation: Propagation,
    users: usize,
    device: Device,
}

impl LightGcn {
    /// With Glorot's uniform initial embeddings.
    ///
    /// # Errors
    /// A failure of the graph.
    pub fn new(config: LightGcnConfig, context: &Context<'_>) -> Result<Self> {
        let interactions = context.dataset.interactions();
        let (users, items) = (interactions.users(), interactions.items());
        let mut rng = context.seed.stream(Purpose::Init, 0);
        let mut parameters = Parameters::default();
        let table = init::xavier((users + items) as i64, config.dim as i64, &mut rng, context.device);
        let table = parameters.add("embedding", table);
        let propagation = Propagation::new(train_graph(interactions)?, config.layers, context.device);
        Ok(Self { config, parameters, table, propagation, users, device: context.device })
    }
}

impl Recommender for LightGcn {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut Parameters {
        &mut self.parameters
    }

    fn step(&mut self, batch: &Batch<'_>, _randomness: &mut ChaCha8Rng) -> Result<f64> {
        let at = BatchRows::new(batch, self.users, self.device);
        let table = self.parameters.get(self.table);
        let smoothed = Cut::new(&self.propagation.apply(table)?);
        let [users, positives, negatives] = at.split(&at.gather(smoothed.leaf()));
        let loss =
            pairwise_loss(&users, &positives, &negatives) + at.penalty(&at.gather(table), self.config.l2);
        loss.backward();
        push(table, &self.propagation.vjp(&smoothed.gradient())?);
        Ok(loss.double_value(&[]))
    }

    fn scorer(&self) -> Result<Box<dyn Scorer>> {
        let smoothed = self.propagation.apply(self.parameters.get(self.table))?;
        let (users, items) = halves(&smoothed, self.users);
        Ok(Box::new(EmbeddingScorer::new(&users, &items)))
    }
}

/// The normalised user–item graph of the train split: users first, then items.
pub(crate) fn train_graph(interactions: &Interactions) -> Result<Adjacency> {
    let pairs = interactions.split(Split::Train).pairs();
    Ok(Adjacency::bipartite(interactions.users(), interactions.items(), pairs)?)
}
