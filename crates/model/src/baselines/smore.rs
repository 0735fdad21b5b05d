//! Modalities filtered and fused by frequency.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use recgoat_data::Dataset;
use recgoat_eval::Scorer;
use recgoat_graph::{Relay, SparseMap};
use recgoat_torch::{Purpose, init};
use tch::{Device, Kind, Tensor};

use super::mgcn::carried;
use crate::{
    Batch, Context, EmbeddingScorer, ParameterId, Parameters, Recommender, Result, Settings,
    config::{MOST_DIMENSIONS, MOST_LAYERS, config, expect_positive, expect_within},
    dense::Dense,
    features::{self, EdgeWeight, FeatureSimilarity, FeatureTable, Tables},
    gates::gated_sum,
    ids::{GraphIds, halves, users_from_items},
    nodes::{BatchNodes, Scope},
    phase::Phase,
};

config! {
    /// Settings of [`Smore`].
    pub struct SmoreConfig {
        /// Width of user and item embeddings.
        pub dim: usize = 64,
        /// Propagation steps over the user–item graph.
        pub layers: usize = 3,
        /// Propagation steps over each item–item graph.
        pub item_layers: usize = 1,
        /// Nearest items of an item, itself among them.
        pub neighbours: usize = 10,
        /// How features are compared: "cosine", or "centred-cosine" for all-positive features.
        pub similarity: FeatureSimilarity = FeatureSimilarity::Cosine,
        /// Share of the preference gates dropped in training.
        pub dropout: f64 = 0.1,
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

impl Settings for SmoreConfig {
    fn check(&self, dataset: &Dataset) -> Result<()> {
        expect_within("dim", self.dim, 2..=MOST_DIMENSIONS)?;
        expect_within("layers", self.layers, 0..=MOST_LAYERS)?;
        expect_within("item_layers", self.item_layers, 0..=MOST_LAYERS)?;
        expect_within("neighbours", self.neighbours, 1..)?;
        expect_within("dropout", self.dropout, 0.0..1.0)?;
        expect_within("contrast", self.contrast, 0.0..f64::INFINITY)?;
        expect_positive("temperature", self.temperature)?;
        expect_within("l2", self.l2, 0.0..f64::INFINITY)?;
        features::modalities(dataset, &self.modalities, "smore").map(drop)
    }

    fn build(self, context: &Context<'_>) -> Result<Box<dyn Recommender>> {
        Ok(Box::new(Smore::new(self, context)?))
    }
}

/// Ong and Khong 2025. Each modality's projected features pass a learnt filter over their Fourier coefficients, and
/// the product of all spectra a filter of its own; each of these views gates the item ids, is smoothed over its item
/// graph (the fused one over the element-wise maximum of all) and carried to users. The fused view's attention and
/// gates of the behaviour weigh the views, whose mean is added to the smoothed ids and contrasted with them.
pub struct Smore {
    config: SmoreConfig,
    parameters: Parameters,
    ids: GraphIds,
    users_from_items: SparseMap,
    modalities: Vec<Side>,
    fused: View,
    device: Device,
}

/// What a modality has beside its view.
struct Side {
    features: FeatureTable,
    projection: Dense,
    view: View,
    attention: [Dense; 2],
}

/// A filter, a gate, a graph and a preference: of one modality, or of their fusion.
struct View {
    /// `[1, dim/2 + 1, 2]`: real and imaginary parts.
    filter: ParameterId,
    gate: Dense,
    graph: SparseMap,
    preference: Dense,
}

/// Users and items of a scope, `[nodes, dim]`: smoothed ids, and what features add.
struct Views {
    content: Tensor,
    side: Tensor,
}

impl Smore {
    /// Builds the item graphs; Glorot's uniform initial embeddings, filters from N(0, 1).
    ///
    /// # Errors
    /// [`crate::Error::Config`] for a dataset without the features, else a failure of a graph.
    pub fn new(config: SmoreConfig, context: &Context<'_>) -> Result<Self> {
        let (device, dim) = (context.device, config.dim);
        let mut rng = context.seed.stream(Purpose::Init, 0);
        let mut parameters = Parameters::default();
        let ids = GraphIds::new([dim, config.layers], context, &mut parameters, &mut rng)?;
        let mut largest: BTreeMap<(u32, u32), f32> = BTreeMap::new();
        let mut modalities = Vec::new();
        for modality in features::modalities(context.dataset, &config.modalities, "smore")? {
            let (neighbours, similarity) = (config.neighbours, config.similarity);
            let graph = features::item_graph(modality, neighbours, similarity, EdgeWeight::Cosine, context)?;
            for (&value, (row, column)) in graph.matrix() {
                let entry = largest.entry((row, column)).or_default();
                *entry = entry.max(value);
            }
            let name = modality.name();
            let view = View::new(name, graph, dim, &mut parameters, &mut rng, device);
            let mut dense = |part: &str, inputs: usize| {
                Dense::new(&format!("{name}.{part}"), [inputs, dim], &mut parameters, &mut rng, device)
            };
            let (projection, inner) = (dense("projection", modality.width()), dense("attention.inner", dim));
            let outer = format!("{name}.attention.outer");
            let outer = Dense::without_bias(&outer, [dim, dim], &mut parameters, &mut rng, device);
            let features = FeatureTable::new(modality, config.features, &mut parameters, device)?;
            modalities.push(Side { features, projection, view, attention: [inner, outer] });
        }
        let entries = largest.into_iter().map(|((row, column), value)| (row, column, value));
        let items = context.dataset.interactions().items();
        let graph = SparseMap::new(items, items, entries, device)?;
        let fused = View::new("fused", graph, dim, &mut parameters, &mut rng, device);
        let users_from_items = users_from_items(context)?;
        Ok(Self { config, parameters, ids, users_from_items, modalities, fused, device })
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
        let projected: Vec<Tensor> = self
            .modalities
            .iter()
            .map(|side| relay.join(side.projection.apply(parameters, side.features.values(parameters))))
            .collect();
        // Every view has spectra of its own: no stretch of the tape may be shared between views.
        let spectrum = |rows: &Tensor| rows.fft_rfft(None::<i64>, 1, "ortho");
        let product = projected.iter().map(spectrum).reduce(|product, next| product * next);
        let product = product.expect("a model of at least one modality");
        let mut carry = |view: &'a View, spectrum: &Tensor| {
            let gated = &items * view.gate.apply(parameters, &self.filtered(view, spectrum)).sigmoid();
            let maps = (&view.graph, self.config.item_layers, &self.users_from_items);
            carried(gated, maps, scope, relay)
        };
        let mut views = Vec::new();
        for (side, rows) in self.modalities.iter().zip(&projected) {
            views.push(carry(&side.view, &spectrum(rows))?);
        }
        let fused = carry(&self.fused, &product)?;
        let fused = relay.join(fused);
        let mut parts = vec![(&self.fused.preference, vec![fused.shallow_clone()])];
        for (side, view) in self.modalities.iter().zip(&views) {
            let [inner, outer] = &side.attention;
            let scores = outer.apply(parameters, &inner.apply(parameters, &fused).tanh());
            let attended = relay.join(scores.softmax(-1, Kind::Float) * view);
            parts.push((&side.view.preference, vec![attended]));
        }
        let weights = (self.config.dropout, 1.0 / parts.len() as f64);
        let side = gated_sum(parts, &content, weights, parameters, (relay, phase))?;
        Ok(Views { content, side })
    }

    fn filtered(&self, view: &View, spectrum: &Tensor) -> Tensor {
        let filter = self.parameters.get(view.filter).view_as_complex();
        (spectrum * filter).fft_irfft(self.config.dim as i64, 1, "ortho")
    }
}

impl View {
    fn new(
        name: &str,
        graph: SparseMap,
        dim: usize,
        parameters: &mut Parameters,
        rng: &mut ChaCha8Rng,
        device: Device,
    ) -> Self {
        let filter = init::normal(&[1, dim as i64 / 2 + 1, 2], 1.0, rng, device);
        let filter = parameters.add(format!("{name}.filter"), filter);
        let mut dense =
            |part: &str| Dense::new(&format!("{name}.{part}"), [dim, dim], parameters, rng, device);
        Self { filter, gate: dense("gate"), preference: dense("preference"), graph }
    }
}

impl Recommender for Smore {
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
