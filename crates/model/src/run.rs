//! Run folders: one experiment each, with all that is needed to repeat, continue or read it.
//!
//! ```text
//! config.toml       settings in full, defaults included
//! provenance.json   versions and the digest of the data
//! metrics.jsonl     one line an epoch
//! checkpoints/      the newest two
//! test.json         metrics on test, written once, after training
//! per_user.npy      the values behind them, [users, metrics], f64; columns in test.json
//! result.json       in an experiment: the run as reports show it
//! trial.json        in a search: the trial, from which the search goes on
//! ```
//!
//! An experiment reads `test.json`, `per_user.npy` and `result.json` again, a search `trial.json`: checkpoints of runs that
//! have them may be deleted.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::Write,
    path::{Path, PathBuf},
};

use recgoat_data::Dataset;
use recgoat_graph::NeighbourCache;
use recgoat_torch::Seed;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tch::Device;

use crate::{
    Context, EpochRecord, Error, Learning, ModelConfig, Observer, Recommender, Result, TrainConfig, Trained,
    checkpoint::Checkpoint,
    config::{changed, parse_toml, to_table},
    files::{create_folder, read_text, reset_peak_rss, write_whole},
    train::{best_values, is_finished, train},
};

pub use crate::{files::peak_rss_bytes, tested::Tested};

/// What a run is: everything its result depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// The data folder.
    pub data: PathBuf,
    /// Seed of all random streams.
    pub seed: u64,
    /// The device's name.
    pub device: String,
    /// Threads of libtorch and of the kernels.
    pub threads: usize,
    /// How the model is trained.
    pub train: TrainConfig,
    /// The model and its settings.
    pub model: ModelConfig,
}

impl RunConfig {
    /// `Ok` when the run could start on this data.
    ///
    /// # Errors
    /// [`Error::Config`] or [`Error::Data`] naming what stands in the way.
    pub fn check(&self, dataset: &Dataset) -> Result<()> {
        if self.data.to_str().is_none() {
            let shown = self.data.display();
            return Err(Error::Config(format!(
                "{shown}: expected a folder whose name is UTF-8, found another"
            )));
        }
        self.model.check(dataset)?;
        crate::train::check(&self.train, dataset)
    }
}

/// A folder with a run's configuration in it.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
    config: RunConfig,
    fingerprint: String,
}

/// Where a run comes from.
#[derive(Debug, Serialize)]
struct Provenance<'a> {
    recgoat: &'a str,
    libtorch: &'a str,
    dataset: &'a str,
    dataset_digest: &'a str,
}

/// What a finished run reports.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Training's result.
    pub trained: Trained,
    /// Largest resident set of the process, in bytes.
    pub peak_rss_bytes: u64,
}

impl RunFolder {
    /// Makes a folder for `config`, or opens one that was made for the very same. Nothing is written unless the run
    /// can start.
    ///
    /// # Errors
    /// Those of [`RunConfig::check`], [`Error::Config`] when the folder holds something else, [`Error::Io`] when the
    /// file system refuses.
    pub fn create(path: &Path, config: RunConfig, dataset: &Dataset) -> Result<Self> {
        config.check(dataset)?;
        let file = path.join("config.toml");
        if file.exists() {
            let there = Self::open(path, dataset)?;
            let (mine, theirs) = (fingerprint(&config, dataset), &there.fingerprint);
            if mine != *theirs {
                return Err(Error::Config(format!(
                    "{}: holds a run with other settings; take another folder, or resume that run as it is",
                    path.display()
                )));
            }
            return Ok(there);
        }
        if path.is_dir() && holds_others(path)? {
            return Err(Error::Config(format!(
                "{}: expected an empty or new folder, found other files",
                path.display()
            )));
        }
        let provenance = Provenance {
            recgoat: env!("CARGO_PKG_VERSION"),
            libtorch: recgoat_torch::LIBTORCH_VERSION,
            dataset: dataset.name(),
            dataset_digest: dataset.digest(),
        };
        let json = serde_json::to_vec_pretty(&provenance).expect("plain strings");
        create_folder(path)?;
        write_whole(&path.join("provenance.json"), &json)?;
        // Last: a folder without it is no run, and free to become one.
        write_whole(&file, to_table(&config).to_string().as_bytes())?;
        let fingerprint = fingerprint(&config, dataset);
        Ok(Self { path: path.to_owned(), config, fingerprint })
    }

