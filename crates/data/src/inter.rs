//! Reads `.inter` files: tab separated, `userID itemID [rating] [timestamp] x_label`.

use std::path::Path;

use rustc_hash::FxHashSet;

use crate::error::{Error, Result, quote};
use crate::interactions::{Fault, Row, Split, find_fault};

/// The rows of a `.inter` file and the sizes they imply.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) rows: Vec<Row>,
    pub(crate) users: usize,
    /// The largest item id + 1.
    pub(crate) items: usize,
}

const CURE: &str = "`recgoat prepare` makes such a file from raw data";
const MENDS: &str = "`recgoat prepare --split given` mends that";

/// Parses and checks a whole file. A row's line is its index + 2.
pub(crate) fn parse(path: &Path, bytes: &[u8]) -> Result<Table> {
    if bytes.is_empty() {
        return Err(Error::file(path, "a header line and interactions", "an empty file"));
    }
    check_rows(path, rows(path, bytes)?.1)
}

/// The header and the rows, each well formed; nothing is known of them together.
pub(crate) fn rows(path: &Path, bytes: &[u8]) -> Result<(Header, Vec<Row>)> {
    check_encoding(path, bytes)?;
    let mut lines = bytes.strip_suffix(b"\n").unwrap_or(bytes).split(|&byte| byte == b'\n');
    let header = Header::parse(path, lines.next().unwrap_or_default())?;
    let mut rows = Vec::with_capacity(bytes.len() / 8);
    for (index, line) in lines.enumerate() {
        rows.push(header.row(path, index + 2, line)?);
    }
    Ok((header, rows))
}

fn check_encoding(path: &Path, bytes: &[u8]) -> Result<()> {
    let line_at = |at: usize| 1 + bytes[..at].iter().filter(|&&byte| byte == b'\n').count();
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(Error::line(path, 1, "no byte order mark (save as plain UTF-8)", "U+FEFF"));
    }
    if let Some(at) = bytes.iter().position(|&byte| byte == b'\r') {
        let cure = if bytes.get(at + 1) == Some(&b'\n') { format!(" ({MENDS})") } else { String::new() };
        let expected = format!("lines that end in \\n alone{cure}");
        return Err(Error::line(path, line_at(at), expected, "\\r"));
    }
    if let Err(error) = std::str::from_utf8(bytes) {
        let at = error.valid_up_to();
        return Err(Error::line(path, line_at(at), "UTF-8 text", format!("byte 0x{:02X}", bytes[at])));
    }
    Ok(())
}

/// Where the used columns are.
pub(crate) struct Header {
    pub(crate) user: usize,
    item: usize,
    label: usize,
    columns: usize,
}

impl Header {
    fn parse(path: &Path, line: &[u8]) -> Result<Self> {
        let names: Vec<_> = line.split(|&byte| byte == b'\t').collect();
        let column = |name: &str, cure: &str| {
            let mut places = names.iter().enumerate().filter(|(_, found)| **found == name.as_bytes());
            match (places.next(), places.next()) {
                (Some((place, _)), None) => Ok(place),
                (None, _) => Err(Error::line(path, 1, format!("a column {name}{cure}"), quote(line))),
                _ => Err(Error::line(path, 1, format!("one column {name}"), quote(line))),
            }
        };
        Ok(Self {
            user: column("userID", "")?,
            item: column("itemID", "")?,
            label: column("x_label", &format!(" ({CURE})"))?,
            columns: names.len(),
        })
    }

    fn row(&self, path: &Path, line: usize, text: &[u8]) -> Result<Row> {
        let (mut user, mut item, mut label) = (&b""[..], &b""[..], &b""[..]);
        let mut columns = 0;
        for (column, field) in text.split(|&byte| byte == b'\t').enumerate() {
            if column == self.user {
                user = field;
            } else if column == self.item {
                item = field;
            } else if column == self.label {
                label = field;
            }
            columns = column + 1;
        }
        if columns != self.columns {
            let expected = format!("{} tab-separated columns", self.columns);
            return Err(Error::line(path, line, expected, format!("{columns} in {}", quote(text))));
        }
        let split = match label {
            b"0" => Split::Train,
            b"1" => Split::Valid,
            b"2" => Split::Test,
            _ => return Err(Error::line(path, line, "x_label 0, 1 or 2", quote(label))),
        };
        let id = |name: &str, field: &[u8]| {
            let wrong =
                || Error::line(path, line, format!("{name}, an integer from 0 to {MAX_ID}"), quote(field));
            parse_id(field).ok_or_else(wrong)
        };
        Ok(Row { user: id("userID", user)?, item: id("itemID", item)?, split })
    }
}

