//! Vectorised inner loops: exponentials of a row, and the sums taken over them.
//!
//! Sums run in a fixed number of lanes and rows in a fixed order, so that one machine always gives the same bits.

mod exp;
mod plan;
mod points;
mod price;
mod sums;
mod vectors;

#[cfg(feature = "torch")]
pub(crate) use exp::exp_f32;
pub(super) use plan::{Columns, add_rows, masses, ratios};
pub(super) use points::PointKernels;
pub(super) use price::least_reduced;
pub(super) use sums::RowKernels;
pub(super) use vectors::{logs, scalings};
