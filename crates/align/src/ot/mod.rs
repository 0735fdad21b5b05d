//! Entropic optimal transport between discrete measures, on plain slices.
//!
//! - [`Problem`]: two measures, a [`Cost`] (a matrix, [`Clouds`] of points, or a closure) and what is asked of the
//!   plan's [`Marginals`]; checked when it is made.
//! - [`Params`]: checked by [`Params::check`]; [`ValidParams::solve`] gives a [`Solution`], whose every claim is
//!   measured on the plan. [`ValidParams::solve_batch`] takes many problems, [`ValidParams::divergence`] debiases.
//! - [`exact`]: without entropy.
//!
//! ```
//! use recgoat_align::ot::{Marginals, Params, Problem};
//!
//! let (a, b) = ([0.5, 0.5], [0.25, 0.75]);
//! let cost = [0.0, 1.0, /* */ 1.0, 0.0];
//! let problem = Problem::new(&a, &b, &cost)?;
//! let solution = Params::new(0.05).check()?.solve(&problem)?;
//! assert!(solution.converged);
//! // A quarter of the mass has to move over a distance of one.
//! assert!((solution.value - 0.25f64).abs() < 1e-3);
//!
//! // Half of it may stay where it is: then nothing costs.
//! let partial = Problem::with_marginals(&a, &b, &cost, Marginals::Partial { mass: 0.5 })?;
//! let moved = Params::new(0.01).check()?.solve(&partial)?;
//! assert!(moved.value < 1e-6 && (moved.mass - 0.5).abs() < 1e-5);
//! # Ok::<(), recgoat_align::Error>(())
//! ```

mod cost;
mod divergence;
pub mod exact;
mod gradient;
mod kernel;
mod marginals;
mod params;
mod problem;
mod real;
mod sinkhorn;
mod solution;
#[cfg(feature = "testing")]
pub mod testing;

pub use cost::{Clouds, Cost, CostFn, Ground};
pub use divergence::Divergence;
#[cfg(feature = "torch")]
pub(crate) use kernel::exp_f32;
pub use marginals::Marginals;
pub use params::{Method, Params, Relaxation, Scaling, ValidParams};
pub use problem::Problem;
pub use real::Real;
pub use solution::{Potentials, Solution, StopReason};
