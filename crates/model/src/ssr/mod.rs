//! SSR: structured spectral reasoning over the frequencies of the user–item graph.

mod config;
mod contrast;
mod cost;
mod diagnosis;
mod masks;
mod operator;
mod towers;

use rand_chacha::ChaCha8Rng;
use recgoat_eval::{Scorer, report::Picture};
use recgoat_graph::Relay;
use recgoat_torch::Purpose;
use tch::{Device, Tensor};

pub use crate::bands::{Cuts, Filters};
use crate::{
    Batch, Context, EmbeddingScorer, Parameters, Recommender, Result, bands::Bands, cost::Stage, ids::halves,
    nodes::BatchNodes, objective::cross_entropy,
};
pub use config::{Fusion, Negatives, Ranking, SsrConfig};
use masks::{band_mask, consistency};
use operator::{Fused, Operator};
use towers::Towers;

/// Structured spectral reasoning (arXiv 2512.01372), with bands that are bands.
///
/// 1. Encode: towers of ids and of every modality (`ssr/towers.rs`), side by side, `X` `[nodes, towers · dim]`.
/// 2. Decompose: `X_m = g_m(L) X` over the Laplacian of the user–item graph, where `g_m` are smooth bands that sum to one
///    ([`recgoat_graph::spectral`]), cut where the untrained towers have equal energy.
/// 3. Modulate: in training whole bands of a node are dropped, and the representation kept near what it is with all.
/// 4. Fuse: bands are mixed, interact at a low rank across bands and channels, and pass gates of the node
///    (`ssr/operator.rs`); their sum ranks.
/// 5. Align: modalities of an item agree band by band (`ssr/contrast.rs`).
///
/// [`SsrConfig::released`] has the filters, the interaction and the bank of negatives of the authors' code.
///
/// A step costs, for `E` entries of the graph, `D = towers · dim`, degree `K`, `I` items and `F` feature widths:
/// `4·E·D·(layers + K)` flops of products with the graph, `4·I·F·hidden` of projection, and `6·(M n)²·dim` of contrast
/// for `n` distinct positive items, a third more where these are over 3,072 rows. Without masks, operator and contrast no
/// band is made.
pub struct Ssr {
    config: SsrConfig,
    parameters: Parameters,
    towers: Towers,
    bands: Bands,
    operator: Operator,
    /// Train interactions of users and items.
    degrees: Vec<usize>,
    device: Device,
}

impl Ssr {
    /// Builds the graphs, draws initial parameters, and cuts the bands.
    ///
    /// # Errors
    /// [`crate::Error::Config`] for a dataset without the features, else a failure of a graph.
    pub fn new(config: SsrConfig, context: &Context<'_>) -> Result<Self> {
        let device = context.device;
        let mut rng = context.seed.stream(Purpose::Init, 0);
        let mut parameters = Parameters::default();
        let towers = Towers::new(&config, context, &mut parameters, &mut rng)?;
        let [users, _] = towers.sizes();
        let graph = towers.propagation.adjacency();
        let degrees = graph.degrees();
        let untrained = tch::no_grad(|| towers.apply(&parameters, &mut Relay::default()))?;
        let bands = Bands::new(config.banding(), (graph, users), &untrained, device)?;
        let channels = towers.count() * config.dim;
        let operator =
            Operator::new(&config, channels, (&degrees, users), (&mut parameters, &mut rng, device))?;
        Ok(Self { config, parameters, towers, bands, operator, degrees, device })
    }

    /// The bands of all nodes, `[nodes, bands, channels]`.
    fn evaluated(&self) -> Result<Tensor> {
        let mut relay = Relay::default();
        let x = self.towers.apply(&self.parameters, &mut relay)?;
        let flat = relay.apply(self.bands.map(), &x)?;
        Ok(self.by_band(&flat))
    }

