//! All that lies between raw files and checked, split, sampled interactions.
//!
#![doc = include_str!("../README.md")]

mod csr;
mod dataset;
mod error;
mod feature_file;
pub mod fetch;
mod folder;
mod inter;
mod interactions;
mod labels;
pub mod matrix;
mod mend;
mod modality;
mod npy;
pub mod prepare;
mod raw;
mod sampler;
mod split;
pub mod synthetic;

pub use csr::Csr;
pub use dataset::Dataset;
pub use error::{Error, Result};
pub use feature_file::FeatureFile;
pub use interactions::{Interactions, Split};
pub use modality::Modality;
pub use sampler::{TripleSampler, Triples};
