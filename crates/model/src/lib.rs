//! RecGOAT, its baselines, and the trainer that runs them.
//!
#![doc = include_str!("../README.md")]

mod bands;
mod baselines;
pub mod checkpoint;
mod closed;
pub mod config;
pub mod cost;
mod dense;
mod error;
pub mod experiment;
mod features;
mod files;
mod gates;
mod history;
mod ids;
mod nodes;
mod objective;
mod parameters;
mod phase;
pub mod recgoat;
mod recommender;
mod registry;
pub mod run;
mod scorer;
mod settings;
mod similar;
mod spectrum;
pub mod ssr;
mod tested;
mod thinned;
mod train;
mod triples;
pub mod tune;

pub use baselines::*;
pub use error::{Error, Result};
pub use features::{FeatureSimilarity, Precision, Rows, Tables};
pub use objective::pairwise_loss;
pub use parameters::{ParameterId, Parameters};
pub use recgoat::{RecGoat, RecGoatConfig};
pub use recommender::{Batch, Context, Recommender};
pub use registry::ModelConfig;
pub use scorer::{EmbeddingScorer, ItemScorer};
pub use settings::{Learning, Settings};
pub use spectrum::{MeasuredFilters, Spectrum, spectrum};
pub use ssr::{Ssr, SsrConfig};
pub use train::{EpochRecord, Observer, Silent, TrainConfig, Trained, train};
