//! Costs against their definition, gradients against autograd and differences, plans against what they must do.

use super::*;

const CPU: (Kind, Device) = (Kind::Float, Device::Cpu);

fn views(rows: i64, dim: i64) -> (Tensor, Tensor) {
    tch::manual_seed(rows * 100 + dim);
    (Tensor::randn([rows, dim], CPU), Tensor::randn([rows, dim], CPU) * 0.5 + 0.3)
}

/// `C` by the `[rows, dim, dim]` broadcast that the crate avoids.
fn broadcast(cost: CoordinateCost, x: &Tensor, y: &Tensor) -> Tensor {
    let difference = x.unsqueeze(2) - y.unsqueeze(1);
    let each = match cost {
        CoordinateCost::Squared => difference.square(),
        CoordinateCost::Absolute => difference.abs(),
    };
    each.mean_dim(0, false, Kind::Float)
}

#[test]
fn costs_are_their_definition() {
    for cost in [CoordinateCost::Squared, CoordinateCost::Absolute] {
        for (rows, dim) in [(1, 1), (5, 3), (700, 33)] {
            let (x, y) = views(rows, dim);
            let found = cost.between(&x, &y).unwrap();
            assert!(found.allclose(&broadcast(cost, &x, &y), 1e-5, 1e-6, false), "{cost:?} {rows}×{dim}");
        }
    }
}

#[test]
fn gradients_are_autograd_s_and_differences() {
    for cost in [CoordinateCost::Squared, CoordinateCost::Absolute] {
        let (x, y) = views(40, 9);
        let weights = Tensor::rand([9, 9], CPU);
        let (x, y) = (x.set_requires_grad(true), y.set_requires_grad(true));
        (broadcast(cost, &x, &y) * &weights).sum(Kind::Float).backward();
        let (dx, dy) = cost.gradient(&x.detach(), &y.detach(), &weights).unwrap();
        let gap = |ours: &Tensor, theirs: Tensor| {
            (ours - &theirs).norm().double_value(&[]) / theirs.norm().double_value(&[])
        };
        assert!(gap(&dx, x.grad()) < 1e-5 && gap(&dy, y.grad()) < 1e-5, "{cost:?}");
        let value =
            |x: &Tensor| (cost.between(x, &y).unwrap() * &weights).sum(Kind::Double).double_value(&[]);
        let direction = Tensor::randn([40, 9], CPU);
        let along = |step: f64| value(&tch::no_grad(|| &x + &direction * step));
        // Short, so that hardly any of the 3,240 absolute values crosses its kink on the way.
        let difference = (along(2e-4) - along(-2e-4)) / 4e-4;
        let expected = (dx * direction).sum(Kind::Double).double_value(&[]);
        assert!((difference - expected).abs() < 1e-2 * expected.abs(), "{cost:?}: {difference} {expected}");
    }
}

#[test]
fn a_planted_permutation_of_coordinates_is_found() {
    let (x, _) = views(2000, 12);
    let order = Tensor::from_slice(&[3i64, 0, 7, 1, 11, 5, 2, 9, 4, 10, 6, 8]);
    let target = x.index_select(1, &order);
    let mut oat = CoordinateTransport::new(TransportConfig { relative_epsilon: 0.02, ..Default::default() });
    let transport = oat.align(&x, &target).unwrap();
    // Moved along the plan, the view lies on the target.
    let moved = x.matmul(&transport.map);
    assert!((moved - target).abs().max().double_value(&[]) < 1e-3);
    assert!(transport.wasserstein.double_value(&[]) < 1e-3);
}

#[test]
fn maps_are_barycentric_at_any_scale() {
    // Row a of the released code's table: its plan is exactly zero from rms 0.08 on. Row b: it lacks the factor d.
    for scale in [1e-4, 0.08, 1.0, 1e3] {
        let (x, y) = views(300, 16);
        let mut oat = CoordinateTransport::new(TransportConfig::default());
        let transport = oat.align(&(x * scale), &(y * scale)).unwrap();
        let sums = transport.map.sum_dim_intlist(1, false, Kind::Float);
        assert!((sums - 1.0).abs().max().double_value(&[]) < 2e-2, "scale {scale}");
        assert!(transport.marginal_error() <= 1e-3, "scale {scale}: {}", transport.marginal_error());
    }
}

#[test]
fn descending_on_the_wasserstein_term_brings_views_together() {
    let (x, y) = views(100, 8);
    let mut oat = CoordinateTransport::new(TransportConfig::default());
    let mut x = x.set_requires_grad(true);
    let first = oat.align(&x, &y).unwrap().wasserstein.double_value(&[]);
    for _ in 0..50 {
        x.zero_grad();
        oat.align(&x, &y).unwrap().wasserstein.backward();
        x = (x.detach() - x.grad() * 100.0).set_requires_grad(true);
    }
    let last = oat.align(&x, &y).unwrap().wasserstein.double_value(&[]);
    assert!(last < 0.6 * first, "{first} {last}");
}

