//! `recgoat tune`: search for settings on valid.

use std::path::PathBuf;

use anyhow::Result;
use recgoat_model::{experiment::Preset, tune::tune};
use serde_json::{Map, Value, json};

use crate::{common::Compute, experiment::open, output::Output, progress::Progress};

/// Search for the settings of an experiment file's models, on valid alone, and write tune.{json,md} and tuned.toml
///
/// Every model with a search table gets the same number of trials: first the file's own settings, then some at random,
/// then what a Parzen estimator proposes. Trials that are finished are read again, so the same command can be given
/// until it is done, or with more trials later. Give tuned.toml to `recgoat experiment`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recgoat tune --preset presets/tune/lastfm.toml --trials 12 --out runs/tune")]
pub(crate) struct Args {
    /// The experiment file
    #[arg(long)]
    preset: PathBuf,
    /// A data folder [default: the preset's dataset, fetched to data/NAME]
    #[arg(long)]
    data: Option<PathBuf>,
    /// Folder of the trials and the tables
    #[arg(long)]
    out: PathBuf,
    /// Trials a model
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..))]
    trials: u32,
    #[command(flatten)]
    compute: Compute,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let preset = Preset::read(&args.preset)?;
    let (dataset, place) = open(&preset, args.data.as_deref(), &args.out, &args.compute)?;
    let found = tune(&preset, &dataset, &place, args.trials as usize, &mut Progress::new())?;
    let models: Map<String, Value> = found
        .iter()
        .map(|tuned| (tuned.label.clone(), json!({ "valid_recall@20": tuned.trials[tuned.best].valid })))
        .collect();
    args.output.print(&json!({ "tuned": args.out.join("tuned.toml"), "models": models }))
}
