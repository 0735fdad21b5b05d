//! Features purified by behaviour, and a common part told from each modality's own.

use rand_chacha::ChaCha8Rng;
use recgoat_data::Dataset;
use recgoat_eval::Scorer;
use recgoat_graph::{Relay, SparseMap};
use recgoat_torch::Purpose;
use tch::{Device, Kind, Tensor};

use crate::{
    Batch, Context, EmbeddingScorer, Parameters, Recommender, Result, Settings,
    config::{MOST_DIMENSIONS, MOST_LAYERS, config, expect_positive, expect_within},
    dense::Dense,
    features::{self, EdgeWeight, FeatureSimilarity, FeatureTable, Tables},
    gates::gated_sum,
    ids::{GraphIds, halves, users_from_items},
    nodes::{BatchNodes, Scope},
    phase::Phase,
};

config! {
    /// Settings of [`Mgcn`].
    pub struct MgcnConfig {
        /// Width of user and item embeddings.
        pub dim: usize = 64,
        /// Propagation steps over the user–item graph.
        pub layers: usize = 2,
        /// Propagation steps over each item–item graph.
        pub item_layers: usize = 1,
        /// Nearest items of an item, itself among them.
        pub neighbours: usize = 10,
        /// How features are compared: "cosine", or "centred-cosine" for all-positive features.
        pub similarity: FeatureSimilarity = FeatureSimilarity::Cosine,
        /// Weight of the contrast between behaviour and features.
        pub contrast: f64 = 0.01,
        /// Its temperature.
        pub temperature: f64 = 0.2,
        /// Weight of the squared norm of the embeddings a batch touches, a triple.
        pub l2: f64 = 1e-4,
        /// Features "frozen", or "trained" from where they are, as the released code does.
        pub features: Tables = Tables::Frozen,
        /// Names of the modalities to use; all of the dataset's when empty.
        pub modalities: Vec<String> = Vec::new(),
    }
}

impl Settings for MgcnConfig {
    fn check(&self, dataset: &Dataset) -> Result<()> {
        expect_within("dim", self.dim, 1..=MOST_DIMENSIONS)?;
        expect_within("layers", self.layers, 0..=MOST_LAYERS)?;
        expect_within("item_layers", self.item_layers, 0..=MOST_LAYERS)?;
        expect_within("neighbours", self.neighbours, 1..)?;
        expect_within("contrast", self.contrast, 0.0..f64::INFINITY)?;
        expect_positive("temperature", self.temperature)?;
        expect_within("l2", self.l2, 0.0..f64::INFINITY)?;
        features::modalities(dataset, &self.modalities, "mgcn").map(drop)
    }

    fn build(self, context: &Context<'_>) -> Result<Box<dyn Recommender>> {
        Ok(Box::new(Mgcn::new(self, context)?))
    }
}

/// Yu et al. 2023. Features gate the item ids (`e_i ⊙ σ(W₂(W₁ f + b₁) + b₂)`), are smoothed over their own item graph
/// and carried to users; attention finds what modalities have in common, gates of the behaviour weigh what is each
/// one's own; the mean of all is added to the smoothed ids, and contrasted with them.
pub struct Mgcn {
    config: MgcnConfig,
    parameters: Parameters,
    ids: GraphIds,
    users_from_items: SparseMap,
    modalities: Vec<Side>,
    common: [Dense; 2],
    device: Device,
}

/// The parts of one modality.
struct Side {
    features: FeatureTable,
    graph: SparseMap,
    projection: Dense,
    purifier: Dense,
    preference: Dense,
}

/// Users and items of a scope, `[nodes, dim]`: smoothed ids, and what features add.
struct Views {
    content: Tensor,
    side: Tensor,
}

