//! What libtorch's Rust bindings lack.
//!
#![doc = include_str!("../README.md")]

mod adam;
mod counter;
mod cut;
pub mod device;
mod dropout;
mod error;
mod gate;
pub mod init;
mod seed;
mod slice;
mod unit;

pub use adam::{Adam, AdamConfig};
pub use counter::Counter;
pub use cut::{Cut, held_gradient, push, push_rows, push_span, scalar_with_gradient};
pub use dropout::{Dropout, dropout_mask};
pub use error::{Error, Result};
pub use gate::GatedSum;
pub use seed::{Purpose, Seed};
pub use slice::{as_slice, as_slice_mut, dot, from_slice, indices, to_vec};
pub use unit::UnitRows;

/// The version of libtorch that this build is bound to; `torch-sys` refuses any other.
pub const LIBTORCH_VERSION: &str = "2.11.0";
