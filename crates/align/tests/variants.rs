//! One problem solved in every way the crate has, and problems that are not balanced.
//!
//! - agreement: `methods_agree`, `points_and_closures_are_their_matrix`,
//!   `a_restart_from_the_answer_takes_one_iteration`, `scaling_down_leads_to_the_same_plan`
//! - other marginals: `unbalanced_plans_meet_their_fixed_point`, `a_high_price_is_a_fixed_marginal`,
//!   `semi_relaxed_plans_keep_one_side`, `partial_plans_take_at_most_the_weights`
//! - honesty: `five_hundred_problems_never_lie`
//! - regressions: `weightless_atoms_leave_no_trace`, `no_start_is_bad_enough_to_stall`,
//!   `plans_beyond_their_type_are_refused`
//! - refusals: `refusals_name_argument_value_and_index`

use proptest::prelude::*;
use recgoat_align::ot::{
    Clouds, CostFn, Ground, Marginals, Method, Params, Potentials, Problem, Relaxation, Scaling, exact,
};

fn measure(n: usize) -> impl Strategy<Value = Vec<f64>> {
    proptest::collection::vec(0.05f64..1.0, n).prop_map(|w| {
        let total: f64 = w.iter().sum();
        w.into_iter().map(|x| x / total).collect()
    })
}

