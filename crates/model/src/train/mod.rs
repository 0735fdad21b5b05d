//! The trainer: epochs, early stopping on valid, checkpoints.

mod progress;
mod sampling;

use std::{collections::BTreeMap, time::Instant};

use recgoat_data::{Dataset, Split, TripleSampler};
use recgoat_eval::{Mask, RankingConfig, evaluate};
use recgoat_torch::{Adam, AdamConfig, Purpose, Seed};
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use crate::{
    Batch, Error, Recommender, Result,
    config::{config, expect_positive, expect_within},
    run::RunFolder,
};
use progress::{Progress, State};
pub(crate) use progress::{best_values, is_finished};
use sampling::Sampler;

config! {
    /// How a model is trained.
    pub struct TrainConfig {
        /// Adam's learning rate.
        pub learning_rate: f64 = 1e-3,
        /// Interactions a step.
        pub batch: usize = 2048,
        /// Largest number of epochs.
        pub epochs: usize = 1000,
        /// Epochs without a better valid Recall@20 after which training stops.
        pub patience: usize = 20,
        /// Seconds between checkpoints; 0 writes one after every epoch. Results do not depend on it.
        pub checkpoint_seconds: f64 = 20.0,
    }
}

/// The metric on valid that decides which epoch is kept.
pub(crate) const SELECTION_METRIC: &str = "recall@20";

/// One epoch, as `metrics.jsonl` records it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// From 1.
    pub epoch: usize,
    /// Mean loss over the epoch's steps.
    pub loss: f64,
    /// Recall@20 on valid after the epoch.
    pub valid: f64,
    /// Seconds of training, without evaluation.
    pub train_seconds: f64,
    /// Seconds of evaluation on valid.
    pub valid_seconds: f64,
    /// What the model told of itself: see [`Recommender::diagnose`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub diagnosis: BTreeMap<String, f64>,
}

/// Watches training; every method may be left out.
pub trait Observer {
    /// A step of an epoch is done.
    fn step(&mut self, _epoch: usize, _step: usize, _steps: usize) {}

    /// An epoch is done; `best` is the best valid value so far.
    fn epoch(&mut self, _record: &EpochRecord, _best: f64) {}

    /// Whether to leave training here, asked before every epoch; the same run can be continued later.
    fn leaves(&mut self, _curve: &[EpochRecord]) -> bool {
        false
    }

    /// Something a user should know, such as a damaged checkpoint.
    fn note(&mut self, _message: &str) {}
}

/// An [`Observer`] that does nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {}

/// What training found; the model holds the best epoch's parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// The epoch whose parameters were kept; 0 for a model that is not trained.
    pub best_epoch: usize,
    /// Metrics of the kept parameters on valid.
    pub valid: BTreeMap<String, f64>,
    /// All epochs.
    pub curve: Vec<EpochRecord>,
}

impl Trained {
    /// Mean seconds of training an epoch.
    pub fn seconds_per_epoch(&self) -> f64 {
        let total: f64 = self.curve.iter().map(|record| record.train_seconds).sum();
        if self.curve.is_empty() { 0.0 } else { total / self.curve.len() as f64 }
    }
}

/// Trains until valid has stopped rising, in the run's folder; continues from its newest checkpoint if it has one.
///
/// Random streams derive from the seed, the epoch and the step, and a checkpoint holds all else: killed at any moment
/// and called again, it ends with the bits of a run that was never cut.
///
/// # Errors
/// [`Error::Diverged`] when the loss is not finite or parameters outgrow their numbers, [`Error::Checkpoint`] when the
/// folder's checkpoints belong to other settings or are all damaged, and failures of data, evaluation and libtorch.
pub fn train(
    model: &mut dyn Recommender,
    dataset: &Dataset,
    (config, seed): (&TrainConfig, Seed),
    folder: &RunFolder,
    observer: &mut dyn Observer,
) -> Result<Trained> {
    let interactions = dataset.interactions();
    let mut progress = Progress::default();
    if !model.parameters().tensors().is_empty() {
        let adam_config = AdamConfig { learning_rate: config.learning_rate, ..AdamConfig::default() };
        let adam = Adam::new(adam_config, model.parameters().tensors());
        let mut state = State { progress, adam, best: model.parameters().values()? };
        state.resume(model, folder, observer)?;
        folder.rewrite_metrics(&state.progress.curve)?;
        let device = state.adam.moments().0[0].device();
        let sampler = Sampler::new(interactions, device)?;
        let last_step = interactions.split(Split::Train).len().div_ceil(config.batch) - 1;
        let mut saved = Instant::now();
        while !state.progress.is_done(config) && !observer.leaves(&state.progress.curve) {
            let epoch = state.progress.curve.len() + 1;
            let start = Instant::now();
            let loss = run_epoch(model, &mut state.adam, &sampler, (config, seed), epoch, observer)?;
            let train_seconds = start.elapsed().as_secs_f64();
            let start = Instant::now();
            let diverging = diverging(epoch, last_step);
            let valid = selection_value(model, dataset).map_err(&diverging)?;
            let valid_seconds = start.elapsed().as_secs_f64();
            let diagnosis = model.diagnose().map_err(diverging)?;
            let record = EpochRecord { epoch, loss, valid, train_seconds, valid_seconds, diagnosis };
            folder.append_metrics(&record)?;
            if state.progress.record(record.clone()) {
                state.best = model.parameters().values()?;
            }
            observer.epoch(&record, state.progress.best_value);
            let left = state.progress.is_done(config) || observer.leaves(&state.progress.curve);
            if saved.elapsed().as_secs_f64() >= config.checkpoint_seconds || left {
                state.save(model, folder)?;
                saved = Instant::now();
            }
        }
        model.parameters_mut().set_values(&state.best)?;
        progress = state.progress;
    }
    let ranking = RankingConfig { mask: Mask::Train, ..RankingConfig::default() };
    let valid = evaluate(&*model.scorer()?, interactions, Split::Valid, &ranking)?.means();
    Ok(Trained { best_epoch: progress.best_epoch, valid, curve: progress.curve })
}

