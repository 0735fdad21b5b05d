//! A frozen item–item graph beside a user–item graph that is thinned every epoch.

use rand_chacha::ChaCha8Rng;
use recgoat_data::Dataset;
use recgoat_eval::Scorer;
use recgoat_graph::{Propagation, Relay, SparseMap};
use recgoat_torch::Purpose;
use tch::{Device, Tensor};

use crate::{
    Batch, Context, EmbeddingScorer, Error, Parameters, Recommender, Result, Settings,
    config::{MOST_DIMENSIONS, MOST_LAYERS, config, expect_within},
    cost::Stage,
    dense::Dense,
    features::{self, EdgeWeight, FeatureSimilarity, FeatureTable, Tables},
    ids::{GraphIds, halves},
    nodes::{BatchNodes, Scope},
    objective::pairwise_loss,
    thinned::Thinned,
};

config! {
    /// Settings of [`Freedom`].
    pub struct FreedomConfig {
        /// Width of user and item embeddings.
        pub dim: usize = 64,
        /// Propagation steps over the user–item graph.
        pub layers: usize = 2,
        /// Propagation steps over the item–item graph.
        pub item_layers: usize = 1,
        /// Nearest items of an item, itself among them.
        pub neighbours: usize = 10,
        /// How features are compared: "cosine", or "centred-cosine" for all-positive features.
        pub similarity: FeatureSimilarity = FeatureSimilarity::Cosine,
        /// Share of the user–item edges left out each epoch, those of popular nodes first.
        pub edge_dropout: f64 = 0.8,
        /// Weight of the loss by projected features alone.
        pub feature_loss: f64 = 1e-3,
        /// Features "frozen", or "trained" from where they are, as the released code does.
        pub features: Tables = Tables::Frozen,
        /// Names of the modalities to use; all of the dataset's when empty.
        pub modalities: Vec<String> = Vec::new(),
        /// Each modality's share of the item–item graph, in the order of their names; equal shares when empty.
        pub shares: Vec<f64> = Vec::new(),
    }
}

impl Settings for FreedomConfig {
    fn check(&self, dataset: &Dataset) -> Result<()> {
        expect_within("dim", self.dim, 1..=MOST_DIMENSIONS)?;
        expect_within("layers", self.layers, 0..=MOST_LAYERS)?;
        expect_within("item_layers", self.item_layers, 0..=MOST_LAYERS)?;
        expect_within("neighbours", self.neighbours, 1..)?;
        expect_within("edge_dropout", self.edge_dropout, 0.0..1.0)?;
        expect_within("feature_loss", self.feature_loss, 0.0..f64::INFINITY)?;
        self.shares.iter().try_for_each(|&share| expect_within("shares", share, 0.0..=1.0))?;
        let count = features::modalities(dataset, &self.modalities, "freedom")?.len();
        if self.shares.is_empty() || self.shares.len() == count {
            return Ok(());
        }
        let found = self.shares.len();
        Err(Error::Config(format!(
            "shares: expected none or one for each of {count} modalities, found {found}"
        )))
    }

    fn build(self, context: &Context<'_>) -> Result<Box<dyn Recommender>> {
        Ok(Box::new(Freedom::new(self, context)?))
    }
}

/// Zhou and Shen 2023: ids smoothed over a user–item graph of which each epoch keeps a sample (edges drawn with
/// probability `∝ 1/√(d_u d_i)`), plus item ids smoothed over the frozen graph `Σ_m share_m Â_m`; BPR on both, and
/// on projected features alone.
pub struct Freedom {
    config: FreedomConfig,
    parameters: Parameters,
    ids: GraphIds,
    items: SparseMap,
    projections: Vec<(Dense, FeatureTable)>,
    thinned: Thinned,
    device: Device,
}

