//! `recgoat compare`: finished runs against the first of them.

use std::path::{Path, PathBuf};

use anyhow::Result;
use recgoat_data::Dataset;
use recgoat_eval::{
    PerUser,
    report::{Measured, compare},
    stats::Resampling,
};
use recgoat_model::run::{RunConfig, RunFolder};
use serde_json::{Value, json};

use crate::{
    common::{BadInput, Compute},
    output::Output,
    progress::Progress,
};

/// Compare finished runs on the test users they share: differences, intervals, p-values
///
/// Runs that differ in their seed alone are one model, and the first model is what the others are compared with.
/// P-values are of the paired permutation test and of Wilcoxon's test over users, each user averaged over seeds;
/// Holm's correction runs over the models.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: recgoat compare runs/lightgcn-0 runs/lightgcn-1 runs/recgoat-0 runs/recgoat-1"
)]
pub(crate) struct Args {
    /// Run folders, those of the baseline first
    #[arg(required = true, num_args = 2..)]
    runs: Vec<PathBuf>,
    /// Metrics to compare
    #[arg(long, default_value = "recall@20,ndcg@20", value_delimiter = ',')]
    metrics: Vec<String>,
    /// The data folder [default: the runs']
    #[arg(long)]
    data: Option<PathBuf>,
    #[command(flatten)]
    compute: Compute,
    #[command(flatten)]
    output: Output,
}

/// The runs of one model.
struct Model {
    name: String,
    /// With a seed of zero.
    config: RunConfig,
    seeds: Vec<u64>,
    runs: Vec<PerUser>,
}

impl Model {
    fn measured(&self) -> Measured<'_> {
        Measured { name: &self.name, runs: &self.runs }
    }
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let mut models: Vec<Model> = Vec::new();
    let mut opened: Option<(PathBuf, Dataset)> = None;
    // The digest of the first run's data.
    let mut first: Option<String> = None;
    for path in &args.runs {
        let config = RunFolder::read_config(path)?;
        let data = args.data.clone().unwrap_or_else(|| config.data.clone());
        let dataset = match opened.take() {
            Some((folder, dataset)) if folder == data => dataset,
            _ => Dataset::open(&data)?,
        };
        let (device, _) = args.compute.or(&config.device, config.threads).start()?;
        let tested = RunFolder::open(path, &dataset)?.test(&dataset, device, &mut Progress::new())?;
        let digest = dataset.digest().to_owned();
        let first = first.get_or_insert_with(|| digest.clone());
        if *first != digest {
            let shown = path.display();
            let message = format!("{shown}: expected a run on the first run's data, {first}, found {digest}");
            return Err(BadInput(message).into());
        }
        opened = Some((data, dataset));
        let (seed, runs) = (config.seed, vec![tested.per_user]);
        let seedless = RunConfig { seed: 0, data: PathBuf::new(), ..config };
        match models.iter_mut().find(|model| model.config == seedless) {
            Some(model) if model.seeds.contains(&seed) => {
                let shown = path.display();
                let message = format!("{shown}: expected each seed of a model once, found {seed} twice");
                return Err(BadInput(message).into());
            }
            Some(model) => {
                model.seeds.push(seed);
                model.runs.extend(runs);
            }
            None => models.push(Model { name: name(path), config: seedless, seeds: vec![seed], runs }),
        }
    }
    let Some((baseline, others)) = models.split_first().filter(|(_, others)| !others.is_empty()) else {
        let found = models.first().map_or("none", |model| model.name.as_str());
        return Err(BadInput(format!("expected runs of at least two models, found only {found}")).into());
    };
    let pairs: Vec<_> = others.iter().map(|model| (model.measured(), baseline.measured())).collect();
    let metrics: Vec<&str> = args.metrics.iter().map(String::as_str).collect();
    let comparisons = compare(&pairs, &metrics, &Resampling::default())?;
    let means: Vec<Value> = models.iter().map(|model| means(model, &metrics)).collect();
    args.output.print(&json!({ "models": means, "comparisons": comparisons }))
}

/// A folder's name without the seed at its end.
fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let seedless = name.rsplit_once('-').filter(|(_, seed)| seed.parse::<u64>().is_ok());
    seedless.map_or_else(|| name.to_string(), |(name, _)| name.to_owned())
}

fn means(model: &Model, metrics: &[&str]) -> Value {
    let mean = |metric: &&str| {
        let runs: Vec<f64> = model.runs.iter().filter_map(|run| run.mean(metric)).collect();
        ((*metric).to_owned(), json!(runs))
    };
    json!({ "name": model.name, "metrics": metrics.iter().map(mean).collect::<serde_json::Map<_, _>>() })
}
