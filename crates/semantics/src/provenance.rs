//! Where features came from, kept beside them.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use recgoat_data::{Modality, Owner};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Cost, Error, Result, Template, WritingConfig, text::Rows};

/// The file's name in a data folder.
const FILE: &str = "provenance.json";

/// What `provenance.json` says: a source for each feature file that this crate made.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Provenance(BTreeMap<String, Source>);

/// How one feature file was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// The encoder, by the digest of its weights or its endpoint's address.
    pub encoder: String,
    /// The file of the template of the encoded texts; the model's file for pictures.
    pub template: String,
    /// The template's version.
    pub version: String,
    /// Who wrote the encoded texts, where a model did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writer: Option<Writer>,
    /// Rows with features.
    pub present: usize,
    /// SHA-256 of the features and the mask: whether the file is still the one that was made.
    #[serde(default)]
    pub sha256: String,
    /// Seconds since 1970 when it was made.
    #[serde(default)]
    pub made_at: u64,
    /// The version of this crate.
    #[serde(default)]
    pub recgoat: String,
}

/// A language model whose texts were encoded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Writer {
    /// The model.
    pub model: String,
    /// How it was asked.
    pub config: WritingConfig,
    /// What it cost.
    pub cost: Cost,
}

impl Source {
    /// Features that `encoder` made of texts of a template.
    pub fn new(encoder: &str, template: &Template) -> Self {
        Self {
            encoder: encoder.to_owned(),
            template: template.place().to_owned(),
            version: template.version().to_owned(),
            writer: None,
            present: 0,
            sha256: String::new(),
            made_at: 0,
            recgoat: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

impl Provenance {
    /// What the folder's file says; nothing where there is none.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be read, [`Error::Input`] when it is malformed.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        match fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(Error::io(&path)(error)),
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| Error::file(&path, "what recgoat writes there", error.to_string())),
        }
    }

    /// How the features of this name were made, if they still are what was made then.
    pub fn of(&self, owner: Owner, modality: &Modality) -> Option<&Source> {
        self.0.get(&owner.stem(modality.name())).filter(|source| source.sha256 == digest(modality))
    }

    /// Adds features to the data folder, or to a copy of it at `out`, with their source.
    ///
    /// # Errors
    /// [`Error::Input`] when the folder itself would lose a file of this name that did not come from here; else an error
    /// of [`recgoat_data::add_features`].
    pub fn add(
        mut self,
        folder: &Path,
        out: Option<&Path>,
        owner: Owner,
        modality: &Modality,
        mut source: Source,
    ) -> Result<recgoat_data::Dataset> {
        if out.is_none() {
            self.expect_ours(folder, owner, modality.name())?;
        }
        source.present = modality.rows() - modality.missing();
        source.sha256 = digest(modality);
        source.made_at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        self.0.insert(owner.stem(modality.name()), source);
        let text = serde_json::to_string_pretty(&self).unwrap_or_default();
        Ok(recgoat_data::add_features(folder, out, &[(owner, modality)], &[(FILE, text.as_bytes())])?)
    }

    /// Refuses to replace features that did not come from here.
    ///
    /// # Errors
    /// [`Error::Input`] for such features; [`Error::Data`] when the folder cannot be read.
    pub fn expect_ours(&self, folder: &Path, owner: Owner, name: &str) -> Result<()> {
        let path = folder.join(format!("{}_feat.npy", owner.stem(name)));
        if !path.exists() {
            return Ok(());
        }
        let dataset = recgoat_data::Dataset::open(folder)?;
        let there = match owner {
            Owner::Item => dataset.modalities(),
            Owner::User => dataset.profiles(),
        };
        let there = there.iter().find(|modality| modality.name() == name);
        if there.is_some_and(|modality| self.of(owner, modality).is_some()) {
            return Ok(());
        }
        Err(Error::file(
            &path,
            "no file, or one that recgoat made (name another with --name, or move it away)",
            "features from elsewhere",
        ))
    }
}

/// A modality of rows that an encoder made; rows without a vector are missing.
///
/// # Errors
/// [`Error::Input`] when no row has a vector, [`Error::Data`] when a vector holds NaN or an infinity.
pub fn modality(name: &str, rows: &Rows) -> Result<Modality> {
    let Some(width) = rows.iter().flatten().map(Vec::len).next() else {
        return Err(Error::input(name, "something to encode in at least one row", "none"));
    };
    let values = rows.iter().flat_map(|row| row.clone().unwrap_or_else(|| vec![0.0; width])).collect();
    Ok(Modality::new(name, rows.len(), width, values, rows.iter().map(Option::is_some).collect())?)
}

fn digest(modality: &Modality) -> String {
    let mut digest = Sha256::new();
    modality.values().iter().for_each(|value| digest.update(value.to_le_bytes()));
    modality.present().iter().for_each(|&present| digest.update([u8::from(present)]));
    format!("{:x}", digest.finalize())
}
