//! Local graphs of ids and of features, and hyperedges that reach across them.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::Gumbel;
use recgoat_align::contrast::{Distinct, info_nce, unit_rows};
use recgoat_data::{Dataset, Split};
use recgoat_eval::Scorer;
use recgoat_graph::{Relay, SparseMap};
use recgoat_torch::{Purpose, from_slice, indices};
use tch::{Device, Kind, Tensor};

use crate::{
    Batch, Context, EmbeddingScorer, Parameters, Recommender, Result, Settings,
    config::{MOST_DIMENSIONS, MOST_LAYERS, config, expect_positive, expect_within},
    dense::Dense,
    features,
    ids::{GraphIds, halves, train_graph},
    nodes::{BatchNodes, Scope},
    phase::Phase,
};

config! {
    /// Settings of [`LgmRec`].
    pub struct LgmRecConfig {
        /// Width of user and item embeddings.
        pub dim: usize = 64,
        /// Propagation steps of ids over the user–item graph.
        pub layers: usize = 2,
        /// Propagation steps of features over the user–item graph.
        pub feature_layers: usize = 2,
        /// Hyperedges of a modality.
        pub hyperedges: usize = 4,
        /// Passages through the hyperedges.
        pub hyper_layers: usize = 1,
        /// Share of the hyperedge memberships dropped in training.
        pub dropout: f64 = 0.5,
        /// Weight of the global embeddings beside the local ones.
        pub global: f64 = 0.3,
        /// Weight of the contrast between the modalities' global embeddings.
        pub contrast: f64 = 1e-4,
        /// Temperature of the memberships and of the contrast.
        pub temperature: f64 = 0.2,
        /// Weight of the squared norm of the embeddings a batch touches, a triple.
        pub l2: f64 = 1e-6,
        /// Names of the modalities to use; all of the dataset's when empty.
        pub modalities: Vec<String> = Vec::new(),
    }
}

impl Settings for LgmRecConfig {
    fn check(&self, dataset: &Dataset) -> Result<()> {
        expect_within("dim", self.dim, 1..=MOST_DIMENSIONS)?;
        expect_within("layers", self.layers, 0..=MOST_LAYERS)?;
        expect_within("feature_layers", self.feature_layers, 0..=MOST_LAYERS)?;
        expect_within("hyperedges", self.hyperedges, 1..=MOST_DIMENSIONS)?;
        expect_within("hyper_layers", self.hyper_layers, 1..=MOST_LAYERS)?;
        expect_within("dropout", self.dropout, 0.0..1.0)?;
        expect_within("global", self.global, 0.0..f64::INFINITY)?;
        expect_within("contrast", self.contrast, 0.0..f64::INFINITY)?;
        expect_positive("temperature", self.temperature)?;
        expect_within("l2", self.l2, 0.0..f64::INFINITY)?;
        features::modalities(dataset, &self.modalities, "lgmrec").map(drop)
    }

    fn build(self, context: &Context<'_>) -> Result<Box<dyn Recommender>> {
        Ok(Box::new(LgmRec::new(self, context)?))
    }
}

/// Guo et al. 2024. Local: smoothed ids plus smoothed projected features of unit length. Global: hyperedges that the
/// features make (memberships by Gumbel softmax, a user's being the sum of its items'), through which item ids reach
/// all users and items.
///
/// The released code adds Gumbel noise in evaluation too; here evaluation is without noise.
pub struct LgmRec {
    config: LgmRecConfig,
    parameters: Parameters,
    ids: GraphIds,
    /// The mean of a user's items, and their sum.
    mean: SparseMap,
    sum: SparseMap,
    /// One step over the user–item graph.
    graph: SparseMap,
    modalities: Vec<Side>,
    device: Device,
}

/// The parts of one modality; its features carried to users are as frozen as the features.
struct Side {
    features: Tensor,
    projection: Dense,
    membership: Dense,
}

/// Users and items of a scope, `[nodes, dim]`.
struct Views {
    fused: Tensor,
    /// Each modality's global embeddings: where they are contrasted, those of all users and items.
    global: Vec<Tensor>,
}

