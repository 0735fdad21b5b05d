//! Bands to one representation: mixing, interaction, gates.

use rand_chacha::ChaCha8Rng;
use recgoat_torch::{from_slice, init};
use tch::{Device, Kind, Tensor};

use super::{Fusion, SsrConfig};
use crate::{ParameterId, Parameters, Result, dense::Dense};

/// Width of the gate's hidden layer.
const HIDDEN: usize = 32;

/// The graph neural operator of SSR over the bands `X_m` of a node, all maps linear but the gate:
///
/// ```text
/// F_m = Σ_n W_mn X_n,                         W = softmax_m(Q Kᵀ / √r): what bands hold together stays
/// G_m = F_m + Σ_r u_mr v_r <p_r ⊗ q_r, F>,    an interaction of rank r across bands and channels
/// z   = |G| / |γ ⊙ G| · Σ_m γ_m G_m,          γ = 1 + q tanh(MLP[degree, side; mean band])
/// ```
///
/// The collapsed release has `G_m = F_m ⊙ (1 + Σ_r u_mr v_r)`: its terms lie on one diagonal, whatever their number.
pub(super) struct Operator {
    /// Nothing where bands are only added.
    parts: Option<Parts>,
}

struct Parts {
    /// `[bands, rank]` each.
    queries: ParameterId,
    keys: ParameterId,
    /// Where the interaction reads: `[bands, rank]` and `[channels, rank]`; nothing for the collapsed one.
    reads: Option<[ParameterId; 2]>,
    /// Where it writes.
    writes: [ParameterId; 2],
    gate: Option<Gate>,
}

struct Gate {
    reach: f64,
    inner: Dense,
    outer: Dense,
    /// `[nodes, 2]`: log degree, standardised, and the side as ±1.
    info: Tensor,
}

/// Nodes as one representation.
pub(super) struct Fused {
    /// `[nodes, channels]`.
    pub(super) rows: Tensor,
    /// `[nodes, bands]`, where there are gates.
    pub(super) gates: Option<Tensor>,
}

impl Operator {
    /// For bands of so many channels; `degrees` are those of users followed by items.
    pub(super) fn new(
        config: &SsrConfig,
        channels: usize,
        (degrees, users): (&[usize], usize),
        (parameters, rng, device): (&mut Parameters, &mut ChaCha8Rng, Device),
    ) -> Result<Self> {
        let mut matrix = |name: &str, rows: usize| {
            // Of unit norm in expectation: what an interaction adds is small beside the bands that it is added to.
            let deviation = 1.0 / ((rows * config.rank) as f64).sqrt();
            let matrix = init::normal(&[rows as i64, config.rank as i64], deviation, rng, device);
            parameters.add(format!("operator.{name}"), matrix)
        };
        if config.fusion == Fusion::Sum {
            return Ok(Self { parts: None });
        }
        let [queries, keys] = ["queries", "keys"].map(|name| matrix(name, config.bands));
        let mut ends = |name: &str| {
            [matrix(&format!("{name}.bands"), config.bands), matrix(&format!("{name}.channels"), channels)]
        };
        let writes = ends("writes");
        let reads = (config.fusion == Fusion::Operator).then(|| ends("reads"));
        let gate = if config.gate > 0.0 {
            let mut dense =
                |name: &str, widths: [usize; 2]| Dense::new(name, widths, parameters, rng, device);
            Some(Gate {
                reach: config.gate,
                inner: dense("operator.gate.inner", [channels + 2, HIDDEN]),
                outer: dense("operator.gate.outer", [HIDDEN, config.bands]),
                info: from_slice(&node_info(degrees, users), &[degrees.len() as i64, 2], device)?,
            })
        } else {
            None
        };
        Ok(Self { parts: Some(Parts { queries, keys, reads, writes, gate }) })
    }

