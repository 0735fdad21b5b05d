//! RecGOAT: graph-enriched ids, features transported to them, views that behaviour gates, one representation that ranks.

mod config;
mod cost;
mod diagnosis;
mod frequencies;
mod holes;
pub mod paper;
mod profiles;

use std::{cell::RefCell, collections::BTreeMap};

use rand_chacha::ChaCha8Rng;
use recgoat_align::oat::CoordinateTransport;
use recgoat_data::{Dataset, Modality};
use recgoat_eval::{Scorer, report::Picture};
use recgoat_graph::{Relay, SparseMap};
use recgoat_torch::{Purpose, indices, init};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::{
    Batch, Context, EmbeddingScorer, ParameterId, Parameters, Recommender, Result, Settings,
    bands::MOST_BANDS,
    config::{MOST_DIMENSIONS, MOST_LAYERS, config, expect_positive, expect_within},
    cost::Stage,
    dense::Dense,
    features::{self, EdgeWeight, FeatureSimilarity, Precision, Rows},
    gates::gated_sum,
    ids::{GraphIds, halves, items_from_users, users_from_items},
    nodes::{BatchNodes, Scope},
    objective::RankingLoss,
    phase::Phase,
    similar::{Nodes, similar_edges, union},
    thinned::Thinned,
};
pub use config::{AlignConfig, Solver, TransportCost, TransportMode};
use diagnosis::{Aligned, Plan, diagnose, pictures};
use frequencies::Frequencies;
use holes::Holes;
pub use profiles::Profiles;
use profiles::profiles;

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
        self.align.check()?;
        features::modalities(dataset, &self.modalities, "recgoat").map(drop)
    }

    fn build(self, context: &Context<'_>) -> Result<Box<dyn Recommender>> {
        Ok(Box::new(RecGoat::new(self, context)?))
    }
}

/// The method of arXiv 2602.00682 with views that behaviour and features make together, which measurement led to
/// (docs/decisions/0015); [`paper::PaperRecGoat`] is the method as specified.
///
/// With smoothed ids `Ê` and layer-0 ids `E` of items and users:
///
/// - a modality's view of items is `E ⊙ σ(x M + b)`, with `x = f W + c` its projected features and `M = d·T + Δ` the
///   transport of their coordinates to those of `Ê` (whichever of both the settings keep; band by band of the graph's
///   frequencies with more than one of them), smoothed over the modality's item graph; a missing row takes the view of its user–item neighbourhood;
/// - companions are a view of items that listen to those with most common users, peers one of users that listen to
///   those with most common items;
/// - users take over the views of their items, and items that of their users, by the user–item graph;
/// - each view passes a gate `σ(Ê P + p)` of its own, and the mean of all is added to `Ê`, for users and items alike:
///   one representation that ranks.
///
/// The loss is a mixture of the pairwise one and a softmax over the batch's items, with the contrast between views and
/// ids and the transport's cost beside it.
///
/// A step costs, for `I` items, `F` feature widths, `d = dim` and `E` edges of all graphs: `4·I·F·d` flops of
/// projection a modality (there and back), `4·E·d` of smoothing a pass, `10·I·d²` of transport and gates a modality,
/// and `6·u·n·d` of softmax for `u` distinct users and `n` distinct items of the batch.
pub struct RecGoat {
    config: RecGoatConfig,
    parameters: Parameters,
    ids: GraphIds,
    thinned: Thinned,
    users_from_items: SparseMap,
    items_from_users: SparseMap,
    sides: Vec<Side>,
    companions: Option<Like>,
    peers: Option<Like>,
    frequencies: Option<Frequencies>,
    /// Of each modality one a band.
    transports: RefCell<Vec<CoordinateTransport>>,
    device: Device,
}

/// The parts of one modality.
struct Side {
    name: String,
    features: Tensor,
    present: Option<Tensor>,
    holes: Option<Holes>,
    graph: SparseMap,
    projection: Dense,
    residual: Option<ParameterId>,
    bias: ParameterId,
    preference: Dense,
}

/// A graph of items or users by what they have in common.
struct Like {
    graph: SparseMap,
    preference: Dense,
}

/// By what users are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alike {
    /// Common train items.
    Items,
    /// Profiles.
    Profiles,
    /// Common train items, and profiles where the dataset has them.
    Both,
}

/// The graph of items by common users.
fn companions(config: &RecGoatConfig, context: &Context<'_>) -> Result<Option<SparseMap>> {
    let interactions = context.dataset.interactions();
    let graph = |count| {
        let edges = similar_edges(interactions, Nodes::Items, count);
        Ok(SparseMap::normalised(interactions.items(), edges, context.device)?)
    };
    Some(config.companions).filter(|&count| count > 0).map(graph).transpose()
}

