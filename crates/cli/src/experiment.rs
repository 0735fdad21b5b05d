//! `recgoat experiment`: several models and seeds, and the report on them.

use std::path::{Path, PathBuf};

use anyhow::Result;
use recgoat_data::Dataset;
use recgoat_model::experiment::{Place, Preset, run as run_experiment};
use serde_json::{Map, Value, json};

use crate::{
    common::Compute,
    output::{Output, say},
    progress::Progress,
    semantics,
};

/// Train and compare the models of an experiment file, and write report.{json,md,html}
///
/// Runs that are finished are read again and runs that were cut continue, so the same command can be given until it is
/// done.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recgoat experiment --preset presets/quick.toml --out reports/quick")]
pub(crate) struct Args {
    /// The experiment file
    #[arg(long)]
    preset: PathBuf,
    /// A data folder [default: the preset's dataset, fetched to data/NAME]
    #[arg(long)]
    data: Option<PathBuf>,
    /// Folder of the runs and the report
    #[arg(long)]
    out: PathBuf,
    #[command(flatten)]
    compute: Compute,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let preset = Preset::read(&args.preset)?;
    let (dataset, place) = open(&preset, args.data.as_deref(), &args.out, &args.compute)?;
    let report = run_experiment(&preset, &dataset, &place, &mut Progress::new())?;
    let models: Map<String, Value> = report
        .models
        .iter()
        .map(|model| {
            let values: Vec<Option<f64>> =
                model.runs.iter().map(|run| run.test.get("recall@20").copied()).collect();
            (model.name.clone(), json!({ "test_recall@20": values }))
        })
        .collect();
    args.output.print(&json!({ "report": args.out.join("report.html"), "models": models }))
}

/// The preset's dataset, from a folder or fetched, with the features that it makes, and where it runs.
pub(crate) fn open(
    preset: &Preset,
    data: Option<&Path>,
    out: &Path,
    compute: &Compute,
) -> Result<(Dataset, Place)> {
    let (device, threads) = compute.start()?;
    let mut folder = data.map_or_else(|| PathBuf::from("data").join(&preset.dataset), Path::to_owned);
    if data.is_none() && !folder.is_dir() {
        recgoat_data::fetch::fetch(&preset.dataset, &folder, &mut |message| say(message))?;
    }
    if !preset.features.is_empty() {
        let copy = out.join("data");
        semantics::copy::make(&preset.features, &folder, &copy)?;
        folder = copy;
    }
    let dataset = Dataset::open(&folder)?;
    let data = folder.canonicalize().unwrap_or(folder);
    let commit = env!("RECGOAT_COMMIT").to_owned();
    Ok((dataset, Place { data, device, threads, out: out.to_owned(), commit }))
}
