//! RecGOAT as its paper specifies it, with its authors' released variants.

mod branch;
mod config;
mod fusion;

use std::{cell::RefCell, collections::BTreeMap};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use recgoat_align::{
    contrast::{Distinct, between_views, cross_modal, info_nce},
    oat::CoordinateTransport,
};
use recgoat_eval::{Scorer, report::Picture};
use recgoat_graph::{Propagation, Relay};
use recgoat_torch::{Purpose, indices, init};
use tch::{Device, Kind, Tensor};

use crate::{
    Batch, Context, EmbeddingScorer, ParameterId, Parameters, Recommender, Result, features,
    ids::{halves, train_graph},
    nodes::{BatchNodes, Scope},
    objective::pairwise_loss,
    phase::Phase,
    recgoat::{
        diagnosis::{Aligned, Plan, diagnose, pictures},
        holes::Holes,
        profiles::profiles,
    },
};
use branch::Branch;
pub use config::{Contrast, Evaluation, Factor, Negatives, PaperConfig, Shares};
use fusion::Fusion;

/// The model of arXiv 2602.00682 on the user–item graph, one item–item graph a modality, and a user–user graph of
/// profiles whose attended view is added to the users' layer-0 embeddings.
///
/// A step costs, for `I` items, `F` feature widths, `d = dim`, `E` edges and `n` distinct items of the batch:
/// `4·I·F·d` flops of projection a modality (there and back), `4·layers·E·d` of propagation, `6·n²·d` a pair of
/// contrasted views, `12·I·d²` of transport a modality, and an optimiser pass over the parameters.
#[derive(Debug)]
pub struct PaperRecGoat {
    config: PaperConfig,
    parameters: Parameters,
    table: ParameterId,
    /// `Δ` of each modality, where the transport has one.
    residuals: Vec<ParameterId>,
    branches: Vec<Branch>,
    /// The users' profiles, where there is a user graph.
    profiles: Option<Branch>,
    transports: RefCell<Vec<CoordinateTransport>>,
    fusion: Fusion,
    propagation: Propagation,
    users: usize,
    device: Device,
}

/// A modality's view in id coordinates; the transport's cost, on the tape, and its figures where there is a plan.
struct Moved {
    view: Tensor,
    cost: Option<Tensor>,
    plan: Option<Plan>,
}

/// All views of one pass.
struct Views {
    /// Users and items after propagation, `[users + items, dim]`.
    smoothed: Tensor,
    /// Each modality's view before transport.
    outputs: Vec<Tensor>,
    /// The same after it, and what the plans were.
    moved: Vec<Tensor>,
    plans: Vec<Vec<Plan>>,
    /// `Σ_m <C_m, T_m>`, where the transport has a plan.
    wasserstein: Option<Tensor>,
    /// The representation that ranks, `[items, dim]`.
    fused: Tensor,
}

impl PaperRecGoat {
    /// Builds the neighbour graphs and draws initial parameters.
    ///
    /// # Errors
    /// [`crate::Error::Config`] for a dataset without the features, else a failure of a graph.
    pub fn new(config: PaperConfig, context: &Context<'_>) -> Result<Self> {
        let (dataset, device) = (context.dataset, context.device);
        let modalities = features::modalities(dataset, &config.modalities, "recgoat-paper")?;
        let interactions = dataset.interactions();
        let (users, items) = (interactions.users(), interactions.items());
        let mut rng = context.seed.stream(Purpose::Init, 0);
        let mut parameters = Parameters::default();
        let dim = config.dim as i64;
        let ids = init::normal(&[(users + items) as i64, dim], config.init_deviation, &mut rng, device);
        let table = parameters.add("embedding", ids);
        let mut branches = Vec::new();
        let mut residuals = Vec::new();
        for &modality in &modalities {
            let branch =
                Branch::new(modality, &config, config.neighbours, &mut parameters, &mut rng, context)?;
            branches.push(branch.with_holes(Holes::new(modality.present(), context)?));
            if config.align.transport.has_residual() {
                let residual = init::xavier(dim, dim, &mut rng, device);
                residuals.push(parameters.add(format!("{}.residual", modality.name()), residual));
            }
        }
        let profiles = match config.peers {
            0 => None,
            peers => {
                let profiles = profiles(dataset, &modalities, config.profiles)?;
                Some(Branch::new(&profiles, &config, peers, &mut parameters, &mut rng, context)?)
            }
        };
        let names: Vec<&str> = branches.iter().map(Branch::name).collect();
        let fusion = Fusion::new(&names, &config, &mut parameters, device);
        let transports = RefCell::new(cold_transports(&config, branches.len()));
        let propagation = Propagation::new(train_graph(interactions)?, config.layers, device);
        Ok(Self {
            config,
            parameters,
            table,
            residuals,
            branches,
            profiles,
            transports,
            fusion,
            propagation,
            users,
            device,
        })
    }

