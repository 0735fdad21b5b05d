//! What `users.tsv` and `items.tsv` say: a row of text columns for each id.

use std::path::Path;

use crate::error::{Error, Result, quote};

/// A tab-separated, csv-quoted file with a row for some or all of the ids `0..rows`.
///
/// ```
/// use recgoat_data::Table;
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("items.tsv");
/// std::fs::write(&path, "itemID\ttitle\tyear\n1\tHeat\t1995\n")?;
/// let items = Table::read(&path, "itemID", 2)?;
/// assert_eq!(items.columns(), ["itemID", "title", "year"]);
/// assert_eq!(items.get(1, "title"), Some("Heat"));
/// assert_eq!(items.get(0, "title"), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    columns: Vec<String>,
    rows: Vec<Option<csv::StringRecord>>,
}

impl Table {
    /// Reads the file, whose column `id_column` holds ids below `count`. A file that does not exist has no columns; of
    /// several rows of one id the last counts.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be read, [`Error::Line`] for a row that is malformed or of an unknown id.
    pub fn read(path: &Path, id_column: &str, count: usize) -> Result<Self> {
        if !path.exists() {
            return Ok(Self::default());
        }
        let mut reader =
            csv::ReaderBuilder::new().delimiter(b'\t').from_path(path).map_err(|e| csv_error(path, e))?;
        let columns: Vec<String> =
            reader.headers().map_err(|e| csv_error(path, e))?.iter().map(str::to_owned).collect();
        let Some(id) = columns.iter().position(|column| column == id_column) else {
            let found = quote(columns.join("\t").as_bytes());
            return Err(Error::line(path, 1, format!("a column {id_column}"), found));
        };
        let mut rows = vec![None; count];
        for record in reader.into_records() {
            let record = record.map_err(|e| csv_error(path, e))?;
            let Some(row) = record[id].parse::<usize>().ok().filter(|&row| row < count) else {
                let line = record.position().map_or(1, csv::Position::line) as usize;
                let expected = format!("{id_column} from 0 to {}", count.saturating_sub(1));
                return Err(Error::line(path, line, expected, quote(record[id].as_bytes())));
            };
            rows[row] = Some(record);
        }
        Ok(Self { columns, rows })
    }

    /// The names of the columns, as in the file.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// What the row of an id says in a column; `None` where the row or the column is missing or the text is empty.
    pub fn get(&self, id: usize, column: &str) -> Option<&str> {
        let place = self.columns.iter().position(|name| name == column)?;
        self.rows.get(id)?.as_ref()?.get(place).filter(|text| !text.is_empty())
    }
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
