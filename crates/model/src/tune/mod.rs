//! Search for settings, on valid alone.

mod median;
mod parzen;
mod space;

use std::path::Path;

use rand_chacha::ChaCha8Rng;
use recgoat_data::Dataset;
use recgoat_torch::{Purpose, Seed};
use serde::{Deserialize, Serialize};
use toml::Table;

use crate::{
    Error, Observer, Result,
    experiment::{Place, Preset, Row, folder_name, run_config},
    files::{read_text, write_whole},
    run::{Outcome, RunFolder},
    train::SELECTION_METRIC,
};
use median::MedianStop;
pub use space::{Between, Range, Scale};

/// Trials drawn at random, the preset's own settings first, before the estimator proposes.
const RANDOM: usize = 5;
/// The file in a trial's folder that says what it found.
const RECORD: &str = "trial.json";
/// Draws of a point that was not tried before, after which the space counts as exhausted.
const DRAWS: usize = 50;

/// One trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// The settings that the search chose.
    pub settings: Table,
    /// The selection metric on valid, of the best epoch.
    pub valid: f64,
    /// That epoch; 0 for a model that is not trained.
    pub best_epoch: usize,
    /// Epochs trained.
    pub epochs: usize,
    /// Whether it was left there, below the median of the trials before.
    pub stopped: bool,
    /// Seconds of training and evaluation.
    pub seconds: f64,
}

/// What a trial's folder keeps of it in `trial.json`.
#[derive(Serialize, Deserialize)]
struct Finished {
    trial: Trial,
    /// The selection metric on valid after each epoch.
    curve: Vec<f64>,
}

/// What the search found for one model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tuned {
    /// The model's label.
    pub label: String,
    /// All trials, in order.
    pub trials: Vec<Trial>,
    /// Number of the best one.
    pub best: usize,
}

/// Runs `budget` trials of every model of a preset whose entry has a `search` table, one of every other, with the
/// preset's first seed; writes `tune.json`, `tune.md` and `tuned.toml`, the preset with the best settings.
///
/// A model with `stop_after` has the trials left that lie below the median of those before from that epoch on.
///
/// Every trial is a run folder below `trials/`, so the same command continues a search that was cut, and with a larger
/// budget goes on from where it was. A finished trial is read from its `trial.json` and needs its checkpoints no more; one
/// that was left goes on when `stop_after` has been taken out or put later.
/// Test is not read.
///
/// # Errors
/// Failures of any run but divergence, which counts as a valid metric of zero, of writing, and a damaged `trial.json`.
pub fn tune(
    preset: &Preset,
    dataset: &Dataset,
    place: &Place,
    budget: usize,
    observer: &mut dyn Observer,
) -> Result<Vec<Tuned>> {
    let rows = preset.rows()?;
    for row in &rows {
        run_config(row, 0, place).check(dataset)?;
        for (name, value) in
            row.search.iter().flat_map(|(name, range)| range.ends().into_iter().map(move |end| (name, end)))
        {
            let there = row.with(&Table::from_iter([(name.clone(), value)]))?;
            run_config(&there, 0, place)
                .check(dataset)
                .map_err(|error| Error::Config(format!("search {name} of {:?}: {error}", row.label)))?;
        }
    }
    if rows.iter().all(|row| row.search.is_empty()) {
        observer.note("no model of the preset has a `search` table: each is trained once, as it is");
    }
    let mut found = Vec::new();
    for row in &rows {
        found.push(search(preset, row, dataset, place, budget, observer)?);
        let best = found.last().map_or(0.0, |tuned| tuned.trials[tuned.best].valid);
        observer.note(&format!("{}: best valid {SELECTION_METRIC} {best:.4}", row.label));
        write(preset, &found, budget, &place.out)?;
    }
    Ok(found)
}

fn search(
    preset: &Preset,
    row: &Row,
    dataset: &Dataset,
    place: &Place,
    budget: usize,
    observer: &mut dyn Observer,
) -> Result<Tuned> {
    let mut trials: Vec<Trial> = Vec::new();
    let mut tried: Vec<Row> = Vec::new();
    // Coordinates and results of all but the first trial, which need not lie in the space.
    let mut points: Vec<(Vec<f64>, f64)> = Vec::new();
    let mut curves: Vec<Vec<f64>> = Vec::new();
    let budget = if row.search.is_empty() { 1 } else { budget };
    while trials.len() < budget {
        let number = trials.len();
        let mut rng = Seed(preset.seeds[0]).stream(Purpose::Search, number as u64);
        let (point, settings) = if number == 0 {
            (None, Table::new())
        } else if let Some((point, settings)) = fresh(row, &tried, &points, &mut rng)? {
            (Some(point), settings)
        } else {
            break;
        };
        observer.note(&format!("{} trial {}: {}", row.label, number + 1, shown(&settings)));
        let path = place.out.join("trials").join(format!("{}-{}", folder_name(&row.label), number + 1));
        tried.push(row.with(&settings)?);
        let folder = RunFolder::create(&path, run_config(&tried[number], preset.seeds[0], place), dataset)?;
        let mut rule = MedianStop { observer, after: row.stop_after, before: &curves, stopped: false };
        let finished = match recorded(&folder)? {
            Some(Finished { trial, curve }) if !trial.stopped || rule.may_leave(trial.epochs) => {
                Finished { trial, curve }
            }
            _ => one(&folder, settings, dataset, place, &mut rule)?,
        };
        if let Some(point) = point {
            points.push((point, finished.trial.valid));
        }
        curves.push(finished.curve);
        trials.push(finished.trial);
    }
    let better = |&a: &usize, &b: &usize| trials[a].valid.total_cmp(&trials[b].valid).then(b.cmp(&a));
    let best = (0..trials.len()).max_by(better).unwrap_or(0);
    Ok(Tuned { label: row.label.clone(), trials, best })
}

