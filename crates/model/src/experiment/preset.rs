//! Experiment files: which models, with which settings, over which seeds.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;

use super::folder_name;
use crate::{
    Error, ModelConfig, Result, TrainConfig,
    config::{flatten, from_table, parse_toml, with_override},
    files::read_text,
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

    /// The first model that the preset calls by this name, if there is one.
    ///
    /// # Errors
    /// As [`Preset::rows`].
    pub fn first(&self, name: &str) -> Result<Option<Row>> {
        self.entries.iter().find(|entry| entry.name == name).map(|entry| entry.row(&self.train)).transpose()
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

fn first_repeated<T: PartialEq>(list: &[T]) -> Option<&T> {
    list.iter().enumerate().find(|(at, item)| list[..*at].contains(item)).map(|(_, item)| item)
}
