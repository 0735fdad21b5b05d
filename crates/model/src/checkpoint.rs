//! Checkpoints: one file each, whole or absent, checked when read.
//!
//! A checkpoint is a safetensors file of `f32` tensors. Its metadata MUST hold `fingerprint` (of settings and data),
//! `progress` (JSON) and `sha256`, the digest of everything else: the two other entries, then each tensor's name,
//! length and bytes in name order. A reader MUST refuse a file whose digest differs.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::{Path, PathBuf},
};

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use sha2::{Digest, Sha256};

use crate::{
    Error, Result,
    files::{create_folder, write_whole},
};

/// How many checkpoints a folder keeps: a damaged one leaves the one before it.
const KEPT: usize = 2;

/// Everything a run needs to continue as if it had never stopped.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// Of the settings and the data the run was started with.
    pub fingerprint: String,
    /// The trainer's counters, as JSON.
    pub progress: String,
    /// Flat tensors by name.
    pub tensors: BTreeMap<String, Vec<f32>>,
}

impl Checkpoint {
    /// Writes the checkpoint of `epoch` into `folder` and removes all but the newest two.
    ///
    /// # Errors
    /// [`Error::Io`] when the file system refuses; earlier checkpoints then stay.
    pub fn save(&self, folder: &Path, epoch: usize) -> Result<()> {
        create_folder(folder)?;
        let path = folder.join(format!("{epoch:06}.safetensors"));
        let entries = [
            ("fingerprint", self.fingerprint.clone()),
            ("progress", self.progress.clone()),
            ("sha256", self.digest()),
        ];
        let metadata = HashMap::from_iter(entries.map(|(key, value)| (key.to_owned(), value)));
        let bytes = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
        let buffers: Vec<(&String, usize, Vec<u8>)> =
            self.tensors.iter().map(|(name, values)| (name, values.len(), bytes(values))).collect();
        let views = buffers.iter().map(|(name, length, bytes)| {
            (name.as_str(), TensorView::new(Dtype::F32, vec![*length], bytes).expect("four bytes a value"))
        });
        let file = safetensors::serialize(views, Some(metadata)).expect("tensors of a supported kind");
        write_whole(&path, &file)?;
        // Numbers above this one are damaged files that a resumed run has passed over.
        let (newer, kept): (Vec<_>, Vec<_>) =
            list(folder)?.into_iter().rev().partition(|other| *other > path);
        for old in newer.into_iter().chain(kept.into_iter().skip(KEPT)) {
            fs::remove_file(&old).map_err(Error::io(&old))?;
        }
        Ok(())
    }

    /// Reads and checks one file.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] when the file is not a whole checkpoint, [`Error::Io`] when it cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let damaged = |reason: String| Error::Checkpoint { path: path.to_owned(), reason };
        let file = fs::read(path).map_err(Error::io(path))?;
        let whole = |error| damaged(format!("expected a whole checkpoint, found a damaged file ({error})"));
        let (_, header) = SafeTensors::read_metadata(&file).map_err(whole)?;
        let entries = header.metadata().clone().unwrap_or_default();
        let entry = |key: &str| {
            entries.get(key).cloned().ok_or_else(|| damaged(format!("expected an entry {key:?}, found none")))
        };
        let contents = SafeTensors::deserialize(&file).map_err(whole)?;
        let values = |bytes: &[u8]| bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        let tensors = contents.iter().map(|(name, view)| (name.to_owned(), values(view.data()))).collect();
        let checkpoint = Self { fingerprint: entry("fingerprint")?, progress: entry("progress")?, tensors };
        let (expected, found) = (entry("sha256")?, checkpoint.digest());
        if expected != found {
            return Err(damaged(format!("expected SHA-256 {expected}, found {found}: the file is damaged")));
        }
        Ok(checkpoint)
    }

    /// The newest undamaged checkpoint of `folder`; damaged ones on the way are handed to `damaged`.
    ///
    /// # Errors
    /// [`Error::Io`] when the folder cannot be listed; [`Error::Checkpoint`] when files are there and none is whole.
    pub fn newest(folder: &Path, damaged: &mut dyn FnMut(&Error)) -> Result<Option<Self>> {
        if !folder.is_dir() {
            return Ok(None);
        }
        let mut last = None;
        for path in list(folder)?.into_iter().rev() {
            match Self::read(&path) {
                Ok(checkpoint) => return Ok(Some(checkpoint)),
                Err(error) => {
                    damaged(&error);
                    last = Some(error);
                }
            }
        }
        last.map_or(Ok(None), Err)
    }

    fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for text in [&self.fingerprint, &self.progress] {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
        let mut buffer = Vec::new();
        for (name, values) in &self.tensors {
            hash.update((name.len() as u64).to_le_bytes());
            hash.update(name);
            hash.update((values.len() as u64).to_le_bytes());
            for chunk in values.chunks(1 << 16) {
                buffer.clear();
                buffer.extend(chunk.iter().flat_map(|v| v.to_le_bytes()));
                hash.update(&buffer);
            }
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Checkpoint files, oldest first.
fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(Error::io(folder))?;
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "safetensors"))
        .collect();
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample(seed: f32) -> Checkpoint {
        let tensors = [("a.b", vec![seed; 1000]), ("c", vec![1.0, -2.5, f32::MIN_POSITIVE])];
        Checkpoint {
            fingerprint: "f".to_owned(),
            progress: format!("{{\"epoch\":{seed}}}"),
            tensors: tensors.map(|(name, values)| (name.to_owned(), values)).into(),
        }
    }

    #[test]
    fn two_are_kept_and_the_newest_is_read() {
        let folder = tempfile::tempdir().unwrap();
        for epoch in [8, 9, 10, 11] {
            sample(epoch as f32).save(folder.path(), epoch).unwrap();
        }
        let names: Vec<_> =
            list(folder.path()).unwrap().iter().map(|p| p.file_name().unwrap().to_owned()).collect();
        assert_eq!(names, ["000010.safetensors", "000011.safetensors"]);
        let none = &mut |error: &Error| panic!("{error}");
        assert_eq!(Checkpoint::newest(folder.path(), none).unwrap(), Some(sample(11.0)));
    }

    #[test]
    fn a_damaged_one_is_named_and_the_one_before_it_used() {
        let folder = tempfile::tempdir().unwrap();
        sample(1.0).save(folder.path(), 1).unwrap();
        sample(2.0).save(folder.path(), 2).unwrap();
        let path = folder.path().join("000002.safetensors");
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let mut named = String::new();
        let found = Checkpoint::newest(folder.path(), &mut |error| named = error.to_string()).unwrap();
        assert_eq!(found, Some(sample(1.0)));
        assert!(named.contains("000002.safetensors") && named.contains("damaged"), "{named}");
        fs::write(folder.path().join("000001.safetensors"), b"").unwrap();
        assert!(Checkpoint::newest(folder.path(), &mut |_| ()).is_err());
    }

    proptest! {
        #[test]
        fn any_changed_byte_is_noticed(position in any::<prop::sample::Index>(), flip in 1u8..) {
            let folder = tempfile::tempdir().unwrap();
            sample(3.0).save(folder.path(), 3).unwrap();
            let path = folder.path().join("000003.safetensors");
            let mut bytes = fs::read(&path).unwrap();
            let at = position.index(bytes.len());
            bytes[at] ^= flip;
            fs::write(&path, &bytes).unwrap();
            // A change that still reads must read as the same checkpoint: padding of the header, say.
            if let Ok(read) = Checkpoint::read(&path) {
                prop_assert_eq!(read, sample(3.0));
            }
        }
    }
}
