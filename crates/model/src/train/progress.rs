//! The trainer's state, in memory and in checkpoints.

use recgoat_torch::{Adam, from_slice, to_vec};
use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::{EpochRecord, Observer, TrainConfig};
use crate::{Error, Recommender, Result, checkpoint::Checkpoint, run::RunFolder};

/// Counters of early stopping, with the curve they came from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Progress {
    pub(super) best_epoch: usize,
    pub(super) best_value: f64,
    pub(super) curve: Vec<EpochRecord>,
}

impl Progress {
    /// Adds an epoch; whether it is the best so far.
    pub(super) fn record(&mut self, record: EpochRecord) -> bool {
        let better = self.curve.is_empty() || record.valid > self.best_value;
        if better {
            (self.best_epoch, self.best_value) = (record.epoch, record.valid);
        }
        self.curve.push(record);
        better
    }

    /// Whether valid has not risen for the patience, or the epochs are used up.
    pub(super) fn is_done(&self, config: &TrainConfig) -> bool {
        let epochs = self.curve.len();
        epochs >= config.epochs || epochs - self.best_epoch >= config.patience
    }
}

/// Everything that changes while training, but the parameters themselves.
pub(super) struct State {
    pub(super) progress: Progress,
    pub(super) adam: Adam,
    /// Parameters of the best epoch.
    pub(super) best: Vec<Vec<f32>>,
}

/// How a checkpoint names the four values it holds of each parameter.
const KINDS: [&str; 4] = ["now", "best", "first_moment", "second_moment"];

#[derive(Serialize, Deserialize)]
struct Counters {
    progress: Progress,
    adam_steps: u64,
}

impl Counters {
    fn read(checkpoint: &Checkpoint, folder: &RunFolder) -> Result<Self> {
        serde_json::from_str(&checkpoint.progress).map_err(|error| Error::Checkpoint {
            path: folder.checkpoints(),
            reason: format!("expected training counters, found {error}"),
        })
    }
}

impl State {
    /// Writes a checkpoint.
    pub(super) fn save(&self, model: &dyn Recommender, folder: &RunFolder) -> Result<()> {
        let parameters = model.parameters();
        let (first, second) = self.adam.moments();
        let flat = |tensors: &[Tensor]| tensors.iter().map(to_vec).collect::<recgoat_torch::Result<Vec<_>>>();
        let lists = [parameters.values()?, self.best.clone(), flat(first)?, flat(second)?];
        let tensors = KINDS.iter().zip(lists).flat_map(|(kind, list)| {
            parameters.names().iter().zip(list).map(move |(name, values)| (format!("{kind}/{name}"), values))
        });
        let counters = Counters { progress: self.progress.clone(), adam_steps: self.adam.steps() };
        let checkpoint = Checkpoint {
            fingerprint: folder.fingerprint().to_owned(),
            progress: serde_json::to_string(&counters).expect("counters are plain numbers"),
            tensors: tensors.collect(),
        };
        checkpoint.save(&folder.checkpoints(), self.progress.curve.len())
    }

    /// Continues from the folder's newest whole checkpoint, if it has one.
    pub(super) fn resume(
        &mut self,
        model: &mut dyn Recommender,
        folder: &RunFolder,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let Some(checkpoint) = folder.newest_checkpoint(&mut |error| observer.note(&error.to_string()))?
        else {
            return Ok(());
        };
        let counters = Counters::read(&checkpoint, folder)?;
        let [now, best, first, second] = KINDS.map(|kind| values_of(&checkpoint, kind, model, folder));
        model.parameters_mut().set_values(&now?)?;
        let moments = |values: Vec<Vec<f32>>| -> Result<Vec<Tensor>> {
            let parameters = model.parameters().tensors().iter().zip(&values);
            Ok(parameters
                .map(|(p, values)| from_slice(values, &p.size(), p.device()))
                .collect::<recgoat_torch::Result<_>>()?)
        };
        self.adam.restore(counters.adam_steps, moments(first?)?, moments(second?)?)?;
        (self.progress, self.best) = (counters.progress, best?);
        observer.note(&format!("continuing after epoch {}", self.progress.curve.len()));
        Ok(())
    }
}

/// Whether training had ended when the checkpoint was written.
pub(crate) fn is_finished(checkpoint: &Checkpoint, folder: &RunFolder) -> Result<bool> {
    Ok(Counters::read(checkpoint, folder)?.progress.is_done(&folder.config().train))
}

/// The best parameters that a checkpoint holds for `model`, in its order.
pub(crate) fn best_values(
    checkpoint: &Checkpoint,
    model: &dyn Recommender,
    folder: &RunFolder,
) -> Result<Vec<Vec<f32>>> {
    values_of(checkpoint, KINDS[1], model, folder)
}

fn values_of(
    checkpoint: &Checkpoint,
    kind: &str,
    model: &dyn Recommender,
    folder: &RunFolder,
) -> Result<Vec<Vec<f32>>> {
    let parameters = model.parameters();
    let expected = parameters.names().iter().zip(parameters.tensors());
    expected
        .map(|(name, tensor)| {
            let key = format!("{kind}/{name}");
            let values = checkpoint.tensors.get(&key).filter(|values| values.len() == tensor.numel());
            values.cloned().ok_or_else(|| Error::Checkpoint {
                path: folder.checkpoints(),
                reason: format!("expected {} values of {key}, found none of that length", tensor.numel()),
            })
        })
        .collect()
}
