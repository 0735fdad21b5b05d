//! `recgoat train`: one run of one model.

use std::path::{Path, PathBuf};

use anyhow::Result;
use recgoat_data::Dataset;
use recgoat_model::{
    ModelConfig, TrainConfig,
    config::{annotated, with_override},
    experiment::Preset,
    run::{RunConfig, RunFolder},
};
use serde_json::json;

use crate::{
    common::{BadInput, Compute, Model},
    output::{Output, print, say},
    progress::Progress,
};

/// Train a model, keeping the epoch that is best on valid
///
/// The run's folder holds its settings, curve and checkpoints. Killed at any moment, `--resume RUN` ends with the very
/// result of a run that was never cut.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  recgoat train --data data/ml-100k --model lightgcn --set layers=2 --out runs/a\n  \
                        recgoat train --resume runs/a\n  recgoat train --model recgoat --show-config"
)]
pub(crate) struct Args {
    /// A data folder
    #[arg(long, required_unless_present_any = ["resume", "show_config"])]
    data: Option<PathBuf>,
    #[command(flatten)]
    model: Model,
    /// An experiment file whose first entry of this model gives its settings
    #[arg(long)]
    preset: Option<PathBuf>,
    /// Largest number of epochs
    #[arg(long)]
    epochs: Option<usize>,
    /// Seed of all random streams
    // The run's TOML holds integers up to i64::MAX.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: u64,
    /// Folder of the run
    #[arg(long, required_unless_present_any = ["resume", "show_config"])]
    out: Option<PathBuf>,
    /// Continue the run in this folder
    #[arg(long, conflicts_with_all = ["out", "preset", "epochs", "settings", "name", "seed"])]
    resume: Option<PathBuf>,
    /// Print all settings with their defaults and meaning, and stop
    #[arg(long, conflicts_with = "json")]
    show_config: bool,
    #[command(flatten)]
    compute: Compute,
    #[command(flatten)]
    output: Output,
}

/// The trainer's settings as `--set` names them.
#[derive(serde::Serialize, serde::Deserialize)]
struct Trainer {
    train: TrainConfig,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    if args.show_config {
        let (model, train) = args.settings()?;
        let trainer = annotated(&train);
        let lines = trainer
            .lines()
            .map(|line| format!("{}{line}\n", if line.starts_with('#') { "" } else { "train." }));
        return print(&(model.annotated() + &lines.collect::<String>()));
    }
    match &args.resume {
        Some(path) => {
            let config = RunFolder::read_config(path)?;
            let dataset = Dataset::open(args.data.as_deref().unwrap_or(&config.data))?;
            let (device, threads) = args.compute.or(&config.device, config.threads).start()?;
            let now = (recgoat_torch::device::name(device), threads);
            if now != (config.device.clone(), config.threads) {
                say(&format!(
                    "begun on {} with {} threads, continued on {} with {threads}: the last digits may differ",
                    config.device, config.threads, now.0
                ));
            }
            args.finish(&RunFolder::open(path, &dataset)?, &dataset, device)
        }
        None => {
            let (Some(data), Some(out)) = (&args.data, &args.out) else {
                return Err(BadInput("expected --data and --out, or --resume".to_owned()).into());
            };
            let (device, threads) = args.compute.start()?;
            let dataset = Dataset::open(data)?;
            let config = args.run_config(data, recgoat_torch::device::name(device), threads)?;
            args.finish(&RunFolder::create(out, config, &dataset)?, &dataset, device)
        }
    }
}

impl Args {
    /// Settings of the model and the trainer, of the preset where one is given.
    fn settings(&self) -> Result<(ModelConfig, TrainConfig)> {
        let (mut model, mut train) = (self.model.config()?, TrainConfig::default());
        if let Some(path) = &self.preset {
            let row = Preset::read(path)?.first(&self.model.name)?.ok_or_else(|| {
                BadInput(format!(
                    "{}: expected a [[model]] named {}, found none",
                    path.display(),
                    self.model.name
                ))
            })?;
            (model, train) = (row.model, row.train);
            for (key, value) in self.model.settings.iter().filter(|(key, _)| !key.starts_with("train.")) {
                model = model.with(key, value)?;
            }
        }
        Ok((model, self.train_config(train)?))
    }

    fn run_config(&self, data: &Path, device: String, threads: usize) -> Result<RunConfig> {
        let (model, train) = self.settings()?;
        let data = data.canonicalize().unwrap_or_else(|_| data.to_owned());
        Ok(RunConfig { data, seed: self.seed, device, threads, train, model })
    }

    fn train_config(&self, mut train: TrainConfig) -> Result<TrainConfig> {
        for (key, value) in self.model.settings.iter().filter(|(key, _)| key.starts_with("train.")) {
            train = with_override(&Trainer { train }, key, value)?.train;
        }
        train.epochs = self.epochs.unwrap_or(train.epochs);
        Ok(train)
    }

    fn finish(&self, folder: &RunFolder, dataset: &Dataset, device: tch::Device) -> Result<()> {
        let outcome = folder.train(dataset, device, &mut Progress::new())?;
        self.output.print(&json!({
            "run": folder.path(),
            "best_epoch": outcome.trained.best_epoch,
            "epochs": outcome.trained.curve.len(),
            "valid": outcome.trained.valid,
            "seconds_per_epoch": outcome.trained.seconds_per_epoch(),
            "peak_rss_bytes": outcome.peak_rss_bytes,
        }))
    }
}
