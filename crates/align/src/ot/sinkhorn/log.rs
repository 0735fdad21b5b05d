//! An iteration in the log domain: every exponential is taken again.

use rayon::prelude::*;

use super::state::{ROWS, State};
use crate::ot::{
    Real,
    marginals::{Side, Stride},
};

/// Memory for passes over the costs: a few rows and a column sum a chunk.
pub(super) struct LogPass<F> {
    spaces: Vec<Space<F>>,
    right: Vec<F>,
    weights: Vec<F>,
}

struct Space<F> {
    sums: Vec<F>,
    rows: Vec<F>,
    costs: Vec<F>,
}

impl<F: Real> LogPass<F> {
    pub(super) fn new(state: &State<'_, F>) -> Self {
        let m = state.g.len();
        let zeros = |count| vec![F::default(); count];
        let space = |_| Space { sums: zeros(m), rows: zeros(ROWS * m), costs: Vec::new() };
        let chunks = state.f.len().div_ceil(state.chunk());
        let weights = state.b.iter().map(|&b| F::of(b)).collect();
        Self { spaces: (0..chunks).map(space).collect(), right: zeros(m), weights }
    }

    /// Proposes the rows' potentials and measures both marginals at them.
    ///
    /// A row's exponentials give its sum, the sum its new potential, and scaled to that they are added to the columns:
    /// `[eq:columns]`, one exponential an entry, one reading of the costs. A sum that leaves the range of `F` is taken
    /// again against its largest term, in f64.
    pub(super) fn run(&mut self, state: &mut State<'_, F>, epsilon: f64, stride: Stride) {
        let (n, m) = (state.f.len(), state.g.len());
        let (chunk, block) = (state.chunk(), state.costs.block().min(2 * ROWS));
        for (right, g) in self.right.iter_mut().zip(&state.g) {
            *right = F::of(g / epsilon);
        }
        let (mut next, mut ratios) = (std::mem::take(&mut state.next), std::mem::take(&mut state.row_ratios));
        let (shared, right, weights) = (&*state, &self.right[..], &self.weights[..]);
        let chunks = next.par_chunks_mut(chunk).zip(ratios.par_chunks_mut(chunk)).zip(&mut self.spaces);
        chunks.enumerate().for_each(|(at, ((next, ratios), space))| {
            let Space { sums, rows, costs } = space;
            sums.fill(F::default());
            for start in (0..next.len()).step_by(block) {
                let first = at * chunk + start;
                let count = block.min(next.len() - start);
                let costs = shared.costs.get(first..first + count, costs);
                for quad in (0..count).step_by(ROWS) {
                    let mut factors = [F::default(); ROWS];
                    for (k, factor) in factors.iter_mut().enumerate().take(count - quad) {
                        let (row, out) = (start + quad + k, &mut rows[k * m..][..m]);
                        let job =
                            Row { state: shared, row: at * chunk + row, right, weights, epsilon, stride };
                        let factor_found;
                        (next[row], ratios[row], factor_found) = job.run(&costs[(quad + k) * m..][..m], out);
                        *factor = F::of(factor_found);
                    }
                    let (first, rest) = rows.split_at(m);
                    let (second, rest) = rest.split_at(m);
                    let (third, fourth) = rest.split_at(m);
                    F::add(sums, factors, [first, second, third, fourth]);
                }
            }
        });
        (state.next, state.row_ratios) = (next, ratios);
        let lenient = state.sides[1] == Side::Free;
        for column in 0..m {
            let sum: f64 = self.spaces.iter().map(|space| space.sums[column].wide()).sum();
            state.column_ratios[column] = state.column_scale()
                * if in_range::<F>(sum) || lenient {
                    sum.max(f64::MIN_POSITIVE)
                } else {
                    column_sum(state, n, column, epsilon).clamp(f64::MIN_POSITIVE, 1e300)
                };
        }
    }
}

/// Whether a sum of exponentials is neither beyond the range of `F` nor so small that the terms left out count.
pub(super) fn in_range<F: Real>(sum: f64) -> bool {
    let ends = if F::EPSILON > 1e-10 { 1e-16..1e30 } else { 1e-200..1e250 };
    ends.contains(&sum)
}

struct Row<'a, 'p, F> {
    state: &'a State<'p, F>,
    row: usize,
    right: &'a [F],
    weights: &'a [F],
    epsilon: f64,
    stride: Stride,
}

impl<F: Real> Row<'_, '_, F> {
    /// The row's new potential, its ratio there, and the factor that carries the exponentials left in `out` to it.
    fn run(&self, cost: &[F], out: &mut [F]) -> (f64, f64, f64) {
        let Self { state, row, epsilon, .. } = *self;
        let now = state.f[row];
        let ratio = self.exponentials(now, cost, out);
        let lenient = ratio < 1.0 && state.row_is_lenient(row, epsilon);
        let log_ratio = if in_range::<F>(ratio) {
            ratio.ln()
        } else if lenient {
            ratio.max(f64::MIN_POSITIVE).ln()
        } else {
            log_sum(
                cost.iter()
                    .zip(&state.b)
                    .zip(&state.g)
                    .map(|((c, &b), g)| (b, (now + state.mass + g - c.wide()) / epsilon + state.log_mass())),
            )
        };
        let next = state.row_step(row, log_ratio, epsilon, self.stride);
        let carried = ((next - now) / epsilon).exp();
        if in_range::<F>(ratio) && in_range::<F>(carried) && in_range::<F>(ratio * carried) {
            return (next, ratio * carried, state.a[row] * carried);
        }
        (next, self.exponentials(next, cost, out), state.a[row])
    }

    fn exponentials(&self, potential: f64, cost: &[F], out: &mut [F]) -> f64 {
        let left = F::of((potential + self.state.mass) / self.epsilon + self.state.log_mass());
        F::exponentials(cost, left, self.right, F::of(1.0 / self.epsilon), self.weights, out).wide()
    }
}

/// `Σ_i a_i exp((next_i + g_j + mass − C_ij)/ε)` of one column, in f64 against its largest term.
fn column_sum<F: Real>(state: &State<'_, F>, n: usize, column: usize, epsilon: f64) -> f64 {
    let costs = state.costs.column(n, column);
    let right = state.g[column] + state.mass;
    let terms = costs.iter().zip(&state.a).zip(&state.next);
    log_sum(terms.map(|((c, &a), f)| (a, (f + right - c.wide()) / epsilon + state.log_mass()))).exp()
}

/// `log Σ weight exp(exponent)`.
fn log_sum(terms: impl Iterator<Item = (f64, f64)> + Clone) -> f64 {
    let weighed = terms.filter(|&(weight, _)| weight > 0.0);
    let top = weighed.clone().map(|(_, exponent)| exponent).fold(f64::NEG_INFINITY, f64::max);
    top + weighed.map(|(weight, exponent)| weight * (exponent - top).exp()).sum::<f64>().ln()
}