    fn views<'a>(
        &'a self,
        relay: &mut Relay<'a>,
        phase: &mut Phase<'_>,
        transports: &mut [CoordinateTransport],
    ) -> Result<Views> {
        let parameters = &self.parameters;
        let table = parameters.get(self.table);
        let smoothed = match &self.profiles {
            None => relay.apply(&self.propagation, table)?,
            Some(branch) => {
                let profiles = branch.forward(parameters, relay, phase)?;
                let (users, items) = halves(table, self.users);
                let start = relay.join(Tensor::cat(&[users + profiles, items], 0));
                relay.apply(&self.propagation, &start)?
            }
        };
        let (_, ids) = halves(&smoothed, self.users);
        let (mut outputs, mut moved, mut plans) = (Vec::new(), Vec::new(), Vec::new());
        let mut wasserstein: Option<Tensor> = None;
        for (at, (branch, transport)) in self.branches.iter().zip(transports).enumerate() {
            let output = branch.forward(parameters, relay, phase)?;
            let Moved { view, cost, plan } = self.transported(at, &output, &ids, transport)?;
            wasserstein = match (wasserstein, cost) {
                (Some(sum), Some(cost)) => Some(sum + cost),
                (sum, cost) => sum.or(cost),
            };
            moved.push(view);
            plans.push(plan.into_iter().collect());
            outputs.push(output);
        }
        let fused = self.fusion.forward(parameters, &ids, &moved, phase);
        Ok(Views { smoothed, outputs, moved, plans, wasserstein, fused })
    }

    /// The branch's view in id coordinates.
    fn transported(
        &self,
        at: usize,
        view: &Tensor,
        ids: &Tensor,
        transport: &mut CoordinateTransport,
    ) -> Result<Moved> {
        let align = &self.config.align;
        let residual = self.residuals.get(at).map(|&id| self.parameters.get(id));
        if !align.transport.has_plan() {
            let view = residual.map_or_else(|| view.shallow_clone(), |residual| view.matmul(residual));
            return Ok(Moved { view, cost: None, plan: None });
        }
        let found = match self.branches[at].present() {
            None => transport.align(view, ids)?,
            Some(rows) => transport.align(&view.index_select(0, rows), &ids.index_select(0, rows))?,
        };
        let plan_map = match self.config.factor {
            Factor::Dim => found.map.shallow_clone(),
            Factor::One => &found.map / self.config.dim as f64,
        };
        let map = residual.map_or_else(|| plan_map.shallow_clone(), |residual| &plan_map + residual);
        let cost = Some(found.wasserstein.shallow_clone());
        let plan = Some(Plan::new(found, view, &plan_map, residual));
        Ok(Moved { view: view.matmul(&map), cost, plan })
    }

    fn items(&self) -> usize {
        self.propagation.adjacency().nodes() - self.users
    }

    /// CMCL on the batch's items: users to items, ids to views, views to views.
    fn contrast(&self, batch: &Batch<'_>, views: &Views, users: &Tensor) -> Result<Tensor> {
        let align = &self.config.align;
        let distinct = match self.config.negatives {
            Negatives::Distinct => Distinct::new(batch.positives),
            Negatives::All => {
                let positions = (0..batch.positives.len() as u32).collect();
                Distinct { ids: batch.positives.to_vec(), positions }
            }
        };
        let rows = indices(&distinct.ids, self.device);
        let candidates = views.fused.index_select(0, &rows);
        let user_item = info_nce(users, &candidates, &distinct.positions, align.temperature)?;
        let (_, ids) = halves(&views.smoothed, self.users);
        let mut sides = vec![(ids.index_select(0, &rows), None)];
        for (output, branch) in views.outputs.iter().zip(&self.branches) {
            let present = branch.present().map(|present| self.membership(present).index_select(0, &rows));
            sides.push((output.index_select(0, &rows), present));
        }
        let mut terms = Vec::new();
        for (at, left) in sides.iter().enumerate() {
            for right in &sides[at + 1..] {
                let term = contrast_present(left, right, align.temperature)?;
                terms.extend(term.map(|term| match self.config.views {
                    Contrast::Attract => term,
                    Contrast::Repel => -term + 1.0,
                }));
            }
        }
        Ok(cross_modal(&user_item, &terms, self.config.contrast_lambda))
    }

    /// The views that rank. Transports start cold, so that a score depends on the parameters alone.
    fn evaluated(&self) -> Result<Views> {
        let mut transports = cold_transports(&self.config, self.branches.len());
        // The same masks every time, for the same reason.
        let mut masks = ChaCha8Rng::seed_from_u64(0);
        let mut phase = match self.config.evaluation {
            Evaluation::Nothing => Phase::Evaluate,
            Evaluation::Dropout => Phase::Train(&mut masks),
        };
        self.views(&mut Relay::default(), &mut phase, &mut transports)
    }

    /// Looks at the ids and views that rank.
    fn aligned<T>(&self, look: impl FnOnce(&Tensor, &[Aligned<'_>]) -> Result<T>) -> Result<T> {
        tch::no_grad(|| {
            let views = self.evaluated()?;
            let (_, ids) = halves(&views.smoothed, self.users);
            let aligned = self.branches.iter().enumerate().map(|(at, branch)| {
                let present = branch.present();
                let [view, moved] = [&views.outputs[at], &views.moved[at]]
                    .map(|rows| present.map_or_else(|| rows.shallow_clone(), |at| rows.index_select(0, at)));
                Aligned { name: branch.name(), view, moved, present, plans: &views.plans[at] }
            });
            look(&ids, &aligned.collect::<Vec<_>>())
        })
    }

    /// `[items]`, true for the rows listed.
    fn membership(&self, rows: &Tensor) -> Tensor {
        let items = self.items();
        Tensor::zeros([items as i64], (Kind::Bool, self.device)).index_fill(0, rows, 1)
    }
}

impl Recommender for PaperRecGoat {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut Parameters {
        &mut self.parameters
    }

    fn begin_epoch(&mut self, _randomness: &mut ChaCha8Rng) -> Result<()> {
        self.transports.get_mut().iter_mut().for_each(CoordinateTransport::reset);
        Ok(())
    }

    fn step(&mut self, batch: &Batch<'_>, randomness: &mut ChaCha8Rng) -> Result<Tensor> {
        let nodes = BatchNodes::new(batch, [self.users, self.items()], self.device)?;
        let mut relay = Relay::default();
        let mut transports = self.transports.borrow_mut();
        let views = self.views(&mut relay, &mut Phase::Train(randomness), &mut transports)?;
        let (user_table, _) = halves(&views.smoothed, self.users);
        let rows = |table: &Tensor, ids: &[u32]| table.index_select(0, &indices(ids, self.device));
        let users = rows(&user_table, batch.users);
        let positives = rows(&views.fused, batch.positives);
        let negatives = rows(&views.fused, batch.negatives);
        let layer_0 = Scope::Batch(&nodes).of_table(self.parameters.get(self.table), &mut relay);
        let mut loss =
            pairwise_loss(&users, &positives, &negatives) + nodes.penalty(&layer_0, self.config.l2)?;
        if self.config.align.contrast > 0.0 {
            loss += self.contrast(batch, &views, &users)? * self.config.align.contrast;
        }
        if let Some(cost) = views.wasserstein.as_ref().filter(|_| self.config.align.wasserstein > 0.0) {
            loss += cost * self.config.align.wasserstein;
        }
        relay.backward(&loss)?;
        Ok(loss.detach())
    }

    fn scorer(&self) -> Result<Box<dyn Scorer>> {
        tch::no_grad(|| {
            let views = self.evaluated()?;
            let (users, _) = halves(&views.smoothed, self.users);
            Ok(Box::new(EmbeddingScorer::new(&users, &views.fused)) as Box<dyn Scorer>)
        })
    }

    fn diagnose(&self) -> Result<BTreeMap<String, f64>> {
        self.aligned(|ids, views| diagnose(ids, views, self.config.align.temperature))
    }

    fn pictures(&self) -> Result<Vec<Picture>> {
        self.aligned(pictures)
    }
}

fn cold_transports(config: &PaperConfig, count: usize) -> Vec<CoordinateTransport> {
    (0..count).map(|_| CoordinateTransport::new(config.align.transport_config())).collect()
}

/// InfoNCE between two views over the rows present in both; `None` where fewer than two are.
fn contrast_present(
    (left, left_present): &(Tensor, Option<Tensor>),
    (right, right_present): &(Tensor, Option<Tensor>),
    temperature: f64,
) -> Result<Option<Tensor>> {
    let both = match (left_present, right_present) {
        (Some(l), Some(r)) => Some(l.logical_and(r)),
        (l, r) => l.as_ref().or(r.as_ref()).map(Tensor::shallow_clone),
    };
    let Some(both) = both else { return Ok(Some(between_views(left, right, temperature)?)) };
    let rows = both.nonzero().view([-1]);
    if rows.size()[0] < 2 {
        return Ok(None);
    }
    let [left, right] = [left, right].map(|view| view.index_select(0, &rows));
    Ok(Some(between_views(&left, &right, temperature)?))
}
