//! A solver of one's own under test: textbook Sinkhorn, which properties it lacks and from which ε on.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use recgoat_align::ot::{
    Params, Problem,
    testing::{Answer, Case, Family, all},
};

/// Sinkhorn's algorithm as it is most often written: `K = exp(−C/ε)`, then `u = a / Kv` and `v = b / Kᵀu` in turn.
fn textbook(case: &Case, tolerance: f64) -> Answer {
    let (n, m) = (case.a.len(), case.b.len());
    let kernel: Vec<f64> = case.cost.iter().map(|c| (-c / case.epsilon).exp()).collect();
    let (mut u, mut v) = (vec![1.0; n], vec![1.0; m]);
    for _ in 0..20_000 {
        let mut error = 0.0;
        for i in 0..n {
            let sum: f64 = (0..m).map(|j| kernel[i * m + j] * v[j]).sum();
            error += (u[i] * sum - case.a[i]).abs();
            u[i] = case.a[i] / sum;
        }
        for j in 0..m {
            v[j] = case.b[j] / (0..n).map(|i| kernel[i * m + j] * u[i]).sum::<f64>();
        }
        if error <= 0.5 * tolerance {
            break;
        }
    }
    let plan: Vec<f64> = (0..n * m).map(|at| u[at / m] * kernel[at] * v[at % m]).collect();
    let value = plan.iter().zip(&case.cost).map(|(p, c)| p * c).sum();
    Answer { plan, value }
}

/// This crate's solver, wrapped the same way.
fn ours(case: &Case, tolerance: f64) -> Answer {
    let problem = Problem::new(&case.a, &case.b, &case.cost).expect("cases are sound");
    let params = Params::new(case.epsilon).tolerance(tolerance).max_iterations(100_000).check();
    let solution = params.and_then(|params| params.solve(&problem)).expect("so is their regularisation");
    Answer { plan: solution.plan(&problem), value: solution.value }
}

fn broken(solver: fn(&Case, f64) -> Answer, case: &Case) -> Vec<&'static str> {
    let mut names: Vec<&str> = all(&solver, case, 1e-7).iter().map(|violation| violation.property).collect();
    names.dedup();
    names
}

fn main() {
    // # As ε falls
    // The kernel underflows where C/ε passes 745, and its rows' sums are then zero. The properties that need it
    // soonest are those that move the costs: the plan does not notice a shift by u_i + v_j, but the kernel does.
    println!("{:>8}  textbook Sinkhorn lacks", "ε");
    let mut first = Vec::new();
    for epsilon in [1.0, 0.1, 0.01, 0.001] {
        let case = Case { epsilon, ..Case::random(2, 5, 6, Family::Flat) };
        let names = broken(textbook, &case);
        println!("{epsilon:>8}  {}", if names.is_empty() { "nothing".into() } else { names.join(", ") });
        first.push(names);
        // Ours has them all at each of these.
        assert_eq!(broken(ours, &case), [] as [&str; 0]);
    }
    // Its marginals are right at every ε that an ordinary test would try …
    assert!(first[..2].iter().all(|names| !names.contains(&"marginals")));
    // … and all the same it fails from the first on: a test of the marginals alone would have passed it.
    assert!(first.iter().all(|names| names.contains(&"shift") && names.contains(&"planted")));

    // # Kinds of problems
    // At one ε each, but costs far from zero, and atoms that weigh nothing.
    println!("{:>8}  textbook Sinkhorn lacks", "family");
    for family in Family::ALL {
        let case = Case::random(5, 5, 6, family);
        let names = broken(textbook, &case);
        println!("{:>8}  {}", format!("{family:?}"), names.join(", "));
        assert_eq!(broken(ours, &case), [] as [&str; 0]);
        assert_eq!(names.contains(&"marginals"), family == Family::Offset, "{family:?}");
    }

    // # What a violation says
    let case = Case::random(5, 5, 6, Family::Offset);
    let violation = &all(&textbook, &case, 1e-7)[0];
    println!("{violation}");
    assert!(violation.to_string().starts_with("marginals: expected finite entries of at least 0, found NaN"));
}
