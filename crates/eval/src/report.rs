//! What a comparison found, and the files that show it.

mod charts;
mod compare;
mod growth;
mod html;
mod markdown;
mod pictures;
mod sweeps;
mod tables;
mod write;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use compare::{Measured, compare};
pub use growth::{GrowthCurve, growth};
pub use pictures::{Picture, side_by_side};

/// Models measured on one dataset under one protocol.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Heading of the report.
    pub title: String,
    /// The data.
    pub dataset: DatasetCard,
    /// Every choice of the protocol, as printed lines of name and value.
    pub protocol: Vec<(String, String)>,
    /// The models, in the order of the table.
    pub models: Vec<ModelResult>,
    /// Paired comparisons of models.
    pub comparisons: Vec<Comparison>,
    /// Versions, machine, device, commit, as printed lines of name and value.
    pub environment: Vec<(String, String)>,
}

/// What a dataset holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DatasetCard {
    /// Name; it also names the plot files.
    pub name: String,
    /// Number of users.
    pub users: usize,
    /// Number of items.
    pub items: usize,
    /// Interactions of the train split.
    pub train: usize,
    /// Interactions of the valid split.
    pub valid: usize,
    /// Interactions of the test split.
    pub test: usize,
    /// Interactions of all splits over users × items.
    pub density: f64,
    /// Modalities, in the dataset's order.
    pub modalities: Vec<ModalityCard>,
    /// Digest of the files.
    pub digest: String,
}

/// Features of one modality.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModalityCard {
    /// Name.
    pub name: String,
    /// Numbers per item.
    pub width: usize,
    /// Items without features.
    pub missing: usize,
}

/// One model: its settings and its runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelResult {
    /// Name.
    pub name: String,
    /// Preset and settings, as printed lines of name and value.
    pub settings: Vec<(String, String)>,
    /// One run per seed.
    pub runs: Vec<RunResult>,
}

/// One training run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// Seed of the run.
    pub seed: u64,
    /// Commit of the program that finished it; empty where nobody knows.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub commit: String,
    /// Processor it was finished on; empty where nobody knows.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub processor: String,
    /// Epoch whose parameters were kept.
    pub best_epoch: usize,
    /// Epochs trained.
    pub epochs: usize,
    /// Metrics on valid at the best epoch.
    pub valid: BTreeMap<String, f64>,
    /// Metrics on test; names other than the ranking metrics, such as `coverage@20`, may stand beside them.
    pub test: BTreeMap<String, f64>,
    /// Seconds from start to end.
    pub seconds: f64,
    /// Mean seconds of one training epoch.
    pub seconds_per_epoch: f64,
    /// Largest resident set of the process, in bytes.
    pub peak_rss_bytes: u64,
    /// Learning curve.
    pub curve: Vec<CurvePoint>,
    /// What the model told of itself over training, by name: `(epoch, value)`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub diagnosis: BTreeMap<String, Vec<(usize, f64)>>,
    /// What the model shows of itself after training.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pictures: Vec<Picture>,
}

/// One point of a learning curve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Epoch, from 1; 0 is the untrained model.
    pub epoch: usize,
    /// Mean training loss of the epoch, where there is one.
    pub loss: Option<f64>,
    /// Recall@20 on valid.
    pub valid: f64,
}

/// A model against a baseline on one metric, over the same test users.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The metric, such as `recall@20`.
    pub metric: String,
    /// Name of the model.
    pub model: String,
    /// Name of the baseline.
    pub baseline: String,
    /// Mean over users of model − baseline, each averaged over its seeds.
    pub difference: f64,
    /// The difference in standard deviations of the users' differences (Cohen's d for pairs); 0 where there is none.
    #[serde(default)]
    pub effect: f64,
    /// 95 % bootstrap interval of the difference.
    pub interval: (f64, f64),
    /// P-value of the paired sign-flip permutation test.
    pub p_permutation: f64,
    /// P-value of Wilcoxon's signed-rank test.
    pub p_wilcoxon: f64,
    /// The permutation test's p-value after Holm's correction over the report's comparisons of this metric.
    pub p_holm: f64,
}
