//! Reads raw interaction logs: csv or tsv with original ids, an optional rating and an optional time.

use std::collections::hash_map::Entry;
use std::io::Read;
use std::path::Path;

use rustc_hash::FxHashMap;

use crate::error::{Error, Result, quote};
use crate::table::csv_error;

/// One interaction of a log; a column is there for all records or for none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Record {
    pub(crate) user: u32,
    pub(crate) item: u32,
    pub(crate) rating: Option<f64>,
    pub(crate) time: Option<f64>,
}

/// A log whose users and items are numbered in order of first appearance.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) records: Vec<Record>,
    pub(crate) users: Vec<String>,
    pub(crate) items: Vec<String>,
}

/// Reads a log. Columns are found by name: case, `_` and a type after `:` (`user_id:token`) are ignored.
pub(crate) fn read(path: &Path, delimiter: u8, bytes: impl Read) -> Result<Log> {
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(bytes);
    let header = reader.headers().map_err(|e| csv_error(path, e))?.clone();
    let names: Vec<String> = header.iter().map(plain_name).collect();
    let column = |accepted: &[&str]| names.iter().position(|name| accepted.contains(&name.as_str()));
    let required = |what: &str, accepted: &[&str]| {
        let found = || quote(header.iter().collect::<Vec<_>>().join(" ").as_bytes());
        column(accepted).ok_or_else(|| Error::line(path, 1, format!("a column {what}"), found()))
    };
    let user = required("userID, user_id or user", &["userid", "user", "uid"])?;
    let item = required("itemID, item_id or item", &["itemid", "item", "iid"])?;
    let (rating, time) = (column(&["rating"]), column(&["timestamp", "time"]));

    let (mut users, mut items, mut records) = (Names::default(), Names::default(), Vec::new());
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(|e| csv_error(path, e))? {
        let line = record.position().map_or(1, csv::Position::line) as usize;
        for column in [user, item] {
            if record[column].is_empty() {
                return Err(Error::line(
                    path,
                    line,
                    format!("an id in column {}", &header[column]),
                    "nothing",
                ));
            }
        }
        let number = |column: Option<usize>| match column.map(|column| (column, record[column].trim())) {
            None => Ok(None),
            Some((column, text)) => match text.parse::<f64>().ok().filter(|number| number.is_finite()) {
                Some(number) => Ok(Some(number)),
                None => {
                    let expected = format!("a number in column {}", &header[column]);
                    Err(Error::line(path, line, expected, quote(text.as_bytes())))
                }
            },
        };
        let (rating, time) = (number(rating)?, number(time)?);
        let (user, item) = (users.number(&record[user]), items.number(&record[item]));
        records.push(Record { user, item, rating, time });
    }
    if records.is_empty() {
        return Err(Error::file(path, "a header line and interactions", "no interaction"));
    }
    Ok(Log { records, users: users.names, items: items.names })
}

impl Log {
    /// Keeps the earliest record of every pair: by time, then by row.
    pub(crate) fn drop_repeats(&mut self) {
        let mut kept: FxHashMap<(u32, u32), usize> = FxHashMap::default();
        for (row, record) in self.records.iter().enumerate() {
            match kept.entry((record.user, record.item)) {
                Entry::Vacant(entry) => _ = entry.insert(row),
                Entry::Occupied(mut entry) if record.time < self.records[*entry.get()].time => {
                    entry.insert(row);
                }
                Entry::Occupied(_) => {}
            }
        }
        let mut row = 0..;
        self.records.retain(|record| row.next() == kept.get(&(record.user, record.item)).copied());
    }

    /// Keeps the `k`-core: the largest part in which every user and every item has at least `k` records.
    pub(crate) fn keep_core(&mut self, k: usize) {
        loop {
            let (mut users, mut items) = (vec![0; self.users.len()], vec![0; self.items.len()]);
            for record in &self.records {
                users[record.user as usize] += 1;
                items[record.item as usize] += 1;
            }
            let before = self.records.len();
            self.records.retain(|r| users[r.user as usize] >= k && items[r.item as usize] >= k);
            if self.records.len() == before {
                return;
            }
        }
    }

    /// Numbers the users and items that still have records anew, in order of first appearance.
    pub(crate) fn renumber(&mut self) {
        let (mut users, mut items) = (Names::default(), Names::default());
        for record in &mut self.records {
            record.user = users.number(&self.users[record.user as usize]);
            record.item = items.number(&self.items[record.item as usize]);
        }
        (self.users, self.items) = (users.names, items.names);
    }
}

fn plain_name(header: &str) -> String {
    let name = header.split(':').next().unwrap_or_default().trim();
    name.chars().filter(|&c| c != '_').flat_map(char::to_lowercase).collect()
}

/// Numbers names in order of first appearance.
#[derive(Default)]
struct Names {
    numbers: FxHashMap<String, u32>,
    names: Vec<String>,
}

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = self.names.len() as u32;
        self.numbers.insert(name.to_owned(), number);
        self.names.push(name.to_owned());
        number
    }
}
