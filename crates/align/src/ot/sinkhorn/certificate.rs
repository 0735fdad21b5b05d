//! What potentials prove: bounds of the optimum from both sides, and the plan's true marginal error.

use rayon::prelude::*;

use super::state::{ROWS, State};
use crate::ot::{
    Real,
    kernel::{Columns, add_rows, ratios},
    marginals::Side,
};

/// See the fields of [`crate::ot::Solution`].
pub(super) struct Certificate {
    pub(super) value: f64,
    pub(super) regularised_value: f64,
    pub(super) dual_value: f64,
    pub(super) marginal_error: f64,
    pub(super) mass: f64,
}

/// What one pass over the plan finds of some of its rows.
struct Found {
    /// `Σ_i a_i P_ij/(a_i b_j)`, a column.
    columns: Vec<f64>,
    /// The same of rows shrunk to what is allowed.
    shrunk: Vec<f64>,
    value: f64,
}

/// Measures the plan of the state's potentials in f64, in one pass over the costs, four rows in memory a thread.
pub(super) fn certify<F: Real>(state: &mut State<'_, F>, epsilon: f64) -> Certificate {
    let (m, chunk, block) = (state.g.len(), state.chunk(), state.costs.block().min(2 * ROWS));
    let [left_mass, right_mass] = state.masses;
    let mut row_ratios = std::mem::take(&mut state.row_ratios);
    let shared = &*state;
    let columns =
        Columns { potentials: &shared.g, weights: &shared.b, scale: 1.0 / epsilon, shift: shared.log_mass() };
    let found = row_ratios.par_chunks_mut(chunk).enumerate().map(|(at, row_ratios)| {
        let mut found = Found { columns: vec![0.0; m], shrunk: vec![0.0; m], value: 0.0 };
        let (mut buffer, mut rows) = (Vec::new(), vec![0f64; ROWS * m]);
        for (step, row_ratios) in row_ratios.chunks_mut(block).enumerate() {
            let first = at * chunk + step * block;
            let costs = shared.costs.get(first..first + row_ratios.len(), &mut buffer);
            for (quad, (row_ratios, costs)) in
                row_ratios.chunks_mut(ROWS).zip(costs.chunks(ROWS * m)).enumerate()
            {
                let mut factors = [[0f64; ROWS]; 2];
                let outs = rows.chunks_exact_mut(m);
                for (k, ((ratio, cost), row)) in
                    row_ratios.iter_mut().zip(costs.chunks_exact(m)).zip(outs).enumerate()
                {
                    let at = first + quad * ROWS + k;
                    let value;
                    (*ratio, value) = ratios(cost, shared.f[at] + shared.mass, columns, row);
                    let weight = shared.a[at];
                    // Sums of a weightless row may be infinite, and zero times infinity is no number.
                    if weight > 0.0 {
                        found.value += weight * value;
                        factors[0][k] = weight;
                        factors[1][k] = weight * shrink(shared.sides[0], shared.sides[1], *ratio);
                    }
                }
                let row = |k: usize| &rows[k * m..][..m];
                add_rows([&mut found.columns, &mut found.shrunk], factors, [row(0), row(1), row(2), row(3)]);
            }
        }
        found
    });
    let found: Vec<Found> = found.collect();
    let total = |part: fn(&Found) -> &[f64]| -> Vec<f64> {
        (0..m)
            .map(|j| found.iter().map(|found| part(found)[j]).sum::<f64>() * shared.column_scale())
            .collect()
    };
    let (columns, shrunk) = (total(|found| &found.columns), total(|found| &found.shrunk));
    let value = left_mass * found.iter().map(|found| found.value).sum::<f64>();
    state.row_ratios = row_ratios;
    state.column_ratios = columns;
    state.next.clone_from(&state.f);
    let mass = state.plan_mass();
    Certificate {
        value,
        regularised_value: mended(state, &shrunk, epsilon, left_mass * right_mass),
        dual_value: state.dual(epsilon),
        marginal_error: state.error(),
        mass,
    }
}

