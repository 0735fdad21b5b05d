//! What several commands share: options, exit codes.

use std::{
    fmt,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Result;
use clap::{Args, ValueEnum};
use recgoat_data::{
    Dataset,
    synthetic::{SyntheticConfig, synthetic},
};
use recgoat_model::ModelConfig;
use recgoat_torch::device::DeviceChoice;
use tch::Device;

/// Where and on what to compute.
#[derive(Debug, Clone, Args)]
pub(crate) struct Compute {
    /// cpu, cuda, cuda:N, or auto: the first CUDA device where there is one [default: the run's, else cpu]
    #[arg(long)]
    device: Option<String>,
    /// Threads inside one operation [default: the run's, else all cores]; results repeat bit for bit at one number of
    /// them
    #[arg(long)]
    threads: Option<NonZeroUsize>,
}

impl Compute {
    /// The device, with threads set; and how many threads that is.
    pub(crate) fn start(&self) -> Result<(Device, usize)> {
        let choice: DeviceChoice = self.device.as_deref().unwrap_or("cpu").parse()?;
        let threads = crate::threads::start(self.threads)?;
        Ok((choice.resolve()?, threads))
    }

    /// The same on another device or number of threads, where the command line did not say.
    pub(crate) fn or(&self, device: &str, threads: usize) -> Self {
        Self {
            device: Some(self.device.clone().unwrap_or_else(|| device.to_owned())),
            threads: self.threads.or(NonZeroUsize::new(threads)),
        }
    }
}

/// Data that a command may make instead of reading.
#[derive(Debug, Clone)]
pub(crate) struct Synthetic {
    users: usize,
    items: usize,
    pub(crate) interactions: usize,
}

impl From<[usize; 3]> for Synthetic {
    fn from([users, items, interactions]: [usize; 3]) -> Self {
        Self { users, items, interactions }
    }
}

impl fmt::Display for Synthetic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{},{}", self.users, self.items, self.interactions)
    }
}

impl std::str::FromStr for Synthetic {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Vec<usize> = text.split(',').map_while(|n| n.trim().parse().ok()).collect();
        match numbers[..] {
            [users, items, interactions] if text.split(',').count() == 3 => {
                Ok(Self { users, items, interactions })
            }
            _ => Err(format!("expected USERS,ITEMS,INTERACTIONS such as 20000,7000,160000, found {text}")),
        }
    }
}

/// `--data` or `--synthetic`, with features added on request.
#[derive(Debug, Clone, Args)]
pub(crate) struct Source {
    /// A data folder
    #[arg(long, required_unless_present = "synthetic", conflicts_with = "synthetic")]
    data: Option<PathBuf>,
    /// Made-up data with power-law degrees and planted tastes, as USERS,ITEMS,INTERACTIONS
    #[arg(long)]
    synthetic: Option<Synthetic>,
    /// Adds a made-up modality of this width, as NAME=WIDTH; replaces one of that name. May be repeated
    #[arg(long, value_name = "NAME=WIDTH", value_parser = parse_pair::<usize>)]
    random_features: Vec<(String, usize)>,
    /// Seed of everything made up
    #[arg(long, default_value_t = 0)]
    data_seed: u64,
}

impl Source {
    /// Opens or makes the data.
    pub(crate) fn open(&self) -> Result<Dataset> {
        let made = |users, items, interactions| -> Result<Dataset> {
            let modalities = self.random_features.clone();
            Ok(synthetic(&SyntheticConfig { users, items, interactions, seed: self.data_seed, modalities })?)
        };
        if let Some(size) = &self.synthetic {
            return made(size.users, size.items, size.interactions);
        }
        let dataset = Dataset::open(self.data.as_deref().unwrap_or(Path::new(".")))?;
        if self.random_features.is_empty() {
            return Ok(dataset);
        }
        let items = dataset.interactions().items();
        let donor = made(1, items, 1)?;
        let replaced = |name: &str| self.random_features.iter().any(|(other, _)| other == name);
        let kept = dataset.modalities().iter().filter(|m| !replaced(m.name())).cloned();
        let modalities = kept.chain(donor.modalities().iter().cloned()).collect();
        Ok(Dataset::from_parts(dataset.name(), dataset.interactions().clone(), modalities)?)
    }
}

