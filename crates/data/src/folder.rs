//! Writes the files of a data set so that its folder appears complete or not at all.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::interactions::Split;
use crate::raw::Record;

/// Refuses an output path where something is already.
pub(crate) fn check_free(out: &Path) -> Result<()> {
    if out.file_name().is_none() {
        return Err(Error::file(out, "a path that ends in a folder's name", "none"));
    }
    let occupied = match fs::read_dir(out) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => out.exists(),
    };
    if occupied {
        return Err(Error::file(out, "a path where nothing is yet", "a file or a folder that is not empty"));
    }
    Ok(())
}

/// A folder in the making, beside the place it will take.
pub(crate) struct Draft {
    // Removed with what is left in it when the draft goes.
    _workplace: TempDir,
    dir: PathBuf,
    out: PathBuf,
}

impl Draft {
    /// Begins a folder that will be `out`.
    pub(crate) fn new(out: &Path) -> Result<Self> {
        let parent = out.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
        fs::create_dir_all(parent).map_err(Error::io(parent))?;
        let workplace =
            tempfile::Builder::new().prefix(".draft-").tempdir_in(parent).map_err(Error::io(parent))?;
        let dir = workplace.path().join("data");
        fs::create_dir(&dir).map_err(Error::io(&dir))?;
        Ok(Self { _workplace: workplace, dir, out: out.to_owned() })
    }

    /// Where a file of the folder is to be written.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Checks the folder by opening it, then moves it to its place.
    pub(crate) fn finish(self) -> Result<Dataset> {
        let dataset = Dataset::open(&self.dir)?;
        for entry in fs::read_dir(&self.dir).map_err(Error::io(&self.dir))? {
            let path = entry.map_err(Error::io(&self.dir))?.path();
            File::open(&path).and_then(|file| file.sync_all()).map_err(Error::io(&path))?;
        }
        if self.out.exists() {
            fs::remove_dir(&self.out).map_err(Error::io(&self.out))?;
        }
        fs::rename(&self.dir, &self.out).map_err(Error::io(&self.out))?;
        Ok(dataset)
    }
}

/// Writes a `.inter` file; rating and timestamp are columns where the records have them.
pub(crate) fn write_inter(path: &Path, rows: &[(Record, Split)]) -> Result<()> {
    let attempt = || {
        let mut file = BufWriter::new(File::create(path)?);
        let (rated, timed) = rows
            .first()
            .map_or((false, false), |(record, _)| (record.rating.is_some(), record.time.is_some()));
        let rating = if rated { "\trating" } else { "" };
        let timestamp = if timed { "\ttimestamp" } else { "" };
        writeln!(file, "userID\titemID{rating}{timestamp}\tx_label")?;
        for (record, split) in rows {
            write!(file, "{}\t{}", record.user, record.item)?;
            for number in [record.rating, record.time].into_iter().flatten() {
                write!(file, "\t{number}")?;
            }
            writeln!(file, "\t{}", *split as usize)?;
        }
        file.flush()
    };
    attempt().map_err(Error::io(path))
}

/// Writes `users.tsv` or `items.tsv`: tab separated with csv quoting, one row per id.
pub(crate) fn write_labels<const N: usize>(
    path: &Path,
    header: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> Result<()> {
    let attempt = || {
        let mut writer = csv::WriterBuilder::new().delimiter(b'\t').from_path(path)?;
        writer.write_record(header)?;
        for row in rows {
            writer.write_record(row)?;
        }
        writer.flush().map_err(csv::Error::from)
    };
    attempt().map_err(|error| crate::labels::csv_error(path, error))
}
