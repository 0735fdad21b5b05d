//! Reads and writes the two `.npy` forms of a data set: `float32` or `float16` `[items, width]` features and
//! `uint8` or `bool [items]` masks.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use half::f16;
use npyz::WriterBuilder;

use crate::error::{Error, Result, quote};

/// A matrix as it lies in a feature file.
#[derive(Debug)]
pub(crate) struct Matrix {
    pub(crate) rows: usize,
    pub(crate) width: usize,
    pub(crate) values: Vec<f32>,
}

/// The numbers of a feature file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Real {
    Single,
    Half,
}

impl Real {
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::Single => 4,
            Self::Half => 2,
        }
    }

    /// As many numbers of `bytes` as there are places.
    pub(crate) fn convert<'a>(self, bytes: &[u8], out: impl Iterator<Item = &'a mut f32>) {
        match self {
            Self::Single => {
                out.zip(bytes.as_chunks().0).for_each(|(out, &number)| *out = f32::from_le_bytes(number));
            }
            Self::Half => {
                let numbers = bytes.as_chunks().0.iter().map(|&number| f16::from_le_bytes(number).to_f32());
                out.zip(numbers).for_each(|(out, number)| *out = number);
            }
        }
    }
}

/// Reads `float32` or `float16` `[rows, width]` in C order.
pub(crate) fn parse_features(path: &Path, bytes: &[u8]) -> Result<Matrix> {
    let (rows, width, real, data) = matrix(path, bytes)?;
    let mut values = vec![0.0; rows * width];
    real.convert(data, values.iter_mut());
    Ok(Matrix { rows, width, values })
}

/// The rows, the width, the kind of numbers and the numbers of such a matrix.
pub(crate) fn matrix<'a>(path: &'a Path, bytes: &'a [u8]) -> Result<(usize, usize, Real, &'a [u8])> {
    let array = Array::parse(path, bytes)?;
    let &[rows, width] = array.shape.as_slice() else {
        return Err(Error::file(path, "shape [items, width]", format!("shape {:?}", array.shape)));
    };
    let real = match array.descr.as_str() {
        "<f4" => Real::Single,
        "<f2" => Real::Half,
        other => {
            let expected = "dtype <f4 (numpy.float32) or <f2 (numpy.float16)";
            return Err(Error::file(path, expected, format!("dtype {}", quote(other.as_bytes()))));
        }
    };
    if array.order == Order::Fortran {
        let expected = "C order (numpy.ascontiguousarray)";
        return Err(Error::file(path, expected, "Fortran order"));
    }
    Ok((rows, width, real, array.data(real.bytes())?))
}

/// Reads `uint8` or `bool [rows]`.
pub(crate) fn parse_mask(path: &Path, bytes: &[u8], rows: usize) -> Result<Vec<bool>> {
    let array = Array::parse(path, bytes)?;
    if array.shape != [rows] {
        return Err(Error::file(path, format!("shape [{rows}]"), format!("shape {:?}", array.shape)));
    }
    if !["|u1", "|b1"].contains(&array.descr.as_str()) {
        let expected = "dtype |u1 (numpy.uint8) or |b1 (numpy.bool_)";
        return Err(Error::file(path, expected, format!("dtype {}", quote(array.descr.as_bytes()))));
    }
    let flags = array.data(1)?.iter().enumerate().map(|(row, &flag)| match flag {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(Error::file(path, format!("0 or 1 in row {row}"), other.to_string())),
    });
    flags.collect()
}

/// Writes `float32 [rows, width]`.
pub(crate) fn write_features(path: &Path, width: usize, values: &[f32]) -> Result<()> {
    write(path, &[(values.len() / width) as u64, width as u64], values)
}

/// Writes `uint8 [rows]`.
pub(crate) fn write_mask(path: &Path, present: &[bool]) -> Result<()> {
    let flags: Vec<u8> = present.iter().map(|&present| present.into()).collect();
    write(path, &[flags.len() as u64], &flags)
}

pub(crate) fn write<T: npyz::AutoSerialize + Copy>(path: &Path, shape: &[u64], values: &[T]) -> Result<()> {
    File::create(path).and_then(|file| write_to(&file, shape, values)).map_err(Error::io(path))
}

/// Writes a file that is whole or as it was before; what is no file, such as a pipe, is written to.
pub(crate) fn write_whole<T: npyz::AutoSerialize + Copy>(
    path: &Path,
    shape: &[u64],
    values: &[T],
) -> Result<()> {
    if path.exists() && !path.is_file() {
        return write(path, shape, values);
    }
    let draft = path.with_added_extension("partial");
    let attempt = || {
        let file = File::create(&draft)?;
        write_to(&file, shape, values)?;
        file.sync_all()?;
        fs::rename(&draft, path)
    };
    attempt().map_err(|error| {
        // The error that is told is the first one.
        let _ = fs::remove_file(&draft);
        Error::io(path)(error)
    })
}

fn write_to<T: npyz::AutoSerialize + Copy>(file: &File, shape: &[u64], values: &[T]) -> io::Result<()> {
    let mut buffer = BufWriter::new(file);
    let mut writer = npyz::WriteOptions::new().default_dtype().shape(shape).writer(&mut buffer).begin_nd()?;
    writer.extend(values.iter().copied())?;
    writer.finish()?;
    buffer.flush()
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Order {
    C,
    Fortran,
}

/// A `.npy` file whose header is read and whose data is not.
pub(crate) struct Array<'a> {
    path: &'a Path,
    pub(crate) descr: String,
    pub(crate) order: Order,
    pub(crate) shape: Vec<usize>,
    pub(crate) data: &'a [u8],
}

