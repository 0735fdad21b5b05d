//! Properties of the entropic solver, on problems drawn at random.
//!
//! - what a plan is: `marginals_mass_and_sign`, `zero_weights_carry_nothing`
//! - what solutions prove: `the_gap_bounds_the_optimum`, `converged_is_never_claimed_falsely`
//! - how problems transform: `shifts_and_scales`, `swapping_sides`, `splitting_an_atom`
//! - limits: `large_epsilon_is_independent`, `small_epsilon_approaches_assignment`
//! - both precisions agree; runs repeat; starts do not matter
//! - bad input is a typed error

use proptest::prelude::*;
use recgoat_align::ot::{Params, Potentials, Problem, Real, Solution};

fn measure(n: usize) -> impl Strategy<Value = Vec<f64>> {
    proptest::collection::vec(0.05f64..1.0, n).prop_map(|w| {
        let total: f64 = w.iter().sum();
        w.into_iter().map(|x| x / total).collect()
    })
}

fn problem() -> impl Strategy<Value = (Vec<f64>, Vec<f64>, Vec<f64>, f64)> {
    (1usize..12, 1usize..12).prop_flat_map(|(n, m)| {
        (measure(n), measure(m), proptest::collection::vec(0f64..3.0, n * m), 0.05f64..2.0)
    })
}

fn run<F: Real>(a: &[F], b: &[F], cost: &[F], epsilon: f64, tolerance: f64) -> (Solution, Vec<F>) {
    let problem = Problem::new(a, b, cost).unwrap();
    let params = Params::new(epsilon).tolerance(tolerance).max_iterations(20_000).check().unwrap();
    let solution = params.solve(&problem).unwrap();
    let plan = solution.plan(&problem);
    (solution, plan)
}

fn gap(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(l, r)| (l - r).abs()).fold(0.0, f64::max)
}

