//! Exact transport, by three solvers that share no code: network simplex, assignment, sorting.
//!
//! - plans: `plans_are_feasible_and_proven`, `weightless_atoms_are_free`, `moving_everything_partly`
//! - agreement: `uniform_problems_are_assignments`, `sorting_is_the_simplex`, `entropy_comes_down_to_it`
//! - partial: `partial_plans_move_the_cheapest_mass`
//! - what it refuses: `refusals_name_their_cause`

use proptest::prelude::*;
use recgoat_align::ot::{Clouds, Ground, Marginals, Params, Problem, exact};

fn measure(n: usize) -> impl Strategy<Value = Vec<f64>> {
    // A few weights repeat and some vanish: degenerate bases are where a simplex goes wrong.
    proptest::collection::vec(prop_oneof![Just(0.0), Just(0.25), 0.05f64..1.0], n).prop_map(|mut weights| {
        weights[0] += 0.1;
        let total: f64 = weights.iter().sum();
        weights.into_iter().map(|weight| weight / total).collect()
    })
}

fn problem(most: usize) -> impl Strategy<Value = (Vec<f64>, Vec<f64>, Vec<f64>)> {
    (1..most, 1..most).prop_flat_map(|(n, m)| {
        // Whole numbers among the costs, for ties.
        let cost = prop_oneof![(0u8..5).prop_map(f64::from), -1f64..3.0];
        (measure(n), measure(m), proptest::collection::vec(cost, n * m))
    })
}

fn sums(plan: &[f64], m: usize) -> (Vec<f64>, Vec<f64>) {
    let rows = plan.chunks(m).map(|row| row.iter().sum()).collect();
    let columns = (0..m).map(|j| plan.iter().skip(j).step_by(m).sum()).collect();
    (rows, columns)
}

fn apart(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(l, r)| (l - r).abs()).fold(0.0, f64::max)
}

proptest! {
    #[test]
    fn plans_are_feasible_and_proven((a, b, cost) in problem(30)) {
        let found = exact::solve(&Problem::new(&a, &b, &cost).unwrap()).unwrap();
        let (rows, columns) = sums(&found.plan(), b.len());
        prop_assert!(apart(&rows, &a) < 1e-12 && apart(&columns, &b) < 1e-12);
        prop_assert!(found.flows.iter().all(|flow| flow.mass > 0.0) && found.flows.len() < a.len() + b.len());
        // Feasible potentials with the same value: no plan is cheaper.
        let potentials = &found.potentials;
        for (at, cost) in cost.iter().enumerate() {
            let slack = cost - potentials.f[at / b.len()] - potentials.g[at % b.len()];
            prop_assert!(slack >= -1e-12, "{slack}");
        }
        prop_assert!((found.value - found.dual_value).abs() < 1e-11);
    }

    #[test]
    fn uniform_problems_are_assignments(
        cost in (1usize..20).prop_flat_map(|n| proptest::collection::vec(-1f64..3.0, n * n)),
    ) {
        let n = cost.len().isqrt();
        let assigned = exact::assignment(&cost, n, n).unwrap();
        let (f, g) = &assigned.potentials;
        prop_assert!(cost.iter().enumerate().all(|(at, c)| c - f[at / n] - g[at % n] >= -1e-12));
        prop_assert!((f.iter().chain(g).sum::<f64>() - assigned.value).abs() < 1e-11);
        let weights = vec![1.0 / n as f64; n];
        let moved = exact::solve(&Problem::new(&weights, &weights, &cost).unwrap()).unwrap();
        prop_assert!((moved.value - assigned.value / n as f64).abs() < 1e-12);
        if n <= 6 {
            prop_assert!((best_permutation(&cost, n) - assigned.value).abs() < 1e-12);
        }
    }

    #[test]
    fn rectangles_are_assigned_as_a_padded_square_is(
        (n, m, cost) in (1usize..7, 0usize..6).prop_flat_map(|(n, more)| {
            (Just(n), Just(n + more), proptest::collection::vec(0f64..3.0, n * (n + more)))
        }),
    ) {
        let found = exact::assignment(&cost, n, m).unwrap();
        let mut distinct = found.columns.clone();
        distinct.sort_unstable();
        distinct.dedup();
        prop_assert_eq!(distinct.len(), n);
        let mut square = cost;
        square.resize(m * m, 0.0);
        prop_assert!((exact::assignment(&square, m, m).unwrap().value - found.value).abs() < 1e-12);
    }

    #[test]
    fn sorting_is_the_simplex(
        (a, b, x, y) in (1usize..20, 1usize..20).prop_flat_map(|(n, m)| {
            let points = |count| proptest::collection::vec(prop_oneof![Just(0.5), -2f64..2.0], count);
            (measure(n), measure(m), points(n), points(m))
        }),
    ) {
        for ground in [Ground::Squared, Ground::Absolute] {
            let cost: Vec<f64> = x.iter().flat_map(|x| y.iter().map(move |y| {
                if ground == Ground::Squared { (x - y) * (x - y) } else { (x - y).abs() }
            })).collect();
            let dense = exact::solve(&Problem::new(&a, &b, &cost).unwrap()).unwrap();
            let clouds = Clouds { x: &x, y: &y, dim: 1, ground };
            let sorted = exact::solve(&Problem::new(&a, &b, clouds).unwrap()).unwrap();
            prop_assert!((dense.value - sorted.value).abs() < 1e-11, "{} {}", dense.value, sorted.value);
            prop_assert!((sorted.value - sorted.dual_value).abs() < 1e-11);
            let (rows, columns) = sums(&sorted.plan(), b.len());
            prop_assert!(apart(&rows, &a) < 1e-12 && apart(&columns, &b) < 1e-12);
        }
    }

    #[test]
    fn partial_plans_move_the_cheapest_mass((a, b, cost) in problem(12), share in 0.05f64..0.95) {
        let marginals = Marginals::Partial { mass: share };
        let problem = Problem::with_marginals(&a, &b, &cost, marginals).unwrap();
        let found = exact::solve(&problem).unwrap();
        let (rows, columns) = sums(&found.plan(), b.len());
        prop_assert!(rows.iter().zip(&a).chain(columns.iter().zip(&b)).all(|(sum, most)| *sum <= most + 1e-12));
        prop_assert!((rows.iter().sum::<f64>() - share).abs() < 1e-12);
        // f ≤ 0, g ≤ 0 and f + g + λ ≤ C prove the value <a,f> + <b,g> + λ mass.
        let p = &found.potentials;
        prop_assert!(p.f.iter().chain(&p.g).all(|potential| *potential <= 1e-11));
        let feasible = |(at, c): (usize, &f64)| p.f[at / b.len()] + p.g[at % b.len()] + p.mass <= c + 1e-11;
        prop_assert!(cost.iter().enumerate().all(feasible));
        let dot = |w: &[f64], p: &[f64]| w.iter().zip(p).map(|(w, p)| w * p).sum::<f64>();
        let proven = dot(&a, &p.f) + dot(&b, &p.g) + p.mass * share;
        prop_assert!((proven - found.value).abs() < 1e-10 && (found.dual_value - found.value).abs() < 1e-10);
    }

    #[test]
    fn entropy_comes_down_to_it((a, b, cost) in problem(10)) {
        let problem = Problem::new(&a, &b, &cost).unwrap();
        let least = exact::solve(&problem).unwrap().value;
        let mut last = f64::INFINITY;
        for epsilon in [0.5, 0.1, 0.02] {
            let params = Params::new(epsilon).tolerance(1e-9).max_iterations(50_000).check().unwrap();
            let solution = params.solve(&problem).unwrap();
            let excess = solution.value - least;
            let most = epsilon * (a.len().max(b.len()) as f64).ln() * 2.0;
            // A plan that misses its marginals by δ becomes one that meets them at a cost of 2 δ max|C| (Altschuler et
            // al. 2017, lemma 7). Groups that only costs of many ε couple miss them for long: decision 12.
            let slack = 1e-7 + 8.0 * solution.marginal_error;
            prop_assert!(solution.converged == (solution.marginal_error <= 1e-9));
            prop_assert!(excess >= -slack && excess <= most + slack && solution.value <= last + slack);
            last = solution.value + slack;
        }
    }
}

