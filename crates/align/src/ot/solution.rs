//! What the entropic solver found, and the plan behind it.

use rayon::prelude::*;

use super::{
    Marginals, Method, Problem, Real,
    kernel::{Columns, masses},
};

/// Dual potentials, in units of the cost, and what else a plan is made from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Potentials {
    /// Of the first measure, `[n]`.
    pub f: Vec<f64>,
    /// Of the second measure, `[m]`.
    pub g: Vec<f64>,
    /// Of the mass of a partial problem; zero elsewhere.
    pub mass: f64,
}

/// Why the solver stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopReason {
    /// The marginal error reached the tolerance.
    Converged,
    /// The iterations ran out.
    IterationLimit,
    /// Rounding hides what is left of the error: a smaller one needs `f64` or a larger ε. In `f32` about 1e-5 is the
    /// least at ε a hundredth of the cost.
    Precision,
}

/// What [`super::ValidParams::solve`] found.
///
/// With `P` the plan of the potentials, `P_ij = a_i b_j exp((f_i + g_j + mass − C_ij)/ε)`: `[eq:plan]` of the book.
#[derive(Debug, Clone)]
pub struct Solution {
    /// The potentials.
    pub potentials: Potentials,
    /// Transport cost `<C, P>`.
    pub value: f64,
    /// An upper bound of the optimum of `<C, P> + ε KL(P | a⊗b)` plus the price of the marginals, above the objective
    /// of `P` by the cost of mending its marginals (Altschuler et al. 2017, algorithm 2).
    pub regularised_value: f64,
    /// The dual objective of the potentials, `[eq:dual]`: a lower bound of the same optimum.
    pub dual_value: f64,
    /// L1 distance of the plan's marginals from those that the problem's conditions and the potentials ask for,
    /// `(|P1 − a|₁ + |Pᵀ1 − b|₁) / mass` where both are fixed, `[eq:error]`; measured on the plan.
    pub marginal_error: f64,
    /// `ΣP`.
    pub mass: f64,
    /// Iterations taken, those at larger ε included.
    pub iterations: usize,
    /// How the last of them were computed.
    pub method: Method,
    /// Whether `marginal_error` is at most the tolerance.
    pub converged: bool,
    /// Why the solver stopped.
    pub stop: StopReason,
    pub(super) epsilon: f64,
}

impl Solution {
    /// `regularised_value − dual_value`: how far either can be from the optimum; never negative but for rounding.
    pub fn duality_gap(&self) -> f64 {
        self.regularised_value - self.dual_value
    }

    /// Regularisation, in units of the cost.
    pub fn epsilon(&self) -> f64 {
        self.epsilon
    }

    /// The plan `[n, m]`, row-major.
    pub fn plan<F: Real>(&self, problem: &Problem<'_, F>) -> Vec<F> {
        let m = problem.b().len();
        let mut plan = vec![F::default(); problem.a().len() * m];
        let rows = PlanRows::new(self, problem);
        let block = rows.costs.block().min(8);
        plan.par_chunks_mut(block * m).enumerate().for_each_init(Vec::new, |buffer, (at, out)| {
            let first = at * block;
            let costs = rows.costs.get(first..first + out.len() / m, buffer);
            for (k, (out, cost)) in out.chunks_exact_mut(m).zip(costs.chunks_exact(m)).enumerate() {
                rows.fill(first + k, cost, out);
            }
        });
        plan
    }

    /// The plan's action `P v` `[n, k]` on `k` vectors `[m, k]`, row-major, without the plan: `O(m)` memory a thread.
    ///
    /// With the rows of `P` divided by their sums this is the barycentric projection.
    ///
    /// # Panics
    /// When `vectors` is not `[m, k]`.
    pub fn apply<F: Real>(&self, problem: &Problem<'_, F>, vectors: &[f64], k: usize) -> Vec<f64> {
        let m = problem.b().len();
        assert_eq!(vectors.len(), m * k, "expected {m} × {k} entries of the vectors");
        let mut out = vec![0f64; problem.a().len() * k];
        if k > 0 {
            self.each_chunk(problem, &mut out, k, |_, _, masses, out| {
                for (&mass, vector) in masses.iter().zip(vectors.chunks_exact(k)) {
                    out.iter_mut().zip(vector).for_each(|(out, v)| *out += mass * v);
                }
            });
        }
        out
    }

    /// Calls `visit(row, costs of the row, masses of the row)` for every row in order, `O(m)` memory.
    pub fn each_row<F: Real>(&self, problem: &Problem<'_, F>, mut visit: impl FnMut(usize, &[F], &[f64])) {
        let m = problem.b().len();
        let rows = PlanRows::new(self, problem);
        let (mut buffer, mut masses) = (Vec::new(), vec![0f64; m]);
        for row in 0..problem.a().len() {
            let cost = rows.costs.get(row..row + 1, &mut buffer);
            rows.fill(row, cost, &mut masses);
            visit(row, cost, &masses);
        }
    }

    /// Calls `work(row, costs, masses, its `width` entries of out)` for every row, rows in parallel.
    pub(super) fn each_chunk<F: Real, T: Send>(
        &self,
        problem: &Problem<'_, F>,
        out: &mut [T],
        width: usize,
        work: impl Fn(usize, &[F], &[f64], &mut [T]) + Sync,
    ) {
        let m = problem.b().len();
        let rows = PlanRows::new(self, problem);
        let block = rows.costs.block().min(8);
        let memory = || (Vec::new(), vec![0f64; m]);
        out.par_chunks_mut(block * width).enumerate().for_each_init(memory, |(buffer, masses), (at, out)| {
            let first = at * block;
            let costs = rows.costs.get(first..first + out.len() / width, buffer);
            for (k, (out, cost)) in out.chunks_exact_mut(width).zip(costs.chunks_exact(m)).enumerate() {
                rows.fill(first + k, cost, masses);
                work(first + k, cost, masses, out);
            }
        });
    }
}

/// Rows of the plan that potentials stand for, computed in f64.
struct PlanRows<'a, F> {
    costs: super::cost::Rows<'a, F>,
    a: Vec<f64>,
    b: Vec<f64>,
    left: Vec<f64>,
    right: &'a [f64],
    /// Of an exponent: one over ε, and what the weights' mass adds.
    scales: [f64; 2],
}

impl<'a, F: Real> PlanRows<'a, F> {
    fn new(solution: &'a Solution, problem: &Problem<'a, F>) -> Self {
        let [a, mut b] = problem.weights();
        let Potentials { f, g, mass } = &solution.potentials;
        // To the bit the exponents that the certificate was measured with: beside costs of 10⁸ ε another order of
        // rounding would show.
        let total = b.iter().sum::<f64>();
        b.iter_mut().for_each(|b| *b /= total);
        let left = f.iter().map(|f| f + mass).collect();
        let scales = [1.0 / solution.epsilon, total.ln()];
        Self { costs: problem.rows(), a, b, left, right: g, scales }
    }

    fn fill<O: Real>(&self, row: usize, cost: &[F], out: &mut [O]) {
        let [scale, shift] = self.scales;
        let columns = Columns { potentials: self.right, weights: &self.b, scale, shift };
        masses(cost, self.left[row], self.a[row], columns, out);
    }
}

/// The mass that marginal errors are relative to.
pub(super) fn reference_mass(marginals: Marginals, left: f64, right: f64) -> f64 {
    match marginals {
        Marginals::Balanced => left,
        Marginals::Unbalanced { .. } => 0.5 * (left + right),
        Marginals::Partial { mass } => mass,
    }
}
