//! Original ids and titles of users and items, from `users.tsv` and `items.tsv`.

use std::borrow::Cow;
use std::path::Path;

use crate::error::{Error, Result, quote};

/// What people call the users or the items; empty where no file says it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Labels {
    originals: Vec<String>,
    titles: Vec<String>,
}

impl Labels {
    /// Reads a tab-separated, csv-quoted file with the columns `id_column`, `original` (optional) and
    /// `title` or `name` (optional). A file that does not exist says nothing.
    pub(crate) fn read(path: &Path, id_column: &str, count: usize) -> Result<Self> {
        if !path.exists() {
            return Ok(Self::default());
        }
        let mut reader =
            csv::ReaderBuilder::new().delimiter(b'\t').from_path(path).map_err(|e| csv_error(path, e))?;
        let header = reader.headers().map_err(|e| csv_error(path, e))?.clone();
        let column = |name: &str| header.iter().position(|found| found == name);
        let Some(id) = column(id_column) else {
            let found = quote(header.iter().collect::<Vec<_>>().join("\t").as_bytes());
            return Err(Error::line(path, 1, format!("a column {id_column}"), found));
        };
        let original = column("original");
        let title = column("title").or_else(|| column("name"));
        let list = |column: Option<usize>| vec![String::new(); column.map_or(0, |_| count)];
        let mut labels = Self { originals: list(original), titles: list(title) };
        let mut record = csv::StringRecord::new();
        while reader.read_record(&mut record).map_err(|e| csv_error(path, e))? {
            let Some(row) = record[id].parse::<usize>().ok().filter(|&row| row < count) else {
                let line = record.position().map_or(1, csv::Position::line) as usize;
                let expected = format!("{id_column} from 0 to {}", count.saturating_sub(1));
                return Err(Error::line(path, line, expected, quote(record[id].as_bytes())));
            };
            for (column, list) in [(original, &mut labels.originals), (title, &mut labels.titles)] {
                if let Some(column) = column {
                    record[column].clone_into(&mut list[row]);
                }
            }
        }
        Ok(labels)
    }

    /// The original id, or the dense one where none is known.
    pub(crate) fn original(&self, id: usize) -> Cow<'_, str> {
        known(&self.originals, id).map_or_else(|| Cow::Owned(id.to_string()), Cow::Borrowed)
    }

    /// The title, where one is known.
    pub(crate) fn title(&self, id: usize) -> Option<&str> {
        known(&self.titles, id)
    }
}

fn known(list: &[String], id: usize) -> Option<&str> {
    list.get(id).map(String::as_str).filter(|text| !text.is_empty())
}

/// Turns an error of the csv reader into one that names the line.
pub(crate) fn csv_error(path: &Path, error: csv::Error) -> Error {
    let line = error.position().map_or(1, csv::Position::line) as usize;
    match error.into_kind() {
        csv::ErrorKind::Io(source) => Error::Io { path: path.to_owned(), source },
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            Error::line(path, line, format!("{expected_len} columns"), format!("{len}"))
        }
        csv::ErrorKind::Utf8 { .. } => Error::line(path, line, "UTF-8 text", "other bytes"),
        other => Error::line(path, line, "well-formed csv", format!("{other:?}")),
    }
}