impl Freedom {
    /// Builds the item graph; Glorot's uniform initial embeddings.
    ///
    /// # Errors
    /// [`Error::Config`] for a dataset without the features, else a failure of a graph.
    pub fn new(config: FreedomConfig, context: &Context<'_>) -> Result<Self> {
        let (dataset, device) = (context.dataset, context.device);
        let chosen = features::modalities(dataset, &config.modalities, "freedom")?;
        let mut rng = context.seed.stream(Purpose::Init, 0);
        let mut parameters = Parameters::default();
        let ids = GraphIds::new([config.dim, config.layers], context, &mut parameters, &mut rng)?;
        let mut edges = Vec::new();
        let mut projections = Vec::new();
        for (at, modality) in chosen.iter().enumerate() {
            let share = config.shares.get(at).copied().unwrap_or(1.0 / chosen.len() as f64);
            let graph = features::item_graph(
                modality,
                config.neighbours,
                config.similarity,
                EdgeWeight::Equal,
                &Context { device: Device::Cpu, ..*context },
            )?;
            edges.extend(
                graph
                    .matrix()
                    .iter()
                    .map(|(&value, (row, column))| (row, column, (share * f64::from(value)) as f32)),
            );
            let widths = [modality.width(), config.dim];
            let projection = Dense::new(modality.name(), widths, &mut parameters, &mut rng, device);
            let table = FeatureTable::new(modality, config.features, &mut parameters, device)?;
            projections.push((projection, table));
        }
        let items = dataset.interactions().items();
        let items = SparseMap::new(items, items, edges, device)?;
        let thinned = Thinned::new(config.edge_dropout, context);
        Ok(Self { config, parameters, ids, items, projections, thinned, device })
    }

    /// Users and items `[_, dim]` of a scope, over the epoch's graph or the whole one.
    fn forward<'a>(
        &'a self,
        graph: &'a Propagation,
        scope: Scope<'a>,
        relay: &mut Relay<'a>,
    ) -> Result<(Tensor, Tensor)> {
        let smoothed = scope.apply(graph, self.ids.table(&self.parameters), relay)?;
        let mut content = self.ids.items(&self.parameters, relay);
        for _ in 0..self.config.item_layers {
            content = relay.apply(&self.items, &content)?;
        }
        let content = scope.of_items(&content, relay);
        let (users, items) = halves(&smoothed, smoothed.size()[0] as usize - content.size()[0] as usize);
        Ok((users, items + content))
    }
}

impl Recommender for Freedom {
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
        let mut relay = Relay::default();
        let (users, items) = self.forward(self.thinned.graph(&self.ids), Scope::Batch(&nodes), &mut relay)?;
        let gathered = Tensor::cat(&[users, items], 0);
        let [users, ..] = nodes.triples(&gathered);
        let mut loss = nodes.pairwise(&gathered)?;
        let rows = nodes.item_rows().to_tensor(self.device);
        for (projection, features) in &self.projections {
            let features = features.values(&self.parameters).index_select(0, &rows);
            let projected = projection.apply(&self.parameters, &features);
            let [positives, negatives] = nodes.item_pairs(&projected);
            loss += pairwise_loss(&users, &positives, &negatives) * self.config.feature_loss;
        }
        relay.backward(&loss)?;
        Ok(loss.detach())
    }

    fn cost(&self, batch: &Batch<'_>) -> Result<Vec<Stage>> {
        let nodes = BatchNodes::new(batch, self.ids.sizes(), self.device)?;
        let (dim, triples, items) = (self.config.dim, batch.users.len(), nodes.item_rows().rows().len());
        let features: usize = self
            .projections
            .iter()
            .map(|(_, features)| features.values(&self.parameters).size()[1] as usize)
            .sum();
        Ok(vec![
            self.ids.propagation_cost(&nodes),
            Stage::sparse("item graph", self.items.matrix().nnz(), dim, 2 * self.config.item_layers),
            Stage::dense("projection", [items, features, dim], 2),
            Stage::pass("ranking", triples * dim, 9 * (1 + self.projections.len())),
            Stage::update(self.parameters.count()),
        ])
    }

    fn scorer(&self) -> Result<Box<dyn Scorer>> {
        tch::no_grad(|| {
            let (users, items) = self.forward(&self.ids.propagation, Scope::All, &mut Relay::default())?;
            Ok(Box::new(EmbeddingScorer::new(&users, &items)) as Box<dyn Scorer>)
        })
    }
}