#[test]
fn a_warm_start_from_the_answer_takes_one_iteration() {
    let (x, y) = views(200, 24);
    let mut oat = CoordinateTransport::new(TransportConfig::default());
    let cold = oat.align(&x, &y).unwrap();
    let warm = oat.align(&x, &y).unwrap();
    assert!(cold.iterations > 1 && warm.iterations == 1, "{} {}", cold.iterations, warm.iterations);
    oat.reset();
    assert_eq!(oat.align(&x, &y).unwrap().iterations, cold.iterations);
}

#[test]
fn equal_and_bad_views() {
    let mut oat = CoordinateTransport::new(TransportConfig::default());
    let flat = Tensor::ones([4, 3], CPU);
    assert!(oat.align(&flat, &flat).unwrap().map.isfinite().all().int64_value(&[]) == 1);
    let mut with_nan = flat.copy();
    recgoat_torch::as_slice_mut(&mut with_nan).unwrap()[2] = f32::NAN;
    let error = oat.align(&with_nan, &flat).unwrap_err().to_string();
    assert!(error.starts_with("cost["), "{error}");
    assert!(oat.align(&flat, &Tensor::ones([4, 2], CPU)).is_err());
    assert!(oat.align(&Tensor::ones([0, 3], CPU), &Tensor::ones([0, 3], CPU)).is_err());
}

/// What the released code's plan weighs, by the root mean square of an entry: the figures of the specification's table.
#[test]
fn the_released_plan_loses_its_mass() {
    let mass = |solver: PlanSolver, size: f64| {
        tch::manual_seed(5);
        let [x, y] = [(); 2].map(|()| Tensor::randn([3000, 64], CPU) * size);
        let mut oat = CoordinateTransport::new(TransportConfig { solver, ..Default::default() });
        let found = oat.align(&x, &y).unwrap();
        found.mass()
    };
    for size in [0.01, 0.05, 0.1, 1.0] {
        assert!((mass(PlanSolver::Certified, size) - 1.0).abs() < 1e-3);
    }
    assert!(mass(PlanSolver::Released, 0.005) > 0.9);
    let falling = mass(PlanSolver::Released, 0.05);
    assert!(falling > 0.0 && falling < 1e-4, "{falling}");
    assert_eq!(mass(PlanSolver::Released, 0.1), 0.0);
}

/// What runs on a device, here on the CPU: from a cold start and from the last step's, while the views move as in training.
#[test]
fn resident_plans_are_the_certified_ones() {
    for (dim, move_by) in [(16, 0.0), (16, 1e-2), (64, 1e-2), (64, 3e-2)] {
        let (mut x, y) = views(400, dim);
        let settings = TransportConfig { tolerance: 1e-6, max_iterations: 2000, ..Default::default() };
        let mut resident = CoordinateTransport::new(TransportConfig::default());
        for step in 0..20 {
            let cost = CoordinateCost::Squared.between(&x, &y).unwrap();
            let (plan, iterations) = resident.resident(&cost).unwrap();
            assert_eq!(iterations, if step == 0 { 200 } else { WARM_ITERATIONS });
            let expected = CoordinateTransport::new(settings).certified(&cost).unwrap().0;
            let gap = (&plan - expected).abs().sum(Kind::Double).double_value(&[]);
            assert!(gap < 2e-3, "dim {dim}, moved by {move_by}, step {step}: {gap}");
            x += Tensor::randn([400, dim], CPU) * move_by;
        }
    }
}

#[test]
fn resident_plans_of_equal_and_broken_views() {
    let mut oat = CoordinateTransport::new(TransportConfig::default());
    let (plan, _) = oat.resident(&Tensor::zeros([3, 3], CPU)).unwrap();
    assert!((plan - 1.0 / 9.0).abs().max().double_value(&[]) < 1e-7);
    // No number raises an error here: it reaches the loss, which the trainer looks at.
    let (plan, _) = oat.resident(&(Tensor::ones([3, 3], CPU) * f64::NAN)).unwrap();
    assert!(plan.isnan().all().int64_value(&[]) == 1);
}

#[test]
fn the_absolute_cost_and_its_gradient_are_the_same_on_a_device() {
    let (x, y) = views(50, 7);
    let weights = Tensor::rand([7, 7], CPU);
    let cost = CoordinateCost::Absolute.between(&x, &y).unwrap();
    assert!(absolute::cost_there(&x, &y).allclose(&cost, 1e-5, 1e-6, false));
    let (dx, dy) = CoordinateCost::Absolute.gradient(&x, &y, &weights).unwrap();
    assert!(absolute::gradient_there(&x, &y, &weights).allclose(&dx, 1e-5, 1e-7, false));
    assert!(absolute::gradient_there(&y, &x, &weights.tr()).allclose(&dy, 1e-5, 1e-7, false));
}
