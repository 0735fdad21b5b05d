//! Gradients against autograd and central differences, device iterations against the solver.

use super::*;
use crate::ot::Params;

fn problem(n: i64, m: i64, kind: Kind) -> (Tensor, Tensor, Tensor) {
    tch::manual_seed(n * 100 + m);
    let weights = |count: i64| {
        let raw = Tensor::rand([count], (kind, Device::Cpu)) + 0.2;
        &raw / raw.sum(kind)
    };
    (weights(n), weights(m), Tensor::rand([n, m], (kind, Device::Cpu)))
}

fn balanced<'a>(a: &'a Tensor, b: &'a Tensor, cost: &'a Tensor) -> TensorProblem<'a> {
    TensorProblem { a, b, cost, marginals: Marginals::Balanced }
}

/// Rounded to `f32` it was once.
#[test]
fn values_of_f64_keep_their_digits() {
    let (a, b, cost) = problem(6, 5, Kind::Double);
    let params = Params::new(0.1).tolerance(1e-12).check().unwrap();
    let solved = solve(&balanced(&a, &b, &cost), &params, None, Gradient::Envelope).unwrap();
    assert_eq!(solved.regularised_value.kind(), Kind::Double);
    let (found, expected) = (solved.regularised_value.double_value(&[]), solved.solution.dual_value);
    assert!((found - expected).abs() < 1e-13, "{found} {expected}");
}

#[test]
fn envelope_gradients_are_central_differences() {
    let (a, b, cost) = problem(6, 5, Kind::Double);
    let params = Params::new(0.1).tolerance(1e-12).check().unwrap();
    let value = |a: &Tensor, cost: &Tensor| {
        solve(&balanced(a, &b, cost), &params, None, Gradient::Envelope).unwrap().solution.dual_value
    };
    let (a, cost) = (a.set_requires_grad(true), cost.set_requires_grad(true));
    solve(&balanced(&a, &b, &cost), &params, None, Gradient::Envelope).unwrap().regularised_value.backward();
    let direction = Tensor::randn([6, 5], (Kind::Double, Device::Cpu));
    let step = 1e-4;
    let along = |by: f64| value(&a.detach(), &(cost.detach() + &direction * by));
    let expected = (cost.grad() * &direction).sum(Kind::Double).double_value(&[]);
    let found = (along(step) - along(-step)) / (2.0 * step);
    assert!((found - expected).abs() < 1e-5 * expected.abs().max(1e-2), "{found} {expected}");
    // Weights move along a direction that keeps their mass.
    let shift = Tensor::from_slice(&[1.0, -1.0, 0.5, -0.5, 0.25, -0.25]) * 0.1;
    let along = |by: f64| value(&(a.detach() + &shift * by), &cost.detach());
    let expected = (a.grad() * &shift).sum(Kind::Double).double_value(&[]);
    let found = (along(step) - along(-step)) / (2.0 * step);
    assert!((found - expected).abs() < 1e-5 * expected.abs().max(1e-2), "{found} {expected}");
}

#[test]
fn unrolled_plans_are_the_solver_s_and_their_gradients_differences() {
    let (a, b, cost) = problem(5, 7, Kind::Double);
    let params = Params::new(0.2).tolerance(1e-12).check().unwrap();
    let gradient = Gradient::Unrolled { iterations: 60 };
    let cost = cost.set_requires_grad(true);
    let found = solve(&balanced(&a, &b, &cost), &params, None, gradient).unwrap();
    let plain = solve(&balanced(&a, &b, &cost), &params, None, Gradient::Envelope).unwrap();
    assert!(found.plan.allclose(&plain.plan, 1e-8, 1e-10, false));
    // The transport cost itself, whose gradient passes through the plan: no envelope gives it.
    found.value.backward();
    let direction = Tensor::randn([5, 7], (Kind::Double, Device::Cpu));
    let value = |by: f64| {
        let moved = cost.detach() + &direction * by;
        solve(&balanced(&a, &b, &moved), &params, None, Gradient::Envelope).unwrap().solution.value
    };
    let expected = (value(1e-4) - value(-1e-4)) / 2e-4;
    let along = (cost.grad() * direction).sum(Kind::Double).double_value(&[]);
    assert!((along - expected).abs() < 1e-4 * expected.abs().max(1e-2), "{along} {expected}");
}

#[test]
fn an_unrolled_envelope_is_the_plan() {
    let (a, b, cost) = problem(4, 4, Kind::Double);
    let params = Params::new(0.3).tolerance(1e-12).check().unwrap();
    let cost = cost.set_requires_grad(true);
    let found =
        solve(&balanced(&a, &b, &cost), &params, None, Gradient::Unrolled { iterations: 80 }).unwrap();
    // <C, P> + ε KL(P | a⊗b) through the unrolled plan.
    let independent = a.unsqueeze(1) * b.unsqueeze(0);
    let entropy = (&found.plan * (&found.plan / independent).log()).sum(Kind::Double);
    (&found.value + entropy * 0.3).backward();
    assert!(cost.grad().allclose(&found.plan.detach(), 1e-5, 1e-7, false));
}

#[test]
fn device_iterations_lead_where_the_solver_does() {
    for kind in [Kind::Float, Kind::Double] {
        let (a, b, cost) = problem(40, 33, kind);
        let params = Params::new(0.05).tolerance(1e-5).check().unwrap();
        let reached = iterate(&balanced(&a, &b, &cost), &params).unwrap();
        assert!(reached.row_error <= 1e-5, "{}", reached.row_error);
        let potentials = reached.potentials().unwrap();
        let params = Params::new(0.05).tolerance(1e-4).check().unwrap();
        let found = solve(&balanced(&a, &b, &cost), &params, Some(&potentials), Gradient::Envelope).unwrap();
        assert!(found.solution.converged && found.solution.iterations == 1, "{kind:?} {:?}", found.solution);
    }
}

#[test]
fn zero_weights_and_unbalanced_problems_on_tensors() {
    let a = Tensor::from_slice(&[0.5f32, 0.0, 0.5]);
    let b = Tensor::from_slice(&[1.0f32, 1.0]);
    let cost = Tensor::from_slice(&[0.0f32, 1.0, 1.0, 0.0, 2.0, 0.5]).view([3, 2]);
    let marginals = Marginals::Unbalanced { rho_a: 1.0, rho_b: 1.0 };
    let problem = TensorProblem { a: &a, b: &b, cost: &cost, marginals };
    let found = solve(&problem, &Params::new(0.1).check().unwrap(), None, Gradient::Envelope).unwrap();
    assert!(found.solution.converged && found.plan.isfinite().all().int64_value(&[]) == 1);
    let refused =
        solve(&problem, &Params::new(0.1).check().unwrap(), None, Gradient::Unrolled { iterations: 2 });
    assert!(refused.unwrap_err().to_string().starts_with("marginals: expected balanced ones"));
}

#[test]
fn forms_that_do_not_fit_are_named() {
    let (a, b, cost) = problem(3, 4, Kind::Float);
    let params = Params::new(0.1).check().unwrap();
    let wrong = balanced(&b, &a, &cost);
    let message = solve(&wrong, &params, None, Gradient::Envelope).unwrap_err().to_string();
    assert!(message.contains("a [n], b [m] and cost [n, m]") && message.contains("[3, 4]"), "{message}");
    let double = a.to_kind(Kind::Double);
    assert!(iterate(&balanced(&double, &b, &cost), &params).is_err());
}
