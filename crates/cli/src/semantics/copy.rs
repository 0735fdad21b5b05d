//! Copies of data folders with the features that a preset makes.

use std::{collections::BTreeMap, ffi::OsString, fs, path::Path};

use anyhow::{Context, Result};
use clap::Parser as _;
use recgoat_data::Dataset;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{embed, profile};
use crate::common::BadInput;

/// A command line of a preset's `features`.
#[derive(clap::Parser)]
#[command(no_binary_name = true)]
enum Line {
    Embed(embed::Args),
    Profile(profile::Args),
}

/// What a copy is made of, kept beside it: runs would be read back for features that are others by now.
#[derive(PartialEq, Serialize, Deserialize)]
struct Origin {
    dataset: String,
    /// SHA-256 of the tables of texts.
    tables: BTreeMap<String, String>,
    features: Vec<String>,
}

/// Makes a preset's features: in `copy`, which is a copy of the data folder, made where it is not there yet.
pub(crate) fn make(lines: &[String], data: &Path, copy: &Path) -> Result<()> {
    for line in lines {
        Line::of(line, data, None)?;
    }
    let origin = Origin::of(lines, data)?;
    let kept = copy.with_added_extension("json");
    if !copy.exists() {
        fs::create_dir_all(copy.parent().unwrap_or(copy)).with_context(|| copy.display().to_string())?;
        fs::write(&kept, serde_json::to_vec_pretty(&origin)?).with_context(|| kept.display().to_string())?;
    } else if !fs::read(&kept).is_ok_and(|json| serde_json::from_slice(&json).ok() == Some(origin)) {
        let (copy, data) = (copy.display(), data.display());
        let told = "or with other features than the preset's; give another --out";
        return Err(BadInput(format!("{copy}: a copy of other data than {data}, {told}")).into());
    }
    for line in lines {
        let begun = copy.exists();
        let (data, out) = if begun { (copy, None) } else { (data, Some(copy)) };
        match Line::of(line, data, out)? {
            Line::Embed(args) => embed::make(&args, data)?,
            Line::Profile(args) => profile::make(&args, data)?,
        };
    }
    Ok(())
}

impl Line {
    fn of(text: &str, data: &Path, out: Option<&Path>) -> Result<Self, BadInput> {
        let mut words: Vec<OsString> = text.split_whitespace().map(OsString::from).collect();
        words.extend(["--data".into(), data.into()]);
        words.extend(out.into_iter().flat_map(|out| ["--out".into(), out.into()]));
        Self::try_parse_from(words)
            .map_err(|error| BadInput(format!("features {text:?}: {}", crate::one_line(&error))))
    }
}

impl Origin {
    fn of(lines: &[String], data: &Path) -> Result<Self> {
        let dataset = Dataset::open(data)?.digest().to_owned();
        let table = |name: &str| {
            Some((name.to_owned(), format!("{:x}", Sha256::digest(fs::read(data.join(name)).ok()?))))
        };
        let tables = ["items.tsv", "users.tsv"].into_iter().filter_map(table).collect();
        Ok(Self { dataset, tables, features: lines.to_vec() })
    }
}
