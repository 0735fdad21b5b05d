//! Features that stay in their file.

use std::fs::File;
use std::path::Path;

use memmap2::Mmap;

use crate::error::{Error, Result};
use crate::npy::{self, Real};

/// A `.npy` matrix `[rows, width]` of `float32` or `float16`, mapped into memory: a row is read from disk when it is
/// asked for, so that a matrix larger than memory can be walked over.
///
/// ```no_run
/// use recgoat_data::FeatureFile;
/// let file = FeatureFile::open("data/text_feat.npy".as_ref())?;
/// let mut row = vec![0.0; file.width()];
/// file.read(7, &mut row);
/// # Ok::<(), recgoat_data::Error>(())
/// ```
#[derive(Debug)]
pub struct FeatureFile {
    map: Mmap,
    /// Where the numbers start.
    start: usize,
    real: Real,
    rows: usize,
    width: usize,
}

impl FeatureFile {
    /// Maps a file, which must not be changed while it is open. Its numbers are not checked.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be read, [`Error::File`] when it is no such matrix.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::io(path))?;
        if file.metadata().map_err(Error::io(path))?.len() == 0 {
            return Err(Error::file(path, "a .npy file", "an empty file"));
        }
        // SAFETY: the map is only read; that nobody cuts the file meanwhile is the caller's part, as documented.
        let map = unsafe { Mmap::map(&file) }.map_err(Error::io(path))?;
        let (rows, width, real, data) = npy::matrix(path, &map)?;
        if rows == 0 || width == 0 {
            return Err(Error::file(
                path,
                "at least one row and one column",
                format!("shape [{rows}, {width}]"),
            ));
        }
        let start = map.len() - data.len();
        Ok(Self { start, real, rows, width, map })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Numbers in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Copies a row.
    ///
    /// # Panics
    /// For a row that is not there, or an `out` of another length than the width.
    pub fn read(&self, row: usize, out: &mut [f32]) {
        assert!(row < self.rows && out.len() == self.width, "a row that is there, and room for it");
        let length = self.width * self.real.bytes();
        self.real.convert(&self.map[self.start + row * length..][..length], out.iter_mut());
    }
}
