//! The debiased Sinkhorn divergence.

use super::{Clouds, Marginals, Problem, Real, Solution, ValidParams};
use crate::{Error, Result};

/// A divergence between two measures on points, `[eq:divergence]` of the book, with its gradients.
#[derive(Debug, Clone)]
pub struct Divergence {
    /// `S(a, b)`, at least zero but for the solver's tolerance.
    pub value: f64,
    /// Gradient at the first measure's points, `[n, dim]`, row-major.
    pub x: Vec<f64>,
    /// Gradient at the second measure's points, `[m, dim]`, row-major.
    pub y: Vec<f64>,
    /// Whether all three problems converged.
    pub converged: bool,
}

impl ValidParams {
    /// `S(a, b) = R(a, b) − ½ R(a, a) − ½ R(b, b) + ½ ε (Σa − Σb)²`, `R` the regularised value: a distance-like loss,
    /// zero only for equal measures, without the entropy's pull towards the middle (Feydy et al. 2019; Séjourné et
    /// al. 2019 for unequal masses). Costs three solves in `O(n + m)` memory.
    ///
    /// ```
    /// use recgoat_align::ot::{Clouds, Ground, Marginals, Params};
    ///
    /// let (a, x, y) = ([0.5, 0.5], [0.0, 1.0], [0.2, 1.4]);
    /// let params = Params::new(0.1).tolerance(1e-9).check()?;
    /// let clouds = |x, y| Clouds { x, y, dim: 1, ground: Ground::Squared };
    /// let apart = params.divergence(&a, &a, clouds(&x, &y), Marginals::Balanced)?;
    /// let same = params.divergence(&a, &a, clouds(&x, &x), Marginals::Balanced)?;
    /// assert!(apart.value > 0.01f64 && same.value.abs() < 1e-9 && same.x.iter().all(|g| g.abs() < 1e-6));
    /// # Ok::<(), recgoat_align::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Marginals`] for marginals under which it would not be symmetric, else as [`Problem::with_marginals`] and [`ValidParams::solve`].
    pub fn divergence<F: Real>(
        &self,
        a: &[F],
        b: &[F],
        clouds: Clouds<'_, F>,
        marginals: Marginals,
    ) -> Result<Divergence> {
        let symmetric = match marginals {
            Marginals::Balanced => true,
            Marginals::Unbalanced { rho_a, rho_b } => rho_a == rho_b,
            Marginals::Partial { .. } => false,
        };
        if !symmetric {
            let expected = "balanced ones or the same price on both sides, for a divergence";
            return Err(Error::Marginals { expected, found: marginals });
        }
        let Clouds { x, y, .. } = clouds;
        let pair = |left: (&[F], &[F]), right: (&[F], &[F])| -> Result<(Solution, Vec<f64>, Vec<f64>)> {
            let clouds = Clouds { x: left.1, y: right.1, ..clouds };
            let problem = Problem::with_marginals(left.0, right.0, clouds, marginals)?;
            let solution = self.solve(&problem)?;
            let (x, y) = solution.point_gradients(&problem)?;
            Ok((solution, x, y))
        };
        let (between, mut dx, mut dy) = pair((a, x), (b, y))?;
        let (left, left_x, left_y) = pair((a, x), (a, x))?;
        let (right, right_x, right_y) = pair((b, y), (b, y))?;
        // R(a, a) depends on the points through both its arguments.
        let debias = |gradient: &mut [f64], first: &[f64], second: &[f64]| {
            for (gradient, (first, second)) in gradient.iter_mut().zip(first.iter().zip(second)) {
                *gradient -= 0.5 * (first + second);
            }
        };
        debias(&mut dx, &left_x, &left_y);
        debias(&mut dy, &right_x, &right_y);
        let [left_mass, right_mass] = [a, b].map(|weights| weights.iter().map(|w| w.wide()).sum::<f64>());
        let value = between.dual_value - 0.5 * (left.dual_value + right.dual_value)
            + 0.5 * self.epsilon() * (left_mass - right_mass).powi(2);
        let converged = between.converged && left.converged && right.converged;
        Ok(Divergence { value, x: dx, y: dy, converged })
    }
}
