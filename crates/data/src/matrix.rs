//! Matrices of numbers in `.npy` files that are not features: costs, weights, scores made elsewhere.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result, quote};
use crate::npy::{self, Array, Order};

/// Headers longer than this are not written by anyone.
const LONGEST_HEADER: u64 = 1 << 16;

/// Numbers of any shape, read whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Numbers {
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// The numbers, row-major.
    pub values: Vec<f64>,
}

/// Reads a `float32` or `float64` array in C order.
///
/// # Errors
/// [`Error::Io`] when the file cannot be read, [`Error::File`] when it is another or a broken array.
pub fn read_numbers(path: &Path) -> Result<Numbers> {
    let bytes = fs::read(path).map_err(Error::io(path))?;
    let array = Array::parse(path, &bytes)?;
    check_order(path, &array)?;
    let values = match array.descr.as_str() {
        "<f4" => array.data(4)?.as_chunks::<4>().0.iter().map(|&n| f32::from_le_bytes(n).into()).collect(),
        "<f8" => array.data(8)?.as_chunks::<8>().0.iter().map(|&n| f64::from_le_bytes(n)).collect(),
        other => return Err(wrong_type(path, "dtype <f4 or <f8 (numpy.float32, numpy.float64)", other)),
    };
    Ok(Numbers { shape: array.shape, values })
}

/// Writes numbers as a `float64` array, whole or not at all: a file that was there stays until the new one is on disk.
///
/// # Errors
/// [`Error::Io`] when the file cannot be written.
pub fn write_numbers(path: &Path, numbers: &Numbers) -> Result<()> {
    let shape: Vec<u64> = numbers.shape.iter().map(|&length| length as u64).collect();
    npy::write_whole(path, &shape, &numbers.values)
}

/// A `float32` matrix on disk, read a row at a time.
#[derive(Debug)]
pub struct MatrixFile {
    path: PathBuf,
    file: File,
    start: u64,
    rows: usize,
    width: usize,
}

impl MatrixFile {
    /// Reads the header and checks that the data is all there.
    ///
    /// # Errors
    /// As [`read_numbers`]; of the types only `float32` is accepted.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::io(path))?;
        let mut head = Vec::new();
        (&file).take(LONGEST_HEADER).read_to_end(&mut head).map_err(Error::io(path))?;
        let array = Array::parse(path, &head)?;
        check_order(path, &array)?;
        let &[rows, width] = array.shape.as_slice() else {
            return Err(Error::file(path, "shape [rows, columns]", format!("shape {:?}", array.shape)));
        };
        if array.descr != "<f4" {
            return Err(wrong_type(path, "dtype <f4 (numpy.float32)", &array.descr));
        }
        let start = (head.len() - array.data.len()) as u64;
        let length = file.metadata().map_err(Error::io(path))?.len() - start;
        let expected = (rows as u64).checked_mul(width as u64).and_then(|n| n.checked_mul(4));
        if expected != Some(length) {
            let expected = format!("four bytes for each of {rows} × {width} values");
            return Err(Error::file(path, expected, format!("{length} bytes")));
        }
        Ok(Self { path: path.to_owned(), file, start, rows, width })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Numbers in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Reads row `row` into `out`, `[width]`.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be read, or `out` is not a row's length or `row` not a row.
    pub fn read_row(&self, row: usize, out: &mut [f32]) -> Result<()> {
        if row >= self.rows || out.len() != self.width {
            let expected = format!("a row below {} and {} numbers", self.rows, self.width);
            return Err(Error::argument("row", expected, format!("row {row} and {} numbers", out.len())));
        }
        let mut bytes = vec![0; self.width * 4];
        let at = self.start + (row * self.width * 4) as u64;
        self.file.read_exact_at(&mut bytes, at).map_err(Error::io(&self.path))?;
        for (out, number) in out.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *out = f32::from_le_bytes(*number);
        }
        Ok(())
    }
}

fn check_order(path: &Path, array: &Array<'_>) -> Result<()> {
    match array.order {
        Order::C => Ok(()),
        Order::Fortran => Err(Error::file(path, "C order (numpy.ascontiguousarray)", "Fortran order")),
    }
}

fn wrong_type(path: &Path, expected: &str, found: &str) -> Error {
    Error::file(path, expected, format!("dtype {}", quote(found.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::npy::{write_features, write_mask};

    #[test]
    fn rows_are_those_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.npy");
        write_features(&path, 3, &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        let file = MatrixFile::open(&path).unwrap();
        let mut row = [0.0; 3];
        file.read_row(1, &mut row).unwrap();
        assert_eq!((file.rows(), file.width(), row), (2, 3, [3.0, 4.0, 5.0]));
        assert!(file.read_row(2, &mut row).is_err() && file.read_row(0, &mut row[..2]).is_err());
        let whole = read_numbers(&path).unwrap();
        assert_eq!(whole, Numbers { shape: vec![2, 3], values: vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0] });
        write_numbers(&path, &whole).unwrap();
        assert_eq!(read_numbers(&path).unwrap(), whole);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_cannot_be_written_is_said() {
        let one = Numbers { shape: vec![1], values: vec![1.0] };
        let error = write_numbers(Path::new("/dev/full"), &one).unwrap_err().to_string();
        assert!(error.starts_with("/dev/full: No space left"), "{error}");
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("p.npy.partial")).unwrap();
        let path = dir.path().join("p.npy");
        fs::write(&path, b"before").unwrap();
        assert!(matches!(write_numbers(&path, &one), Err(Error::Io { path: named, .. }) if named == path));
        assert_eq!(fs::read(&path).unwrap(), b"before");
    }

    #[test]
    fn other_types_and_cut_files_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let mask = dir.path().join("mask.npy");
        write_mask(&mask, &[true, false]).unwrap();
        assert!(read_numbers(&mask).unwrap_err().to_string().contains("expected dtype <f4 or <f8"));
        assert!(MatrixFile::open(&mask).unwrap_err().to_string().contains("expected shape [rows, columns]"));
        let cut = dir.path().join("cut.npy");
        write_features(&cut, 2, &[1.0; 4]).unwrap();
        let bytes = fs::read(&cut).unwrap();
        fs::write(&cut, &bytes[..bytes.len() - 1]).unwrap();
        for error in [read_numbers(&cut).unwrap_err(), MatrixFile::open(&cut).unwrap_err()] {
            assert!(error.to_string().contains("15 bytes"), "{error}");
        }
    }
}