    /// Of `bands` `[nodes, bands, channels]` on the tape; `rows` are the nodes' places among all, if not all are there.
    pub(super) fn apply(&self, parameters: &Parameters, bands: &Tensor, rows: Option<&Tensor>) -> Fused {
        let sum = |bands: &Tensor| bands.sum_dim_intlist(1, false, Kind::Float);
        let Some(parts) = &self.parts else { return Fused { rows: sum(bands), gates: None } };
        let moved = parts.interacted(parameters, &parts.mixing(parameters).matmul(bands));
        let Some(gate) = &parts.gate else { return Fused { rows: sum(&moved), gates: None } };
        let gates = gate.of(parameters, &moved, rows);
        let gated = &moved * gates.unsqueeze(-1);
        let length = |bands: &Tensor| {
            let squares = bands.square().sum_dim_intlist(&[1i64, 2][..], false, Kind::Float);
            squares.clamp_min(1e-12).sqrt().unsqueeze(-1)
        };
        let rows = sum(&gated) * (length(&moved) / length(&gated));
        Fused { rows, gates: Some(gates) }
    }
}

impl Parts {
    /// `W` `[bands, bands]`. Columns sum to one: a band is given away to bands, all of it.
    fn mixing(&self, parameters: &Parameters) -> Tensor {
        let (queries, keys) = (parameters.get(self.queries), parameters.get(self.keys));
        let logits = queries.matmul(&keys.tr()) / (queries.size()[1] as f64).sqrt();
        logits.softmax(0, Kind::Float)
    }

    /// Mixed bands after their interaction.
    fn interacted(&self, parameters: &Parameters, mixed: &Tensor) -> Tensor {
        let [band_writes, channel_writes] = self.writes.map(|id| parameters.get(id));
        let Some(reads) = self.reads else {
            return mixed * (band_writes.matmul(&channel_writes.tr()) + 1.0);
        };
        let [band_reads, channel_reads] = reads.map(|id| parameters.get(id));
        let seen = (mixed.matmul(channel_reads) * band_reads).sum_dim_intlist(1, true, Kind::Float);
        mixed + (seen * band_writes).matmul(&channel_writes.tr())
    }
}

impl Gate {
    /// `γ` `[nodes, bands]`.
    fn of(&self, parameters: &Parameters, bands: &Tensor, rows: Option<&Tensor>) -> Tensor {
        let info = rows.map_or_else(|| self.info.shallow_clone(), |rows| self.info.index_select(0, rows));
        let input = Tensor::cat(&[info, bands.mean_dim(1, false, Kind::Float)], 1);
        let hidden = self.inner.apply(parameters, &input).tanh();
        self.outer.apply(parameters, &hidden).tanh() * self.reach + 1.0
    }
}

/// `[nodes, 2]`.
fn node_info(degrees: &[usize], users: usize) -> Vec<f32> {
    let logs: Vec<f64> = degrees.iter().map(|&degree| (degree as f64).ln_1p()).collect();
    let count = logs.len().max(1) as f64;
    let mean = logs.iter().sum::<f64>() / count;
    let deviation = (logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / count).sqrt().max(1e-6);
    let info = logs.iter().enumerate();
    info.flat_map(|(node, log)| [((log - mean) / deviation) as f32, if node < users { 1.0 } else { -1.0 }])
        .collect()
}

#[cfg(test)]
mod tests {
    use recgoat_torch::{Purpose, Seed};

    use super::*;

    fn operator(fusion: Fusion, gate: f64) -> (Operator, Parameters) {
        of_bands(3, fusion, gate)
    }

    fn of_bands(bands: usize, fusion: Fusion, gate: f64) -> (Operator, Parameters) {
        let config = SsrConfig { bands, fusion, gate, rank: 3, ..SsrConfig::default() };
        let mut parameters = Parameters::default();
        let mut rng = Seed(2).stream(Purpose::Init, 0);
        let degrees = [3, 0, 5, 1, 1];
        let built =
            Operator::new(&config, 8, (&degrees, 2), (&mut parameters, &mut rng, Device::Cpu)).unwrap();
        (built, parameters)
    }

