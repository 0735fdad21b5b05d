//! Sparse graphs: adjacency, propagation, neighbours, attention.
//!
#![doc = include_str!("../README.md")]

mod adjacency;
pub mod analysis;
mod attention;
mod error;
mod knn;
mod pattern;
mod propagation;
mod relay;
mod sparse_map;
pub mod spectral;
mod spmm;
mod subset;

pub use adjacency::Adjacency;
pub use attention::{Attended, Attention, AttentionGradients, on_tape};
pub use error::{Error, Result};
pub use knn::{KnnConfig, NeighbourCache, Neighbours, Similarity, knn, knn_from};
pub use pattern::Pattern;
pub use propagation::Propagation;
pub use relay::{LinearMap, Relay};
pub use sparse_map::SparseMap;
pub use subset::Subset;