    /// Opens a run made earlier on the same data.
    ///
    /// # Errors
    /// [`Error::Config`] when the folder holds no run, or one of other data.
    pub fn open(path: &Path, dataset: &Dataset) -> Result<Self> {
        let config = Self::read_config(path)?;
        let provenance = path.join("provenance.json");
        let json: serde_json::Value = serde_json::from_str(&read_text(&provenance)?)
            .map_err(|error| Error::Config(format!("{}: {error}", provenance.display())))?;
        let expected = json["dataset_digest"].as_str().unwrap_or_default();
        if expected != dataset.digest() {
            return Err(Error::Config(format!(
                "{}: the run was made on data with digest {expected}, found {}; give that data",
                path.display(),
                dataset.digest()
            )));
        }
        let fingerprint = fingerprint(&config, dataset);
        Ok(Self { path: path.to_owned(), config, fingerprint })
    }

    /// The configuration in a run's folder, before its data is opened.
    ///
    /// # Errors
    /// [`Error::Config`] when the folder holds no run.
    pub fn read_config(path: &Path) -> Result<RunConfig> {
        let file = path.join("config.toml");
        if !file.exists() {
            let shown = path.display();
            return Err(Error::Config(format!(
                "{shown}: expected a run folder with config.toml, found none"
            )));
        }
        parse_toml(&read_text(&file)?)
            .map_err(|reason| Error::Config(format!("{}: {reason}", file.display())))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the run is.
    pub fn config(&self) -> &RunConfig {
        &self.config
    }

    /// Trains the run's model to the end, continuing where it was cut.
    ///
    /// # Errors
    /// Those of [`train`], and [`Error::Config`] while another process trains the run, and for a run that was tested and
    /// has lost its checkpoints: what another training finds is not what was tested.
    pub fn train(&self, dataset: &Dataset, device: Device, observer: &mut dyn Observer) -> Result<Outcome> {
        let _lock = self.lock()?;
        let learns = self.config.model.learning() == Learning::Steps;
        if learns && self.is_tested() && matches!(self.newest_checkpoint(&mut |_| ()), Ok(None)) {
            return Err(Error::Config(format!(
                "{}: was tested and has no checkpoint any more; delete the folder to train it again",
                self.path.display()
            )));
        }
        reset_peak_rss();
        let mut model = self.build(dataset, device)?;
        let settings = (&self.config.train, Seed(self.config.seed));
        let trained = train(&mut *model, dataset, settings, self, observer)?;
        Ok(Outcome { trained, peak_rss_bytes: peak_rss_bytes() })
    }

    /// The run's model with the best parameters found so far.
    ///
    /// # Errors
    /// [`Error::Config`] when a trained model has no checkpoint yet.
    pub fn load(
        &self,
        dataset: &Dataset,
        device: Device,
        observer: &mut dyn Observer,
    ) -> Result<Box<dyn Recommender>> {
        let mut model = self.build(dataset, device)?;
        if self.config.model.learning() == Learning::Steps {
            let found = self.newest_checkpoint(&mut |error| observer.note(&error.to_string()))?;
            let checkpoint = found.ok_or_else(|| {
                let shown = self.path.display();
                Error::Config(format!("{shown}: expected a checkpoint, found none; train the run first"))
            })?;
            let best = best_values(&checkpoint, &*model, self)?;
            model.parameters_mut().set_values(&best)?;
        }
        Ok(model)
    }

    /// Whether training has ended by itself; a run without checkpoints has where it was tested.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] when the folder's checkpoints are damaged or another run's.
    pub fn is_finished(&self, observer: &mut dyn Observer) -> Result<bool> {
        if self.config.model.learning() != Learning::Steps {
            return Ok(true);
        }
        let found = self.newest_checkpoint(&mut |error| observer.note(&error.to_string()))?;
        found.map_or_else(|| Ok(self.is_tested()), |checkpoint| is_finished(&checkpoint, self))
    }

    /// Where checkpoints lie.
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    /// The folder for this process alone, as long as the file is held: two that train one run remove each other's
    /// checkpoints.
    fn lock(&self) -> Result<File> {
        let path = self.path.join("config.toml");
        let file = File::open(&path).map_err(Error::io(&path))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => Err(Error::Config(format!(
                "{}: another process is training this run; wait for it, or take another folder",
                self.path.display()
            ))),
            // A file system without locks is no reason not to train.
            Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
        }
    }