    /// The interaction as a matrix of all bands and channels `[3 · 8, 3 · 8]`: of one node, without mixing and gate.
    fn interaction(fusion: Fusion) -> Tensor {
        let (operator, parameters) = operator(fusion, 0.0);
        let parts = operator.parts.unwrap();
        let columns: Vec<Tensor> = (0..24)
            .map(|at| {
                let unit = Tensor::zeros([24], (Kind::Float, Device::Cpu));
                let _ = unit.get(at).fill_(1.0);
                let bands = unit.view([1, 3, 8]);
                let moved = parts.interacted(&parameters, &bands);
                (moved - bands).view([24])
            })
            .collect();
        tch::no_grad(|| Tensor::stack(&columns, 1))
    }

    fn rank(matrix: &Tensor) -> usize {
        let (_, singular, _) = matrix.svd(true, true);
        let singular = Vec::<f64>::try_from(singular).unwrap();
        singular.iter().filter(|&&value| value > 1e-5 * singular[0]).count()
    }

    #[test]
    fn the_interaction_has_its_rank_and_the_released_one_is_a_diagonal() {
        assert_eq!(rank(&interaction(Fusion::Operator)), 3);
        let collapsed = interaction(Fusion::Collapsed);
        let beside = &collapsed - collapsed.diagonal(0, 0, 1).diag(0);
        assert!(beside.abs().max().double_value(&[]) < 1e-6 && rank(&collapsed) == 24);
    }

    #[test]
    fn mixing_keeps_what_bands_hold_together() {
        let (operator, parameters) = operator(Fusion::Operator, 0.0);
        let columns = operator.parts.unwrap().mixing(&parameters).sum_dim_intlist(0, false, Kind::Float);
        assert!(columns.allclose(&Tensor::ones([3], (Kind::Float, Device::Cpu)), 1e-6, 1e-6, false));
    }

    #[test]
    fn gates_stay_in_reach_and_follow_the_node() {
        tch::manual_seed(1);
        let bands = Tensor::randn([1, 3, 8], (Kind::Float, Device::Cpu)).repeat([5, 1, 1]);
        let (operator, parameters) = operator(Fusion::Operator, 0.5);
        let Fused { gates, .. } = operator.apply(&parameters, &bands, None);
        let gates = gates.unwrap();
        assert!(bool::try_from(gates.ge(0.5).logical_and(&gates.le(1.5)).all()).unwrap());
        // Nodes 3 and 4 are alike in bands, degree and side; node 2 has another degree, node 0 another side.
        let same = |a: i64, b: i64| gates.get(a).allclose(&gates.get(b), 0.0, 1e-7, false);
        assert!(same(3, 4) && !same(2, 3) && !same(0, 2));
        let some = Tensor::from_slice(&[4i64, 0]);
        let part = operator.apply(&parameters, &bands.narrow(0, 0, 2), Some(&some)).gates.unwrap();
        assert!(part.allclose(&gates.index_select(0, &some), 0.0, 1e-6, false));
    }

    /// What a gate does to a band alone is undone: the same parameters without a gate fuse to the same.
    #[test]
    fn the_gate_of_a_single_band_changes_nothing() {
        tch::manual_seed(2);
        let band = Tensor::randn([5, 1, 8], (Kind::Float, Device::Cpu));
        let fused = |gate: f64| {
            let (operator, parameters) = of_bands(1, Fusion::Operator, gate);
            operator.apply(&parameters, &band, None)
        };
        let (gated, plain) = (fused(0.5), fused(0.0));
        assert!((gated.gates.unwrap() - 1.0).abs().max().double_value(&[]) > 1e-3, "gates are open and shut");
        assert!(gated.rows.allclose(&plain.rows, 1e-5, 1e-6, false));
    }

    #[test]
    fn zero_bands_are_fused_to_zeros_with_a_finite_gradient() {
        let bands = Tensor::zeros([5, 3, 8], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let (operator, parameters) = operator(Fusion::Operator, 0.5);
        let fused = operator.apply(&parameters, &bands, None).rows;
        fused.sum(Kind::Float).backward();
        assert_eq!(fused.abs().max().double_value(&[]), 0.0);
        assert!(bool::try_from(bands.grad().isfinite().all()).unwrap());
    }
}
