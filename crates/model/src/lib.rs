//! RecGOAT, its baselines, and the trainer that runs them.
//!
#![doc = include_str!("../README.md")]

mod bpr;
pub mod checkpoint;
pub mod config;
mod error;
pub mod experiment;
mod files;
mod lightgcn;
mod objective;
mod parameters;
mod popularity;
pub mod recgoat;
mod recommender;
mod registry;
pub mod run;
mod scorer;
mod tested;
mod train;

pub use bpr::{Bpr, BprConfig};
pub use error::{Error, Result};
pub use lightgcn::{LightGcn, LightGcnConfig};
pub use objective::pairwise_loss;
pub use parameters::{ParameterId, Parameters};
pub use popularity::{Popularity, PopularityConfig};
pub use recgoat::{RecGoat, RecGoatConfig};
pub use recommender::{Batch, Context, Recommender};
pub use registry::ModelConfig;
pub use scorer::{EmbeddingScorer, ItemScorer};
pub use train::{EpochRecord, Observer, Silent, TrainConfig, Trained, train};