/// The graph of users.
fn peers(config: &RecGoatConfig, context: &Context<'_>) -> Result<Option<SparseMap>> {
    let dataset = context.dataset;
    if config.peers == 0 {
        return Ok(None);
    }
    let by_items = || similar_edges(dataset.interactions(), Nodes::Users, config.peers);
    let by_profiles = || -> Result<_> {
        let modalities = features::modalities(dataset, &config.modalities, "recgoat")?;
        let altered = |modality| features::altered(modality, config.rows, config.hidden, context.seed);
        let modalities = modalities.into_iter().map(altered).collect::<Result<Vec<_>>>()?;
        let profiles = profiles(dataset, &modalities.iter().collect::<Vec<_>>(), config.profiles)?;
        features::item_edges(&profiles, config.peers, config.similarity, EdgeWeight::Cosine, context)
    };
    let edges = match config.alike {
        Alike::Items => by_items(),
        Alike::Profiles => by_profiles()?,
        Alike::Both if dataset.profiles().is_empty() || config.profiles == Profiles::Features => by_items(),
        Alike::Both => union(by_items(), by_profiles()?),
    };
    Ok(Some(SparseMap::normalised(dataset.interactions().users(), edges, context.device)?))
}

/// Users and items of a scope, `[nodes, dim]`: smoothed ids, and the mean of the views.
struct Views {
    ids: Tensor,
    side: Tensor,
    /// Each modality's projected features, the same after transport, and the plans, one a band.
    passes: Vec<(Tensor, Tensor, Vec<Plan>)>,
    /// `Σ_m <C_m, T_m>`, where the transport has a plan.
    wasserstein: Option<Tensor>,
}

impl RecGoat {
    /// Builds the graphs and draws initial parameters.
    ///
    /// # Errors
    /// [`crate::Error::Config`] for a dataset without the features, else a failure of a graph.
    pub fn new(config: RecGoatConfig, context: &Context<'_>) -> Result<Self> {
        let dataset = context.dataset;
        let mut rng = context.seed.stream(Purpose::Init, 0);
        let mut parameters = Parameters::default();
        let ids = GraphIds::new([config.dim, config.layers], context, &mut parameters, &mut rng)?;
        let mut sides = Vec::new();
        for modality in features::modalities(dataset, &config.modalities, "recgoat")? {
            let modality = features::altered(modality, config.rows, config.hidden, context.seed)?;
            sides.push(Side::new(&modality, &config, context, &mut parameters, &mut rng)?);
        }
        let mut like = |name: &str, graph: Option<SparseMap>| {
            let graph = graph?;
            let widths = [config.dim, config.dim];
            let preference = Dense::new(name, widths, &mut parameters, &mut rng, context.device);
            Some(Like { graph, preference })
        };
        let companions = like("companions", companions(&config, context)?);
        let peers = like("peers", peers(&config, context)?);
        let transports = cold_transports(&config, sides.len());
        let frequencies = Frequencies::new(&config, (&ids, &parameters), context.device)?;
        Ok(Self {
            users_from_items: users_from_items(context)?,
            items_from_users: items_from_users(context)?,
            thinned: Thinned::new(config.edge_dropout, context),
            frequencies,
            transports: RefCell::new(transports),
            device: context.device,
            config,
            parameters,
            ids,
            sides,
            companions,
            peers,
        })
    }

