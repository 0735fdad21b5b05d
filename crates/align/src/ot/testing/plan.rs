//! Properties of one plan.

use super::{Case, Solver, Violation};

/// `P ≥ 0`, `ΣP = 1` and `|P1 − a|₁ + |Pᵀ1 − b|₁ ≤ tolerance`; atoms without weight carry nothing.
///
/// # Errors
/// The first of these that the plan breaks.
pub fn marginals(solver: &impl Solver, case: &Case, tolerance: f64) -> Result<(), Violation> {
    let violation = |expected: String, found: String| Err(Violation::new("marginals", expected, found));
    let plan = solver.solve(case, tolerance).plan;
    let (n, m) = (case.a.len(), case.b.len());
    if plan.len() != n * m {
        return violation(format!("a plan of {n} × {m} entries"), plan.len().to_string());
    }
    if let Some(at) = plan.iter().position(|p| !(*p >= 0.0 && p.is_finite())) {
        let found = format!("{} in row {}, column {}", plan[at], at / m, at % m);
        return violation("finite entries of at least 0".into(), found);
    }
    if let Some(at) = (0..n * m).find(|&at| plan[at] > 0.0 && case.a[at / m] * case.b[at % m] == 0.0) {
        let found = format!("{} in row {}, column {}", plan[at], at / m, at % m);
        return violation("no mass where an atom weighs nothing".into(), found);
    }
    let rounding = 1e-15 * (n + m) as f64;
    let mass: f64 = plan.iter().sum();
    if (mass - 1.0).abs() > tolerance + rounding {
        return violation("a mass of 1".into(), mass.to_string());
    }
    let rows = plan.chunks(m).zip(&case.a).map(|(row, a)| (row.iter().sum::<f64>() - a).abs()).sum::<f64>();
    let column = |j: usize| plan.iter().skip(j).step_by(m).sum::<f64>();
    let columns = case.b.iter().enumerate().map(|(j, b)| (column(j) - b).abs()).sum::<f64>();
    if rows + columns > tolerance + rounding {
        let found = format!("{:.3e}: {rows:.3e} of the rows, {columns:.3e} of the columns", rows + columns);
        return violation(format!("marginals within {tolerance:e}"), found);
    }
    Ok(())
}

/// The value is the plan's cost, `Σ_ij P_ij C_ij`.
///
/// # Errors
/// When it is another number.
pub fn value(solver: &impl Solver, case: &Case, tolerance: f64) -> Result<(), Violation> {
    let answer = solver.solve(case, tolerance);
    let cost: f64 = answer.plan.iter().zip(&case.cost).map(|(p, c)| p * c).sum();
    if (answer.value - cost).abs() <= (tolerance + 1e-12) * case.largest() {
        return Ok(());
    }
    Err(Violation::new("value", format!("the cost of the plan, {cost}"), answer.value.to_string()))
}

/// The plan is `a_i b_j exp((f_i + g_j − C_ij)/ε)` for some `f` and `g`, which with its marginals makes it the answer.
///
/// Of the entries where two rows `i, k` meet two columns `j, l` the potentials cancel:
///
/// ```text
/// P_ij P_kl / (P_il P_kj)  =  exp(−(C_ij + C_kl − C_il − C_kj)/ε)
/// ```
///
/// Each entry may be off by the tolerance, so that a solver which mends its plan's marginals at the end passes; those
/// below ten times that say nothing.
///
/// # Errors
/// The first four entries for which this does not hold.
pub fn optimality(solver: &impl Solver, case: &Case, tolerance: f64) -> Result<(), Violation> {
    let plan = solver.solve(case, tolerance).plan;
    let m = case.b.len();
    let relative = (tolerance + 8.0 * f64::EPSILON) * (1.0 + 4.0 * case.largest() / case.epsilon);
    for (i, k) in (0..case.a.len()).flat_map(|k| (0..k).map(move |i| (i, k))) {
        for (j, l) in (1..m).map(|l| (l - 1, l)) {
            let corners = [i * m + j, k * m + l, i * m + l, k * m + j];
            let masses = corners.map(|at| plan[at]);
            if masses.iter().any(|p| !(*p > 10.0 * tolerance)) {
                continue;
            }
            let signs = [1.0, 1.0, -1.0, -1.0];
            let found: f64 = masses.iter().zip(signs).map(|(p, sign)| sign * p.ln()).sum();
            let costs: f64 = corners.iter().zip(signs).map(|(&at, sign)| sign * case.cost[at]).sum();
            // log(1 + x) to first order, and what the second adds for x up to a tenth.
            let slack = relative + masses.iter().map(|p| 1.2 * tolerance / p).sum::<f64>();
            if !((found + costs / case.epsilon).abs() <= slack) {
                let expected = format!(
                    "log(P_ij P_kl / (P_il P_kj)) = {:.6} to {slack:.1e} for rows {i}, {k} and columns {j}, {l}",
                    -costs / case.epsilon
                );
                return Err(Violation::new("optimality", expected, format!("{found:.6}")));
            }
        }
    }
    Ok(())
}
