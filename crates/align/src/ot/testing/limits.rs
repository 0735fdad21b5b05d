//! What is known of the answer: at the ends of ε, and for problems whose answer can be written down.

use super::{Case, Solver, Violation, case::Draws, value_slack};

/// Solving twice gives the same bits.
///
/// # Errors
/// When it does not, as when sums depend on how threads were scheduled.
pub fn repetition(solver: &impl Solver, case: &Case, tolerance: f64) -> Result<(), Violation> {
    let [once, again] = [(); 2].map(|()| solver.solve(case, tolerance));
    let bits = |values: &[f64]| values.iter().map(|x| x.to_bits()).collect::<Vec<u64>>();
    if bits(&once.plan) == bits(&again.plan) && once.value.to_bits() == again.value.to_bits() {
        return Ok(());
    }
    let found = format!("values of {} and {} or plans that differ", once.value, again.value);
    Err(Violation::new("repetition", "the same bits twice", found))
}

/// Between two single atoms the plan is 1 and the value their cost, whatever ε is: `10⁻⁶`, 1 and `10⁶` times the
/// case's.
///
/// # Errors
/// When plan or value are others.
pub fn single_atom(solver: &impl Solver, case: &Case, tolerance: f64) -> Result<(), Violation> {
    let cost = case.cost[0];
    for factor in [1e-6, 1.0, 1e6] {
        let epsilon = factor * case.epsilon;
        let single = Case { a: vec![1.0], b: vec![1.0], cost: vec![cost], epsilon };
        let answer = solver.solve(&single, tolerance);
        let plan = answer.plan.first().copied().unwrap_or(f64::NAN);
        let near =
            |found: f64, expected: f64| (found - expected).abs() <= (tolerance + 1e-12) * expected.abs();
        if !(near(plan, 1.0) && near(answer.value, cost)) {
            let expected = format!("a plan of 1 and a value of {cost} at ε = {epsilon:e}");
            return Err(Violation::new("single_atom", expected, format!("{plan} and {}", answer.value)));
        }
    }
    Ok(())
}

/// A planted permutation `σ` of uniform atoms is recovered: with
///
/// ```text
/// C_ij = u_i + v_j + (0 where j = σ(i), else from 50 ε to 100 ε),    u, v up to 500 ε
/// ```
///
/// all but `10⁻⁶` of the mass lies on it, and the value is `Σ_i (u_i + v_i)/n`.
///
/// # Errors
/// When mass lies elsewhere or the value is another.
pub fn planted(solver: &impl Solver, case: &Case, tolerance: f64) -> Result<(), Violation> {
    let (n, epsilon) = (case.a.len().max(case.b.len()), case.epsilon);
    let mut draws = Draws::new(17);
    let order = draws.order(n);
    let mut potentials = || (0..n).map(|_| 500.0 * epsilon * draws.uniform()).collect::<Vec<f64>>();
    let (u, v) = (potentials(), potentials());
    let mut gap =
        |i: usize, j: usize| if order[i] == j { 0.0 } else { 50.0 * epsilon * (1.0 + draws.uniform()) };
    let cost: Vec<f64> = (0..n * n).map(|at| u[at / n] + v[at % n] + gap(at / n, at % n)).collect();
    let planted = Case { a: vec![1.0 / n as f64; n], b: vec![1.0 / n as f64; n], cost, epsilon };
    let answer = solver.solve(&planted, tolerance);
    let on: f64 =
        order.iter().enumerate().map(|(i, &j)| answer.plan.get(i * n + j).unwrap_or(&f64::NAN)).sum();
    let share = 1e-6 + tolerance;
    if !((on - 1.0).abs() <= share) {
        let expected = format!("all but {share:.1e} of the mass on the planted permutation of {n}");
        return Err(Violation::new("planted", expected, on.to_string()));
    }
    let expected = (u.iter().sum::<f64>() + v.iter().sum::<f64>()) / n as f64;
    let slack = (share + tolerance) * planted.largest();
    if !((answer.value - expected).abs() <= slack) {
        let expected = format!("the planted permutation's value of {expected}");
        return Err(Violation::new("planted", expected, answer.value.to_string()));
    }
    Ok(())
}

