//! Folders that are refused for what can be mended without a choice.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::dataset::{Dataset, file_names, only_inter};
use crate::error::{Error, Result};
use crate::folder::{Draft, check_free, write_labels};
use crate::inter;
use crate::interactions::Split;
use crate::npy;
use crate::table::csv_error;

/// Makes the new folder `out` of the data set folder `input` and opens it: lines that end in `\r\n` end in `\n`, users
/// without a train interaction are left out and the others renumbered in order, with their old ids in `users.tsv` where
/// there was none; features of users keep the rows of those that stay. Splits, items and their features stay as they are.
///
/// # Errors
/// As [`Dataset::open`] for what is left.
pub fn mend(input: &Path, out: &Path) -> Result<Dataset> {
    check_free(out)?;
    let names = file_names(input)?;
    let inter_name = only_inter(input, &names)?;
    let inter_path = input.join(inter_name);
    let read = |path: &Path| fs::read(path).map_err(Error::io(path));
    let text = unix_lines(&read(&inter_path)?);
    let (header, rows) = inter::rows(&inter_path, &text)?;
    let trained: BTreeSet<u32> =
        rows.iter().filter(|row| row.split == Split::Train).map(|row| row.user).collect();
    let ids: BTreeMap<u32, String> = trained.into_iter().zip((0..).map(|id: u32| id.to_string())).collect();

    let draft = Draft::new(out)?;
    let text = String::from_utf8_lossy(&text);
    let mut lines = text.lines();
    let mut mended = lines.next().unwrap_or_default().to_owned() + "\n";
    for (line, row) in lines.zip(&rows) {
        let Some(id) = ids.get(&row.user) else { continue };
        let mut fields: Vec<&str> = line.split('\t').collect();
        fields[header.user] = id;
        mended += &(fields.join("\t") + "\n");
    }
    let write = |name: &str, bytes: &[u8]| {
        let path = draft.path(name);
        fs::write(&path, bytes).map_err(Error::io(&path))
    };
    write(inter_name, mended.as_bytes())?;
    let arrays = names.iter().filter(|name| name.ends_with("_feat.npy") || name.ends_with("_mask.npy"));
    for name in arrays {
        if name.starts_with("user_") {
            write_user_rows(&input.join(name), &draft.path(name), &ids)?;
        } else {
            write(name, &read(&input.join(name))?)?;
        }
    }
    if names.iter().any(|name| name == "items.tsv") {
        write("items.tsv", &unix_lines(&read(&input.join("items.tsv"))?))?;
    }
    if names.iter().any(|name| name == "users.tsv") {
        write_users(&input.join("users.tsv"), &draft.path("users.tsv"), &ids)?;
    } else if ids.iter().any(|(old, new)| old.to_string() != *new) {
        let rows = ids.iter().map(|(old, new)| [new.clone(), old.to_string()]);
        write_labels(&draft.path("users.tsv"), ["userID", "original"], rows)?;
    }
    draft.finish()
}

fn unix_lines(bytes: &[u8]) -> Vec<u8> {
    let ends = |at: &usize| bytes[*at] != b'\r' || bytes.get(at + 1) != Some(&b'\n');
    (0..bytes.len()).filter(ends).map(|at| bytes[at]).collect()
}

/// Copies what a file of features or a mask has of the users that stay.
fn write_user_rows(from: &Path, to: &Path, ids: &BTreeMap<u32, String>) -> Result<()> {
    let bytes = fs::read(from).map_err(Error::io(from))?;
    let rows = npy::Array::parse(from, &bytes)?.shape.first().copied().unwrap_or_default();
    if let Some((&user, _)) = ids.last_key_value().filter(|(user, _)| **user as usize >= rows) {
        return Err(Error::file(from, format!("a row for user {user}"), format!("{rows} rows")));
    }
    let kept = ids.keys().map(|&user| user as usize);
    if from.to_string_lossy().ends_with("_mask.npy") {
        let present = npy::parse_mask(from, &bytes, rows)?;
        return npy::write_mask(to, &kept.map(|user| present[user]).collect::<Vec<_>>());
    }
    let found = npy::parse_features(from, &bytes)?;
    let values: Vec<f32> =
        kept.flat_map(|user| &found.values[user * found.width..][..found.width]).copied().collect();
    npy::write_features(to, found.width, &values)
}

/// Copies the rows of the users that stay, under their new ids.
fn write_users(from: &Path, to: &Path, ids: &BTreeMap<u32, String>) -> Result<()> {
    let reader = csv::ReaderBuilder::new().delimiter(b'\t').from_path(from);
    let mut reader = reader.map_err(|error| csv_error(from, error))?;
    let header = reader.headers().map_err(|error| csv_error(from, error))?.clone();
    let writer = csv::WriterBuilder::new().delimiter(b'\t').from_path(to);
    let mut writer = writer.map_err(|error| csv_error(to, error))?;
    writer.write_record(&header).map_err(|error| csv_error(to, error))?;
    let column = header.iter().position(|name| name == "userID");
    for record in reader.records() {
        let record = record.map_err(|error| csv_error(from, error))?;
        let new = column.and_then(|at| record[at].parse().ok()).and_then(|user: u32| ids.get(&user));
        let Some(new) = new else { continue };
        let fields = record.iter().enumerate();
        let fields = fields.map(|(at, field)| if Some(at) == column { new } else { field });
        writer.write_record(fields).map_err(|error| csv_error(to, error))?;
    }
    writer.flush().map_err(Error::io(to))
}
