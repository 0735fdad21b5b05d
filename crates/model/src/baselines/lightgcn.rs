//! LightGCN: embeddings smoothed over the user–item graph.

use rand_chacha::ChaCha8Rng;
use recgoat_align::contrast::info_nce;
use recgoat_data::Dataset;
use recgoat_eval::Scorer;
use recgoat_graph::{LinearMap, Relay};
use recgoat_torch::Purpose;
use tch::{Device, Tensor};

use crate::{
    Batch, Context, EmbeddingScorer, Parameters, Recommender, Result, Settings,
    config::{MOST_DIMENSIONS, MOST_LAYERS, config, expect_positive, expect_within},
    cost::Stage,
    ids::{GraphIds, halves},
    nodes::{BatchNodes, Scope},
    objective::RankingLoss,
    thinned::Thinned,
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
        /// Share of the user–item edges left out each epoch, those of popular nodes first, as in FREEDOM and RecGOAT.
        pub edge_dropout: f64 = 0.0,
        /// Weight of InfoNCE between users and the batch's distinct items, beside BPR: RecGOAT's own loss; 0 leaves it
        /// out.
        pub contrast: f64 = 0.0,
        /// Its temperature.
        pub temperature: f64 = 0.2,
        /// Share of the ranking loss that is a softmax over the batch's items, as in RecGOAT; the rest is pairwise.
        pub softmax: f64 = 0.0,
        /// Temperature of that softmax.
        pub softmax_temperature: f64 = 1.0,
    }
}

impl Settings for LightGcnConfig {
    fn check(&self, _dataset: &Dataset) -> Result<()> {
        expect_within("dim", self.dim, 1..=MOST_DIMENSIONS)?;
        expect_within("layers", self.layers, 0..=MOST_LAYERS)?;
        expect_within("l2", self.l2, 0.0..f64::INFINITY)?;
        expect_within("edge_dropout", self.edge_dropout, 0.0..1.0)?;
        expect_within("contrast", self.contrast, 0.0..f64::INFINITY)?;
        expect_positive("temperature", self.temperature)?;
        expect_within("softmax", self.softmax, 0.0..=1.0)?;
        expect_positive("softmax_temperature", self.softmax_temperature)
    }

    fn build(self, context: &Context<'_>) -> Result<Box<dyn Recommender>> {
        Ok(Box::new(LightGcn::new(self, context)?))
    }
}

/// He et al. 2020: `Ê = mean_l Âˡ E`, scores `ê_u · ê_i`, BPR loss; with `contrast`, also InfoNCE of a user and its
/// item among the batch's.
#[derive(Debug)]
pub struct LightGcn {
    config: LightGcnConfig,
    parameters: Parameters,
    ids: GraphIds,
    thinned: Thinned,
    device: Device,
}

impl LightGcn {
    /// With Glorot's uniform initial embeddings.
    ///
    /// # Errors
    /// A failure of the graph.
    pub fn new(config: LightGcnConfig, context: &Context<'_>) -> Result<Self> {
        let mut rng = context.seed.stream(Purpose::Init, 0);
        let mut parameters = Parameters::default();
        let ids = GraphIds::new([config.dim, config.layers], context, &mut parameters, &mut rng)?;
        let thinned = Thinned::new(config.edge_dropout, context);
        Ok(Self { config, parameters, ids, thinned, device: context.device })
    }
}

impl Recommender for LightGcn {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut Parameters {
        &mut self.parameters
    }

    fn begin_epoch(&mut self, randomness: &mut ChaCha8Rng) -> Result<()> {
        self.thinned.begin_epoch(&self.ids, randomness)
    }

    fn step(&mut self, batch: &Batch<'_>, _randomness: &mut ChaCha8Rng) -> Result<Tensor> {
        let nodes = BatchNodes::new(batch, self.ids.sizes(), self.device)?;
        let (scope, mut relay) = (Scope::Batch(&nodes), Relay::default());
        let table = self.ids.table(&self.parameters);
        let rows = scope.apply(self.thinned.graph(&self.ids), table, &mut relay)?;
        let layer_0 = scope.of_table(table, &mut relay);
        let ranking =
            RankingLoss { softmax: self.config.softmax, temperature: self.config.softmax_temperature };
        let mut loss = ranking.of(&nodes, &rows)? + nodes.penalty(&layer_0, self.config.l2)?;
        if self.config.contrast > 0.0 {
            let [users, ..] = nodes.triples(&rows);
            let (items, targets) = (nodes.positives(&rows), nodes.targets());
            loss += info_nce(&users, &items, targets, self.config.temperature)? * self.config.contrast;
        }
        relay.backward(&loss)?;
        Ok(loss.detach())
    }

    fn cost(&self, batch: &Batch<'_>) -> Result<Vec<Stage>> {
        let nodes = BatchNodes::new(batch, self.ids.sizes(), self.device)?;
        let (dim, triples) = (self.config.dim, batch.users.len());
        let ranking = if self.config.softmax > 0.0 {
            Stage::softmax("ranking", nodes.user_rows().rows().len(), nodes.item_rows().rows().len(), dim)
        } else {
            Stage::pass("ranking", triples * dim, 9)
        };
        let contrast = (self.config.contrast > 0.0)
            .then(|| Stage::softmax("contrast", triples, nodes.positive_count(), dim));
        let fixed = [self.ids.propagation_cost(&nodes), ranking, Stage::update(self.parameters.count())];
        Ok(fixed.into_iter().chain(contrast).collect())
    }

    fn scorer(&self) -> Result<Box<dyn Scorer>> {
        let smoothed = self.ids.propagation.apply(self.ids.table(&self.parameters))?;
        let (users, items) = halves(&smoothed, self.ids.users);
        Ok(Box::new(EmbeddingScorer::new(&users, &items)))
    }
}
