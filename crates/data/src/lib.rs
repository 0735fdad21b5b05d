//! All that lies between raw files and checked, split, sampled interactions.
//!
#![doc = include_str!("../README.md")]

mod csr;
mod dataset;
mod error;
mod feature_file;
pub mod fetch;
mod folder;
mod histories;
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
mod table;

pub use csr::Csr;
pub use dataset::Dataset;
pub use error::{Error, Result};
pub use feature_file::FeatureFile;
pub use folder::{Owner, add_features, check_free};
pub use histories::train_histories;
pub use interactions::{Interactions, Split};
pub use modality::Modality;
pub use sampler::{TripleSampler, Triples};
pub use table::Table;