impl LgmRec {
    /// With Glorot's uniform initial embeddings.
    ///
    /// # Errors
    /// [`crate::Error::Config`] for a dataset without the features, else a failure of a graph.
    pub fn new(config: LgmRecConfig, context: &Context<'_>) -> Result<Self> {
        let (dataset, device) = (context.dataset, context.device);
        let interactions = dataset.interactions();
        let train = interactions.split(Split::Train);
        let mut rng = context.seed.stream(Purpose::Init, 0);
        let mut parameters = Parameters::default();
        let ids = GraphIds::new([config.dim, config.layers], context, &mut parameters, &mut rng)?;
        let mut modalities = Vec::new();
        for modality in features::modalities(dataset, &config.modalities, "lgmrec")? {
            let mut dense = |part: &str, outputs: usize| {
                let name = format!("{}.{part}", modality.name());
                Dense::without_bias(&name, [modality.width(), outputs], &mut parameters, &mut rng, device)
            };
            let projection = dense("projection", config.dim);
            let membership = dense("membership", config.hyperedges);
            modalities.push(Side { features: features::tensor(modality, device)?, projection, membership });
        }
        let (users, items) = (interactions.users(), interactions.items());
        let map = |weight: &dyn Fn(u32) -> f32| {
            SparseMap::new(users, items, train.pairs().map(|(u, i)| (u, i, weight(u))), device)
        };
        let mean = map(&|user| 1.0 / train.row(user as usize).len() as f32)?;
        let sum = map(&|_| 1.0)?;
        let step = train_graph(interactions)?;
        let entries = step.matrix().iter().map(|(&value, (row, column))| (row, column, value));
        let graph = SparseMap::new(users + items, users + items, entries, device)?;
        Ok(Self { config, parameters, ids, mean, sum, graph, modalities, device })
    }

    fn forward<'a>(
        &'a self,
        scope: Scope<'a>,
        relay: &mut Relay<'a>,
        phase: &mut Phase<'_>,
    ) -> Result<Views> {
        let parameters = &self.parameters;
        let smoothed = self.ids.smoothed(parameters, relay)?;
        let nodes = smoothed.size()[0] as usize;
        let items = relay.span(&smoothed, self.ids.users..nodes);
        let mut local = scope.of_table(&smoothed, relay);
        // Every user is a candidate of the contrast.
        let reach = if self.contrasts() { Scope::All } else { scope };
        let mut global = Vec::new();
        for side in &self.modalities {
            let projected = relay.join(side.projection.apply(parameters, &side.features));
            local = &local + unit_rows(&self.carried(&projected, scope, relay)?);
            let logits = relay.join(side.membership.apply(parameters, &side.features));
            let of_users = reach.users_of(&self.sum, &logits, relay)?;
            let [of_users, of_items] = [of_users, logits].map(|logits| self.memberships(&logits, phase));
            let of_items = relay.join(of_items);
            let edges = self.hyperedges(&of_items, &items);
            let reached = Tensor::cat(&[of_users, reach.of_items(&of_items, relay)], 0);
            global.push(relay.join(reached.matmul(&edges)));
        }
        let mut sum = Tensor::stack(&global, 0).sum_dim_intlist(0, false, Kind::Float);
        if self.contrasts() {
            let all = relay.join(sum);
            sum = scope.of_table(&all, relay);
        }
        Ok(Views { fused: local + unit_rows(&sum) * self.config.global, global })
    }

    /// Projected features under their means for users, smoothed.
    fn carried<'a>(&'a self, projected: &Tensor, scope: Scope<'a>, relay: &mut Relay<'a>) -> Result<Tensor> {
        let users = relay.apply(&self.mean, projected)?;
        let mut carried = relay.join(Tensor::cat(&[&users, projected], 0));
        let Some(before_last) = self.config.feature_layers.checked_sub(1) else {
            return Ok(scope.of_table(&carried, relay));
        };
        for _ in 0..before_last {
            carried = relay.apply(&self.graph, &carried)?;
        }
        scope.apply(&self.graph, &carried, relay)
    }

    /// Whether modalities are contrasted with each other.
    fn contrasts(&self) -> bool {
        self.config.contrast > 0.0 && self.modalities.len() > 1
    }

    /// `softmax((logits + Gumbel noise)/τ)`, with dropout, in training; without either in evaluation.
    fn memberships(&self, logits: &Tensor, phase: &mut Phase<'_>) -> Tensor {
        let noisy = match phase {
            Phase::Train(rng) => logits + gumbel(&logits.size(), rng, self.device),
            Phase::Evaluate => logits.shallow_clone(),
        };
        phase.dropout(&(noisy / self.config.temperature).softmax(1, Kind::Float), self.config.dropout)
    }

    /// What the items bring to each hyperedge, `[hyperedges, dim]`, in the last passage.
    fn hyperedges(&self, of_items: &Tensor, items: &Tensor) -> Tensor {
        let gathered = of_items.tr().matmul(items);
        (1..self.config.hyper_layers)
            .fold(gathered, |edges, _| of_items.tr().matmul(&of_items.matmul(&edges)))
    }

    /// Between the global embeddings of two modalities, every user and item a candidate.
    fn contrast(&self, batch: &Batch<'_>, left: &Tensor, right: &Tensor) -> Result<Tensor> {
        let (left, right) = (halves(left, self.ids.users), halves(right, self.ids.users));
        let one = |ids: &[u32], left: &Tensor, right: &Tensor| -> Result<Tensor> {
            let ids = Distinct::new(ids).ids;
            let anchors = left.index_select(0, &indices(&ids, self.device));
            Ok(info_nce(&anchors, right, &ids, self.config.temperature)? * ids.len() as f64)
        };
        Ok(one(batch.users, &left.0, &right.0)? + one(batch.positives, &left.1, &right.1)?)
    }
}