    fn views<'a>(
        &'a self,
        relay: &mut Relay<'a>,
        phase: &mut Phase<'_>,
        transports: &mut [CoordinateTransport],
        scope: Scope<'a>,
    ) -> Result<Views> {
        let parameters = &self.parameters;
        let graph = match phase {
            Phase::Train(_) => self.thinned.graph(&self.ids),
            Phase::Evaluate => &self.ids.propagation,
        };
        let smoothed = relay.apply(graph, self.ids.table(parameters))?;
        let items = self.ids.items(parameters, relay);
        let item_ids = relay.span(&smoothed, self.ids.users..self.ids.sizes().iter().sum());
        let mut views = Vec::new();
        let mut passes = Vec::new();
        let mut wasserstein: Option<Tensor> = None;
        let ids_by_band = match &self.frequencies {
            Some(frequencies) => frequencies.of(&smoothed, relay)?,
            None => vec![item_ids],
        };
        for (side, transports) in self.sides.iter().zip(transports.chunks_mut(self.config.bands)) {
            let projected = relay.join(side.projection.apply(parameters, &side.features));
            let by_band = self.by_band(side, &projected, relay)?;
            let (moved, cost, plans) = self.transported(side, (&by_band, &ids_by_band), transports)?;
            if let Some(cost) = cost {
                wasserstein = Some(wasserstein.map_or_else(|| cost.shallow_clone(), |sum| sum + &cost));
            }
            let gated = relay.join(&items * (&moved + parameters.get(side.bias)).sigmoid());
            let mut view = self.listened(gated, &side.graph, relay)?;
            if let Some(holes) = &side.holes {
                view = holes.fill(&view, relay)?;
            }
            views.push((&side.preference, scope.under_users(&self.users_from_items, &view, relay)?));
            passes.push((projected, moved, plans));
        }
        if let Some(Like { graph, preference }) = &self.companions {
            let view = self.listened(items.shallow_clone(), graph, relay)?;
            views.push((preference, scope.under_users(&self.users_from_items, &view, relay)?));
        }
        if let Some(Like { graph, preference }) = &self.peers {
            let users = self.ids.users(parameters, relay);
            let view = self.listened(users, graph, relay)?;
            views.push((preference, scope.above_items(&view, &self.items_from_users, relay)?));
        }
        let mean = (self.config.dropout, 1.0 / views.len() as f64);
        let views = views.into_iter().map(|(gate, blocks)| (gate, blocks.into())).collect();
        let ids = scope.of_table(&smoothed, relay);
        let side = gated_sum(views, &ids, mean, parameters, (relay, phase))?;
        Ok(Views { ids, side, passes, wasserstein })
    }

    /// Rows smoothed over a graph of their like.
    fn listened<'a>(&self, rows: Tensor, graph: &'a SparseMap, relay: &mut Relay<'a>) -> Result<Tensor> {
        let mut rows = rows;
        for _ in 0..self.config.like_layers {
            rows = relay.apply(graph, &rows)?;
        }
        Ok(rows)
    }

    /// Projected features, a leaf, by frequency, carried to users first: together they are a signal on the graph, to which
    /// missing rows add nothing.
    fn by_band<'a>(&'a self, side: &Side, projected: &Tensor, relay: &mut Relay<'a>) -> Result<Vec<Tensor>> {
        let Some(frequencies) = &self.frequencies else { return Ok(vec![projected.shallow_clone()]) };
        let items = match &side.present {
            None => projected.shallow_clone(),
            Some(rows) => {
                let none = Tensor::zeros([projected.size()[0], 1], (Kind::Float, self.device));
                relay.join(projected * none.index_fill(0, rows, 1.0))
            }
        };
        let users = relay.apply(&self.users_from_items, &items)?;
        let table = relay.join(Tensor::cat(&[&users, &items], 0));
        frequencies.of(&table, relay)
    }

    /// Projected features in id coordinates, and the transport's cost and figures where there is a plan, one a band.
    fn transported(
        &self,
        side: &Side,
        (views, ids): (&[Tensor], &[Tensor]),
        transports: &mut [CoordinateTransport],
    ) -> Result<(Tensor, Option<Tensor>, Vec<Plan>)> {
        let residual = side.residual.map(|residual| self.parameters.get(residual));
        if !self.config.align.transport.has_plan() {
            let moved = residual.map_or_else(|| views[0].shallow_clone(), |map| views[0].matmul(map));
            return Ok((moved, None, Vec::new()));
        }
        let (mut moved, mut costs, mut plans) = (Vec::new(), Vec::new(), Vec::new());
        for ((view, ids), transport) in views.iter().zip(ids).zip(transports) {
            let found = match &side.present {
                None => transport.align(view, ids)?,
                Some(rows) => transport.align(&view.index_select(0, rows), &ids.index_select(0, rows))?,
            };
            let map = residual.map_or_else(|| found.map.shallow_clone(), |residual| &found.map + residual);
            moved.push(view.matmul(&map));
            costs.push(found.wasserstein.shallow_clone());
            let plan = found.map.shallow_clone();
            plans.push(Plan::new(found, view, &plan, residual));
        }
        let sum = |terms: Vec<Tensor>| terms.into_iter().reduce(|sum, term| sum + term);
        let moved = sum(moved).expect("at least one band");
        Ok((moved, sum(costs), plans))
    }

    /// The views that rank. Transports start cold, so that a score depends on the parameters alone.
    fn evaluated(&self) -> Result<Views> {
        let mut transports = cold_transports(&self.config, self.sides.len());
        self.views(&mut Relay::default(), &mut Phase::Evaluate, &mut transports, Scope::All)
    }

    /// Looks at the ids and views that rank.
    fn aligned<T>(&self, look: impl FnOnce(&Tensor, &[Aligned<'_>]) -> Result<T>) -> Result<T> {
        tch::no_grad(|| {
            let views = self.evaluated()?;
            let (_, ids) = halves(&views.ids, self.ids.users);
            let aligned = self.sides.iter().zip(&views.passes).map(|(side, (view, moved, plans))| Aligned {
                name: &side.name,
                view,
                moved,
                present: side.present.as_ref(),
                plans,
            });
            look(&ids, &aligned.collect::<Vec<_>>())
        })
    }
}

impl Side {
    fn new(
        modality: &Modality,
        config: &RecGoatConfig,
        context: &Context<'_>,
        parameters: &mut Parameters,
        rng: &mut ChaCha8Rng,
    ) -> Result<Self> {
        let (device, dim, name) = (context.device, config.dim, modality.name());
        let weight = EdgeWeight::Cosine;
        let graph = features::item_graph(modality, config.neighbours, config.similarity, weight, context)?;
        let mut dense = |part: &str, inputs: usize| {
            Dense::new(&format!("{name}.{part}"), [inputs, dim], parameters, rng, device)
        };
        let (projection, preference) = (dense("projection", modality.width()), dense("preference", dim));
        let residual = config.align.transport.has_residual().then(|| {
            let residual = init::xavier(dim as i64, dim as i64, rng, device);
            parameters.add(format!("{name}.residual"), residual)
        });
        let bias = Tensor::zeros([dim as i64], (Kind::Float, device)).set_requires_grad(true);
        let bias = parameters.add(format!("{name}.gate"), bias);
        let rows: Vec<u32> = (0..).zip(modality.present()).filter(|(_, p)| **p).map(|(row, _)| row).collect();
        Ok(Self {
            name: name.to_owned(),
            features: features::tensor(modality, device)?.to_kind(config.precision.kind()),
            present: (modality.missing() > 0).then(|| indices(&rows, device)),
            holes: Holes::new(modality.present(), context)?,
            graph,
            projection,
            residual,
            bias,
            preference,
        })
    }
}

impl Recommender for RecGoat {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut Parameters {
        &mut self.parameters
    }

    fn begin_epoch(&mut self, randomness: &mut ChaCha8Rng) -> Result<()> {
        self.transports.get_mut().iter_mut().for_each(CoordinateTransport::reset);
        self.thinned.begin_epoch(&self.ids, randomness)
    }

    fn step(&mut self, batch: &Batch<'_>, randomness: &mut ChaCha8Rng) -> Result<Tensor> {
        let nodes = BatchNodes::new(batch, self.ids.sizes(), self.device)?;
        let (scope, mut relay) = (Scope::Batch(&nodes), Relay::default());
        let mut transports = self.transports.borrow_mut();
        let Views { ids, side, wasserstein, .. } =
            self.views(&mut relay, &mut Phase::Train(randomness), &mut transports, scope)?;
        let ranking =
            RankingLoss { softmax: self.config.softmax, temperature: self.config.softmax_temperature };
        let layer_0 = scope.of_table(self.ids.table(&self.parameters), &mut relay);
        let align = &self.config.align;
        let mut loss = ranking.of(&nodes, &(&ids + &side))? + nodes.penalty(&layer_0, self.config.l2)?;
        if align.contrast > 0.0 {
            loss += nodes.contrast([&side, &ids], align.temperature)? * align.contrast;
        }
        if let Some(cost) = wasserstein.filter(|_| align.wasserstein > 0.0) {
            loss += cost * align.wasserstein;
        }
        relay.backward(&loss)?;
        Ok(loss.detach())
    }

    fn cost(&self, batch: &Batch<'_>) -> Result<Vec<Stage>> {
        cost::stages(self, batch)
    }

    fn scorer(&self) -> Result<Box<dyn Scorer>> {
        tch::no_grad(|| {
            let Views { ids, side, .. } = self.evaluated()?;
            let (users, items) = halves(&(ids + side), self.ids.users);
            Ok(Box::new(EmbeddingScorer::new(&users, &items)) as Box<dyn Scorer>)
        })
    }

    fn diagnose(&self) -> Result<BTreeMap<String, f64>> {
        self.aligned(|ids, views| diagnose(ids, views, self.config.align.temperature))
    }

    fn pictures(&self) -> Result<Vec<Picture>> {
        self.aligned(pictures)
    }
}

fn cold_transports(config: &RecGoatConfig, count: usize) -> Vec<CoordinateTransport> {
    let count = count * config.bands;
    (0..count).map(|_| CoordinateTransport::new(config.align.transport_config())).collect()
}
