//! `ot` against hand computation.

use crate::{
    files::{npy, numbers},
    support::Scene,
};

/// Uniform weights on two points a unit apart: the plan is `[[p, q], [q, p]]` with `q / p = exp(−1/ε)` and
/// `p + q = 1/2`, so the cost is `2q = 1 / (1 + exp(1/ε))`.
#[test]
fn two_points_a_unit_apart() {
    let scene = Scene::new();
    scene.write("c.npy", npy(&[2, 2], &[0f32, 1.0, 1.0, 0.0]));
    for reg in [0.02, 0.3, 3.0] {
        let solved = scene.json(&format!("ot --cost c.npy --reg {reg} --tol 1e-12 --plan p.npy --threads 1"));
        let moved = 1.0 / (1.0 + (1.0f64 / reg).exp());
        assert!((solved["value"].as_f64().unwrap() - moved).abs() < 1e-12, "{reg}: {solved}");
        assert_eq!(solved["converged"], true);
        let (shape, plan) = numbers(&scene.read("p.npy"));
        assert_eq!(shape, [2, 2]);
        let [p, q] = [(1.0 - moved) / 2.0, moved / 2.0];
        assert!(
            plan.iter().zip([p, q, q, p]).all(|(found, entry)| (found - entry).abs() < 1e-12),
            "{plan:?}"
        );
        // <C, T> − ε H(T), H the entropy relative to the product of the weights up to its constant, and its dual.
        let [primal, dual] = ["regularised_value", "dual_value"].map(|name| solved[name].as_f64().unwrap());
        assert!((primal - dual).abs() < 1e-9, "{solved}");
    }
}

#[test]
fn the_plan_s_marginals_are_the_weights() {
    let scene = Scene::new();
    let (n, m) = (7, 5);
    let cost: Vec<f64> = (0..n * m).map(|at| ((at * 37 + 11) % 23) as f64 / 23.0).collect();
    let total = |weights: &[f64]| weights.iter().sum::<f64>();
    let a: Vec<f64> = (1..=n).map(|row| row as f64).collect();
    let b: Vec<f64> = (1..=m).map(|column| (column * column) as f64).collect();
    let b: Vec<f64> = b.iter().map(|weight| weight * total(&a) / total(&b)).collect();
    scene.write("c.npy", npy(&[n as u64, m as u64], &cost));
    scene.write("a.npy", npy(&[n as u64], &a));
    scene.write("b.npy", npy(&[m as u64], &b));
    let line = "ot --cost c.npy --a a.npy --b b.npy --reg 0.05 --tol 1e-10 --plan p.npy --threads 1";
    let solved = scene.json(line);
    let (shape, plan) = numbers(&scene.read("p.npy"));
    assert_eq!(shape, [n as u64, m as u64]);
    assert!(plan.iter().all(|&entry| entry >= 0.0));
    for (row, weight) in a.iter().enumerate() {
        assert!((total(&plan[row * m..][..m]) - weight).abs() < 1e-8, "row {row}");
    }
    for (column, weight) in b.iter().enumerate() {
        let sum: f64 = plan.iter().skip(column).step_by(m).sum();
        assert!((sum - weight).abs() < 1e-8, "column {column}");
    }
    let value: f64 = plan.iter().zip(&cost).map(|(mass, cost)| mass * cost).sum();
    assert!((solved["value"].as_f64().unwrap() - value).abs() < 1e-9, "{solved}");
}

#[test]
fn giving_up_is_said() {
    let scene = Scene::new();
    scene.write("c.npy", npy(&[2, 3], &[0f64, 1.0, 2.0, 5.0, 1.0, 0.0]));
    let solved = scene.json("ot --cost c.npy --reg 0.001 --tol 1e-14 --max-iter 1 --threads 1");
    assert_eq!((&solved["converged"], &solved["iterations"]), (&false.into(), &1.into()));
}