/// As `ε → ∞` the plan becomes `abᵀ`; at a million times the span of the costs it differs by at most `10⁻⁵` in L1.
///
/// # Errors
/// When it differs by more.
pub fn independence(solver: &impl Solver, case: &Case, tolerance: f64) -> Result<(), Violation> {
    let epsilon = 1e6 * if case.span() > 0.0 { case.span() } else { 1.0 };
    let plan = solver.solve(&Case { epsilon, ..case.clone() }, tolerance).plan;
    let product = case.a.iter().flat_map(|a| case.b.iter().map(move |b| a * b));
    let distance: f64 = plan.iter().zip(product).map(|(p, product)| (p - product).abs()).sum();
    let slack = 1e-5 + 2.0 * tolerance;
    if plan.len() == case.cost.len() && distance <= slack {
        return Ok(());
    }
    let expected = format!("the product of the weights to {slack:.1e} in L1 at ε = {epsilon:e}");
    Err(Violation::new("independence", expected, format!("a plan that is {distance:.3e} away")))
}

/// The plan's cost never rises as ε falls: at 4, 2 and 1 times the case's.
///
/// # Errors
/// The first step at which it rises.
pub fn falling_epsilon(solver: &impl Solver, case: &Case, tolerance: f64) -> Result<(), Violation> {
    let mut last = f64::INFINITY;
    for factor in [4.0, 2.0, 1.0] {
        let at = Case { epsilon: factor * case.epsilon, ..case.clone() };
        let value = solver.solve(&at, tolerance).value;
        if !(value <= last + 2.0 * value_slack(&at, tolerance)) {
            let expected = format!("at most {last}, the value at twice the ε of {:e}", at.epsilon);
            return Err(Violation::new("falling_epsilon", expected, value.to_string()));
        }
        last = value;
    }
    Ok(())
}

/// Between at most six uniform atoms, `n` on either side, the value exceeds that of the best assignment, found by
/// trying all, by 0 to `ε log n`: the entropy of an assignment is `log n` below the product's.
///
/// The costs are the case's first ones.
///
/// # Errors
/// When the excess is another.
pub fn assignment(solver: &impl Solver, case: &Case, tolerance: f64) -> Result<(), Violation> {
    let (n, m) = (case.a.len().min(case.b.len()).min(6), case.b.len());
    let cost: Vec<f64> = (0..n * n).map(|at| case.cost[at / n * m + at % n]).collect();
    let square = Case { a: vec![1.0 / n as f64; n], b: vec![1.0 / n as f64; n], cost, epsilon: case.epsilon };
    let best = best_assignment(&square.cost, n, &mut Vec::new()) / n as f64;
    let excess = solver.solve(&square, tolerance).value - best;
    let slack = (tolerance + 1e-12) * (square.span() + square.largest());
    let most = case.epsilon * (n as f64).ln();
    if excess >= -slack && excess <= most + slack {
        return Ok(());
    }
    let expected = format!("0 to {most:.3e} more than the best of the {n} × {n} assignments, {best}");
    Err(Violation::new("assignment", expected, format!("{excess:.3e} more")))
}

/// The least cost of assigning the rows after those taken to the columns left.
fn best_assignment(cost: &[f64], n: usize, taken: &mut Vec<usize>) -> f64 {
    let row = taken.len();
    if row == n {
        return 0.0;
    }
    let mut best = f64::INFINITY;
    for column in 0..n {
        if !taken.contains(&column) {
            taken.push(column);
            best = best.min(cost[row * n + column] + best_assignment(cost, n, taken));
            taken.pop();
        }
    }
    best
}
