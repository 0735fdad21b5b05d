//! What a model's settings must offer so that the model can be named, checked and built.

use recgoat_data::Dataset;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Context, Recommender, Result, config::Documented};

/// How a model comes by its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Learning {
    /// By gradient steps.
    Steps,
    /// In closed form, when it is built.
    AtOnce,
}

/// The settings of a model.
pub trait Settings: Documented + Serialize + DeserializeOwned + Default {
    /// How the model learns.
    const LEARNING: Learning = Learning::Steps;

    /// `Ok` when every setting is in its range and the data has what the model needs.
    ///
    /// # Errors
    /// [`crate::Error::Config`] naming the first setting that is not, or what the data lacks.
    fn check(&self, dataset: &Dataset) -> Result<()>;

    /// The model, with initial parameters; only called with settings that [`Settings::check`] has passed.
    ///
    /// # Errors
    /// A failure of a graph or of libtorch.
    fn build(self, context: &Context<'_>) -> Result<Box<dyn Recommender>>;
}
