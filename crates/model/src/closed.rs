//! Models in closed form.

use rand_chacha::ChaCha8Rng;
use recgoat_eval::Scorer;
use tch::Tensor;

use crate::{Batch, Parameters, Recommender, Result};

/// A model that is built once and never trained: its scorer is all there is to it.
pub(crate) trait Closed {
    /// The scores.
    fn scorer(&self) -> Box<dyn Scorer>;
}

/// A [`Closed`] model as the trainer sees it.
pub(crate) struct Counted<M> {
    pub(crate) model: M,
    parameters: Parameters,
}

impl<M> Counted<M> {
    pub(crate) fn new(model: M) -> Self {
        Self { model, parameters: Parameters::default() }
    }
}

impl<M: Closed> Recommender for Counted<M> {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut Parameters {
        &mut self.parameters
    }

    fn step(&mut self, _batch: &Batch<'_>, _randomness: &mut ChaCha8Rng) -> Result<Tensor> {
        Ok(Tensor::from(0f32))
    }

    fn scorer(&self) -> Result<Box<dyn Scorer>> {
        Ok(self.model.scorer())
    }
}