impl Mgcn {
    /// Builds the item graphs; Glorot's uniform initial embeddings.
    ///
    /// # Errors
    /// [`crate::Error::Config`] for a dataset without the features, else a failure of a graph.
    pub fn new(config: MgcnConfig, context: &Context<'_>) -> Result<Self> {
        let (device, dim) = (context.device, config.dim);
        let mut rng = context.seed.stream(Purpose::Init, 0);
        let mut parameters = Parameters::default();
        let ids = GraphIds::new([dim, config.layers], context, &mut parameters, &mut rng)?;
        let mut modalities = Vec::new();
        for modality in features::modalities(context.dataset, &config.modalities, "mgcn")? {
            let features = FeatureTable::new(modality, config.features, &mut parameters, device)?;
            let mut dense = |part: &str, inputs: usize| {
                let name = format!("{}.{part}", modality.name());
                Dense::new(&name, [inputs, dim], &mut parameters, &mut rng, device)
            };
            let (neighbours, similarity) = (config.neighbours, config.similarity);
            modalities.push(Side {
                features,
                graph: features::item_graph(modality, neighbours, similarity, EdgeWeight::Cosine, context)?,
                projection: dense("projection", modality.width()),
                purifier: dense("purifier", dim),
                preference: dense("preference", dim),
            });
        }
        let common = [
            Dense::new("common.inner", [dim, dim], &mut parameters, &mut rng, device),
            Dense::without_bias("common.outer", [dim, 1], &mut parameters, &mut rng, device),
        ];
        let users_from_items = users_from_items(context)?;
        Ok(Self { config, parameters, ids, users_from_items, modalities, common, device })
    }

    fn forward<'a>(
        &'a self,
        scope: Scope<'a>,
        relay: &mut Relay<'a>,
        phase: &mut Phase<'_>,
    ) -> Result<Views> {
        let parameters = &self.parameters;
        let content = scope.apply(&self.ids.propagation, self.ids.table(parameters), relay)?;
        let items = self.ids.items(parameters, relay);
        let mut views = Vec::new();
        for side in &self.modalities {
            let projected = side.projection.apply(parameters, side.features.values(parameters));
            let gated = &items * side.purifier.apply(parameters, &projected).sigmoid();
            let maps = (&side.graph, self.config.item_layers, &self.users_from_items);
            views.push(carried(gated, maps, scope, relay)?);
        }
        let [inner, outer] = &self.common;
        let scores: Vec<Tensor> =
            views.iter().map(|view| outer.apply(parameters, &inner.apply(parameters, view).tanh())).collect();
        let weights = Tensor::cat(&scores, 1).softmax(1, Kind::Float);
        let weighed = views.iter().enumerate().map(|(at, view)| view * weights.narrow(1, at as i64, 1));
        let common = Tensor::stack(&weighed.collect::<Vec<_>>(), 0).sum_dim_intlist(0, false, Kind::Float);
        let common = relay.join(common);
        let scale = 1.0 / (views.len() + 1) as f64;
        let own = |(view, part): (&Tensor, &'a Side)| (&part.preference, vec![relay.join(view - &common)]);
        let own = views.iter().zip(&self.modalities).map(own).collect();
        let own = gated_sum(own, &content, (0.0, scale), parameters, (relay, phase))?;
        Ok(Views { content, side: own + common * scale })
    }
}

/// Item rows smoothed over an item graph, under the mean of them that users take over: those of the scope.
pub(super) fn carried<'a>(
    items: Tensor,
    (graph, layers, users_from_items): (&'a SparseMap, usize, &'a SparseMap),
    scope: Scope<'a>,
    relay: &mut Relay<'a>,
) -> Result<Tensor> {
    let mut items = relay.join(items);
    for _ in 0..layers {
        items = relay.apply(graph, &items)?;
    }
    Ok(Tensor::cat(&scope.under_users(users_from_items, &items, relay)?, 0))
}

impl Recommender for Mgcn {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut Parameters {
        &mut self.parameters
    }

    fn step(&mut self, batch: &Batch<'_>, randomness: &mut ChaCha8Rng) -> Result<Tensor> {
        let nodes = BatchNodes::new(batch, self.ids.sizes(), self.device)?;
        let mut relay = Relay::default();
        let Views { content, side } =
            self.forward(Scope::Batch(&nodes), &mut relay, &mut Phase::Train(randomness))?;
        let rows = &content + &side;
        let mut loss = nodes.pairwise(&rows)? + nodes.penalty(&rows, self.config.l2)?;
        if self.config.contrast > 0.0 {
            loss += nodes.contrast([&side, &content], self.config.temperature)? * self.config.contrast;
        }
        relay.backward(&loss)?;
        Ok(loss.detach())
    }

    fn scorer(&self) -> Result<Box<dyn Scorer>> {
        tch::no_grad(|| {
            let Views { content, side } =
                self.forward(Scope::All, &mut Relay::default(), &mut Phase::Evaluate)?;
            let (users, items) = halves(&(content + side), self.ids.users);
            Ok(Box::new(EmbeddingScorer::new(&users, &items)) as Box<dyn Scorer>)
        })
    }
}
