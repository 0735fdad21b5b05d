//! What a solution's plan really gives.

use crate::ot::{Marginals, Potentials, Problem, Real, Solution};

/// The marginal error of a solution, computed from the masses of its plan and no number that the solver gave but
/// the potentials: see [`Solution::marginal_error`] for what it is.
pub fn marginal_error<F: Real>(problem: &Problem<'_, F>, solution: &Solution) -> f64 {
    let [a, b] = [problem.a(), problem.b()].map(|w| w.iter().map(|w| w.wide()).collect::<Vec<f64>>());
    let [left, right] = [&a, &b].map(|w| w.iter().sum::<f64>());
    let mut rows = vec![0.0; a.len()];
    let mut columns = vec![0.0; b.len()];
    solution.each_row(problem, |row, _, masses| {
        rows[row] = masses.iter().sum::<f64>();
        columns.iter_mut().zip(masses).for_each(|(column, mass)| *column += mass);
    });
    let mass: f64 = rows.iter().sum();
    let Potentials { f, g, .. } = &solution.potentials;
    let sides = [(&rows, &a, f), (&columns, &b, g)];
    let sum = |side: usize, off: &dyn Fn(f64, f64, f64) -> f64| -> f64 {
        let (sums, weights, potentials) = sides[side];
        let atoms = sums.iter().zip(weights).zip(potentials);
        // A weightless atom should get nothing, whatever factor its potential stands for.
        atoms.map(|((&sum, &weight), &p)| if weight > 0.0 { off(sum, weight, p) } else { sum }).sum()
    };
    match problem.marginals() {
        Marginals::Unbalanced { rho_a, rho_b } => {
            let side = |side: usize, rho: f64| match rho {
                0.0 => 0.0,
                f64::INFINITY => sum(side, &|sum, weight, _| (sum - weight).abs()),
                rho => sum(side, &|sum, weight, p| (sum - weight * (-p / rho).exp()).abs()),
            };
            (side(0, rho_a) + side(1, rho_b)) / (0.5 * (left + right))
        }
        Marginals::Partial { mass: wanted } => {
            let side = |side: usize| {
                sum(side, &|sum, weight, p| {
                    if p < 0.0 { (sum - weight).abs() } else { (sum - weight).max(0.0) }
                })
            };
            (side(0) + side(1) + (mass - wanted).abs()) / wanted
        }
        // Both sides weigh the same but for rounding of the weights, which is not the plan's.
        Marginals::Balanced => {
            let scale = left / right;
            (sum(0, &|sum, weight, _| (sum - weight).abs())
                + sum(1, &|sum, weight, _| (sum - scale * weight).abs()))
                / left
        }
    }
}
