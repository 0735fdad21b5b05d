//! Gradients and divergences on slices.
//!
//! - gradients against central differences: `point_gradients_are_differences`, `weight_gradients_are_differences`
//! - the divergence: `divergences_are_distances`, `descending_moves_one_cloud_onto_the_other`
//! - batches: `a_batch_is_its_problems`

use proptest::prelude::*;
use recgoat_align::ot::{Clouds, Ground, Marginals, Params, Problem, ValidParams};

const DIM: usize = 2;

fn cloud(atoms: usize) -> impl Strategy<Value = Vec<f64>> {
    // Away from the origin, where a cosine has no direction.
    proptest::collection::vec(0.2f64..2.0, atoms * DIM)
}

fn params(epsilon: f64) -> ValidParams {
    Params::new(epsilon).tolerance(1e-12).check().unwrap()
}

fn all_marginals() -> [Marginals; 4] {
    [
        Marginals::Balanced,
        Marginals::Unbalanced { rho_a: 1.0, rho_b: 0.5 },
        Marginals::Unbalanced { rho_a: f64::INFINITY, rho_b: 0.5 },
        Marginals::Partial { mass: 0.6 },
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn point_gradients_are_differences(x in cloud(4), y in cloud(3), direction in cloud(4)) {
        let (a, b) = ([0.1, 0.2, 0.3, 0.4], [0.5, 0.3, 0.2]);
        for ground in [Ground::Squared, Ground::Absolute, Ground::Cosine] {
            for marginals in all_marginals() {
                let value = |x: &[f64]| {
                    let clouds = Clouds { x, y: &y, dim: DIM, ground };
                    let problem = Problem::with_marginals(&a, &b, clouds, marginals).unwrap();
                    let solution = params(0.2).solve(&problem).unwrap();
                    let gradients = solution.point_gradients(&problem).unwrap();
                    (solution.dual_value, gradients)
                };
                let moved = |by: f64| x.iter().zip(&direction).map(|(x, d)| x + by * d).collect::<Vec<_>>();
                let step = 1e-5;
                let difference = (value(&moved(step)).0 - value(&moved(-step)).0) / (2.0 * step);
                let gradient: f64 = value(&x).1.0.iter().zip(&direction).map(|(g, d)| g * d).sum();
                let close = (difference - gradient).abs() < 1e-4 * gradient.abs().max(0.1);
                // A step of an absolute value across its kink is no derivative.
                let kink = ground == Ground::Absolute
                    && x.chunks(DIM).any(|x| y.chunks(DIM).any(|y| x.iter().zip(y).any(|(x, y)| (x - y).abs() < 1e-4)));
                prop_assert!(close || kink, "{ground:?} {marginals:?}: {difference} {gradient}");
            }
        }
    }

    #[test]
    fn weight_gradients_are_differences(cost in proptest::collection::vec(0f64..2.0, 12)) {
        let (a, b) = ([0.1, 0.2, 0.3, 0.4], [0.5, 0.3, 0.2]);
        let direction = [1.0, -2.0, 0.5, 0.5];
        for marginals in all_marginals() {
            let solve = |by: f64| {
                let a: Vec<f64> = a.iter().zip(direction).map(|(a, d)| a + by * d).collect();
                let problem = Problem::with_marginals(&a, &b, &cost, marginals).unwrap();
                let solution = params(0.3).solve(&problem).unwrap();
                let gradient = solution.weight_gradients(&problem).0;
                (solution.dual_value, gradient)
            };
            let step = 1e-5;
            let difference = (solve(step).0 - solve(-step).0) / (2.0 * step);
            let gradient: f64 = solve(0.0).1.iter().zip(direction).map(|(g, d)| g * d).sum();
            prop_assert!((difference - gradient).abs() < 1e-4 * gradient.abs().max(0.1), "{marginals:?}: {difference} {gradient}");
        }
    }

    #[test]
    fn divergences_are_distances(x in cloud(5), y in cloud(4)) {
        let (a, b) = ([0.2; 5], [0.25; 4]);
        // ε large enough to couple all points: clusters joined by a mass of 1e-7 take Sinkhorn a million iterations.
        let params = Params::new(0.5).tolerance(1e-11).check().unwrap();
        for marginals in [Marginals::Balanced, Marginals::Unbalanced { rho_a: 0.5, rho_b: 0.5 }] {
            let clouds = |x, y| Clouds { x, y, dim: DIM, ground: Ground::Squared };
            let between = params.divergence(&a, &b, clouds(&x, &y), marginals).unwrap();
            prop_assert!(between.converged && between.value >= -1e-9, "{marginals:?} {between:?}");
            let back = params.divergence(&b, &a, clouds(&y, &x), marginals).unwrap();
            prop_assert!((between.value - back.value).abs() < 1e-9);
            let same = params.divergence(&a, &a, clouds(&x, &x), marginals).unwrap();
            prop_assert!(same.value.abs() < 1e-12 && same.x.iter().all(|g| g.abs() < 1e-9));
        }
    }

    #[test]
    fn a_batch_is_its_problems(sizes in proptest::collection::vec((1usize..9, 1usize..9), 1..6)) {
        let made: Vec<_> = sizes.iter().map(|&(n, m)| {
            let cost: Vec<f64> = (0..n * m).map(|at| ((at * 37 + n) % 23) as f64 / 23.0).collect();
            (vec![1.0 / n as f64; n], vec![1.0 / m as f64; m], cost)
        }).collect();
        let problems: Vec<_> = made.iter().map(|(a, b, cost)| Problem::new(a, b, cost).unwrap()).collect();
        let batch = params(0.1).solve_batch(&problems).unwrap();
        for (problem, together) in problems.iter().zip(batch) {
            let alone = params(0.1).solve(problem).unwrap();
            prop_assert_eq!(alone.potentials, together.potentials);
        }
    }
}

#[test]
fn descending_moves_one_cloud_onto_the_other() {
    let weights = [0.25; 4];
    let mut x = vec![0.0, 0.0, 0.1, 0.0, 0.0, 0.1, 0.1, 0.1];
    let y = vec![1.0, 1.0, 2.0, 1.0, 1.0, 2.0, 2.0, 2.0];
    let params = Params::new(0.05).tolerance(1e-9).check().unwrap();
    let at = |x: &[f64]| {
        let clouds = Clouds { x, y: &y, dim: DIM, ground: Ground::Squared };
        params.divergence(&weights, &weights, clouds, Marginals::Balanced).unwrap()
    };
    let first = at(&x).value;
    for _ in 0..60 {
        let gradient = at(&x).x;
        x.iter_mut().zip(gradient).for_each(|(x, g)| *x -= g);
    }
    assert!(at(&x).value < 1e-3 * first, "{} {first}", at(&x).value);
}

#[test]
fn a_divergence_is_symmetric_or_refused() {
    let points = [0.0, 1.0];
    let clouds = Clouds { x: &points, y: &points, dim: 1, ground: Ground::Squared };
    for marginals in [Marginals::Unbalanced { rho_a: 1.0, rho_b: 2.0 }, Marginals::Partial { mass: 0.5 }] {
        let error = params(0.1).divergence(&[0.5; 2], &[0.5; 2], clouds, marginals).unwrap_err().to_string();
        assert!(error.starts_with("marginals: expected balanced ones or the same price"), "{error}");
    }
}
