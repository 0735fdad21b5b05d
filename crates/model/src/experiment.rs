//! Experiments: several models over several seeds on one dataset, and the report on them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::Instant,
};

use recgoat_data::{Dataset, Split};
use recgoat_eval::{
    Mask, PerUser, RankingConfig, Scorer, rank,
    report::{
        CurvePoint, DatasetCard, Measured, ModalityCard, ModelResult, Picture, Report, RunResult, compare,
    },
    stats::Resampling,
};
use serde::Deserialize;
use tch::Device;

use crate::{
    Error, Learning, ModelConfig, Observer, Recommender, Result, TrainConfig,
    config::{from_table, parse_toml, to_table, with_override},
    files::{read_text, write_whole},
    run::{Outcome, RunConfig, RunFolder},
    tune::Range,
};

/// An experiment file: `presets/*.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// Heading of the report.
    pub title: String,
    /// The dataset's name: fetched where it can be and no folder is given.
    pub dataset: String,
    /// Command lines of `recgoat embed` and `recgoat profile`, less the data: features to make before training, in a
    /// copy of the data.
    #[serde(default)]
    pub features: Vec<String>,
    /// One run of every model for each.
    pub seeds: Vec<u64>,
    /// Label of the model that the others are compared with.
    pub baseline: Option<String>,
    /// Training settings of all models.
    #[serde(default)]
    train: toml::Table,
    /// The models, in the order of the table.
    #[serde(rename = "model")]
    entries: Vec<Entry>,
}

/// One model of a preset.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    label: String,
    name: String,
    #[serde(default)]
    set: toml::Table,
    #[serde(default)]
    train: toml::Table,
    #[serde(default)]
    search: BTreeMap<String, Range>,
    stop_after: Option<usize>,
}

/// One row of the table to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its name in the report.
    pub label: String,
    /// The model.
    pub model: ModelConfig,
    /// Its training settings.
    pub train: TrainConfig,
    /// What its settings may be, for a search: names as in `set`, and `train.` before those of training.
    pub search: BTreeMap<String, Range>,
    /// The first epoch after which a search may leave a trial below the median of those before.
    pub stop_after: Option<usize>,
}

/// Where an experiment runs.
#[derive(Debug, Clone)]
pub struct Place {
    /// The data folder.
    pub data: PathBuf,
    /// The device.
    pub device: Device,
    /// Threads of libtorch and of the kernels.
    pub threads: usize,
    /// Folder of the runs and the report.
    pub out: PathBuf,
    /// Commit of the program, for the report.
    pub commit: String,
}

impl Preset {
    /// Reads and checks an experiment file.
    ///
    /// # Errors
    /// [`Error::Config`] naming the file and the entry that is wrong.
    pub fn read(path: &Path) -> Result<Self> {
        let wrong = |reason: String| Error::Config(format!("{}: {reason}", path.display()));
        let text = read_text(path)?;
        let preset: Self = parse_toml(&text).map_err(&wrong)?;
        if preset.seeds.is_empty() || preset.entries.is_empty() {
            return Err(wrong("expected at least one seed and one [[model]]".to_owned()));
        }
        if let Some(twice) = first_repeated(&preset.seeds) {
            return Err(wrong(format!("seeds: expected each once, found {twice} twice")));
        }
        let folders: Vec<String> = preset.entries.iter().map(|entry| folder_name(&entry.label)).collect();
        if let Some(twice) = first_repeated(&folders) {
            let label = &preset.entries[folders.iter().rposition(|f| f == twice).unwrap_or(0)].label;
            return Err(wrong(format!(
                "label {label:?}: expected letters or digits that no other label has in order"
            )));
        }
        let rows = preset.rows().map_err(|error| wrong(error.to_string()))?;
        if let Some(baseline) = preset.baseline.as_ref().filter(|b| rows.iter().all(|row| row.label != **b)) {
            return Err(wrong(format!("baseline {baseline:?}: expected the label of a [[model]]")));
        }
        Ok(preset)
    }

