//! A data set: interactions, modality features and labels, read from a folder or made in memory.

use std::borrow::Cow;
use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::inter;
use crate::interactions::{Interactions, Split};
use crate::labels::Labels;
use crate::modality::Modality;
use crate::npy;
use crate::table::Table;

/// A checked data set. Whatever it hands out is well formed: nothing downstream has to doubt it.
#[derive(Debug, Clone)]
pub struct Dataset {
    name: String,
    interactions: Interactions,
    modalities: Vec<Modality>,
    profiles: Vec<Modality>,
    digest: String,
    user_labels: Labels,
    item_labels: Labels,
}

impl Dataset {
    /// Reads a folder with one `<name>.inter` file, any number of `<modality>_feat.npy` files (each with
    /// an optional `<modality>_mask.npy`), any number of `user_<modality>_feat.npy` files with features of users
    /// (likewise), and optional `users.tsv` and `items.tsv`.
    ///
    /// # Errors
    /// [`Error::Io`] when a file cannot be read, else [`Error::File`] or [`Error::Line`], which name what
    /// is wrong where.
    pub fn open(dir: &Path) -> Result<Self> {
        let names = file_names(dir)?;
        let inter = only_inter(dir, &names)?;
        let mut digest = ContentDigest::default();
        let inter_path = dir.join(inter);
        let table = inter::parse(&inter_path, &digest.read(&inter_path, inter)?)?;

        let (mut modalities, mut profiles): (Vec<Modality>, Vec<Modality>) = Default::default();
        for (file, stem) in names.iter().filter_map(|n| Some((n, n.strip_suffix("_feat.npy")?))) {
            let path = dir.join(file);
            let found = features(dir, stem, &names, &mut digest)?;
            let rows = found.rows();
            if let Some(name) = stem.strip_prefix("user_") {
                if rows != table.users {
                    let expected = format!("{} rows (one for each userID of {inter})", table.users);
                    return Err(Error::file(&path, expected, rows.to_string()));
                }
                profiles.push(found.renamed(name));
                continue;
            }
            if rows < table.items {
                let expected = format!("at least {} rows (one for each itemID of {inter})", table.items);
                return Err(Error::file(&path, expected, rows.to_string()));
            }
            if let Some(first) = modalities.first().filter(|first| first.rows() != rows) {
                let expected = format!("{} rows as in {}_feat.npy", first.rows(), first.name());
                return Err(Error::file(&path, expected, rows.to_string()));
            }
            modalities.push(found);
        }
        for (file, modality) in names.iter().filter_map(|n| Some((n, n.strip_suffix("_mask.npy")?))) {
            if !names.contains(&format!("{modality}_feat.npy")) {
                let expected = format!("{modality}_feat.npy beside it");
                return Err(Error::file(&dir.join(file), expected, "none"));
            }
        }

        let items = modalities.first().map_or(table.items, Modality::rows);
        Ok(Self {
            name: inter.trim_end_matches(".inter").to_owned(),
            interactions: Interactions::from_rows(table.users, items, &table.rows),
            modalities,
            profiles,
            digest: digest.finish(),
            user_labels: Labels::read(&dir.join("users.tsv"), "userID", table.users)?,
            item_labels: Labels::read(&dir.join("items.tsv"), "itemID", items)?,
        })
    }

    /// Puts a data set together in memory: for synthetic data and tests.
    ///
    /// # Errors
    /// [`Error::Argument`] when a modality has another number of rows than there are items, or a name
    /// occurs twice.
    pub fn from_parts(
        name: impl Into<String>,
        interactions: Interactions,
        mut modalities: Vec<Modality>,
    ) -> Result<Self> {
        modalities.sort_by(|a, b| a.name().cmp(b.name()));
        for modality in &modalities {
            if modality.rows() != interactions.items() {
                let expected = format!("{} rows, one for each item", interactions.items());
                let name = format!("modality {}", modality.name());
                return Err(Error::argument(name, expected, modality.rows().to_string()));
            }
        }
        if let Some([first, _]) = modalities.array_windows().find(|[a, b]| a.name() == b.name()) {
            return Err(Error::argument(format!("modality {}", first.name()), "each name once", "it twice"));
        }
        let digest = digest_parts(&interactions, &modalities);
        Ok(Self {
            name: name.into(),
            interactions,
            modalities,
            profiles: Vec::new(),
            digest,
            user_labels: Labels::default(),
            item_labels: Labels::default(),
        })
    }

