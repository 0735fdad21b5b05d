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

#[test]
fn every_solver_is_reached_and_agrees() {
    let scene = Scene::new();
    let cost: Vec<f64> = (0..30).map(|at| ((at * 37 + 11) % 23) as f64 / 23.0).collect();
    scene.write("c.npy", npy(&[5, 6], &cost));
    let value = |options: &str| {
        let solved = scene.json(&format!("ot --cost c.npy --threads 1 {options}"));
        assert_eq!(solved["converged"], true, "{solved}");
        (solved["value"].as_f64().unwrap(), solved["method"].as_str().unwrap().to_owned())
    };
    let methods = ["log", "stabilised", "scaling"];
    let values = methods.map(|method| value(&format!("--reg 0.05 --tol 1e-9 --method {method}")));
    for (method, (found, name)) in methods.into_iter().zip(&values) {
        assert!(name == method && (found - values[0].0).abs() < 1e-7, "{values:?}");
    }
    let (exact, name) = value("--exact --plan p.npy");
    assert!(name == "exact" && exact <= values[0].0 && exact >= values[0].0 - 0.05 * 6f64.ln());
    let (shape, plan) = numbers(&scene.read("p.npy"));
    assert_eq!(shape, [5, 6]);
    assert!((plan.iter().zip(&cost).map(|(mass, cost)| mass * cost).sum::<f64>() - exact).abs() < 1e-12);
    // Half the mass is moved for less than half the cost; with a low price hardly any is.
    let half = scene.json("ot --cost c.npy --threads 1 --exact --mass 0.5");
    assert!(
        half["value"].as_f64().unwrap() < 0.5 * exact && (half["mass"].as_f64().unwrap() - 0.5).abs() < 1e-12,
        "{half}"
    );
    let cheap = scene.json("ot --cost c.npy --threads 1 --reg 0.05 --rho 0.01");
    assert!(cheap["mass"].as_f64().unwrap() < 1.0, "{cheap}");
}

#[test]
fn options_that_do_not_fit_are_refused() {
    let scene = Scene::new();
    scene.write("c.npy", npy(&[2, 2], &[0f64, 1.0, 200.0, 0.0]));
    let refused = |options: &str| scene.refused(&format!("ot --cost c.npy {options}"));
    assert!(
        refused("--reg 1 --method scaling").starts_with("--reg: expected at least 1/80 of the largest cost")
    );
    assert!(refused("--exact --mass 1.5").starts_with("--mass: expected more than 0 and at most 1"));
    assert!(refused("--reg 1 --rho=-1").starts_with("--rho: expected a price from 0"));
    scene.write("huge.npy", npy(&[2, 2], &[0f64, 1e300, 1e300, 0.0]));
    for options in ["--reg 1e148", "--exact"] {
        let message = scene.refused(&format!("ot --cost huge.npy {options}"));
        assert!(message.starts_with("huge.npy: expected costs of at most 1e150"), "{message}");
    }
    if cfg!(target_os = "linux") {
        let outcome = scene.run("ot --cost c.npy --exact --plan /dev/full");
        assert_eq!(outcome.code, Some(1), "a full disk is no mistake of the user's: {}", outcome.stderr);
    }
    for options in ["", "--reg 1 --exact", "--reg 1 --rho 1 --mass 0.5", "--exact --rho 1"] {
        refused(options);
    }
}