    /// The preset as TOML, with these settings added to the models of these labels and nothing to search.
    pub(crate) fn tuned(&self, best: &BTreeMap<&str, &toml::Table>) -> toml::Table {
        let models = self.entries.iter().map(|entry| {
            let mut entry = entry.clone();
            for (name, value) in best.get(entry.label.as_str()).copied().into_iter().flatten() {
                match name.strip_prefix("train.") {
                    Some(name) => entry.train.insert(name.to_owned(), value.clone()),
                    None => entry.set.insert(name.clone(), value.clone()),
                };
            }
            let mut table = toml::Table::new();
            table.insert("label".to_owned(), entry.label.into());
            table.insert("name".to_owned(), entry.name.into());
            table.insert("set".to_owned(), entry.set.into());
            table.insert("train".to_owned(), entry.train.into());
            table
        });
        let mut table = toml::Table::new();
        table.insert("title".to_owned(), self.title.clone().into());
        table.insert("dataset".to_owned(), self.dataset.clone().into());
        if !self.features.is_empty() {
            table.insert("features".to_owned(), self.features.clone().into());
        }
        let seeds: Vec<toml::Value> = self.seeds.iter().map(|&seed| (seed as i64).into()).collect();
        table.insert("seeds".to_owned(), seeds.into());
        table.extend(self.baseline.clone().map(|baseline| ("baseline".to_owned(), baseline.into())));
        table.insert("train".to_owned(), self.train.clone().into());
        table.insert("model".to_owned(), models.collect::<Vec<_>>().into());
        table
    }

    /// The models with their settings in full.
    ///
    /// # Errors
    /// [`Error::Config`] for an unknown model or setting.
    pub fn rows(&self) -> Result<Vec<Row>> {
        self.entries.iter().map(|entry| entry.row(&self.train)).collect()
    }
}

impl Entry {
    fn row(&self, shared: &toml::Table) -> Result<Row> {
        let mut model = ModelConfig::named(&self.name)?;
        for (setting, value) in flatten(&self.set) {
            model = model.with(&setting, &value)?;
        }
        let mut train = shared.clone();
        train.extend(self.train.clone());
        let train = from_table(train)
            .map_err(|reason| Error::Config(format!("train settings of {:?}: {reason}", self.label)))?;
        if self.stop_after == Some(0) {
            let wrong = format!("stop_after of {:?}: expected at least 1, found 0", self.label);
            return Err(Error::Config(wrong));
        }
        let (label, search) = (self.label.clone(), self.search.clone());
        let row = Row { label, model, train, search, stop_after: self.stop_after };
        for (name, range) in &row.search {
            let wrong = |fault: String| Error::Config(format!("search {name} of {:?}: {fault}", self.label));
            range.fault().map_or(Ok(()), |fault| Err(wrong(fault)))?;
            // Every end must be a value that the setting takes.
            for value in range.ends() {
                row.with(&toml::Table::from_iter([(name.clone(), value)]))?;
            }
        }
        Ok(row)
    }
}

impl Row {
    /// The same with some settings changed; `train.` stands before those of training.
    ///
    /// # Errors
    /// [`Error::Config`] for an unknown setting or a value it does not take.
    pub fn with(&self, settings: &toml::Table) -> Result<Self> {
        let mut row = self.clone();
        for (name, value) in settings {
            match name.strip_prefix("train.") {
                Some(name) => row.train = with_override(&row.train, name, &value.to_string())?,
                None => row.model = row.model.with(name, &value.to_string())?,
            }
        }
        Ok(row)
    }
}

