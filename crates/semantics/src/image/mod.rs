//! Encoders of pictures.

mod onnx;
mod preprocessing;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
};

pub use onnx::OnnxEncoder;
pub use preprocessing::{Channels, Filter, Fit, Layout, Pooling, Preprocessing};
use sha2::{Digest, Sha256};

use crate::{Cache, Error, Result, progress::Progress, text::Rows, threads};

/// Endings that pictures are looked for by.
const ENDINGS: [&str; 4] = ["jpg", "jpeg", "png", "webp"];
/// Pictures in memory at once, for each thread.
const BATCH: usize = 16;

/// The picture of each name in a folder, whichever ending it has.
pub fn find(folder: &Path, names: &[String]) -> Vec<Option<PathBuf>> {
    let of = |name: &String| {
        let mut places = ENDINGS.iter().map(|ending| folder.join(format!("{name}.{ending}")));
        if name.is_empty() { None } else { places.find(|path| path.is_file()) }
    };
    names.iter().map(of).collect()
}

/// Encodes pictures, one row each, and keeps each batch in the cache by the pictures' contents. A picture that cannot be
/// read is noted and leaves its row missing, as one that is not there does.
///
/// # Errors
/// What the encoder or the cache says; [`Error::Io`] when a file cannot be opened.
pub fn encode_all(
    encoder: &OnnxEncoder,
    pictures: &[Option<PathBuf>],
    cache: &Cache,
    progress: &dyn Progress,
) -> Result<Rows> {
    let there: Vec<(usize, &Path)> =
        pictures.iter().enumerate().filter_map(|(row, path)| Some((row, path.as_deref()?))).collect();
    let mut rows: Rows = vec![None; pictures.len()];
    let mut todo = Vec::new();
    for (row, path) in there {
        let bytes = fs::read(path).map_err(Error::io(path))?;
        let digest = format!("{:x}", Sha256::digest(&bytes));
        match cache.vector(encoder.name(), &digest)? {
            Some(vector) => rows[row] = Some(vector),
            None => todo.push((row, path, digest)),
        }
    }
    progress.begin("pictures", todo.len(), rows.iter().flatten().count());
    let found = Mutex::new(&mut rows);
    let batches: Vec<_> = todo.chunks(BATCH).collect();
    threads::each(&batches, encoder.threads(), |_, batch| -> Result<()> {
        let mut readable = Vec::new();
        let mut pixels = Vec::new();
        for (row, path, digest) in *batch {
            let bytes = fs::read(path).map_err(Error::io(path))?;
            match encoder.preprocessing().pixels(&bytes) {
                Ok(numbers) => {
                    readable.push((*row, digest));
                    pixels.extend(numbers);
                }
                Err(problem) => progress.note(&format!("{}: {problem}; its row is missing", path.display())),
            }
        }
        let vectors = encoder.encode(readable.len(), pixels)?;
        let kept: Vec<(&str, &[f32])> = readable
            .iter()
            .map(|(_, digest)| digest.as_str())
            .zip(vectors.iter().map(Vec::as_slice))
            .collect();
        cache.keep_vectors(encoder.name(), &kept)?;
        progress.advance(batch.len());
        let mut found = found.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        readable.iter().zip(vectors).for_each(|((row, _), vector)| found[*row] = Some(vector));
        Ok(())
    })?;
    progress.end();
    Ok(rows)
}
