//! RecGOAT: graph-enriched ids, features transported to them, views that behaviour gates, one representation that ranks.

mod align;
mod alike;
mod branch;
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
use recgoat_eval::{Scorer, report::Picture};
use recgoat_graph::{Relay, SparseMap};
use recgoat_torch::Purpose;
use tch::{Device, Tensor};

use crate::{
    Batch, Context, EmbeddingScorer, Parameters, Recommender, Result,
    cost::Stage,
    features,
    gates::gated_sum,
    ids::{GraphIds, halves, items_from_users, users_from_items},
    nodes::{BatchNodes, Scope},
    objective::RankingLoss,
    phase::Phase,
    thinned::Thinned,
};
pub use align::{AlignConfig, Solver, TransportCost, TransportMode};
pub use alike::Alike;
use alike::{Like, companions, listened, peers};
use branch::{Branch, Pass};
pub use config::RecGoatConfig;
use diagnosis::{Aligned, diagnose, pictures};
use frequencies::Frequencies;
use holes::Holes;
pub use profiles::Profiles;

/// The method of arXiv 2602.00682 with views that behaviour and features make together, which measurement led to
/// (docs/decisions/0015); [`paper::PaperRecGoat`] is the method as specified.
///
/// With smoothed ids `Ê` and layer-0 ids `E` of items and users:
///
/// - a modality's view of items is `E ⊙ σ(x M + b)`, smoothed over the modality's item graph, with `x = f W + c` its
///   projected features and `M = d·T + Δ` the transport of their coordinates to those of `Ê` (whichever of both the
///   settings keep; with several `bands` a plan for each, of the graph's frequencies); an item without features takes the
///   mean view of its users' items;
/// - companions are a view of items that listen to those with most common users, peers one of users that listen to
///   those with most common items;
/// - users take over the views of their items, and items that of their users, by the user–item graph;
/// - each view passes a gate `σ(Ê P + p)` of its own, and the mean of all is added to `Ê`, for users and items alike:
///   one representation that ranks.
///
/// The loss is a mixture of the pairwise one and a softmax over the batch's items, beside it the transport's cost (over
/// bands in sum) and an InfoNCE from the gated mean of all views to `Ê`, over the batch's users and positive items. Of the
/// specified contrast, between every two views of an item, that is what measurement left.
///
/// A step costs, for `I` items that have features of width `F`, `d = dim` and `E` edges of all graphs: `4·I·F·d` flops of
/// projection a modality (there and back), `4·E·d` of smoothing a pass, `12·I·d²` of transport a modality, `6·v·N·d²` of
/// gates for `v` views of `N` nodes of the batch, `6·u·n·d` of softmax for `u` distinct users and `n` distinct items, and as
/// much for squares of either of contrast.
pub struct RecGoat {
    config: RecGoatConfig,
    parameters: Parameters,
    ids: GraphIds,
    thinned: Thinned,
    branches: Vec<Branch>,
    users_from_items: SparseMap,
    companions: Option<Like>,
    /// And what users' views are for items.
    peers: Option<(Like, SparseMap)>,
    frequencies: Option<Frequencies>,
    transports: RefCell<Transports>,
    device: Device,
}

/// Of each modality one a band; none without a plan.
type Transports = Vec<Vec<CoordinateTransport>>;

