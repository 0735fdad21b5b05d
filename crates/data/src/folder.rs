//! Writes the files of a data set so that its folder appears complete or not at all.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::interactions::Split;
use crate::modality::Modality;
use crate::npy;
use crate::raw::Record;

/// Refuses an output path where something is already.
///
/// # Errors
/// [`Error::File`] that names it.
pub fn check_free(out: &Path) -> Result<()> {
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

/// Whose features a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// One row per item.
    Item,
    /// One row per user.
    User,
}

impl Owner {
    /// The start of the names of the modality's files, before `_feat.npy` and `_mask.npy`.
    pub fn stem(self, modality: &str) -> String {
        match self {
            Self::Item => modality.to_owned(),
            Self::User => format!("user_{modality}"),
        }
    }
}

/// Puts features and further files of the given contents into the data folder `dir`, replacing those of the same names;
/// or into a copy of it at `out`, where nothing may be yet.
///
/// Each file appears whole or not at all, and a copy with all of them or not at all.
///
/// # Errors
/// [`Error::Io`] when a file cannot be read or written, else an error of [`Dataset::open`]: features of another number
/// of rows are found before anything is written.
pub fn add_features(
    dir: &Path,
    out: Option<&Path>,
    features: &[(Owner, &Modality)],
    others: &[(&str, &[u8])],
) -> Result<Dataset> {
    let dataset = Dataset::open(dir)?;
    for (owner, modality) in features {
        let rows = match owner {
            Owner::Item => dataset.items(),
            Owner::User => dataset.interactions().users(),
        };
        if modality.rows() != rows {
            return Err(Error::argument(
                owner.stem(modality.name()),
                format!("{rows} rows"),
                modality.rows().to_string(),
            ));
        }
    }
    let write = |path_of: &dyn Fn(&str) -> PathBuf| {
        for (owner, modality) in features {
            let stem = owner.stem(modality.name());
            npy::write_features(&path_of(&format!("{stem}_feat.npy")), modality.width(), modality.values())?;
            npy::write_mask(&path_of(&format!("{stem}_mask.npy")), modality.present())?;
        }
        for (name, bytes) in others {
            let path = path_of(name);
            fs::write(&path, bytes).map_err(Error::io(&path))?;
        }
        Ok(())
    };
    let Some(out) = out else {
        let workplace = tempfile::Builder::new().prefix(".draft-").tempdir_in(dir).map_err(Error::io(dir))?;
        write(&|name| workplace.path().join(name))?;
        for name in crate::dataset::file_names(workplace.path())? {
            let (from, to) = (workplace.path().join(&name), dir.join(&name));
            File::open(&from).and_then(|file| file.sync_all()).map_err(Error::io(&from))?;
            fs::rename(&from, &to).map_err(Error::io(&to))?;
        }
        return Dataset::open(dir);
    };
    check_free(out)?;
    let draft = Draft::new(out)?;
    let belongs = |name: &String| {
        [".inter", "_feat.npy", "_mask.npy"].iter().any(|end| name.ends_with(end))
            || ["items.tsv", "users.tsv"].contains(&name.as_str())
    };
    for name in crate::dataset::file_names(dir)?.iter().filter(|name| belongs(name)) {
        let (from, to) = (dir.join(name), draft.path(name));
        // Read and written, not copied: a copy would inherit the protection of read-only data.
        let bytes = fs::read(&from).map_err(Error::io(&from))?;
        fs::write(&to, bytes).map_err(Error::io(&to))?;
    }
    write(&|name| draft.path(name))?;
    draft.finish()
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
    attempt().map_err(|error| crate::table::csv_error(path, error))
}