/// The factor that brings a marginal down to what its side allows; or exactly to it, where the other side would take
/// any remainder at a price and so no mass can be moved to mend it.
fn shrink(side: Side, other: Side, ratio: f64) -> f64 {
    let elastic = matches!(other, Side::Priced(_) | Side::Free);
    match side {
        Side::Fixed if elastic => 1.0 / ratio.max(f64::MIN_POSITIVE),
        Side::Fixed | Side::AtMost if ratio > 1.0 => 1.0 / ratio,
        Side::Fixed | Side::AtMost | Side::Priced(_) | Side::Free => 1.0,
    }
}

/// An upper bound of the optimum from a plan with feasible marginals, `[eq:mended]`: `Q`, the rows and then the columns
/// of `P` shrunk to their weights, plus `R`, what is missing, spread in proportion to what is missing of either side.
///
/// The objective of `Q` needs sums only, since the logarithm of its entries is a sum of potentials. For `Q + R`
/// convexity gives `[eq:mixing]`, `φ(Q + R) ≤ φ(Q) + φ(R) − |Q| log(1 − t) − |R| log t` with
/// `φ(P) = Σ P log(P/(a⊗b))` and `t` the share of `R`; `R` is charged the largest cost.
fn mended<F: Real>(state: &State<'_, F>, shrunk: &[f64], epsilon: f64, product: f64) -> f64 {
    let [left_mass, right_mass] = state.masses;
    let [left, right] = state.sides;
    let mut rows = Marginal { ratios: Vec::new(), weights: &state.a, mass: left_mass };
    rows.ratios.extend(state.row_ratios.iter().map(|&ratio| ratio * shrink(left, right, ratio)));
    let mut columns = Marginal { ratios: Vec::new(), weights: &state.b, mass: right_mass };
    columns.ratios.extend(shrunk.iter().map(|&ratio| ratio * shrink(right, left, ratio)));
    let logs = |ratios: &[f64], side: Side, other: Side| -> Vec<f64> {
        ratios.iter().map(|&ratio| epsilon * shrink(side, other, ratio).ln()).collect()
    };
    let (row_logs, column_logs) = (logs(&state.row_ratios, left, right), logs(shrunk, right, left));
    let held = rows.sum(|row, ratio| ratio * (state.f[row] + state.mass + row_logs[row]))
        + columns.sum(|column, ratio| ratio * (state.g[column] + column_logs[column]));
    let priced = rows.sum(|_, ratio| left.primal(ratio)) + columns.sum(|_, ratio| right.primal(ratio));
    let kept = columns.sum(|_, ratio| ratio);
    let Some(wanted) = state.wanted_mass() else {
        return held + priced + epsilon * (product - kept);
    };
    let missing = (wanted - kept).max(0.0);
    // Σ (share of what is missing) log(share / weight).
    let lacking = |marginal: &Marginal<'_>| -> f64 {
        let total = marginal.sum(|_, ratio| (1.0 - ratio).max(0.0));
        let entropy =
            marginal.sum(|_, ratio| if ratio < 1.0 { (1.0 - ratio) * (1.0 - ratio).ln() } else { 0.0 });
        if total > 0.0 { entropy / total - total.ln() } else { 0.0 }
    };
    let mut spread = 0.0;
    if missing > 0.0 {
        let share = (missing / wanted).min(1.0 - f64::EPSILON);
        let entropy = lacking(&rows) + lacking(&columns) + missing.ln();
        let mixing = -kept * (-share).ln_1p() - missing * share.ln();
        spread = missing * state.extent[1] + epsilon * (missing * entropy + mixing);
    }
    held + priced + spread + epsilon * (product - kept - missing)
}

struct Marginal<'a> {
    ratios: Vec<f64>,
    weights: &'a [f64],
    mass: f64,
}

impl Marginal<'_> {
    /// `Σ weight · term(index, ratio)`, over the atoms that weigh anything.
    fn sum(&self, term: impl Fn(usize, f64) -> f64) -> f64 {
        let atoms = self.weights.iter().zip(&self.ratios).enumerate();
        self.mass
            * atoms.filter(|(_, (w, _))| **w > 0.0).map(|(at, (w, &ratio))| w * term(at, ratio)).sum::<f64>()
    }
}
