//! Sinkhorn's algorithm in the log domain.

use rayon::prelude::*;

use super::{
    Problem, Real, ValidParams,
    certificate::{Certificate, certify},
    real::PlanRow,
};

/// Dual potentials, in units of the cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Potentials<F> {
    /// Of the first measure, `[n]`.
    pub f: Vec<F>,
    /// Of the second measure, `[m]`.
    pub g: Vec<F>,
}

/// Why the solver stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopReason {
    /// The marginal error reached the tolerance.
    Converged,
    /// The iterations ran out.
    IterationLimit,
    /// The potentials' rounding hides what is left: a smaller error needs `f64` or a larger ε.
    Precision,
}

/// What [`solve`] found.
///
/// With `P` the plan of the potentials, `P_ij = a_i b_j exp((f_i + g_j − C_ij)/ε)`.
#[derive(Debug, Clone)]
pub struct Solution<F> {
    /// The potentials.
    pub potentials: Potentials<F>,
    /// Transport cost `<C, P>`.
    pub value: f64,
    /// `<C, P′> + ε KL(P′ | a⊗b)` of the feasible plan `P′` nearest to `P` by Altschuler et al. (2017), algorithm 2:
    /// an upper bound of the optimum.
    pub regularised_value: f64,
    /// `<a, f> + <b, g> + ε (mass − ΣP)`: a lower bound of the same optimum.
    pub dual_value: f64,
    /// `(|P1 − a|₁ + |Pᵀ1 − b|₁) / mass`, measured on the plan.
    pub marginal_error: f64,
    /// Iterations taken.
    pub iterations: usize,
    /// Whether `marginal_error` is at most the tolerance.
    pub converged: bool,
    /// Why the solver stopped.
    pub stop: StopReason,
    epsilon: f64,
}

impl<F: Real> Solution<F> {
    /// `regularised_value − dual_value`: how far either can be from the optimum; never negative but for rounding.
    pub fn duality_gap(&self) -> f64 {
        self.regularised_value - self.dual_value
    }

    /// The plan `[n, m]`, row-major.
    pub fn plan(&self, problem: &Problem<'_, F>) -> Vec<F> {
        let mut plan = vec![F::default(); problem.cost().len()];
        let columns = problem.b().len();
        let right = divided(&self.potentials.g, self.epsilon);
        plan.par_chunks_mut(columns).enumerate().for_each(|(row, out)| {
            let cost = &problem.cost()[row * columns..][..columns];
            let left = F::of(self.potentials.f[row].wide() / self.epsilon);
            let (weight, weights) = (problem.a()[row], problem.b());
            let scale = F::of(1.0 / self.epsilon);
            F::plan_row(PlanRow { cost, weight, weights, left, right: &right, scale }, out);
        });
        plan
    }
}

/// Solves `min <C, P> + ε KL(P | a⊗b)` over plans with marginals `a` and `b`.
///
/// Alternates `f_i ← −ε log Σ_j b_j exp((g_j − C_ij)/ε)` and the like for `g` (Sinkhorn 1967; Peyré and Cuturi 2019,
/// eq. 4.43–4.44). The row error of a step is known from the next update of `f`, so checking costs nothing. Starts at
/// `init`, or at zero; any start leads to the same plan.
///
/// Cost: `2nm` exponentials an iteration, and one transposed copy of the cost.
///
/// # Panics
/// When `init` does not have the problem's lengths.
pub fn solve<F: Real>(
    problem: &Problem<'_, F>,
    params: &ValidParams,
    init: Option<Potentials<F>>,
) -> Solution<F> {
    let (n, m) = (problem.a().len(), problem.b().len());
    let Potentials { mut f, mut g } =
        init.unwrap_or_else(|| Potentials { f: vec![F::default(); n], g: vec![F::default(); m] });
    assert!(f.len() == n && g.len() == m, "initial potentials of lengths {n} and {m}");
    let transposed = transpose(problem.cost(), m);
    let epsilon = params.epsilon();
    let mut state = (0, StopReason::IterationLimit);
    let mut next = f.clone();
    let mut best = f64::INFINITY;
    let mut idle = 0;
    update(problem.cost(), &g, problem.b(), epsilon, &mut f);
    for iteration in 1..=params.max_iterations() {
        update(&transposed, &f, problem.a(), epsilon, &mut g);
        update(problem.cost(), &g, problem.b(), epsilon, &mut next);
        let error = row_error(problem.a(), &f, &next, epsilon);
        if error <= 0.5 * params.tolerance() {
            state = (iteration, StopReason::Converged);
            break;
        }
        // Rounding shows as an error that no longer falls; slow convergence still falls, if by little.
        idle = if error < 0.999 * best { 0 } else { idle + 1 };
        best = best.min(error);
        let floor = 8.0 * F::EPSILON * largest(problem.cost()) / epsilon;
        if idle >= 50 && error <= floor.max(F::EPSILON) {
            state = (iteration, StopReason::Precision);
            break;
        }
        state.0 = iteration;
        if iteration < params.max_iterations() {
            std::mem::swap(&mut f, &mut next);
        }
    }
    let potentials = Potentials { f, g };
    let Certificate { value, regularised_value, dual_value, marginal_error } =
        certify(problem, &potentials, epsilon);
    let converged = marginal_error <= params.tolerance();
    let stop = match state.1 {
        _ if converged => StopReason::Converged,
        StopReason::Converged => StopReason::Precision,
        other => other,
    };
    Solution {
        potentials,
        value,
        regularised_value,
        dual_value,
        marginal_error,
        iterations: state.0,
        converged,
        stop,
        epsilon,
    }
}

/// `out_i = −ε log Σ_j weights_j exp((other_j − cost_ij)/ε)`.
fn update<F: Real>(cost: &[F], other: &[F], weights: &[F], epsilon: f64, out: &mut [F]) {
    let shift: Vec<F> =
        other.iter().zip(weights).map(|(g, w)| F::of(g.wide() / epsilon + w.wide().ln())).collect();
    let scale = F::of(1.0 / epsilon);
    let columns = shift.len();
    out.par_iter_mut().with_min_len(16).enumerate().for_each(|(row, out)| {
        let sum = F::log_sum_exp(&cost[row * columns..][..columns], &shift, scale);
        *out = F::of(-epsilon * sum.wide());
    });
}

/// L1 error of the plan's row sums relative to the mass, from the update that would mend them.
fn row_error<F: Real>(a: &[F], now: &[F], next: &[F], epsilon: f64) -> f64 {
    let mass: f64 = a.iter().map(|w| w.wide()).sum();
    let terms = a.iter().zip(now.iter().zip(next));
    terms.map(|(a, (f, next))| a.wide() * ((f.wide() - next.wide()) / epsilon).exp_m1().abs()).sum::<f64>()
        / mass
}

fn divided<F: Real>(potentials: &[F], epsilon: f64) -> Vec<F> {
    potentials.iter().map(|p| F::of(p.wide() / epsilon)).collect()
}

fn largest<F: Real>(cost: &[F]) -> f64 {
    cost.iter().map(|c| c.wide().abs()).fold(0.0, f64::max)
}

fn transpose<F: Real>(matrix: &[F], columns: usize) -> Vec<F> {
    let rows = matrix.len() / columns;
    let mut out = vec![F::default(); matrix.len()];
    out.par_chunks_mut(rows).enumerate().for_each(|(column, out)| {
        for (row, out) in out.iter_mut().enumerate() {
            *out = matrix[row * columns + column];
        }
    });
    out
}
