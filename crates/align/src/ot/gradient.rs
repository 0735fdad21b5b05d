//! Gradients of the regularised value, by the envelope theorem.

use rayon::prelude::*;

use super::{Clouds, Cost, Ground, Potentials, Problem, Real, Solution};
use crate::{Error, Result};

impl Solution {
    /// Gradients of the regularised value at the weights `a` `[n]` and `b` `[m]`: `[eq:grad-weights]` of the book.
    ///
    /// At the optimum the value changes with a parameter as if potentials and plan stood still, so
    /// `∂/∂a_i = φ(f_i) + ε (Σb − P1_i/a_i)`, with `φ(f) = f` where the marginal is fixed or bounded and
    /// `ρ(1 − exp(−f/ρ))` where it is priced. For a balanced problem only directions that keep the mass count: the
    /// gradient is known up to a constant. Its error is that of the marginals; the gradient at a cost matrix is
    /// [`Solution::plan`].
    pub fn weight_gradients<F: Real>(&self, problem: &Problem<'_, F>) -> (Vec<f64>, Vec<f64>) {
        let [a, b] = problem.weights();
        let (mut rows, mut columns) = (vec![0.0; a.len()], vec![0.0; b.len()]);
        self.each_row(problem, |row, _, masses| {
            rows[row] = masses.iter().sum();
            columns.iter_mut().zip(masses).for_each(|(column, mass)| *column += mass);
        });
        let [left, right] = problem.marginals().sides();
        let masses = [&a, &b].map(|weights| weights.iter().sum::<f64>());
        let gradient =
            |side: super::marginals::Side, weights: &[f64], potentials: &[f64], sums: &[f64], other: f64| {
                let each = weights.iter().zip(potentials).zip(sums).map(|((&weight, &potential), sum)| {
                    let ratio = if weight > 0.0 { sum / weight } else { 1.0 };
                    side.dual(potential) + self.epsilon * (other - ratio)
                });
                each.collect::<Vec<f64>>()
            };
        (
            gradient(left, &a, &self.potentials.f, &rows, masses[1]),
            gradient(right, &b, &self.potentials.g, &columns, masses[0]),
        )
    }

    /// Gradients of the regularised value at the points `x` `[n, dim]` and `y` `[m, dim]`, row-major, in
    /// `O((n + m) dim)` memory: `∂/∂x_i = Σ_j P_ij ∂c(x_i, y_j)/∂x_i`, `[eq:grad-points]`.
    ///
    /// # Errors
    /// [`Error::Shape`] for a problem whose cost is not a function of points.
    pub fn point_gradients<F: Real>(&self, problem: &Problem<'_, F>) -> Result<(Vec<f64>, Vec<f64>)> {
        let Cost::Points(clouds) = problem.cost() else {
            let (expected, found) = ("points".to_owned(), format!("{:?}", problem.cost()));
            return Err(Error::Shape { argument: "cost", expected, found });
        };
        let x = self.first_gradient(problem, &clouds);
        let flipped = Clouds { x: clouds.y, y: clouds.x, ..clouds };
        let swapped =
            Problem::with_marginals(problem.b(), problem.a(), flipped, problem.marginals().swapped())?;
        let Potentials { f, g, mass } = self.potentials.clone();
        let turned = Self { potentials: Potentials { f: g, g: f, mass }, ..self.clone() };
        Ok((x, turned.first_gradient(&swapped, &flipped)))
    }

    fn first_gradient<F: Real>(&self, problem: &Problem<'_, F>, clouds: &Clouds<'_, F>) -> Vec<f64> {
        let dim = clouds.dim;
        let mut out = vec![0.0; clouds.x.len()];
        self.each_chunk(problem, &mut out, dim, |row, _, masses, out| {
            let x = &clouds.x[row * dim..][..dim];
            for (&mass, y) in masses.iter().zip(clouds.y.chunks_exact(dim)) {
                add_slope(clouds.ground, x, y, mass, out);
            }
        });
        out
    }
}

/// Adds `mass · ∂c(x, y)/∂x`.
fn add_slope<F: Real>(ground: Ground, x: &[F], y: &[F], mass: f64, out: &mut [f64]) {
    let pairs = out.iter_mut().zip(x.iter().zip(y));
    match ground {
        Ground::Squared => pairs.for_each(|(out, (x, y))| *out += 2.0 * mass * (x.wide() - y.wide())),
        Ground::Absolute => pairs.for_each(|(out, (x, y))| {
            let gap = x.wide() - y.wide();
            *out += if gap == 0.0 { 0.0 } else { mass * gap.signum() };
        }),
        Ground::Cosine => {
            let dot = |x: &[F], y: &[F]| x.iter().zip(y).map(|(x, y)| x.wide() * y.wide()).sum::<f64>();
            let (length, other) = (dot(x, x).sqrt(), dot(y, y).sqrt());
            let cosine = dot(x, y) / (length * other);
            pairs.for_each(|(out, (x, y))| {
                *out -= mass * (y.wide() / other - cosine * x.wide() / length) / length;
            });
        }
    }
}

impl super::ValidParams {
    /// Solves many problems, of any sizes, in parallel; each result is what [`super::ValidParams::solve`] gives alone.
    ///
    /// # Errors
    /// The first problem's that has one.
    pub fn solve_batch<F: Real>(&self, problems: &[Problem<'_, F>]) -> Result<Vec<Solution>> {
        problems.par_iter().map(|problem| self.solve(problem)).collect()
    }
}
