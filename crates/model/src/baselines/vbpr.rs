//! Matrix factorisation with content factors beside the learnt ones.

use rand_chacha::ChaCha8Rng;
use recgoat_data::Dataset;
use recgoat_eval::Scorer;
use recgoat_graph::Relay;
use recgoat_torch::{Purpose, init};
use tch::{Kind, Tensor};

use crate::{
    Batch, Context, EmbeddingScorer, ParameterId, Parameters, Recommender, Result, Settings,
    config::{MOST_DIMENSIONS, config, expect_within},
    dense::Dense,
    features,
    nodes::BatchNodes,
};

config! {
    /// Settings of [`Vbpr`].
    pub struct VbprConfig {
        /// Width of the id factors, and of the content factors.
        pub dim: usize = 64,
        /// Weight of the squared norm of the factors a batch touches, a triple.
        pub l2: f64 = 1e-2,
        /// Names of the modalities to use; all of the dataset's when empty.
        pub modalities: Vec<String> = Vec::new(),
    }
}

impl Settings for VbprConfig {
    fn check(&self, dataset: &Dataset) -> Result<()> {
        expect_within("dim", self.dim, 1..=MOST_DIMENSIONS)?;
        expect_within("l2", self.l2, 0.0..f64::INFINITY)?;
        features::modalities(dataset, &self.modalities, "vbpr").map(drop)
    }

    fn build(self, context: &Context<'_>) -> Result<Box<dyn Recommender>> {
        Ok(Box::new(Vbpr::new(self, context)?))
    }
}

/// He and McAuley 2016: scores `u · [e_i; E f_i]`, BPR loss; as in MMRec the features of all modalities are one
/// row, and there are no bias terms.
#[derive(Debug)]
pub struct Vbpr {
    config: VbprConfig,
    parameters: Parameters,
    users: ParameterId,
    items: ParameterId,
    content: Dense,
    /// `[items, widths]`.
    features: Tensor,
}

impl Vbpr {
    /// With Glorot's uniform initial factors.
    ///
    /// # Errors
    /// [`crate::Error::Config`] for a dataset without the features.
    pub fn new(config: VbprConfig, context: &Context<'_>) -> Result<Self> {
        let interactions = context.dataset.interactions();
        let chosen = features::modalities(context.dataset, &config.modalities, "vbpr")?;
        let tensors =
            chosen.iter().map(|m| features::tensor(m, context.device)).collect::<Result<Vec<_>>>()?;
        let features = Tensor::cat(&tensors, 1);
        let mut rng = context.seed.stream(Purpose::Init, 0);
        let mut parameters = Parameters::default();
        let mut table = |name: &str, rows: usize, width: usize| {
            parameters.add(name, init::xavier(rows as i64, width as i64, &mut rng, context.device))
        };
        let users = table("users", interactions.users(), 2 * config.dim);
        let items = table("items", interactions.items(), config.dim);
        let widths = [features.size()[1] as usize, config.dim];
        let content = Dense::new("content", widths, &mut parameters, &mut rng, context.device);
        Ok(Self { config, parameters, users, items, content, features })
    }
}

impl Recommender for Vbpr {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut Parameters {
        &mut self.parameters
    }

    fn step(&mut self, batch: &Batch<'_>, _randomness: &mut ChaCha8Rng) -> Result<Tensor> {
        let (users, items) = (self.parameters.get(self.users), self.parameters.get(self.items));
        let device = self.features.device();
        let nodes = BatchNodes::new(batch, [users.size()[0] as usize, items.size()[0] as usize], device)?;
        let mut relay = Relay::default();
        let users = relay.gather(users, nodes.user_rows());
        let items = relay.gather(items, nodes.item_rows());
        let features = self.features.index_select(0, &nodes.item_rows().to_tensor(device));
        let content = self.content.apply(&self.parameters, &features);
        let rows = Tensor::cat(&[users, Tensor::cat(&[items, content], 1)], 0);
        let loss = nodes.pairwise(&rows)? + nodes.penalty(&rows, self.config.l2)?;
        relay.backward(&loss)?;
        Ok(loss.detach())
    }

    fn scorer(&self) -> Result<Box<dyn Scorer>> {
        tch::no_grad(|| {
            let content = self.content.apply(&self.parameters, &self.features).to_kind(Kind::Float);
            let items = Tensor::cat(&[self.parameters.get(self.items), &content], 1);
            Ok(Box::new(EmbeddingScorer::new(self.parameters.get(self.users), &items)) as Box<dyn Scorer>)
        })
    }
}
