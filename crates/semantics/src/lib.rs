//! Frozen features of items and users from raw text, pictures and histories.
//!
#![doc = include_str!("../README.md")]

mod answer;
mod cache;
mod endpoint;
mod error;
pub mod generate;
pub mod image;
mod models;
mod progress;
mod provenance;
mod template;
pub mod text;
mod threads;
mod writing;

pub use cache::Cache;
pub use endpoint::{EndpointConfig, Key};
pub use error::{Error, Result};
pub use progress::{Progress, Silent};
pub use provenance::{Provenance, Source, Writer, modality};
pub use template::{Template, clean};
pub use writing::{Cost, Writing, WritingConfig, prompts, write_all};