/// Runs what is not done yet, and reports on all of it.
///
/// Each model and seed has a run folder below `runs/`; a run that was cut continues, one that is finished is read
/// again. The test split is read once a run, after its training.
///
/// # Errors
/// Failures of any run, and of writing the report.
pub fn run(preset: &Preset, dataset: &Dataset, place: &Place, observer: &mut dyn Observer) -> Result<Report> {
    let ranking = RankingConfig::default();
    let rows = preset.rows()?;
    // Known now or after hours: a model that cannot start on this data.
    for row in &rows {
        run_config(row, 0, place).check(dataset)?;
    }
    let mut models = Vec::new();
    let mut measured: Vec<Vec<PerUser>> = Vec::new();
    for row in &rows {
        let mut runs = Vec::new();
        let mut per_user = Vec::new();
        for &seed in &preset.seeds {
            observer.note(&format!("{} with seed {seed}", row.label));
            let (result, values) = run_one(row, seed, dataset, place, observer)?;
            runs.push(result);
            per_user.push(values);
        }
        let mut settings = row.model.settings();
        if row.model.learning() == Learning::Steps {
            let train = to_table(&row.train);
            settings.extend(train.iter().map(|(key, value)| (format!("train.{key}"), value.to_string())));
        }
        models.push(ModelResult { name: row.label.clone(), settings, runs });
        measured.push(per_user);
    }
    let side = |at: usize| Measured { name: &rows[at].label, runs: &measured[at] };
    let baseline = preset.baseline.as_ref().and_then(|b| rows.iter().position(|row| row.label == *b));
    let pairs: Vec<_> = baseline
        .into_iter()
        .flat_map(|base| (0..rows.len()).filter(move |&at| at != base).map(move |at| (at, base)))
        .map(|(at, base)| (side(at), side(base)))
        .collect();
    let comparisons = compare(&pairs, &["recall@20", "ndcg@20"], &Resampling::default())?;
    let report = Report {
        title: preset.title.clone(),
        dataset: card(dataset),
        protocol: protocol(&ranking, &preset.seeds),
        comparisons,
        environment: environment(place, &models),
        models,
    };
    report.write(&place.out)?;
    Ok(report)
}

/// A dataset's card in a report.
pub fn card(dataset: &Dataset) -> DatasetCard {
    let interactions = dataset.interactions();
    let [train, valid, test] = Split::ALL.map(|split| interactions.split(split).len());
    let (users, items) = (interactions.users(), interactions.items());
    DatasetCard {
        name: dataset.name().to_owned(),
        users,
        items,
        train,
        valid,
        test,
        density: (train + valid + test) as f64 / (users * items).max(1) as f64,
        modalities: dataset
            .modalities()
            .iter()
            .map(|m| ModalityCard { name: m.name().to_owned(), width: m.width(), missing: m.missing() })
            .collect(),
        digest: dataset.digest().to_owned(),
    }
}

/// A run's part of the report, from its folder once it is there.
fn run_one(
    row: &Row,
    seed: u64,
    dataset: &Dataset,
    place: &Place,
    observer: &mut dyn Observer,
) -> Result<(RunResult, PerUser)> {
    let path = place.out.join("runs").join(format!("{}-{seed}", folder_name(&row.label)));
    let folder = RunFolder::create(&path, run_config(row, seed, place), dataset)?;
    let kept = path.join("result.json");
    let result = if kept.exists() {
        serde_json::from_str(&read_text(&kept)?).map_err(|error| {
            Error::Config(format!("{}: {error}; delete it to measure again", kept.display()))
        })?
    } else {
        let result = finish(&folder, dataset, place, observer)?;
        let json = serde_json::to_vec(&result).expect("plain numbers and strings");
        // JSON has no NaN: a run that shows one in a picture is measured each time.
        if serde_json::from_slice::<RunResult>(&json).is_ok() {
            write_whole(&kept, &json)?;
        }
        result
    };
    Ok((result, folder.test(dataset, place.device, observer)?.per_user))
}

/// Trains what is left of a run, and measures it.
fn finish(
    folder: &RunFolder,
    dataset: &Dataset,
    place: &Place,
    observer: &mut dyn Observer,
) -> Result<RunResult> {
    let (start, device) = (Instant::now(), place.device);
    let Outcome { trained, peak_rss_bytes } = folder.train(dataset, device, observer)?;
    let test = folder.test(dataset, device, observer)?.metrics();
    let model = folder.load(dataset, device, observer)?;
    let mut pictures = model.pictures()?;
    pictures.extend(worth_of_parts(&*model, dataset)?);
    let curve = trained.curve.iter().map(|record| CurvePoint {
        epoch: record.epoch,
        loss: Some(record.loss),
        valid: record.valid,
    });
    let mut diagnosis: BTreeMap<String, Vec<(usize, f64)>> = BTreeMap::new();
    for record in &trained.curve {
        for (name, &value) in &record.diagnosis {
            diagnosis.entry(name.clone()).or_default().push((record.epoch, value));
        }
    }
    let trained_seconds: f64 = trained.curve.iter().map(|r| r.train_seconds + r.valid_seconds).sum();
    Ok(RunResult {
        seed: folder.config().seed,
        commit: place.commit.clone(),
        best_epoch: trained.best_epoch,
        epochs: trained.curve.len(),
        valid: trained.valid.clone(),
        test,
        // A run read again took no time now; its epochs say what it took.
        seconds: trained_seconds.max(start.elapsed().as_secs_f64()),
        seconds_per_epoch: trained.seconds_per_epoch(),
        peak_rss_bytes,
        curve: curve.collect(),
        diagnosis,
        pictures,
    })
}