/// Every order of up to six columns, by Heap's algorithm.
fn best_permutation(cost: &[f64], n: usize) -> f64 {
    let mut order: Vec<usize> = (0..n).collect();
    let mut counters = vec![0; n];
    let price = |order: &[usize]| order.iter().enumerate().map(|(i, j)| cost[i * n + j]).sum::<f64>();
    let mut best = price(&order);
    let mut at = 0;
    while at < n {
        if counters[at] < at {
            order.swap(if at % 2 == 0 { 0 } else { counters[at] }, at);
            best = best.min(price(&order));
            counters[at] += 1;
            at = 0;
        } else {
            counters[at] = 0;
            at += 1;
        }
    }
    best
}

#[test]
fn weightless_atoms_are_free() {
    let found = exact::solve(
        &Problem::new(&[0.5, 0.0, 0.5], &[1.0, 0.0], &[1.0, -9.0, -9.0, -9.0, 2.0, -9.0]).unwrap(),
    )
    .unwrap();
    assert!((found.value - 1.5).abs() < 1e-12 && (found.dual_value - 1.5).abs() < 1e-12);
    assert_eq!(found.flows.len(), 2);
}

#[test]
fn moving_everything_partly() {
    let (a, b, cost) = ([0.5, 0.5], [0.3, 0.7], [1.0, 2.0, 4.0, 3.0]);
    let whole = exact::solve(&Problem::new(&a, &b, &cost).unwrap()).unwrap();
    let marginals = Marginals::Partial { mass: 1.0 };
    let same = exact::solve(&Problem::with_marginals(&a, &b, &cost, marginals).unwrap()).unwrap();
    assert!((whole.value - same.value).abs() < 1e-12);
}

#[test]
fn refusals_name_their_cause() {
    let marginals = Marginals::Unbalanced { rho_a: 1.0, rho_b: 1.0 };
    let problem = Problem::with_marginals(&[1.0], &[2.0], &[1.0], marginals).unwrap();
    let message = exact::solve(&problem).unwrap_err().to_string();
    assert!(message.starts_with("marginals: expected balanced or partial ones"), "{message}");
    let message = |cost: &[f64], n, m| exact::assignment(cost, n, m).unwrap_err().to_string();
    assert_eq!(message(&[1.0; 6], 3, 2), "cost: expected n × m entries, 1 ≤ n ≤ m, found 6 for 3 × 2");
    assert_eq!(message(&[], 0, 0), "cost: expected n × m entries, 1 ≤ n ≤ m, found 0 for 0 × 0");
    assert_eq!(message(&[1.0, f64::NAN], 1, 2), "cost[1]: expected a finite cost, found NaN");
}
