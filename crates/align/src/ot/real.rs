//! The two floating-point types the solver runs in.

use std::fmt::{Debug, Display};

use super::kernel;

/// `f32` or `f64`.
pub trait Real:
    Copy + Debug + Display + PartialOrd + Default + Send + Sync + private::Sealed + 'static
{
    /// Distance from one to the next larger number.
    const EPSILON: f64;

    /// Rounded from `f64`.
    fn of(value: f64) -> Self;

    /// Widened to `f64`.
    fn wide(self) -> f64;

    /// `log Σ_j exp(shift_j − scale · cost_j)`, stably.
    #[doc(hidden)]
    fn log_sum_exp(cost: &[Self], shift: &[Self], scale: Self) -> Self;

    /// `out_j = weight · weights_j · exp(left + right_j − scale · cost_j)`, and its sum.
    #[doc(hidden)]
    fn plan_row(row: PlanRow<'_, Self>, out: &mut [Self]) -> f64;
}

/// What one row of the plan is made from: potentials are divided by ε already.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct PlanRow<'a, F> {
    pub cost: &'a [F],
    pub weight: F,
    pub weights: &'a [F],
    pub left: F,
    pub right: &'a [F],
    pub scale: F,
}

macro_rules! real {
    ($type:ident) => {
        impl Real for $type {
            const EPSILON: f64 = $type::EPSILON as f64;

            fn of(value: f64) -> Self {
                value as Self
            }

            fn wide(self) -> f64 {
                f64::from(self)
            }

            fn log_sum_exp(cost: &[Self], shift: &[Self], scale: Self) -> Self {
                kernel::$type::log_sum_exp(cost, shift, scale)
            }

            fn plan_row(row: PlanRow<'_, Self>, out: &mut [Self]) -> f64 {
                kernel::$type::plan_row(row, out)
            }
        }

        impl private::Sealed for $type {}
    };
}

real!(f32);
real!(f64);

mod private {
    /// Keeps [`super::Real`] to the types whose kernels are written.
    pub trait Sealed {}
}