/// A point of the space and its settings, which no trial had, the first one included; none when the space seems
/// exhausted.
fn fresh(
    row: &Row,
    tried: &[Row],
    points: &[(Vec<f64>, f64)],
    rng: &mut ChaCha8Rng,
) -> Result<Option<(Vec<f64>, Table)>> {
    let ranges: Vec<&Range> = row.search.values().collect();
    for draw in 0..DRAWS {
        // After many draws of the same points the estimator has nothing new to say.
        let at_random = points.len() + 1 < RANDOM || draw > DRAWS / 2;
        let point: Vec<f64> = if at_random {
            ranges.iter().map(|range| range.draw(rng)).collect()
        } else {
            parzen::propose(&ranges, points, rng)
        };
        let values = ranges.iter().zip(&point).map(|(range, &coordinate)| range.at(coordinate));
        let settings: Table = row.search.keys().cloned().zip(values).collect();
        if !tried.contains(&row.with(&settings)?) {
            return Ok(Some((point, settings)));
        }
    }
    Ok(None)
}

/// The trial that `folder` holds, when it is finished.
fn recorded(folder: &RunFolder) -> Result<Option<Finished>> {
    let path = folder.path().join(RECORD);
    if !path.exists() {
        return Ok(None);
    }
    serde_json::from_str(&read_text(&path)?).map(Some).map_err(|error| {
        Error::Config(format!("{}: {error}; delete it to run the trial again", path.display()))
    })
}

/// Runs a trial to its end and records it.
fn one(
    folder: &RunFolder,
    settings: Table,
    dataset: &Dataset,
    place: &Place,
    rule: &mut MedianStop<'_>,
) -> Result<Finished> {
    let finished = match folder.train(dataset, place.device, rule) {
        Ok(Outcome { trained, .. }) => {
            let valid = trained.valid.get(SELECTION_METRIC).copied().unwrap_or(0.0);
            let epochs = trained.curve.len();
            let seconds = trained.curve.iter().map(|epoch| epoch.train_seconds + epoch.valid_seconds).sum();
            let best_epoch = trained.best_epoch;
            let trial = Trial { settings, valid, best_epoch, epochs, stopped: rule.stopped, seconds };
            Finished { trial, curve: trained.curve.iter().map(|epoch| epoch.valid).collect() }
        }
        Err(Error::Diverged { epoch, .. }) => {
            rule.note(&format!("{} diverged in epoch {epoch}", folder.path().display()));
            let trial =
                Trial { settings, valid: 0.0, best_epoch: 0, epochs: epoch, stopped: false, seconds: 0.0 };
            Finished { trial, curve: Vec::new() }
        }
        Err(other) => return Err(other),
    };
    let json = serde_json::to_vec(&finished).expect("plain numbers and strings");
    write_whole(&folder.path().join(RECORD), &json)?;
    Ok(finished)
}

fn shown(settings: &Table) -> String {
    if settings.is_empty() {
        return "the preset's settings".to_owned();
    }
    settings.iter().map(|(name, value)| format!("{name} = {value}")).collect::<Vec<_>>().join(", ")
}

fn write(preset: &Preset, found: &[Tuned], budget: usize, out: &Path) -> Result<()> {
    let json = serde_json::to_vec_pretty(found).expect("plain numbers and strings");
    write_whole(&out.join("tune.json"), &json)?;
    let mut table = format!(
        "Up to {budget} trials a model, seed {}, by {SELECTION_METRIC} on valid; test was not read.\n\n\
         | model | trials | left below the median | valid | best epoch | minutes in all | settings |\n\
         |---|---|---|---|---|---|---|\n",
        preset.seeds[0]
    );
    for Tuned { label, trials, best } in found {
        let Trial { settings, valid, best_epoch, .. } = &trials[*best];
        let minutes = trials.iter().fold(0.0, |sum, trial| sum + trial.seconds) / 60.0;
        let (count, settings) = (trials.len(), shown(settings));
        let left = trials.iter().filter(|trial| trial.stopped).count();
        table += &format!(
            "| {label} | {count} | {left} | {valid:.4} | {best_epoch} | {minutes:.1} | {settings} |\n"
        );
    }
    table += "\n| model | trial | valid | best epoch | epochs | settings |\n|---|---|---|---|---|---|\n";
    for Tuned { label, trials, .. } in found {
        for (number, Trial { settings, valid, best_epoch, epochs, .. }) in (1..).zip(trials) {
            let settings = shown(settings);
            table += &format!("| {label} | {number} | {valid:.4} | {best_epoch} | {epochs} | {settings} |\n");
        }
    }
    write_whole(&out.join("tune.md"), table.as_bytes())?;
    let best = found.iter().map(|tuned| (tuned.label.as_str(), &tuned.trials[tuned.best].settings)).collect();
    write_whole(&out.join("tuned.toml"), preset.tuned(&best).to_string().as_bytes())
}
