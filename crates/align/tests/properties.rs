//! The shipped property list, on our own solver: every family of cases, every method, both precisions, the tensors.
#![cfg(feature = "testing")]

use recgoat_align::ot::{
    Method, Params, Problem, Real, Relaxation,
    testing::{Answer, Case, Family, all},
};

/// The default.
const TOLERANCE: f64 = 1e-6;
/// Without `Ties`: its checks at falling ε couple clusters by exp(−50), and an error of 2.5e-6 is left after 200,000
/// iterations (docs/decisions/0012). The solver says so; a check of plans cannot.
const FAMILIES: [Family; 6] =
    [Family::Flat, Family::Clouds, Family::Steep, Family::Sparse, Family::Lopsided, Family::Offset];

fn ours<F: Real>(case: &Case, params: Params) -> Answer {
    let narrow = |values: &[f64]| values.iter().map(|&x| F::of(x)).collect::<Vec<F>>();
    let (a, b, cost) = (narrow(&case.a), narrow(&case.b), narrow(&case.cost));
    let problem = Problem::new(&a, &b, &cost).expect("cases are sound");
    let solution = params.check().and_then(|params| params.solve(&problem)).expect("cases are in range");
    let plan = solution.plan(&problem).into_iter().map(Real::wide).collect();
    Answer { plan, value: solution.value }
}

fn holds(solver: impl Fn(&Case, f64) -> Answer, tolerance: f64, families: &[Family]) {
    for &family in families {
        for (seed, (n, m)) in [(1, 1), (5, 8), (6, 6), (17, 3)].into_iter().enumerate() {
            let case = Case::random(seed as u64, n, m, family);
            assert_eq!(all(&solver, &case, tolerance), [], "{family:?} {n} × {m}");
        }
    }
}

#[test]
fn in_double_precision_by_every_method() {
    for method in [Method::Auto, Method::Log, Method::Stabilised] {
        for relaxation in [Relaxation::Adaptive, Relaxation::Off] {
            let solver = |case: &Case, tolerance: f64| {
                let params = Params::new(case.epsilon).tolerance(tolerance).max_iterations(200_000);
                ours::<f64>(case, params.method(method).relaxation(relaxation))
            };
            holds(solver, TOLERANCE, &FAMILIES);
        }
    }
}

#[test]
fn in_single_precision() {
    let solver = |case: &Case, tolerance: f64| {
        ours::<f32>(case, Params::new(case.epsilon).tolerance(tolerance).max_iterations(200_000))
    };
    // Costs near 1,000 rounded to f32 are other costs.
    holds(solver, 1e-4, &[Family::Flat, Family::Clouds, Family::Sparse, Family::Lopsided]);
}

#[cfg(feature = "torch")]
#[test]
fn on_tensors() {
    use recgoat_align::{
        ot::Marginals,
        tensor::{Gradient, TensorProblem, solve},
    };
    use tch::Tensor;

    let solver = |case: &Case, tolerance: f64| {
        let [a, b] = [&case.a, &case.b].map(|weights| Tensor::from_slice(weights));
        let cost = Tensor::from_slice(&case.cost).view([case.a.len() as i64, case.b.len() as i64]);
        let problem = TensorProblem { a: &a, b: &b, cost: &cost, marginals: Marginals::Balanced };
        let params = Params::new(case.epsilon).tolerance(tolerance).max_iterations(200_000).check();
        let found = solve(&problem, &params.expect("in range"), None, Gradient::Envelope).expect("sound");
        let plan = Vec::<f64>::try_from(found.plan.view(-1)).expect("a plan of doubles");
        Answer { plan, value: found.solution.value }
    };
    holds(solver, TOLERANCE, &FAMILIES);
}