    /// Whether training drops bands. One alone is never dropped: nothing is to be learnt from its scale.
    fn masks(&self) -> bool {
        self.config.mask > 0.0 && self.config.bands > 1
    }

    /// Whether there are modalities to bring together.
    fn contrasts(&self) -> bool {
        self.config.contrast > 0.0 && self.towers.sides.len() > 1
    }

    /// Whether bands are only added, which makes what they were cut from. The released ones are no parts of it.
    fn adds_up(&self) -> bool {
        self.config.fusion == Fusion::Sum && self.config.filters != Filters::Released
    }

    /// Whether a step needs its bands one by one.
    fn takes_bands_apart(&self) -> bool {
        !self.adds_up() || self.masks() || self.contrasts()
    }

    /// Bands that lie side by side, one below the other.
    fn by_band(&self, flat: &Tensor) -> Tensor {
        flat.view([flat.size()[0], self.config.bands as i64, -1])
    }

    fn scorer_of(&self, bands: &Tensor) -> EmbeddingScorer {
        let Fused { rows, .. } = self.operator.apply(&self.parameters, bands, None);
        let (users, items) = halves(&rows, self.towers.sizes()[0]);
        EmbeddingScorer::new(&users, &items)
    }
}

impl Recommender for Ssr {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut Parameters {
        &mut self.parameters
    }

    fn step(&mut self, batch: &Batch<'_>, randomness: &mut ChaCha8Rng) -> Result<Tensor> {
        let (config, parameters) = (&self.config, &self.parameters);
        let nodes = BatchNodes::new(batch, self.towers.sizes(), self.device)?;
        let mut relay = Relay::default();
        let x = self.towers.apply(parameters, &mut relay)?;
        let bands = if self.takes_bands_apart() {
            self.by_band(&relay.apply_at(self.bands.map(), &x, nodes.rows())?)
        } else {
            relay.gather(&x, nodes.rows()).unsqueeze(1)
        };
        let rows = nodes.rows().to_tensor(self.device);
        let fused = |bands: &Tensor| self.operator.apply(parameters, bands, Some(&rows)).rows;
        let z = if self.masks() {
            let shape = [nodes.rows().rows().len(), config.bands];
            fused(&(&bands * band_mask(shape, config.mask, randomness, self.device)?))
        } else {
            fused(&bands)
        };
        let ranking = match config.ranking {
            Ranking::Bpr => nodes.pairwise(&z)?,
            Ranking::Bce => cross_entropy(&nodes.triples(&z)),
        };
        let mut loss = ranking + nodes.penalty(&z, config.l2)?;
        if self.masks() && config.consistency > 0.0 {
            let whole = tch::no_grad(|| fused(&bands));
            loss += consistency(&nodes, &z, &whole, config.consistency)?;
        }
        if self.contrasts() {
            let towers = bands.view([-1, config.bands as i64, self.towers.count() as i64, config.dim as i64]);
            if let Some(term) = contrast::between_modalities(&towers, (&self.towers.sides, &nodes), config)? {
                loss += term * config.contrast;
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
            let bands = if self.adds_up() {
                self.towers.apply(&self.parameters, &mut Relay::default())?.unsqueeze(1)
            } else {
                self.evaluated()?
            };
            Ok(Box::new(self.scorer_of(&bands)) as Box<dyn Scorer>)
        })
    }

    fn lessened(&self) -> Result<Vec<(String, Box<dyn Scorer>)>> {
        tch::no_grad(|| {
            let bands = self.evaluated()?;
            let without = |band: usize| {
                let kept = bands.copy();
                let _ = kept.select(1, band as i64).zero_();
                (format!("without band {}", band + 1), Box::new(self.scorer_of(&kept)) as Box<dyn Scorer>)
            };
            Ok((0..self.config.bands).map(without).collect())
        })
    }

    fn pictures(&self) -> Result<Vec<Picture>> {
        tch::no_grad(|| diagnosis::pictures(self, &self.evaluated()?))
    }
}