    /// The same data set with these features of its users instead of any it has.
    ///
    /// # Errors
    /// [`Error::Argument`] when one has another number of rows than there are users.
    pub fn with_profiles(mut self, mut profiles: Vec<Modality>) -> Result<Self> {
        let users = self.interactions.users();
        if let Some(other) = profiles.iter().find(|profile| profile.rows() != users) {
            let name = format!("profiles {}", other.name());
            return Err(Error::argument(
                name,
                format!("{users} rows, one for each user"),
                other.rows().to_string(),
            ));
        }
        profiles.sort_by(|a, b| a.name().cmp(b.name()));
        let mut digest = ContentDigest::default();
        digest.add("dataset", self.digest.as_bytes());
        profiles.iter().for_each(|profile| digest.add_modality(profile));
        self.digest = digest.finish();
        self.profiles = profiles;
        Ok(self)
    }

    /// The data set's name: that of its `.inter` file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Who interacted with what, per split.
    pub fn interactions(&self) -> &Interactions {
        &self.interactions
    }

    /// Number of items, those that only features know included.
    pub fn items(&self) -> usize {
        self.interactions.items()
    }

    /// The features, sorted by name; each has one row per item.
    pub fn modalities(&self) -> &[Modality] {
        &self.modalities
    }

    /// The features of users, sorted by name; each has one row per user.
    pub fn profiles(&self) -> &[Modality] {
        &self.profiles
    }

    /// SHA-256 in hexadecimal over the names and contents of the files that were used (`.inter`,
    /// `_feat.npy`, `_mask.npy`), or over the parts of a data set made in memory.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What `items.tsv` says of the items; without columns where there is none.
    pub fn item_table(&self) -> &Table {
        self.item_labels.table()
    }

    /// The item's title, where `items.tsv` has one (column `title` or `name`).
    pub fn item_title(&self, item: usize) -> Option<&str> {
        self.item_labels.title(item)
    }

    /// The item's original id, or its dense id where none is known.
    pub fn item_label(&self, item: usize) -> Cow<'_, str> {
        self.item_labels.original(item)
    }

    /// The user's original id, or the dense id where none is known.
    pub fn user_label(&self, user: usize) -> Cow<'_, str> {
        self.user_labels.original(user)
    }
}

/// The checked features of the file `<stem>_feat.npy` and its mask, named after the stem.
fn features(dir: &Path, stem: &str, names: &[String], digest: &mut ContentDigest) -> Result<Modality> {
    let file = format!("{stem}_feat.npy");
    let path = dir.join(&file);
    let features = npy::parse_features(&path, &digest.read(&path, &file)?)?;
    let mask = format!("{stem}_mask.npy");
    let present = if names.contains(&mask) {
        let path = dir.join(&mask);
        npy::parse_mask(&path, &digest.read(&path, &mask)?, features.rows)?
    } else {
        vec![true; features.rows]
    };
    Modality::new(stem, features.rows, features.width, features.values, present).map_err(|e| e.in_file(&path))
}

pub(crate) fn file_names(dir: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(Error::io(dir))? {
        // A name that is not UTF-8 belongs to no file of the format.
        names.extend(entry.map_err(Error::io(dir))?.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}

pub(crate) fn only_inter<'a>(dir: &Path, names: &'a [String]) -> Result<&'a str> {
    let found: Vec<_> = names.iter().map(String::as_str).filter(|name| name.ends_with(".inter")).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => Err(Error::file(dir, "one .inter file", "none")),
        several => Err(Error::file(dir, "one .inter file", several.join(", "))),
    }
}

/// Reads files and hashes what it read.
#[derive(Default)]
struct ContentDigest(Sha256);

impl ContentDigest {
    fn read(&mut self, path: &Path, name: &str) -> Result<Vec<u8>> {
        let bytes = fs::read(path).map_err(Error::io(path))?;
        self.add(name, &bytes);
        Ok(bytes)
    }

    /// The lengths keep one file's end apart from the next one's beginning.
    fn add(&mut self, name: &str, bytes: &[u8]) {
        for part in [name.as_bytes(), bytes] {
            self.0.update((part.len() as u64).to_le_bytes());
            self.0.update(part);
        }
    }

    fn add_modality(&mut self, modality: &Modality) {
        let values: Vec<u8> = modality.values().iter().flat_map(|x| x.to_le_bytes()).collect();
        let present: Vec<u8> = modality.present().iter().map(|&present| present.into()).collect();
        self.add(modality.name(), &values);
        self.add(modality.name(), &present);
    }

    fn finish(self) -> String {
        format!("{:x}", self.0.finalize())
    }
}

fn digest_parts(interactions: &Interactions, modalities: &[Modality]) -> String {
    let mut digest = ContentDigest::default();
    digest.add("items", &(interactions.items() as u64).to_le_bytes());
    for split in Split::ALL {
        let pairs = interactions.split(split).pairs();
        let bytes: Vec<u8> = pairs.flat_map(|(user, item)| [user, item]).flat_map(u32::to_le_bytes).collect();
        digest.add(split.name(), &bytes);
    }
    modalities.iter().for_each(|modality| digest.add_modality(modality));
    digest.finish()
}
