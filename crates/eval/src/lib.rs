//! Full ranking, metrics, significance and reports.
//!
#![doc = include_str!("../README.md")]

pub mod beyond;
mod error;
pub mod groups;
mod metrics;
mod per_user;
mod ranking;
pub mod report;
mod scorer;
pub mod stats;
mod top_k;

pub use error::{Error, Result};
pub use per_user::PerUser;
pub use ranking::{Mask, RankingConfig, Rankings, evaluate, rank};
pub use scorer::Scorer;
pub use top_k::top_k;