proptest! {
    #[test]
    fn marginals_mass_and_sign((a, b, cost, epsilon) in problem()) {
        let (solution, plan) = run(&a, &b, &cost, epsilon, 1e-9);
        prop_assert!(solution.converged, "{:?} after {}", solution.stop, solution.iterations);
        let rows: Vec<f64> = plan.chunks(b.len()).map(|r| r.iter().sum()).collect();
        let columns: Vec<f64> = (0..b.len()).map(|j| plan.iter().skip(j).step_by(b.len()).sum()).collect();
        prop_assert!(gap(&rows, &a) < 1e-9);
        // The side updated last is exact to rounding.
        prop_assert!(gap(&columns, &b) < 1e-14);
        prop_assert!(plan.iter().all(|p| *p >= 0.0));
    }

    #[test]
    fn the_gap_bounds_the_optimum((a, b, cost, epsilon) in problem()) {
        let (loose, _) = run(&a, &b, &cost, epsilon, 1e-2);
        let (tight, _) = run(&a, &b, &cost, epsilon, 1e-12);
        prop_assert!(tight.duality_gap().abs() < 1e-9);
        prop_assert!(loose.duality_gap() >= -1e-12);
        prop_assert!(loose.dual_value <= tight.regularised_value + 1e-9);
        prop_assert!(loose.regularised_value >= tight.dual_value - 1e-9);
    }

    #[test]
    fn shifts_and_scales(
        (a, b, cost, epsilon) in problem(), factor in 0.1f64..50.0, u in -2f64..2.0, v in -2f64..2.0,
    ) {
        let (plain, plan) = run(&a, &b, &cost, epsilon, 1e-11);
        let scaled: Vec<f64> = cost.iter().map(|c| factor * c).collect();
        let (times, same) = run(&a, &b, &scaled, factor * epsilon, 1e-11);
        prop_assert!(gap(&plan, &same) < 1e-9);
        prop_assert!((times.value - factor * plain.value).abs() < 1e-8 * factor);
        let shift = |i: usize, j: usize| u * (i as f64).sin() + v * (j as f64).cos();
        let m = b.len();
        let shifted: Vec<f64> = cost.iter().enumerate().map(|(at, c)| c + shift(at / m, at % m)).collect();
        let (moved, same) = run(&a, &b, &shifted, epsilon, 1e-11);
        prop_assert!(gap(&plan, &same) < 1e-9);
        let by: f64 = a.iter().enumerate().map(|(i, w)| w * u * (i as f64).sin()).sum::<f64>()
            + b.iter().enumerate().map(|(j, w)| w * v * (j as f64).cos()).sum::<f64>();
        prop_assert!((moved.value - plain.value - by).abs() < 1e-8);
    }

    #[test]
    fn swapping_sides((a, b, cost, epsilon) in problem()) {
        let m = b.len();
        let turned: Vec<f64> = (0..cost.len()).map(|at| cost[(at % a.len()) * m + at / a.len()]).collect();
        let (one, _) = run(&a, &b, &cost, epsilon, 1e-12);
        let (other, _) = run(&b, &a, &turned, epsilon, 1e-12);
        prop_assert!((one.value - other.value).abs() < 1e-9);
    }

    #[test]
    fn splitting_an_atom((a, b, cost, epsilon) in problem(), share in 0.1f64..0.9) {
        let mut split = a.clone();
        split.push(a[0] * (1.0 - share));
        split[0] *= share;
        let longer: Vec<f64> = cost.iter().chain(&cost[..b.len()]).copied().collect();
        let (one, _) = run(&a, &b, &cost, epsilon, 1e-12);
        let (other, _) = run(&split, &b, &longer, epsilon, 1e-12);
        prop_assert!((one.regularised_value - other.regularised_value).abs() < 1e-9);
    }

    #[test]
    fn converged_is_never_claimed_falsely(
        (a, b, cost, _) in problem(), power in -4f64..1.0, size in -3f64..6.0,
        holes in proptest::collection::vec(any::<bool>(), 12),
    ) {
        let thin = |w: &[f64]| {
            let mut w: Vec<f64> = w.iter().zip(&holes).map(|(w, &hole)| if hole { 0.0 } else { *w }).collect();
            if w.iter().all(|w| *w == 0.0) { w[0] = 1.0; }
            let total: f64 = w.iter().sum();
            w.into_iter().map(|x| (x / total) as f32).collect::<Vec<f32>>()
        };
        let (a, b) = (thin(&a), thin(&b));
        let cost: Vec<f32> = cost.iter().map(|c| (c * 10f64.powf(size)) as f32).collect();
        let problem = Problem::new(&a, &b, &cost).unwrap();
        let epsilon = 10f64.powf(power) * 10f64.powf(size);
        let params = Params::new(epsilon).tolerance(1e-4).max_iterations(300).check().unwrap();
        let solution = params.solve(&problem).unwrap();
        let plan = solution.plan(&problem);
        prop_assert!(plan.iter().all(|p| p.is_finite() && *p >= 0.0));
        let sum = |values: &mut dyn Iterator<Item = f32>| values.map(f64::from).sum::<f64>();
        let m = b.len();
        let rows: f64 = a.iter().enumerate()
            .map(|(i, w)| (f64::from(*w) - sum(&mut plan[i * m..][..m].iter().copied())).abs()).sum();
        let columns: f64 = b.iter().enumerate()
            .map(|(j, w)| (f64::from(*w) - sum(&mut plan.iter().skip(j).step_by(m).copied())).abs()).sum();
        prop_assert!(!solution.converged || rows + columns <= 1.01e-4, "{rows} {columns}");
        prop_assert!(solution.value.is_finite() && solution.duality_gap().is_finite());
    }

    #[test]
    fn single_and_double_precision_agree((a, b, cost, epsilon) in problem()) {
        let single = |v: &[f64]| v.iter().map(|x| *x as f32).collect::<Vec<f32>>();
        let (double, _) = run(&a, &b, &cost, epsilon, 1e-10);
        let (narrow, _) = run(&single(&a), &single(&b), &single(&cost), epsilon, 1e-5);
        prop_assert!((double.value - narrow.value).abs() < 1e-4, "{} {}", double.value, narrow.value);
    }

    #[test]
    fn starts_do_not_matter_and_runs_repeat((a, b, cost, epsilon) in problem(), far in -5f64..5.0) {
        let problem = Problem::new(&a, &b, &cost).unwrap();
        let params = Params::new(epsilon).tolerance(1e-11).max_iterations(20_000).check().unwrap();
        let cold = params.solve(&problem).unwrap();
        let start = Potentials { f: vec![0.0; a.len()], g: (0..b.len()).map(|j| far * j as f64).collect(), mass: 0.0 };
        let other = params.solve_from(&problem, &start).unwrap();
        prop_assert!(gap(&cold.plan(&problem), &other.plan(&problem)) < 1e-8);
        prop_assert_eq!(cold.plan(&problem), params.solve(&problem).unwrap().plan(&problem));
    }
}