/// One pass over the train interactions; returns the mean loss.
fn run_epoch(
    model: &mut dyn Recommender,
    adam: &mut Adam,
    sampler: &Sampler,
    (config, seed): (&TrainConfig, Seed),
    epoch: usize,
    observer: &mut dyn Observer,
) -> Result<f64> {
    let triples = sampler.epoch(&mut seed.stream(Purpose::Sampling, epoch as u64))?;
    let steps = triples.users.len().div_ceil(config.batch);
    // The last step number there is: no step of the epoch draws from the same stream.
    model.begin_epoch(&mut seed.stream(Purpose::Dropout, (epoch as u64) << 24 | 0xff_ffff))?;
    let mut losses = Losses::default();
    for step in 0..steps {
        let span = step * config.batch..((step + 1) * config.batch).min(triples.users.len());
        let batch = Batch {
            users: &triples.users[span.clone()],
            positives: &triples.positives[span.clone()],
            negatives: &triples.negatives[span],
        };
        let mut randomness = seed.stream(Purpose::Dropout, (epoch as u64) << 24 | step as u64);
        let loss = model.step(&batch, &mut randomness).map_err(diverging(epoch, step))?;
        losses.add(&loss).map_err(|found| Error::Diverged { found, epoch, step })?;
        adam.step(model.parameters_mut().tensors_mut())?;
        observer.step(epoch, step + 1, steps);
    }
    let diverged = |found| Error::Diverged { found, epoch, step: steps - 1 };
    let total = losses.sum().map_err(diverged)?;
    // The losses say nothing of the last update, after which the model is measured and kept.
    model.parameters().outgrown().map_or(Ok(total / steps as f64), |found| Err(diverged(found)))
}

/// Transport is the first to notice that numbers are none.
fn diverging(epoch: usize, step: usize) -> impl Fn(Error) -> Error {
    move |error| match error {
        Error::Align(recgoat_align::Error::Entry { found, .. }) => Error::Diverged { found, epoch, step },
        other => other,
    }
}

/// The sum of an epoch's losses. Those of another device are added up there and read once, at the end: reading one
/// would make every step wait for it.
#[derive(Debug, Default)]
struct Losses {
    local: f64,
    remote: Option<Tensor>,
}

impl Losses {
    /// The loss as an error when it is known not to be finite.
    fn add(&mut self, loss: &Tensor) -> std::result::Result<(), f64> {
        if loss.device() != Device::Cpu {
            self.remote = Some(self.remote.take().map_or_else(|| loss.shallow_clone(), |sum| sum + loss));
            return Ok(());
        }
        let loss = finite(loss.double_value(&[]))?;
        self.local += loss;
        Ok(())
    }

    fn sum(self) -> std::result::Result<f64, f64> {
        finite(self.local + self.remote.map_or(0.0, |sum| sum.double_value(&[])))
    }
}

fn finite(loss: f64) -> std::result::Result<f64, f64> {
    if loss.is_finite() { Ok(loss) } else { Err(loss) }
}

fn selection_value(model: &dyn Recommender, dataset: &Dataset) -> Result<f64> {
    let ranking = RankingConfig { topk: vec![20], ..RankingConfig::default() };
    let per_user = evaluate(&*model.scorer()?, dataset.interactions(), Split::Valid, &ranking)?;
    Ok(per_user.mean(SELECTION_METRIC).unwrap_or(0.0))
}

/// `Ok` when training could start: settings in range, a negative for every user, something to select on.
pub(crate) fn check(config: &TrainConfig, dataset: &Dataset) -> Result<()> {
    TripleSampler::new(dataset.interactions())?;
    if dataset.interactions().split(Split::Valid).is_empty() {
        let name = dataset.name();
        return Err(Error::Config(format!(
            "dataset {name}: expected at least one valid interaction, found none"
        )));
    }
    expect_within("train.batch", config.batch, 1..)?;
    expect_within("train.epochs", config.epochs, 1..=1_000_000)?;
    expect_within("train.patience", config.patience, 1..)?;
    expect_positive("train.learning_rate", config.learning_rate)?;
    expect_within("train.checkpoint_seconds", config.checkpoint_seconds, 0.0..=f64::INFINITY)
}