/// Standard Gumbel noise, drawn in f64: `-ln(-ln u)` in f32 is infinite for one u in 2²⁴, which one step in 160 draws on
/// Amazon Baby.
fn gumbel(shape: &[i64], rng: &mut ChaCha8Rng, device: Device) -> Tensor {
    let count = shape.iter().product::<i64>() as usize;
    let law = Gumbel::new(0.0f64, 1.0).expect("a scale of one");
    let values: Vec<f32> = rng.sample_iter(law).take(count).map(|value| value as f32).collect();
    from_slice(&values, shape, device).expect("drawn to fill the shape")
}

impl Recommender for LgmRec {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut Parameters {
        &mut self.parameters
    }

    fn step(&mut self, batch: &Batch<'_>, randomness: &mut ChaCha8Rng) -> Result<Tensor> {
        let nodes = BatchNodes::new(batch, self.ids.sizes(), self.device)?;
        let mut relay = Relay::default();
        let Views { fused, global } =
            self.forward(Scope::Batch(&nodes), &mut relay, &mut Phase::Train(randomness))?;
        let mut loss = nodes.pairwise(&fused)? + nodes.penalty(&fused, self.config.l2)?;
        if self.contrasts() {
            for (at, left) in global.iter().enumerate() {
                for right in &global[at + 1..] {
                    loss += self.contrast(batch, left, right)? * self.config.contrast;
                }
            }
        }
        relay.backward(&loss)?;
        Ok(loss.detach())
    }

    fn scorer(&self) -> Result<Box<dyn Scorer>> {
        tch::no_grad(|| {
            let Views { fused, .. } =
                self.forward(Scope::All, &mut Relay::default(), &mut Phase::Evaluate)?;
            let (users, items) = halves(&fused, self.ids.users);
            Ok(Box::new(EmbeddingScorer::new(&users, &items)) as Box<dyn Scorer>)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of this stream, the ninth step's of seed 0, a draw in f32 was infinite, and the loss NaN.
    #[test]
    fn gumbel_noise_is_finite() {
        let mut rng = recgoat_torch::Seed(0).stream(Purpose::Dropout, 1 << 24 | 8);
        let noise = gumbel(&[106_000], &mut rng, Device::Cpu);
        assert!(bool::try_from(noise.isfinite().all()).unwrap());
        // Euler's constant, and π²/6.
        let (mean, variance) = (noise.mean(Kind::Double), noise.var(true));
        assert!((mean.double_value(&[]) - 0.577_215_664_9).abs() < 0.02);
        assert!((variance.double_value(&[]) - std::f64::consts::PI.powi(2) / 6.0).abs() < 0.04);
    }
}
