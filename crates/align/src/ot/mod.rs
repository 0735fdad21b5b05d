//! Entropic optimal transport between discrete measures, on plain slices.
//!
//! A [`Problem`] is checked when it is made, [`Params`] by [`Params::check`]; what is left can only be solved.
//!
//! ```
//! use recgoat_align::ot::{Params, Problem, solve};
//!
//! let (a, b) = ([0.5, 0.5], [0.25, 0.75]);
//! let cost = [0.0, 1.0, /* */ 1.0, 0.0];
//! let problem = Problem::new(&a, &b, &cost)?;
//! let solution = solve(&problem, &Params::new(0.05).check()?, None);
//! assert!(solution.converged);
//! // The plan's rows sum to a, its columns to b.
//! let plan = solution.plan(&problem);
//! assert!((plan[0] + plan[1] - 0.5f64).abs() < 1e-6 && (plan[0] + plan[2] - 0.25f64).abs() < 1e-6);
//! // A quarter of the mass has to move over a distance of one.
//! assert!((solution.value - 0.25f64).abs() < 1e-3);
//! # Ok::<(), recgoat_align::Error>(())
//! ```

mod cost;
mod kernel;
mod marginals;
mod params;
mod problem;
mod real;
mod sinkhorn;
mod solution;

pub use cost::{Clouds, Cost, CostFn, Ground};
#[cfg(feature = "torch")]
pub(crate) use kernel::exp_f32;
pub use marginals::Marginals;
pub use params::{Method, Params, Relaxation, Scaling, ValidParams};
pub use problem::Problem;
pub use real::Real;
pub use solution::{Potentials, Solution, StopReason};
