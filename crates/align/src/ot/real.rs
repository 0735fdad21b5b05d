//! The two floating-point types the solvers run in.

use std::fmt::{Debug, Display};

use super::kernel::{PointKernels, RowKernels};

/// `f32` or `f64`.
#[allow(private_bounds, reason = "the kernels are the crate's own; the bound seals the trait")]
pub trait Real:
    Copy + Debug + Display + PartialOrd + Default + Into<f64> + Send + Sync + RowKernels + PointKernels + 'static
{
    /// Distance from one to the next larger number.
    const EPSILON: f64;

    /// Rounded from `f64`.
    fn of(value: f64) -> Self;

    /// The slice itself where it holds `f64`.
    fn as_f64(values: &[Self]) -> Option<&[f64]>;

    /// Widened to `f64`.
    fn wide(self) -> f64 {
        self.into()
    }
}

impl Real for f32 {
    const EPSILON: f64 = f32::EPSILON as f64;

    fn of(value: f64) -> Self {
        value as Self
    }

    fn as_f64(_: &[Self]) -> Option<&[f64]> {
        None
    }
}

impl Real for f64 {
    const EPSILON: f64 = f64::EPSILON;

    fn of(value: f64) -> Self {
        value
    }

    fn as_f64(values: &[Self]) -> Option<&[f64]> {
        Some(values)
    }
}
