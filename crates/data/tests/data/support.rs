//! Folders made on the fly, and the place of the real data.

use std::fs;
use std::path::{Path, PathBuf};

use recgoat_data::{Dataset, Interactions, Split};
use tempfile::TempDir;

/// Two users and three items, in the smallest form.
pub(crate) const SMALL: &str = "userID\titemID\tx_label\n0\t0\t0\n0\t2\t1\n1\t1\t0\n1\t2\t2\n";

/// A folder with these files.
pub(crate) fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(dir.path().join(name), bytes).unwrap();
    }
    dir
}

/// The one-line message that opening a folder with these files ends in, without the folder's own path.
pub(crate) fn refusal(files: &[(&str, &[u8])]) -> String {
    let dir = folder(files);
    let message = Dataset::open(dir.path()).expect_err("the folder must be refused").to_string();
    assert!(!message.contains('\n'), "not one line: {message}");
    message
        .replace(&format!("{}/", dir.path().display()), "")
        .replace(&dir.path().display().to_string(), "DIR")
}

/// All `(user, item, split)`, sorted.
pub(crate) fn triples(interactions: &Interactions) -> Vec<(u32, u32, Split)> {
    let of = |split| interactions.split(split).pairs().map(move |(user, item)| (user, item, split));
    let mut triples: Vec<_> = Split::ALL.into_iter().flat_map(of).collect();
    triples.sort_unstable();
    triples
}

/// A folder of the real data, or, said aloud, none.
pub(crate) fn real(name: &str) -> Option<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
    if dir.exists() {
        return Some(dir);
    }
    skip("../shared/data is not there");
    None
}

/// Says why a test does not run.
#[expect(clippy::print_stderr, reason = "a skipped test has to say so")]
pub(crate) fn skip(reason: &str) {
    eprintln!("skipped: {reason}");
}

/// A version 1 `.npy` file with this header text.
pub(crate) fn npy(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}");
    while (header.len() + 11) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

/// `float32` data.
pub(crate) fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}
