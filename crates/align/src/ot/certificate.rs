//! What potentials prove: bounds of the optimum from both sides, and the plan's true marginal error.

use super::{Potentials, Problem, Real, real::PlanRow};

/// See the fields of [`super::Solution`].
pub(super) struct Certificate {
    pub(super) value: f64,
    pub(super) regularised_value: f64,
    pub(super) dual_value: f64,
    pub(super) marginal_error: f64,
}

/// Measures potentials on the plan they stand for; three passes over the cost, one row of the plan in memory.
pub(super) fn certify<F: Real>(
    problem: &Problem<'_, F>,
    potentials: &Potentials<F>,
    epsilon: f64,
) -> Certificate {
    let plan = Plan::new(problem, potentials, epsilon);
    let (a, b) = (problem.a(), problem.b());
    let mass: f64 = a.iter().map(|w| w.wide()).sum();

    let (mut rows, mut columns) = (vec![0f64; a.len()], vec![0f64; b.len()]);
    let mut value = 0f64;
    plan.each_row(|row, cost, masses| {
        for ((column, &p), &c) in columns.iter_mut().zip(masses).zip(cost) {
            rows[row] += p.wide();
            *column += p.wide();
            value += p.wide() * c.wide();
        }
    });
    let gap = |weights: &[F], sums: &[f64]| -> f64 {
        weights.iter().zip(sums).map(|(w, sum)| (w.wide() - sum).abs()).sum()
    };
    let marginal_error = (gap(a, &rows) + gap(b, &columns)) / mass;
    let dot = |weights: &[F], potentials: &[F]| -> f64 {
        weights.iter().zip(potentials).map(|(w, p)| w.wide() * p.wide()).sum()
    };
    let total: f64 = rows.iter().sum();
    let dual_value = dot(a, &potentials.f) + dot(b, &potentials.g) + epsilon * (mass - total);

    // Altschuler et al. 2017, algorithm 2: shrink rows, then columns, to at most their weight, and spread the rest.
    let shrink = |weight: F, sum: f64| if sum > weight.wide() { weight.wide() / sum } else { 1.0 };
    let row_scale: Vec<f64> = a.iter().zip(&rows).map(|(&w, &sum)| shrink(w, sum)).collect();
    let mut columns = vec![0f64; b.len()];
    plan.each_row(|row, _, masses| {
        columns.iter_mut().zip(masses).for_each(|(column, p)| *column += p.wide() * row_scale[row]);
    });
    let column_scale: Vec<f64> = b.iter().zip(&columns).map(|(&w, &sum)| shrink(w, sum)).collect();
    let column_rest: Vec<f64> = b
        .iter()
        .zip(columns.iter().zip(&column_scale))
        .map(|(w, (sum, scale))| w.wide() - sum * scale)
        .collect();
    let rest: f64 = column_rest.iter().sum();
    let mut regularised_value = 0f64;
    plan.each_row(|row, cost, masses| {
        let kept: f64 =
            masses.iter().zip(&column_scale).map(|(p, scale)| p.wide() * row_scale[row] * scale).sum();
        let row_rest = (a[row].wide() - kept).max(0.0);
        for (column, (&p, &c)) in masses.iter().zip(cost).enumerate() {
            let spread = if rest > 0.0 { row_rest * column_rest[column] / rest } else { 0.0 };
            let p = p.wide() * row_scale[row] * column_scale[column] + spread;
            if p > 0.0 {
                let independent = a[row].wide() * b[column].wide();
                regularised_value += p * c.wide() + epsilon * (p * (p / independent).ln() - p + independent);
            } else {
                regularised_value += epsilon * a[row].wide() * b[column].wide();
            }
        }
    });
    Certificate { value, regularised_value, dual_value, marginal_error }
}

/// A plan given by potentials, computed a row at a time.
struct Plan<'a, F> {
    problem: &'a Problem<'a, F>,
    f: &'a [F],
    right: Vec<F>,
    epsilon: f64,
}

impl<'a, F: Real> Plan<'a, F> {
    fn new(problem: &'a Problem<'a, F>, potentials: &'a Potentials<F>, epsilon: f64) -> Self {
        let right = potentials.g.iter().map(|g| F::of(g.wide() / epsilon)).collect();
        Self { problem, f: &potentials.f, right, epsilon }
    }

    /// Calls `visit(row, costs of the row, masses of the row)` for every row in order.
    fn each_row(&self, mut visit: impl FnMut(usize, &[F], &[F])) {
        let columns = self.right.len();
        let mut masses = vec![F::default(); columns];
        for (row, (&weight, f)) in self.problem.a().iter().zip(self.f).enumerate() {
            let cost = &self.problem.cost()[row * columns..][..columns];
            let (left, scale) = (F::of(f.wide() / self.epsilon), F::of(1.0 / self.epsilon));
            let weights = self.problem.b();
            F::plan_row(PlanRow { cost, weight, weights, left, right: &self.right, scale }, &mut masses);
            visit(row, cost, &masses);
        }
    }
}