/// What a model is without each of its parts, on valid.
fn worth_of_parts(model: &dyn Recommender, dataset: &Dataset) -> Result<Option<Picture>> {
    let lessened = model.lessened()?;
    if lessened.is_empty() {
        return Ok(None);
    }
    let ranking = RankingConfig::default();
    let measured = |(name, scorer): (String, Box<dyn Scorer>)| -> Result<(String, f64)> {
        let rankings = rank(&*scorer, dataset.interactions(), Split::Valid, &ranking)?;
        Ok((name, rankings.measure(&ranking.topk)?.means()["recall@20"]))
    };
    let whole = std::iter::once(("whole".to_owned(), model.scorer()?));
    let bars = whole.chain(lessened).map(measured).collect::<Result<_>>()?;
    Ok(Some(Picture::Bars { title: "Recall@20 on valid".to_owned(), bars }))
}

pub(crate) fn run_config(row: &Row, seed: u64, place: &Place) -> RunConfig {
    RunConfig {
        data: place.data.clone(),
        seed,
        device: recgoat_torch::device::name(place.device),
        threads: place.threads,
        train: row.train.clone(),
        model: row.model.clone(),
    }
}

/// Every choice of the protocol, as reports print it.
fn protocol(ranking: &RankingConfig, seeds: &[u64]) -> Vec<(String, String)> {
    let mask = match ranking.mask {
        Mask::Train => "train items, at valid and at test",
        Mask::TrainValid => "train items at valid, train and valid items at test",
    };
    let list = |values: &[String]| values.join(", ");
    let lines = [
        ("ranking", "full, over all items; ties by lower item id".to_owned()),
        ("masked", mask.to_owned()),
        ("cut-offs", list(&ranking.topk.iter().map(ToString::to_string).collect::<Vec<_>>())),
        ("averages", "over users with at least one item in the split".to_owned()),
        ("selection", "epoch of the best valid Recall@20; test read once, after training".to_owned()),
        ("negatives", "one, uniform over items outside the user's train set".to_owned()),
        ("seeds", list(&seeds.iter().map(ToString::to_string).collect::<Vec<_>>())),
        ("intervals", "95 % bootstrap over users of per-user means over seeds".to_owned()),
    ];
    lines.map(|(name, value)| (name.to_owned(), value)).into()
}

fn environment(place: &Place, models: &[ModelResult]) -> Vec<(String, String)> {
    let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let commits: BTreeSet<&str> =
        models.iter().flat_map(|model| &model.runs).map(|run| &*run.commit).collect();
    let commits: Vec<&str> =
        commits.into_iter().map(|commit| if commit.is_empty() { "unknown" } else { commit }).collect();
    let lines = [
        ("recgoat", env!("CARGO_PKG_VERSION").to_owned()),
        ("commit", commits.join(", ")),
        ("libtorch", recgoat_torch::LIBTORCH_VERSION.to_owned()),
        ("device", recgoat_torch::device::name(place.device)),
        ("threads", place.threads.to_string()),
        ("processor", model.map_or("unknown", |(_, name)| name).to_owned()),
    ];
    lines.map(|(name, value)| (name.to_owned(), value)).into()
}

/// Nested settings as `table.name` and the value's TOML text.
fn flatten(table: &toml::Table) -> Vec<(String, String)> {
    table
        .iter()
        .flat_map(|(key, value)| match value {
            toml::Value::Table(inner) => {
                flatten(inner).into_iter().map(|(leaf, text)| (format!("{key}.{leaf}"), text)).collect()
            }
            value => vec![(key.clone(), value.to_string())],
        })
        .collect()
}

fn first_repeated<T: PartialEq>(list: &[T]) -> Option<&T> {
    list.iter().enumerate().find(|(at, item)| list[..*at].contains(item)).map(|(_, item)| item)
}

pub(crate) fn folder_name(label: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    label.chars().map(plain).collect()
}