#[test]
fn large_epsilon_is_independent() {
    let (a, b) = ([0.2, 0.8], [0.5, 0.3, 0.2]);
    let (_, plan) = run(&a, &b, &[1.0, 0.0, 2.0, 0.5, 3.0, 1.0], 1e6, 1e-12);
    let product: Vec<f64> = a.iter().flat_map(|x| b.iter().map(move |y| x * y)).collect();
    assert!(gap(&plan, &product) < 1e-5);
}

#[test]
fn small_epsilon_approaches_assignment() {
    // Four jobs, four workers; the best of the 24 assignments, by hand enumeration in `best`, costs 5/4 of a unit.
    let cost = [
        1.0, 9.0, 9.0, 9.0, /* */ 9.0, 9.0, 2.0, 9.0, /* */ 9.0, 1.0, 9.0, 9.0, /* */ 9.0,
        9.0, 9.0, 1.0,
    ];
    let mut best = f64::INFINITY;
    for p in 0..256usize {
        let order: Vec<usize> = (0..4).map(|i| p >> (2 * i) & 3).collect();
        if (0..4).all(|j| order.contains(&j)) {
            best = best.min((0..4).map(|i| cost[i * 4 + order[i]]).sum::<f64>() / 4.0);
        }
    }
    let mut last = f64::INFINITY;
    for epsilon in [1.0, 0.3, 0.1, 0.03] {
        let (solution, _) = run(&[0.25; 4], &[0.25; 4], &cost, epsilon, 1e-10);
        let excess = solution.value - best;
        assert!(excess >= -1e-9 && excess <= epsilon * 4f64.ln() && solution.value <= last + 1e-9);
        last = solution.value;
    }
    assert!((last - best).abs() < 1e-9);
}

#[test]
fn zero_weights_carry_nothing() {
    let (solution, plan) = run(&[0.5, 0.0, 0.5], &[1.0, 0.0], &[1.0, 0.0, 5.0, 5.0, 2.0, 0.0], 0.01, 1e-9);
    assert!(solution.converged);
    assert_eq!((plan[1], plan[2], plan[3], plan[5]), (0.0, 0.0, 0.0, 0.0));
    assert!((solution.value - 1.5).abs() < 1e-9);
}

#[test]
fn bad_input_is_a_typed_error() {
    let message = |a: &[f64], b: &[f64], c: &[f64]| Problem::new(a, b, c).unwrap_err().to_string();
    assert_eq!(message(&[], &[1.0], &[]), "a: expected at least one atom, found none");
    assert_eq!(
        message(&[1.0], &[0.5, -0.5], &[0.0; 2]),
        "b[1]: expected a finite weight of at least 0, found -0.5"
    );
    assert_eq!(
        message(&[1.0], &[f64::NAN], &[0.0]),
        "b[0]: expected a finite weight of at least 0, found NaN"
    );
    assert_eq!(message(&[1.0], &[1.0], &[0.0; 2]), "cost: expected 1 × 1 entries, found 2");
    assert_eq!(message(&[1.0], &[1.0], &[f64::INFINITY]), "cost[0]: expected a finite cost, found inf");
    assert_eq!(
        message(&[1.0], &[0.9], &[0.0]),
        "a and b: expected equal and positive total mass, found 1 and 0.9"
    );
    assert_eq!(
        message(&[0.0], &[0.0], &[0.0]),
        "a and b: expected equal and positive total mass, found 0 and 0"
    );
    for epsilon in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = Params::new(epsilon).check().unwrap_err().to_string();
        assert!(error.starts_with("epsilon: expected a positive number, found"), "{error}");
    }
    assert!(Params::new(1.0).tolerance(0.0).check().is_err());
    assert!(Params::new(1.0).max_iterations(0).check().is_err());
}