/// A model by name and settings.
#[derive(Debug, Clone, Args)]
pub(crate) struct Model {
    /// The model; an unknown name lists the known ones
    #[arg(long = "model", value_name = "NAME", default_value = "recgoat")]
    pub(crate) name: String,
    /// A setting of the model, or train.NAME for one of the trainer; `--show-config` lists them. May be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = parse_pair::<String>)]
    pub(crate) settings: Vec<(String, String)>,
}

impl Model {
    /// The model's settings; those of the trainer are left to the caller.
    pub(crate) fn config(&self) -> Result<ModelConfig> {
        let mut config = ModelConfig::named(&self.name)?;
        for (key, value) in self.settings.iter().filter(|(key, _)| !key.starts_with("train.")) {
            config = config.with(key, value)?;
        }
        Ok(config)
    }
}

/// A split that can be evaluated.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum EvaluatedSplit {
    /// What decides when to stop.
    Valid,
    /// What is read once.
    Test,
}

/// A usage or input error found by a command itself.
#[derive(Debug)]
pub(crate) struct BadInput(pub(crate) String);

impl fmt::Display for BadInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadInput {}

/// 2 when the user can mend it, else 1.
pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
    let mendable = error.chain().any(|cause| {
        cause.is::<BadInput>()
            || cause.is::<recgoat_align::Error>()
            || matches!(cause.downcast_ref(), Some(recgoat_torch::Error::Device { .. }))
            || cause.downcast_ref().is_some_and(is_about_data)
            || cause.downcast_ref().is_some_and(is_about_evaluation)
            || cause.downcast_ref().is_some_and(is_about_texts)
            || cause.downcast_ref().is_some_and(is_about_a_run)
    });
    ExitCode::from(if mendable { 2 } else { 1 })
}

fn is_about_data(error: &recgoat_data::Error) -> bool {
    !matches!(error, recgoat_data::Error::Io { source, .. } if !is_about_the_path(source.kind()))
}

fn is_about_evaluation(error: &recgoat_eval::Error) -> bool {
    !matches!(error, recgoat_eval::Error::Write { source, .. } if !is_about_the_path(source.kind()))
}

fn is_about_texts(error: &recgoat_semantics::Error) -> bool {
    use recgoat_semantics::Error::{Cache, Data, Input, Io, Template};
    match error {
        Input { .. } | Template { .. } | Cache { .. } => true,
        Data(error) => is_about_data(error),
        Io { source, .. } => is_about_the_path(source.kind()),
        _ => false,
    }
}

fn is_about_a_run(error: &recgoat_model::Error) -> bool {
    use recgoat_model::Error::{Align, Checkpoint, Config, Data, Eval, Io};
    match error {
        Config(_) | Checkpoint { .. } | Align(_) => true,
        Data(error) => is_about_data(error),
        Eval(error) => is_about_evaluation(error),
        Io { source, .. } => is_about_the_path(source.kind()),
        _ => false,
    }
}

/// Whether naming another path would help, which it does not when the disk is full, say.
fn is_about_the_path(kind: std::io::ErrorKind) -> bool {
    use std::io::ErrorKind::{
        AlreadyExists, InvalidInput, IsADirectory, NotADirectory, NotFound, PermissionDenied,
    };
    matches!(kind, NotFound | NotADirectory | IsADirectory | AlreadyExists | PermissionDenied | InvalidInput)
}

/// `NAME=VALUE` with a value of any type that parses.
pub(crate) fn parse_pair<T: std::str::FromStr>(text: &str) -> Result<(String, T), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("expected NAME=VALUE, found {text:?}"))?;
    let value = value.parse().map_err(|_| format!("{name}: {value:?} is not a value it can take"))?;
    Ok((name.to_owned(), value))
}