/// The largest id that leaves room to count ids in 32 bits.
const MAX_ID: u32 = u32::MAX - 1;

fn parse_id(field: &[u8]) -> Option<u32> {
    if field.is_empty() || field.len() > 10 || !field.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = field.iter().fold(0u64, |value, digit| value * 10 + u64::from(digit - b'0'));
    u32::try_from(value).ok().filter(|&id| id <= MAX_ID)
}

fn check_rows(path: &Path, rows: Vec<Row>) -> Result<Table> {
    let largest = |id: fn(&Row) -> u32| rows.iter().enumerate().max_by_key(|(_, row)| id(row));
    let (Some((_, last_user)), Some((item_row, last_item))) =
        (largest(|row| row.user), largest(|row| row.item))
    else {
        return Err(Error::file(path, "interactions below the header", "no line"));
    };
    let (users, items) = (last_user.user as usize + 1, last_item.item as usize + 1);
    check_ids(path, &rows, users)?;
    let distinct = rows.iter().map(|row| row.item).collect::<FxHashSet<_>>().len();
    let bound = 1_000 + 10 * distinct;
    if items > bound {
        let expected = format!("itemID below {bound} (1000 + 10 × {distinct} distinct items)");
        return Err(Error::line(path, item_row + 2, expected, last_item.item.to_string()));
    }
    match find_fault(users, &rows) {
        None => Ok(Table { rows, users, items }),
        Some(Fault::Repeated { first, second }) => {
            let Row { user, item, .. } = rows[second];
            let expected = format!("user {user} and item {item} on one line only");
            Err(Error::line(path, second + 2, expected, format!("them on line {} too", first + 2)))
        }
        Some(Fault::NoTrain { user, row: Some(row) }) => {
            let expected = format!("a line with x_label 0 for user {user} ({MENDS})");
            Err(Error::line(path, row + 2, expected, "none in the file"))
        }
        Some(Fault::NoTrain { user, row: None }) => {
            let expected = format!("userID 0 to {} without a gap", users - 1);
            Err(Error::file(path, expected, format!("no line of user {user}")))
        }
    }
}

/// Refuses user ids that could only be reached through a gap, before anything of their size is made.
fn check_ids(path: &Path, rows: &[Row], users: usize) -> Result<()> {
    if users <= rows.len() {
        return Ok(());
    }
    let at = rows.iter().position(|row| row.user as usize >= rows.len()).unwrap_or_default();
    let expected = format!("userID below {}, the number of interactions", rows.len());
    Err(Error::line(path, at + 2, expected, rows[at].user.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Bytes near the format: its header, then fields, separators and rubbish.
    fn nearly() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            "[0-9]{1,11}".prop_map(String::into_bytes),
            prop::sample::select(vec![b"\t".to_vec(), b"\n".to_vec(), b"\r\n".to_vec(), b"-".to_vec()]),
            prop::collection::vec(any::<u8>(), 0..3),
        ];
        prop::collection::vec(piece, 0..60)
            .prop_map(|pieces| [b"userID\titemID\tx_label\n".to_vec(), pieces.concat()].concat())
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_on_one_line(
            bytes in prop_oneof![prop::collection::vec(any::<u8>(), 0..200), nearly()],
        ) {
            match parse(Path::new("a.inter"), &bytes) {
                Ok(table) => {
                    prop_assert!(table.users <= table.rows.len());
                    prop_assert!(table.rows.iter().all(|row| (row.item as usize) < table.items));
                }
                Err(error) => {
                    let message = error.to_string();
                    prop_assert!(message.starts_with("a.inter") && !message.contains('\n'), "{message}");
                }
            }
        }
    }
}