fn problem() -> impl Strategy<Value = (Vec<f64>, Vec<f64>, Vec<f64>, f64)> {
    (1usize..20, 1usize..90).prop_flat_map(|(n, m)| {
        (measure(n), measure(m), proptest::collection::vec(0f64..3.0, n * m), 0.05f64..2.0)
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

fn tight(epsilon: f64) -> Params {
    Params::new(epsilon).tolerance(1e-10).max_iterations(100_000)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn methods_agree((a, b, cost, epsilon) in problem()) {
        let problem = Problem::new(&a, &b, &cost).unwrap();
        let plans: Vec<Vec<f64>> = [Method::Auto, Method::Log, Method::Stabilised, Method::Kernel].into_iter()
            .flat_map(|method| [Relaxation::Adaptive, Relaxation::Off].map(|relaxation| (method, relaxation)))
            .map(|(method, relaxation)| {
                let params = tight(epsilon).method(method).relaxation(relaxation).check().unwrap();
                let solution = params.solve(&problem).unwrap();
                assert!(solution.converged, "{method:?} {relaxation:?} {solution:?}");
                solution.plan(&problem)
            })
            .collect();
        prop_assert!(plans.iter().all(|plan| apart(plan, &plans[0]) < 1e-8));
    }

    #[test]
    fn a_restart_from_the_answer_takes_one_iteration((a, b, cost, epsilon) in problem()) {
        let problem = Problem::new(&a, &b, &cost).unwrap();
        for method in [Method::Log, Method::Stabilised] {
            for tolerance in [1e-4, 1e-9] {
                let params = Params::new(epsilon).tolerance(tolerance).method(method).max_iterations(100_000);
                let params = params.check().unwrap();
                let found = params.solve(&problem).unwrap();
                let again = params.solve_from(&problem, &found.potentials).unwrap();
                prop_assert!(found.converged && again.converged && again.iterations == 1, "{method:?} {again:?}");
            }
        }
    }

    #[test]
    fn scaling_down_leads_to_the_same_plan((a, b, cost, epsilon) in problem()) {
        let problem = Problem::new(&a, &b, &cost).unwrap();
        let plan = |scaling, method| -> Vec<f64> {
            tight(epsilon).scaling(scaling).method(method).check().unwrap().solve(&problem).unwrap().plan(&problem)
        };
        let direct = plan(Scaling::Off, Method::Auto);
        prop_assert!(apart(&direct, &plan(Scaling::From(64.0), Method::Auto)) < 1e-8);
        prop_assert!(apart(&direct, &plan(Scaling::From(64.0), Method::Log)) < 1e-8);
    }

    #[test]
    fn points_and_closures_are_their_matrix(
        (n, m, dim) in (1usize..20, 1usize..90, 1usize..4), seed in proptest::collection::vec(0.1f64..2.0, 400),
        epsilon in 0.1f64..1.0,
    ) {
        let (x, y) = (&seed[..n * dim], &seed[100..][..m.min(90) * dim]);
        let (a, b) = (vec![1.0 / n as f64; n], vec![1.0 / m as f64; m]);
        for ground in [Ground::Squared, Ground::Absolute, Ground::Cosine] {
            let pair = |i: usize, j: usize| -> f64 {
                let (x, y) = (&x[i * dim..][..dim], &y[j * dim..][..dim]);
                let sum = |term: fn(f64, f64) -> f64| x.iter().zip(y).map(|(x, y)| term(*x, *y)).sum::<f64>();
                match ground {
                    Ground::Squared => sum(|x, y| (x - y) * (x - y)),
                    Ground::Absolute => sum(|x, y| (x - y).abs()),
                    _ => 1.0 - sum(|x, y| x * y) / (sum(|x, _| x * x) * sum(|_, y| y * y)).sqrt(),
                }
            };
            let cost: Vec<f64> = (0..n * m).map(|at| pair(at / m, at % m)).collect();
            let fill: &CostFn<'_, f64> = &|rows, columns, out| {
                for (out, row) in out.chunks_mut(columns.len()).zip(rows) {
                    out.iter_mut().zip(columns.clone()).for_each(|(out, column)| *out = pair(row, column));
                }
            };
            let dense = Problem::new(&a, &b, &cost).unwrap();
            let points = Problem::new(&a, &b, Clouds { x, y, dim, ground }).unwrap();
            let closure = Problem::new(&a, &b, recgoat_align::ot::Cost::Blocks(fill)).unwrap();
            let expected: Vec<f64> = tight(epsilon).check().unwrap().solve(&dense).unwrap().plan(&dense);
            for problem in [points, closure] {
                for method in [Method::Log, Method::Stabilised] {
                    let solution = tight(epsilon).method(method).check().unwrap().solve(&problem).unwrap();
                    prop_assert!(solution.converged);
                    prop_assert!(apart(&solution.plan(&problem), &expected) < 1e-8, "{ground:?} {method:?}");
                }
                let applied = tight(epsilon).check().unwrap().solve(&problem).unwrap().apply(&problem, &vec![1.0; m], 1);
                prop_assert!(apart(&applied, &a) < 1e-8);
            }
        }
    }

    #[test]
    fn unbalanced_plans_meet_their_fixed_point(
        (a, b, cost, epsilon) in problem(), rho_a in 0.05f64..5.0, rho_b in 0.05f64..5.0, heavier in 0.2f64..5.0,
    ) {
        let a: Vec<f64> = a.iter().map(|a| heavier * a).collect();
        let marginals = Marginals::Unbalanced { rho_a, rho_b };
        let problem = Problem::with_marginals(&a, &b, &cost, marginals).unwrap();
        for method in [Method::Log, Method::Stabilised] {
            let solution = tight(epsilon).method(method).check().unwrap().solve(&problem).unwrap();
            let plan: Vec<f64> = solution.plan(&problem);
            let (rows, columns) = sums(&plan, b.len());
            let wanted = |weights: &[f64], potentials: &[f64], rho: f64| -> Vec<f64> {
                weights.iter().zip(potentials).map(|(w, p)| w * (-p / rho).exp()).collect()
            };
            prop_assert!(solution.converged);
            prop_assert!(apart(&rows, &wanted(&a, &solution.potentials.f, rho_a)) < 1e-8);
            prop_assert!(apart(&columns, &wanted(&b, &solution.potentials.g, rho_b)) < 1e-8);
            // The primal objective from its definition; no duality gap.
            let kl = |p: f64, q: f64| if p > 0.0 { p * (p / q).ln() - p + q } else { q };
            let m = b.len();
            let mut primal = plan.iter().enumerate().map(|(at, p)| p * cost[at] + epsilon * kl(*p, a[at / m] * b[at % m])).sum::<f64>();
            primal += rho_a * rows.iter().zip(&a).map(|(p, q)| kl(*p, *q)).sum::<f64>();
            primal += rho_b * columns.iter().zip(&b).map(|(p, q)| kl(*p, *q)).sum::<f64>();
            let scale = primal.abs().max(1.0);
            prop_assert!((primal - solution.dual_value).abs() < 1e-7 * scale, "{primal} {}", solution.dual_value);
            prop_assert!((primal - solution.regularised_value).abs() < 1e-7 * scale);
        }
    }

    #[test]
    fn a_high_price_is_a_fixed_marginal((a, b, cost, epsilon) in problem()) {
        let balanced = Problem::new(&a, &b, &cost).unwrap();
        let marginals = Marginals::Unbalanced { rho_a: 1e7, rho_b: 1e7 };
        let priced = Problem::with_marginals(&a, &b, &cost, marginals).unwrap();
        let params = tight(epsilon).check().unwrap();
        let plan: Vec<f64> = params.solve(&balanced).unwrap().plan(&balanced);
        prop_assert!(apart(&plan, &params.solve(&priced).unwrap().plan(&priced)) < 1e-5);
    }

    #[test]
    fn semi_relaxed_plans_keep_one_side((a, b, cost, epsilon) in problem(), rho in 0.1f64..3.0, free in any::<bool>()) {
        let rho_b = if free { 0.0 } else { rho };
        let marginals = Marginals::Unbalanced { rho_a: f64::INFINITY, rho_b };
        let problem = Problem::with_marginals(&a, &b, &cost, marginals).unwrap();
        let solution = tight(epsilon).check().unwrap().solve(&problem).unwrap();
        let (rows, _) = sums(&solution.plan(&problem), b.len());
        prop_assert!(solution.converged && apart(&rows, &a) < 1e-8);
        prop_assert!(solution.duality_gap() > -1e-9 && solution.duality_gap() < 1e-6);
    }

    #[test]
    fn partial_plans_take_at_most_the_weights((a, b, cost, epsilon) in problem(), mass in 0.1f64..1.0) {
        let marginals = Marginals::Partial { mass };
        let problem = Problem::with_marginals(&a, &b, &cost, marginals).unwrap();
        for method in [Method::Log, Method::Stabilised] {
            let params = Params::new(epsilon).tolerance(1e-9).max_iterations(100_000).method(method);
            let solution = params.check().unwrap().solve(&problem).unwrap();
            let (rows, columns) = sums(&solution.plan(&problem), b.len());
            prop_assert!(solution.converged, "{solution:?}");
            prop_assert!(rows.iter().zip(&a).chain(columns.iter().zip(&b)).all(|(sum, most)| *sum <= most + 1e-8));
            prop_assert!((rows.iter().sum::<f64>() - mass).abs() < 1e-8);
            prop_assert!(solution.duality_gap().abs() < 1e-6, "{}", solution.duality_gap());
            // Never cheaper than without entropy.
            prop_assert!(solution.value >= exact::solve(&problem).unwrap().value - 1e-7);
        }
    }
}

/// A generator of its own, so that the problems are the same on every machine: splitmix64.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[test]
fn five_hundred_problems_never_lie() {
    let mut numbers = Numbers(7);
    let mut converged = 0;
    for _ in 0..500 {
        let [n, m] = [0, 1].map(|_| 1 + (numbers.next() * 40.0) as usize);
        let mut weights = |count: usize| -> Vec<f64> {
            let mut raw: Vec<f64> =
                (0..count).map(|_| if numbers.next() < 0.2 { 0.0 } else { numbers.next() }).collect();
            raw[0] += 0.1;
            let total: f64 = raw.iter().sum();
            raw.into_iter().map(|weight| weight / total).collect()
        };
        let (a, b) = (weights(n), weights(m));
        let size = 10f64.powf(numbers.next() * 6.0);
        let cost: Vec<f64> = (0..n * m).map(|_| size * numbers.next()).collect();
        let epsilon = 10f64.powf(1.0 - 5.0 * numbers.next());
        let tolerance = 10f64.powf(-3.0 - 6.0 * numbers.next());
        let method = if numbers.next() < 0.5 { Method::Log } else { Method::Auto };
        let params =
            Params::new(epsilon).tolerance(tolerance).max_iterations(2000).method(method).check().unwrap();
        let problem = Problem::new(&a, &b, &cost).unwrap();
        let solution = params.solve(&problem).unwrap();
        let plan: Vec<f64> = solution.plan(&problem);
        let fields =
            [solution.value, solution.regularised_value, solution.dual_value, solution.marginal_error];
        assert!(plan.iter().chain(&fields).all(|x| x.is_finite()), "{solution:?}");
        let (rows, columns) = sums(&plan, m);
        let gaps = rows.iter().zip(&a).chain(columns.iter().zip(&b));
        let error: f64 = gaps.map(|(sum, weight)| (sum - weight).abs()).sum();
        assert!(!solution.converged || error <= tolerance + 1e-12, "{error} {tolerance} {solution:?}");
        assert!(solution.duality_gap() >= -1e-9 * size, "{solution:?}");
        converged += usize::from(solution.converged);
    }
    // A promise that is never given would be kept too.
    assert!(converged > 200, "{converged} of 500");
}

/// Regression: an atom without weight, whose ratio or price overflows, made values NaN.
#[test]
fn weightless_atoms_leave_no_trace() {
    let cases = [
        (Marginals::Unbalanced { rho_a: 1e-3, rho_b: f64::INFINITY }, [0.0, 1.0], 1e-4),
        (Marginals::Unbalanced { rho_a: 0.0, rho_b: 0.0 }, [-80.0, 0.0], 0.1),
    ];
    for (marginals, cost, epsilon) in cases {
        let problem = Problem::with_marginals(&[0.0, 1.0], &[1.0], &cost, marginals).unwrap();
        let solution = Params::new(epsilon).check().unwrap().solve(&problem).unwrap();
        let alone = Problem::with_marginals(&[1.0], &[1.0], &cost[1..], marginals).unwrap();
        let expected = Params::new(epsilon).check().unwrap().solve(&alone).unwrap();
        assert!((solution.value - expected.value).abs() < 1e-5, "{solution:?} {expected:?}");
        assert!((solution.dual_value - expected.dual_value).abs() < 1e-5, "{solution:?} {expected:?}");
        assert!(
            solution.marginal_error.is_finite() && solution.regularised_value.is_finite(),
            "{solution:?}"
        );
    }
}

/// Regression: potentials that a dual problem does not allow, or whose plan overflows, were iterated from.
#[test]
fn no_start_is_bad_enough_to_stall() {
    let starts = [
        (Marginals::Partial { mass: 0.5 }, Potentials { f: vec![0.5], g: vec![0.7], mass: 0.8 }),
        (
            Marginals::Unbalanced { rho_a: 0.0, rho_b: f64::INFINITY },
            Potentials { f: vec![0.0], g: vec![9.56e37], mass: 0.0 },
        ),
    ];
    for (marginals, start) in starts {
        let problem = Problem::with_marginals(&[1f32], &[1.0], &[0.81], marginals).unwrap();
        for method in [Method::Log, Method::Auto] {
            // Costs of 34,000 ε leave f32 about three digits of an exponential.
            let params =
                Params::new(2.4e-5).method(method).max_iterations(45).tolerance(1e-2).check().unwrap();
            let solution = params.solve_from(&problem, &start).unwrap();
            assert!(solution.converged, "{marginals:?} {method:?} {solution:?}");
        }
    }
}

/// Regression: masses of exp(5e7), and of 5e39 in f32, were returned as infinity.
#[test]
fn plans_beyond_their_type_are_refused() {
    let marginals = Marginals::Unbalanced { rho_a: 1e-8, rho_b: 0.0 };
    let problem = Problem::with_marginals(&[1.0], &[1.0], &[-1.0], marginals).unwrap();
    let held = "mass: expected a plan whose mass its type can hold, by a larger epsilon or other units of the \
                weights, found inf";
    let refusal = Params::new(2e-8).check().unwrap().solve(&problem).unwrap_err().to_string();
    assert_eq!(refusal, held);
    let heavy = Problem::with_marginals(&[7e19f32], &[7e19], &[1.0], marginals).unwrap();
    let refusal = Params::new(1e11).check().unwrap().solve(&heavy).unwrap_err().to_string();
    assert_eq!(refusal, held);
}

#[test]
fn refusals_name_argument_value_and_index() {
    let message = |problem: recgoat_align::Result<Problem<'_, f64>>| problem.unwrap_err().to_string();
    let with = |marginals| message(Problem::with_marginals(&[1.0], &[0.5], &[1.0], marginals));
    let partial = |mass| with(Marginals::Partial { mass });
    let most = "mass: expected more than 0 and at most 0.5, what the lighter measure weighs, found ";
    for (mass, shown) in [(0.6, "0.6"), (0.0, "0"), (-1.0, "-1"), (f64::NAN, "NaN")] {
        assert_eq!(partial(mass), format!("{most}{shown}"));
    }
    assert_eq!(
        partial(1e-200),
        format!("mass: expected at least 1e-150, whose products f64 can hold, found {}", 1e-200)
    );
    let price = "expected a price from 0 to 1e150, or infinity, found ";
    assert_eq!(with(Marginals::Unbalanced { rho_a: -1.0, rho_b: 1.0 }), format!("rho_a: {price}-1"));
    assert_eq!(with(Marginals::Unbalanced { rho_a: 1.0, rho_b: f64::NAN }), format!("rho_b: {price}NaN"));
    let masses = "a and b: expected equal and positive total mass, found 1 and 0.5";
    assert_eq!(with(Marginals::Unbalanced { rho_a: f64::INFINITY, rho_b: f64::INFINITY }), masses);

    let points = |x: &[f64], dim, ground| {
        message(Problem::new(&[0.5, 0.5], &[1.0], Clouds { x, y: &[1.0], dim, ground }))
    };
    assert_eq!(points(&[1.0], 1, Ground::Squared), "x: expected 2 × 1 coordinates, found 1");
    assert_eq!(points(&[1.0, 2.0], 0, Ground::Squared), "dim: expected at least one coordinate, found none");
    let finite = "expected a finite coordinate, small enough to square, found ";
    assert_eq!(points(&[1.0, f64::NAN], 1, Ground::Squared), format!("x[1]: {finite}NaN"));
    assert_eq!(points(&[1e300, 1.0], 1, Ground::Absolute), format!("x[0]: {finite}{}", 1e300));
    let direction = "x[1]: expected a vector with a direction, for a cosine, found 0";
    assert_eq!(points(&[1.0, 0.0], 1, Ground::Cosine), direction);
    let fill: &CostFn<'_, f64> = &|_, _, out| out.fill(f64::INFINITY);
    let closure = Problem::new(&[0.5, 0.5], &[1.0], recgoat_align::ot::Cost::Blocks(fill));
    assert_eq!(message(closure), "cost[0]: expected a finite cost, found inf");

    let problem = Problem::new(&[1.0], &[1.0], &[100.0]).unwrap();
    let refused = |params: Params| params.check().unwrap().solve(&problem).unwrap_err().to_string();
    let bare = "epsilon: expected at least 1/80 of the largest cost for the bare kernel, found 1";
    assert_eq!(refused(Params::new(1.0).method(Method::Kernel)), bare);
    assert!(refused(Params::new(1e-310)).starts_with("epsilon: expected at least 1e-14 of the largest cost"));
    assert!(
        Params::new(1.0).scaling(Scaling::From(0.5)).check().unwrap_err().to_string().starts_with("scaling:")
    );
    let warm = |f: Vec<f64>| {
        let potentials = Potentials { f, g: vec![0.0], mass: 0.0 };
        Params::new(1.0).check().unwrap().solve_from(&problem, &potentials).unwrap_err().to_string()
    };
    assert_eq!(warm(vec![]), "potentials.f: expected 1 entries, found 0");
    assert_eq!(warm(vec![f64::NAN]), "potentials.f[0]: expected a potential from -1e150 to 1e150, found NaN");
}
