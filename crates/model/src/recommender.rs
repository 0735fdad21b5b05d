//! What every model is to the trainer.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use recgoat_data::Dataset;
use recgoat_eval::{Scorer, report::Picture};
use recgoat_graph::NeighbourCache;
use recgoat_torch::Seed;
use tch::{Device, Tensor};

use crate::{Parameters, Result, cost::Stage};

/// What a model is built from. Graphs and features derive from the dataset; nothing of it is copied.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The data, of which a model reads train interactions and features only.
    pub dataset: &'a Dataset,
    /// The seed that initial parameters come from.
    pub seed: Seed,
    /// Where the model computes.
    pub device: Device,
    /// Where neighbours by features are kept from one run to the next.
    pub neighbours: &'a NeighbourCache,
}

/// Triples of one step: parallel lists of users, a train item of each, and an item that is none of theirs.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// The users.
    pub users: &'a [u32],
    /// A train item of each user.
    pub positives: &'a [u32],
    /// An item each user has not interacted with.
    pub negatives: &'a [u32],
}

/// A model that ranks all items for a user.
pub trait Recommender {
    /// The parameters the optimiser moves; none for a model in closed form.
    fn parameters(&self) -> &Parameters;

    /// The same, to be moved.
    fn parameters_mut(&mut self) -> &mut Parameters;

    /// Called before the first step of every epoch: state carried from step to step starts anew, so that an epoch
    /// depends on the parameters and its randomness alone and a resumed run equals an uninterrupted one.
    ///
    /// # Errors
    /// A failure of a graph.
    fn begin_epoch(&mut self, _randomness: &mut ChaCha8Rng) -> Result<()> {
        Ok(())
    }

    /// Computes the loss of a batch and adds its gradient to the parameters'; returns the loss, a scalar on the model's
    /// device: whoever reads it waits for the device.
    ///
    /// # Errors
    /// A failure of a graph, an alignment or libtorch.
    fn step(&mut self, batch: &Batch<'_>, randomness: &mut ChaCha8Rng) -> Result<Tensor>;

    /// What a step on this batch must spend, stage by stage; nothing for a model that does not tell.
    ///
    /// # Errors
    /// As [`Recommender::step`].
    fn cost(&self, _batch: &Batch<'_>) -> Result<Vec<Stage>> {
        Ok(Vec::new())
    }

    /// What the model can tell of itself after an epoch, by name, for plots over training. Finite values alone: the
    /// checkpoints' JSON has no others, and would not be read.
    ///
    /// # Errors
    /// As [`Recommender::scorer`].
    fn diagnose(&self) -> Result<BTreeMap<String, f64>> {
        Ok(BTreeMap::new())
    }

    /// The model in evaluation mode without one of its parts, for each that it can do without, by name: what each is worth.
    ///
    /// # Errors
    /// As [`Recommender::scorer`].
    fn lessened(&self) -> Result<Vec<(String, Box<dyn Scorer>)>> {
        Ok(Vec::new())
    }

    /// What the model can show of itself after training.
    ///
    /// # Errors
    /// As [`Recommender::scorer`].
    fn pictures(&self) -> Result<Vec<Picture>> {
        Ok(Vec::new())
    }

    /// The model in evaluation mode: nothing is dropped out.
    ///
    /// # Errors
    /// A failure of a graph, an alignment or libtorch.
    fn scorer(&self) -> Result<Box<dyn Scorer>>;
}