    pub(crate) fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The newest whole checkpoint of this very run.
    pub(crate) fn newest_checkpoint(&self, damaged: &mut dyn FnMut(&Error)) -> Result<Option<Checkpoint>> {
        let Some(checkpoint) = Checkpoint::newest(&self.checkpoints(), damaged)? else { return Ok(None) };
        if checkpoint.fingerprint != self.fingerprint {
            return Err(Error::Checkpoint {
                path: self.checkpoints(),
                reason: "made with other settings or data than the folder's config.toml says, or by another version".to_owned(),
            });
        }
        Ok(Some(checkpoint))
    }

    pub(crate) fn rewrite_metrics(&self, curve: &[EpochRecord]) -> Result<()> {
        let lines: String = curve.iter().map(json_line).collect();
        write_whole(&self.path.join("metrics.jsonl"), lines.as_bytes())
    }

    pub(crate) fn append_metrics(&self, record: &EpochRecord) -> Result<()> {
        let path = self.path.join("metrics.jsonl");
        let file = OpenOptions::new().append(true).create(true).open(&path);
        file.and_then(|mut file| file.write_all(json_line(record).as_bytes())).map_err(Error::io(path))
    }

    fn build(&self, dataset: &Dataset, device: Device) -> Result<Box<dyn Recommender>> {
        let (seed, neighbours) = (Seed(self.config.seed), &NeighbourCache::of_user());
        self.config.model.build(&Context { dataset, seed, device, neighbours })
    }
}

/// Whether a folder has more than a run that was cut while it was made leaves.
fn holds_others(path: &Path) -> Result<bool> {
    for entry in fs::read_dir(path).map_err(Error::io(path))? {
        let name = entry.map_err(Error::io(path))?.file_name();
        if name != "provenance.json" && Path::new(&name).extension().is_none_or(|ending| ending != "partial")
        {
            return Ok(true);
        }
    }
    Ok(false)
}

fn json_line(record: &EpochRecord) -> String {
    format!("{}\n", serde_json::to_string(record).expect("plain numbers"))
}

/// Of all that decides a run's bits: settings, seed, device, threads, data; not where the data lies, nor how often the
/// run is saved. Settings at their defaults are left out: a run of before there was one more goes on.
fn fingerprint(config: &RunConfig, dataset: &Dataset) -> String {
    let mut config = config.clone();
    config.data = PathBuf::new();
    config.train.checkpoint_seconds = TrainConfig::default().checkpoint_seconds;
    let name = config.model.name();
    let defaults = RunConfig {
        train: TrainConfig::default(),
        model: ModelConfig::named(name).expect("a model has its own name"),
        ..config.clone()
    };
    let (settings, run) = (changed(to_table(&config), &to_table(&defaults)), (config.seed, config.threads));
    let parts = (env!("CARGO_PKG_VERSION"), dataset.digest(), name, run, &config.device, settings);
    let text = format!("{parts:?}");
    Sha256::digest(text).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