/// Users and items of a scope, `[nodes, dim]`: smoothed ids, and the mean of the views.
struct Views {
    ids: Tensor,
    content: Tensor,
    /// One a modality.
    passes: Vec<Pass>,
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
        let modalities = features::modalities(dataset, &config.modalities, "recgoat")?.into_iter();
        let altered = |modality| features::altered(modality, config.rows, config.hidden, context.seed);
        let modalities = modalities.map(altered).collect::<Result<Vec<_>>>()?;
        let mut branches = Vec::new();
        for modality in &modalities {
            branches.push(Branch::new(modality, &config, context, &mut parameters, &mut rng)?);
        }
        let mut like = |name: &str, graph: SparseMap| {
            Like::new(name, graph, config.dim, &mut parameters, (&mut rng, context.device))
        };
        let companions = companions(&config, context)?.map(|graph| like("companions", graph));
        let peers = match peers(&config, &modalities, context)? {
            Some(graph) => Some((like("peers", graph), items_from_users(context)?)),
            None => None,
        };
        Ok(Self {
            users_from_items: users_from_items(context)?,
            thinned: Thinned::new(config.edge_dropout, context),
            frequencies: Frequencies::new(&config, (&ids, &parameters), context)?,
            transports: RefCell::new(cold_transports(&config, branches.len())),
            device: context.device,
            config,
            parameters,
            ids,
            branches,
            companions,
            peers,
        })
    }

    fn views<'a>(
        &'a self,
        relay: &mut Relay<'a>,
        phase: &mut Phase<'_>,
        transports: &mut Transports,
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
        let ids_by_band = match &self.frequencies {
            Some(frequencies) => frequencies.of(&smoothed, relay)?,
            None => vec![item_ids],
        };
        let mut views = Vec::new();
        let mut passes = Vec::new();
        for (branch, transports) in self.branches.iter().zip(transports) {
            let inputs = (&items, &ids_by_band[..]);
            let pass = branch.pass(parameters, inputs, self.frequencies.as_ref(), transports, relay)?;
            views.push((&branch.preference, scope.under_users(&self.users_from_items, &pass.view, relay)?));
            passes.push(pass);
        }
        let layers = self.config.like_layers;
        if let Some(Like { graph, preference }) = &self.companions {
            let view = listened(&items, (graph, layers), relay)?;
            views.push((preference, scope.under_users(&self.users_from_items, &view, relay)?));
        }
        if let Some((Like { graph, preference }, items_from_users)) = &self.peers {
            let view = listened(&self.ids.users(parameters, relay), (graph, layers), relay)?;
            views.push((preference, scope.above_items(&view, items_from_users, relay)?));
        }
        let dropped_and_share = (self.config.dropout, 1.0 / views.len() as f64);
        let views = views.into_iter().map(|(gate, blocks)| (gate, blocks.into())).collect();
        let ids = scope.of_table(&smoothed, relay);
        let content = gated_sum(views, &ids, dropped_and_share, parameters, (relay, phase))?;
        Ok(Views { ids, content, passes })
    }

    /// The views that rank. Transports start cold, so that a score depends on the parameters alone.
    fn evaluated(&self) -> Result<Views> {
        let mut transports = cold_transports(&self.config, self.branches.len());
        self.views(&mut Relay::default(), &mut Phase::Evaluate, &mut transports, Scope::All)
    }

    /// Looks at the ids and views that rank.
    fn aligned<T>(&self, look: impl FnOnce(&Tensor, &[Aligned<'_>]) -> Result<T>) -> Result<T> {
        tch::no_grad(|| {
            let views = self.evaluated()?;
            let (_, ids) = halves(&views.ids, self.ids.users);
            let aligned = self.branches.iter().zip(&views.passes).map(|(branch, pass)| Aligned {
                name: &branch.name,
                view: pass.projected.shallow_clone(),
                moved: pass.moved.shallow_clone(),
                present: branch.holes.as_ref().map(Holes::rows),
                plans: &pass.plans,
            });
            look(&ids, &aligned.collect::<Vec<_>>())
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
        self.transports.get_mut().iter_mut().flatten().for_each(CoordinateTransport::reset);
        self.thinned.begin_epoch(&self.ids, randomness)
    }

    fn step(&mut self, batch: &Batch<'_>, randomness: &mut ChaCha8Rng) -> Result<Tensor> {
        let nodes = BatchNodes::new(batch, self.ids.sizes(), self.device)?;
        let (scope, mut relay) = (Scope::Batch(&nodes), Relay::default());
        let mut transports = self.transports.borrow_mut();
        let Views { ids, content, passes } =
            self.views(&mut relay, &mut Phase::Train(randomness), &mut transports, scope)?;
        let ranking =
            RankingLoss { softmax: self.config.softmax, temperature: self.config.softmax_temperature };
        let layer_0 = scope.of_table(self.ids.table(&self.parameters), &mut relay);
        let align = &self.config.align;
        let mut loss = ranking.of(&nodes, &(&ids + &content))? + nodes.penalty(&layer_0, self.config.l2)?;
        if align.contrast > 0.0 {
            loss += nodes.contrast([&content, &ids], align.temperature)? * align.contrast;
        }
        if align.wasserstein > 0.0 {
            for cost in passes.iter().filter_map(|pass| pass.wasserstein.as_ref()) {
                loss += cost * align.wasserstein;
            }
        }
        relay.backward(&loss)?;
        Ok(loss.detach())
    }

    fn cost(&self, batch: &Batch<'_>) -> Result<Vec<Stage>> {
        cost::stages(self, batch)
    }

    fn scorer(&self) -> Result<Box<dyn Scorer>> {
        tch::no_grad(|| {
            let Views { ids, content, .. } = self.evaluated()?;
            let (users, items) = halves(&(ids + content), self.ids.users);
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

fn cold_transports(config: &RecGoatConfig, modalities: usize) -> Transports {
    let bands = if config.align.transport.has_plan() { config.bands } else { 0 };
    let cold = || (0..bands).map(|_| CoordinateTransport::new(config.align.transport_config())).collect();
    (0..modalities).map(|_| cold()).collect()
}
