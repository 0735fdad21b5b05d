//! Properties that every solver of the entropic problem has, as checks of *your* solver.
//!
//! The problem, for weights `a` `[n]` and `b` `[m]` of unit mass, costs `C` `[n, m]` and `ε > 0`, is
//!
//! ```text
//! min_P  Σ_ij P_ij C_ij + ε Σ_ij P_ij log(P_ij / (a_i b_j))    where  Σ_j P_ij = a_i,  Σ_i P_ij = b_j
//! ```
//!
//! Wrap a solver as a [`Solver`], which a closure of the right type is, and put it through [`all`], on cases of your
//! own or on [`Case::random`] ones:
//!
//! ```
//! use recgoat_align::ot::{Params, Problem, testing::{Answer, Case, Family, all}};
//!
//! let ours = |case: &Case, tolerance: f64| {
//!     let problem = Problem::new(&case.a, &case.b, &case.cost).unwrap();
//!     let solution = Params::new(case.epsilon).tolerance(tolerance).check().unwrap().solve(&problem).unwrap();
//!     Answer { plan: solution.plan(&problem), value: solution.value }
//! };
//! for family in Family::ALL {
//!     assert_eq!(all(&ours, &Case::random(7, 5, 8, family), 1e-8), []);
//! }
//!
//! // One that forgets the columns' condition is found out.
//! let rows_only = |case: &Case, _: f64| {
//!     let m = case.b.len();
//!     let plan: Vec<f64> = (0..case.cost.len()).map(|at| case.a[at / m] / m as f64).collect();
//!     let value = plan.iter().zip(&case.cost).map(|(p, c)| p * c).sum();
//!     Answer { plan, value }
//! };
//! let broken = all(&rows_only, &Case::random(7, 5, 8, Family::Flat), 1e-8);
//! assert!(broken.iter().any(|violation| violation.property == "marginals"));
//! ```
//!
//! # How much the checks forgive
//! A solver stops at a tolerance `τ` of the marginals' L1 error, so its plan `P` is near the answer, not it. Both are
//! of the form `a_i b_j exp((f_i + g_j − C_ij)/ε)`, and of two such plans within `τ` of the same marginals
//!
//! ```text
//! |P − Q|₁²  ≤  KL(P|Q) + KL(Q|P)  =  (<f − f', (P − Q)1> + <g − g', (P − Q)ᵀ1>)/ε  ≤  4 τ (1 + span C/ε)
//! ```
//!
//! by Pinsker's inequality and since the potentials, being soft minima of the costs, oscillate by at most their span.
//! Checks of plans forgive the root of the right side, checks of values the span times half of that, and `τ max |C|`.
//! A check that fails has found a defect, not a coincidence.

#![allow(clippy::neg_cmp_op_on_partial_ord, reason = "what is not a number must fail a check, not pass it")]

mod bytes;
mod case;
mod limits;
mod measure;
mod plan;
mod symmetry;

pub use bytes::from_bytes;
pub use case::{Case, Family};
pub use limits::{assignment, falling_epsilon, independence, planted, repetition, single_atom};
pub use measure::marginal_error;
pub use plan::{marginals, optimality, value};
pub use symmetry::{permutation, scaling, shift, splitting, swap};

/// What a solver found.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The plan `P` `[n, m]`, row-major.
    pub plan: Vec<f64>,
    /// The transport cost `Σ_ij P_ij C_ij`, without the entropy.
    pub value: f64,
}

/// A solver of balanced entropic problems.
pub trait Solver {
    /// Solves the case until `|P1 − a|₁ + |Pᵀ1 − b|₁` is at most the tolerance.
    fn solve(&self, case: &Case, tolerance: f64) -> Answer;
}

impl<S: Fn(&Case, f64) -> Answer> Solver for S {
    fn solve(&self, case: &Case, tolerance: f64) -> Answer {
        self(case, tolerance)
    }
}

/// A property that a solver does not have.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{property}: expected {expected}, found {found}")]
#[non_exhaustive]
pub struct Violation {
    /// The property: the name of the function that checks it.
    pub property: &'static str,
    /// What the property asks for.
    pub expected: String,
    /// What the solver gave.
    pub found: String,
}

impl Violation {
    fn new(property: &'static str, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { property, expected: expected.into(), found: found.into() }
    }
}

/// Every property, in the order of this module's list; empty when the solver has them all.
///
/// The case is the one that the properties transform; those about limits make their own from its size and scale. The
/// solver runs some 30 times.
#[must_use]
pub fn all(solver: &impl Solver, case: &Case, tolerance: f64) -> Vec<Violation> {
    let checks = [
        marginals(solver, case, tolerance),
        value(solver, case, tolerance),
        optimality(solver, case, tolerance),
        repetition(solver, case, tolerance),
        swap(solver, case, tolerance),
        permutation(solver, case, tolerance),
        splitting(solver, case, tolerance),
        scaling(solver, case, tolerance),
        shift(solver, case, tolerance),
        single_atom(solver, case, tolerance),
        planted(solver, case, tolerance),
        independence(solver, case, tolerance),
        falling_epsilon(solver, case, tolerance),
        assignment(solver, case, tolerance),
    ];
    checks.into_iter().filter_map(Result::err).collect()
}

/// What two plans of a case may differ by in L1: see the module's documentation.
fn plan_slack(case: &Case, tolerance: f64) -> f64 {
    // Rounding of the costs moves the exponents of the plan; no solver is asked for more digits than it has.
    let rounding = 4.0 * f64::EPSILON * case.largest() / case.epsilon;
    (4.0 * tolerance * (1.0 + case.span() / case.epsilon)).sqrt() + rounding
}

/// What two values of a case may differ by.
fn value_slack(case: &Case, tolerance: f64) -> f64 {
    0.5 * case.span() * plan_slack(case, tolerance) + (tolerance + 1e-12) * case.largest()
}

/// `Ok` when two plans are the same but for what the tolerance allows.
fn same_plan(
    property: &'static str,
    case: &Case,
    tolerance: f64,
    expected: &[f64],
    found: &[f64],
) -> Result<(), Violation> {
    let distance: f64 = expected.iter().zip(found).map(|(p, q)| (p - q).abs()).sum();
    let slack = plan_slack(case, tolerance);
    if found.len() == expected.len() && distance <= slack {
        return Ok(());
    }
    let expected = format!("the same plan to {slack:.1e} in L1");
    Err(Violation::new(property, expected, format!("one that is {distance:.3e} away")))
}

/// `Ok` when a value is as expected but for what the tolerance allows.
fn same_value(
    property: &'static str,
    case: &Case,
    tolerance: f64,
    expected: f64,
    found: f64,
) -> Result<(), Violation> {
    let slack = value_slack(case, tolerance);
    if (expected - found).abs() <= slack {
        return Ok(());
    }
    Err(Violation::new(property, format!("a value of {expected} to {slack:.1e}"), found.to_string()))
}
