//! Experiments: several models over several seeds on one dataset, and the report on them.

mod preset;
mod report;

use std::{collections::BTreeMap, path::PathBuf, time::Instant};

use recgoat_data::{Dataset, Split};
use recgoat_eval::{
    PerUser, RankingConfig, Scorer, rank,
    report::{CurvePoint, Measured, ModelResult, Picture, Report, RunResult, compare},
    stats::Resampling,
};
use tch::Device;

use crate::{
    Error, Learning, Observer, Recommender, Result,
    config::to_table,
    files::{read_text, write_whole},
    run::{Outcome, RunConfig, RunFolder},
};

pub use preset::{Preset, Row};
pub use report::card;
use report::{environment, processor, protocol};

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
    if dataset.interactions().split(Split::Test).is_empty() {
        let name = dataset.name();
        return Err(Error::Config(format!(
            "dataset {name}: expected at least one test interaction, found none"
        )));
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
        processor: processor(),
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

pub(crate) fn folder_name(label: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    label.chars().map(plain).collect()
}
