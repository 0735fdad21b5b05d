//! Optimal transport and contrast between views.
//!
#![doc = include_str!("../README.md")]

#[cfg(feature = "torch")]
pub mod contrast;
mod error;
#[cfg(feature = "torch")]
pub mod oat;
pub mod ot;
#[cfg(feature = "torch")]
pub mod tensor;

pub use error::{Error, Result};
