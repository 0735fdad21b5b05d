//! Matrix factorisation with the BPR loss.

use rand_chacha::ChaCha8Rng;
use recgoat_data::Dataset;
use recgoat_eval::Scorer;
use recgoat_graph::Relay;
use recgoat_torch::{Purpose, init};
use tch::{Device, Tensor};

use crate::{
    Batch, Context, EmbeddingScorer, ParameterId, Parameters, Recommender, Result, Settings,
    config::{MOST_DIMENSIONS, config, expect_within},
    ids::halves,
    nodes::{BatchNodes, Scope},
};

config! {
    /// Settings of [`Bpr`].
    pub struct BprConfig {
        /// Width of user and item embeddings.
        pub dim: usize = 64,
        /// Weight of the squared norm of the embeddings a batch touches, a triple.
        pub l2: f64 = 1e-2,
    }
}

impl Settings for BprConfig {
    fn check(&self, _dataset: &Dataset) -> Result<()> {
        expect_within("dim", self.dim, 1..=MOST_DIMENSIONS)?;
        expect_within("l2", self.l2, 0.0..f64::INFINITY)
    }

    fn build(self, context: &Context<'_>) -> Result<Box<dyn Recommender>> {
        Ok(Box::new(Bpr::new(self, context)))
    }
}

/// Rendle et al. 2009: scores `e_u · e_i`.
#[derive(Debug)]
pub struct Bpr {
    config: BprConfig,
    parameters: Parameters,
    table: ParameterId,
    sizes: [usize; 2],
    device: Device,
}

impl Bpr {
    /// With Glorot's uniform initial embeddings.
    pub fn new(config: BprConfig, context: &Context<'_>) -> Self {
        let interactions = context.dataset.interactions();
        let [users, items] = [interactions.users(), interactions.items()];
        let mut rng = context.seed.stream(Purpose::Init, 0);
        let mut parameters = Parameters::default();
        let table = init::xavier((users + items) as i64, config.dim as i64, &mut rng, context.device);
        let table = parameters.add("embedding", table);
        Self { config, parameters, table, sizes: [users, items], device: context.device }
    }
}

impl Recommender for Bpr {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut Parameters {
        &mut self.parameters
    }

    fn step(&mut self, batch: &Batch<'_>, _randomness: &mut ChaCha8Rng) -> Result<Tensor> {
        let nodes = BatchNodes::new(batch, self.sizes, self.device)?;
        let mut relay = Relay::default();
        let rows = Scope::Batch(&nodes).of_table(self.parameters.get(self.table), &mut relay);
        let loss = nodes.pairwise(&rows)? + nodes.penalty(&rows, self.config.l2)?;
        relay.backward(&loss)?;
        Ok(loss.detach())
    }

    fn scorer(&self) -> Result<Box<dyn Scorer>> {
        let table = self.parameters.get(self.table);
        let (users, items) = halves(table, self.sizes[0]);
        Ok(Box::new(EmbeddingScorer::new(&users, &items)))
    }
}
