//! What each user chose, in the order of time.

use std::fs;
use std::path::Path;

use crate::dataset::{file_names, only_inter};
use crate::error::{Error, Result};
use crate::inter;
use crate::interactions::Split;

/// The train items of each user of the data folder, the earliest first: by `timestamp` where the `.inter` file has it,
/// and by row where times are equal. Items of other splits are left out.
///
/// # Errors
/// [`Error::Io`] when the file cannot be read, else [`Error::File`] or [`Error::Line`].
pub fn train_histories(dir: &Path) -> Result<Vec<Vec<u32>>> {
    let names = file_names(dir)?;
    let path = dir.join(only_inter(dir, &names)?);
    let bytes = fs::read(&path).map_err(Error::io(&path))?;
    let table = inter::parse(&path, &bytes)?;
    // The file was found to be UTF-8 with as many lines as rows.
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = text.lines();
    let column = lines.next().and_then(|header| header.split('\t').position(|name| name == "timestamp"));
    let time =
        |line: &str| column.and_then(|at| line.split('\t').nth(at)?.parse::<f64>().ok()).unwrap_or(0.0);
    let mut histories: Vec<Vec<(f64, u32)>> = vec![Vec::new(); table.users];
    for (row, line) in table.rows.iter().zip(lines).filter(|(row, _)| row.split == Split::Train) {
        histories[row.user as usize].push((time(line), row.item));
    }
    let in_order = |mut history: Vec<(f64, u32)>| {
        history.sort_by(|a, b| a.0.total_cmp(&b.0));
        history.into_iter().map(|(_, item)| item).collect()
    };
    Ok(histories.into_iter().map(in_order).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_time_then_row_and_train_alone() {
        let dir = tempfile::tempdir().unwrap();
        let rows = "userID\titemID\trating\ttimestamp\tx_label\n0\t3\t1\t9\t0\n0\t1\t1\t5\t0\n0\t2\t1\t5\t0\n\
                    0\t0\t1\t1\t1\n0\t4\t1\t0\t2\n1\t4\t1\t7\t0\n";
        fs::write(dir.path().join("d.inter"), rows).unwrap();
        assert_eq!(train_histories(dir.path()).unwrap(), [vec![1, 2, 3], vec![4]]);
    }
}
