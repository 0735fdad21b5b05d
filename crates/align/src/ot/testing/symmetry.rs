//! How the answer changes with the problem.

use super::{
    Case, Solver, Violation,
    case::{Draws, transposed},
    same_plan, same_value,
};

/// With the measures exchanged and the costs transposed, so is the plan; the value stays.
///
/// # Errors
/// When plan or value differ.
pub fn swap(solver: &impl Solver, case: &Case, tolerance: f64) -> Result<(), Violation> {
    let (n, m) = (case.a.len(), case.b.len());
    let turned =
        Case { a: case.b.clone(), b: case.a.clone(), cost: transposed(&case.cost, m), epsilon: case.epsilon };
    let (one, other) = (solver.solve(case, tolerance), solver.solve(&turned, tolerance));
    same_plan("swap", case, tolerance, &one.plan, &transposed(&other.plan, n))?;
    same_value("swap", case, tolerance, one.value, other.value)
}

/// With atoms in another order the plan's rows and columns are in that order; the value stays.
///
/// # Errors
/// When plan or value differ.
pub fn permutation(solver: &impl Solver, case: &Case, tolerance: f64) -> Result<(), Violation> {
    let (n, m) = (case.a.len(), case.b.len());
    let mut draws = Draws::new(11);
    let (rows, columns) = (draws.order(n), draws.order(m));
    let at = |at: usize| rows[at / m] * m + columns[at % m];
    let moved = Case {
        a: rows.iter().map(|&i| case.a[i]).collect(),
        b: columns.iter().map(|&j| case.b[j]).collect(),
        cost: (0..n * m).map(|k| case.cost[at(k)]).collect(),
        epsilon: case.epsilon,
    };
    let (one, other) = (solver.solve(case, tolerance), solver.solve(&moved, tolerance));
    let expected: Vec<f64> = (0..one.plan.len()).map(|k| one.plan[at(k)]).collect();
    same_plan("permutation", case, tolerance, &expected, &other.plan)?;
    same_value("permutation", case, tolerance, one.value, other.value)
}

/// The heaviest atom of `a` as two atoms in the same place, of 30 and 70 % of its weight: the value stays, and the
/// two rows of the plan sum to the one there was.
///
/// # Errors
/// When plan or value differ.
pub fn splitting(solver: &impl Solver, case: &Case, tolerance: f64) -> Result<(), Violation> {
    let m = case.b.len();
    let heaviest = (0..case.a.len()).max_by(|&i, &j| case.a[i].total_cmp(&case.a[j])).unwrap_or(0);
    let mut split = case.clone();
    split.a.push(0.7 * case.a[heaviest]);
    split.a[heaviest] *= 0.3;
    split.cost.extend_from_slice(&case.cost[heaviest * m..][..m]);
    let (one, other) = (solver.solve(case, tolerance), solver.solve(&split, tolerance));
    let (mut joined, last) = (other.plan.clone(), other.plan.len().saturating_sub(m));
    let half = joined.split_off(last);
    joined.iter_mut().skip(heaviest * m).zip(half).for_each(|(joined, half)| *joined += half);
    same_plan("splitting", case, tolerance, &one.plan, &joined)?;
    same_value("splitting", case, tolerance, one.value, other.value)
}

/// The problem `(sC, sε)` has the plan of `(C, ε)` and `s` times its value; for `s` of 0.001, 0.3 and 700.
///
/// # Errors
/// When plan or value differ.
pub fn scaling(solver: &impl Solver, case: &Case, tolerance: f64) -> Result<(), Violation> {
    let one = solver.solve(case, tolerance);
    for factor in [0.001, 0.3, 700.0] {
        let mut scaled = case.with_costs(|_, _, cost| factor * cost);
        scaled.epsilon *= factor;
        let other = solver.solve(&scaled, tolerance);
        same_plan("scaling", case, tolerance, &one.plan, &other.plan)?;
        same_value("scaling", &scaled, tolerance, factor * one.value, other.value)?;
    }
    Ok(())
}

/// The costs `C_ij + u_i + v_j` have the plan of `C` and the value `<C, P> + <a, u> + <b, v>`; for `u` and `v` of up
/// to 500 ε, under which `exp(−C/ε)` underflows while the plan does not notice.
///
/// # Errors
/// When plan or value differ.
pub fn shift(solver: &impl Solver, case: &Case, tolerance: f64) -> Result<(), Violation> {
    let mut draws = Draws::new(13);
    let mut draw = |n: usize| (0..n).map(|_| 500.0 * case.epsilon * draws.uniform()).collect::<Vec<f64>>();
    let (u, v) = (draw(case.a.len()), draw(case.b.len()));
    let shifted = case.with_costs(|i, j, cost| cost + u[i] + v[j]);
    let (one, other) = (solver.solve(case, tolerance), solver.solve(&shifted, tolerance));
    // Rounded costs are other costs: as far as the solver's precision goes, which the tolerance stands for.
    same_plan("shift", case, tolerance, &one.plan, &other.plan)?;
    let by = |weights: &[f64], by: &[f64]| weights.iter().zip(by).map(|(w, x)| w * x).sum::<f64>();
    same_value("shift", &shifted, tolerance, one.value + by(&case.a, &u) + by(&case.b, &v), other.value)
}