impl<'a> Array<'a> {
    // The header is read here because a general reader evaluates it as a Python literal: hostile nesting
    // makes that hang or overflow the stack, and sizes beyond 64 bits make it panic.
    pub(crate) fn parse(path: &'a Path, bytes: &'a [u8]) -> Result<Self> {
        if bytes.is_empty() {
            return Err(Error::file(path, "a .npy file", "an empty file"));
        }
        let split = |at: usize| bytes.split_at_checked(at);
        let Some((text, data)) = bytes
            .strip_prefix(b"\x93NUMPY")
            .and_then(|rest| match *rest {
                [1, 0, a, b, ..] => Some(10 + usize::from(u16::from_le_bytes([a, b]))),
                [2 | 3, 0, a, b, c, d, ..] => 12usize.checked_add(u32::from_le_bytes([a, b, c, d]) as usize),
                _ => None,
            })
            .and_then(split)
        else {
            let found = quote(&bytes[..bytes.len().min(12)]);
            return Err(Error::file(path, "the whole header of a .npy file, version 1 to 3", found));
        };
        let Some((descr, order, shape)) = parse_header(text) else {
            let found = quote(text.get(10..).unwrap_or_default());
            return Err(Error::file(
                path,
                "a header with descr, fortran_order and shape of a plain array",
                found,
            ));
        };
        Ok(Self { path, descr, order, shape, data })
    }

    pub(crate) fn data(&self, bytes_per_value: usize) -> Result<&'a [u8]> {
        let length = self.shape.iter().try_fold(bytes_per_value, |product, &n| product.checked_mul(n));
        if length != Some(self.data.len()) {
            let expected = match length {
                Some(length) => format!("{length} bytes of data for shape {:?}", self.shape),
                None => format!("a shape that fits in memory, not {:?}", self.shape),
            };
            return Err(Error::file(self.path, expected, format!("{} bytes", self.data.len())));
        }
        Ok(self.data)
    }
}

/// Finds the three fields of `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
fn parse_header(bytes: &[u8]) -> Option<(String, Order, Vec<usize>)> {
    let text: String = String::from_utf8_lossy(bytes).replace('"', "'").split_whitespace().collect();
    let field = |start: &str, end: char| {
        let (_, rest) = text.split_once(start)?;
        rest.split_once(end).map(|(value, _)| value)
    };
    let order = match field("'fortran_order':", ',')? {
        "False" => Order::C,
        "True" => Order::Fortran,
        _ => return None,
    };
    let shape = field("'shape':(", ')')?;
    let shape = shape.split(',').filter(|n| !n.is_empty()).map(|n| n.parse().ok()).collect::<Option<_>>()?;
    Some((field("'descr':'", '\'')?.to_owned(), order, shape))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one_line<T>(result: Result<T>) {
        if let Err(error) = result {
            let message = error.to_string();
            assert!(message.starts_with("x.npy: expected ") && !message.contains('\n'), "{message}");
        }
    }

    fn file(width: usize, values: &[f32]) -> Vec<u8> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.npy");
        write_features(&path, width, values).unwrap();
        std::fs::read(path).unwrap()
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_on_one_line(
            start in prop::sample::select(vec![&b""[..], b"\x93NUMPY\x01\x00", b"\x93NUMPY\x02\x00"]),
            rest in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let bytes = [start, &rest].concat();
            one_line(parse_features(Path::new("x.npy"), &bytes));
            one_line(parse_mask(Path::new("x.npy"), &bytes, 3));
        }

        #[test]
        fn a_damaged_file_is_read_or_refused_on_one_line(at in 0usize..152, byte: u8, keep in 0usize..=152) {
            let mut bytes = file(2, &[1.0; 6]);
            prop_assert_eq!(bytes.len(), 152);
            bytes[at] = byte;
            bytes.truncate(keep);
            one_line(parse_features(Path::new("x.npy"), &bytes));
            one_line(parse_mask(Path::new("x.npy"), &bytes, 3));
        }

        #[test]
        fn what_is_written_is_read(rows in 1usize..8, width in 1usize..8, seed: u32) {
            let values: Vec<f32> =
                (0..rows * width).map(|i| f32::from_bits(seed.wrapping_mul(i as u32 * 2 + 1) & 0x7f7f_ffff)).collect();
            let matrix = parse_features(Path::new("x.npy"), &file(width, &values)).unwrap();
            prop_assert_eq!((matrix.rows, matrix.width, matrix.values), (rows, width, values));
        }
    }

    #[test]
    fn hostile_headers_end_at_once() {
        for text in
            ["{".repeat(60_000), "(".repeat(60_000), "{'shape': (1e999999999, ), 'descr': '<f4'".to_owned()]
        {
            let bytes =
                [b"\x93NUMPY\x01\x00", &(text.len() as u16).to_le_bytes()[..], text.as_bytes()].concat();
            assert!(parse_features(Path::new("x.npy"), &bytes).is_err());
        }
    }
}
