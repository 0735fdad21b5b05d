//! Neighbours found before, on disk.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use sha2::{Digest, Sha256};

use super::{KnnConfig, Neighbours, Similarity, expect_matrix, knn};
use crate::Result;

/// Products below which a graph is found sooner than its file.
const WORTH_KEEPING: f64 = 1e10;

/// Where a file says what its contents hash to.
const DIGEST: &str = "sha256";

/// A folder of neighbours, each file under the hash of all that it was found from: features, mask and settings.
///
/// A file that is damaged, or cannot be read or written, is no error: the neighbours are found anew.
///
/// ```
/// use recgoat_graph::{KnnConfig, NeighbourCache};
/// let cache = NeighbourCache::in_folder(std::env::temp_dir());
/// let near = cache.knn(&[1.0, 0.0, 1.0, 1.0], 2, &[true; 2], &KnnConfig::default())?;
/// assert_eq!(near.of(0), [1]);
/// # Ok::<(), recgoat_graph::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeighbourCache {
    folder: Option<PathBuf>,
}

impl NeighbourCache {
    /// Keeps nothing.
    pub fn none() -> Self {
        Self { folder: None }
    }

    /// Keeps files in this folder.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self { folder: Some(folder.into()) }
    }

    /// Keeps files in `recgoat/neighbours` of `$XDG_CACHE_HOME`, else of `~/.cache`; keeps nothing where there is
    /// neither.
    pub fn of_user() -> Self {
        let of = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let caches = of("XDG_CACHE_HOME").or_else(|| Some(of("HOME")?.join(".cache")));
        Self { folder: caches.map(|caches| caches.join("recgoat/neighbours")) }
    }

    /// [`knn`], read from the folder when it was found before. What takes less time to find than to read is not kept.
    ///
    /// # Errors
    /// As [`knn`].
    pub fn knn(
        &self,
        features: &[f32],
        width: usize,
        present: &[bool],
        config: &KnnConfig,
    ) -> Result<Neighbours> {
        let small = (present.len() as f64).powi(2) * (width as f64) < WORTH_KEEPING;
        let Some(folder) = self.folder.as_deref().filter(|_| !small) else {
            return knn(features, width, present, config);
        };
        expect_matrix(features, width, present)?;
        let path = folder.join(format!("{}.safetensors", key(features, width, present, config)));
        if let Some(found) = read(&path, present.len()) {
            return Ok(found);
        }
        let found = knn(features, width, present, config)?;
        // A full disk or a folder that may not be written costs time at the next run, nothing else.
        let _ = write(&path, &found);
        Ok(found)
    }
}

/// SHA-256 in hexadecimal.
fn key(features: &[f32], width: usize, present: &[bool], config: &KnnConfig) -> String {
    // The block decides how the work is cut, not what comes out.
    let KnnConfig { neighbours, similarity, block: _ } = config;
    let similarity = match similarity {
        Similarity::Cosine => "cosine",
        Similarity::CentredCosine => "centred-cosine",
    };
    let mut hash = Sha256::new();
    hash.update(format!("neighbours 1, {} rows, {width}, {neighbours}, {similarity}\n", present.len()));
    hash.update(present.iter().map(|&there| u8::from(there)).collect::<Vec<_>>());
    let mut bytes = Vec::new();
    for part in features.chunks(1 << 16) {
        bytes.clear();
        bytes.extend(part.iter().flat_map(|x| x.to_le_bytes()));
        hash.update(&bytes);
    }
    hex(hash)
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn write(path: &Path, found: &Neighbours) -> std::io::Result<()> {
    let offsets: Vec<u8> = found.offsets.iter().flat_map(|&at| (at as u64).to_le_bytes()).collect();
    let nodes: Vec<u8> = found.nodes.iter().flat_map(|node| node.to_le_bytes()).collect();
    let similarities: Vec<u8> = found.similarities.iter().flat_map(|x| x.to_le_bytes()).collect();
    let view =
        |kind, count: usize, bytes| TensorView::new(kind, vec![count], bytes).expect("bytes of the count");
    let views = HashMap::from([
        ("offsets", view(Dtype::U64, found.offsets.len(), &offsets)),
        ("nodes", view(Dtype::U32, found.nodes.len(), &nodes)),
        ("similarities", view(Dtype::F32, found.similarities.len(), &similarities)),
    ]);
    let digest = hex(Sha256::new().chain_update(&offsets).chain_update(&nodes).chain_update(&similarities));
    let metadata = HashMap::from([(DIGEST.to_owned(), digest)]);
    let bytes = safetensors::serialize(views, Some(metadata)).expect("tensors of a supported kind");
    fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
    // Several runs may find the same neighbours at once: each writes a file of its own and renames it.
    let temporary = path.with_added_extension(format!("{}.partial", std::process::id()));
    fs::write(&temporary, bytes)?;
    fs::rename(&temporary, path)
}

/// Nothing for a file that is not there, is damaged, or does not hold the neighbours of so many nodes.
fn read(path: &Path, rows: usize) -> Option<Neighbours> {
    let bytes = fs::read(path).ok()?;
    let file = SafeTensors::deserialize(&bytes).ok()?;
    let part = |name: &str, kind: Dtype| file.tensor(name).ok().filter(|t| t.dtype() == kind);
    let mut digest = Sha256::new();
    for (name, kind) in [("offsets", Dtype::U64), ("nodes", Dtype::U32), ("similarities", Dtype::F32)] {
        digest.update(part(name, kind)?.data());
    }
    let (_, header) = SafeTensors::read_metadata(&bytes).ok()?;
    if header.metadata().as_ref()?.get(DIGEST) != Some(&hex(digest)) {
        return None;
    }
    let offsets: Vec<usize> = part("offsets", Dtype::U64)?
        .data()
        .as_chunks::<8>()
        .0
        .iter()
        .map(|&bytes| u64::from_le_bytes(bytes) as usize)
        .collect();
    let (nodes, similarities) = (part("nodes", Dtype::U32)?, part("similarities", Dtype::F32)?);
    let nodes: Vec<u32> = nodes.data().as_chunks().0.iter().map(|&bytes| u32::from_le_bytes(bytes)).collect();
    let similarities: Vec<f32> =
        similarities.data().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
    let whole = offsets.len() == rows + 1
        && offsets[0] == 0
        && offsets.is_sorted()
        && offsets[rows] == nodes.len()
        && nodes.len() == similarities.len()
        && nodes.iter().all(|&node| (node as usize) < rows);
    whole.then_some(Neighbours { offsets, nodes, similarities })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_and_damage_is_found() {
        let folder = std::env::temp_dir().join(format!("recgoat-neighbours-{}", std::process::id()));
        let path = folder.join("x.safetensors");
        let rows = [1.0, 0.0, 0.9, 0.1, 0.0, 1.0];
        let found = knn(&rows, 2, &[true; 3], &KnnConfig::default()).unwrap();
        write(&path, &found).unwrap();
        assert_eq!(read(&path, 3), Some(found));
        assert_eq!(read(&path, 4), None);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        assert_eq!(read(&path, 3), None);
        // The lowest bit of a similarity makes another graph that looks as good.
        for at in 1..=4 {
            let mut turned = bytes.clone();
            let place = bytes.len() - 4 * at;
            turned[place] ^= 1;
            fs::write(&path, turned).unwrap();
            assert_eq!(read(&path, 3), None, "byte {place}");
        }
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(read(&path, 3), None);
    }

    #[test]
    fn the_key_is_of_content_and_settings() {
        let (rows, config) = ([1.0, 0.0, 0.9, 0.1], KnnConfig::default());
        let base = key(&rows, 2, &[true; 2], &config);
        assert_eq!(base, key(&rows, 2, &[true; 2], &KnnConfig { block: 7, ..config }));
        let others = [
            key(&[1.0, 0.0, 0.9, 0.2], 2, &[true; 2], &config),
            key(&rows, 1, &[true; 4], &config),
            key(&rows, 2, &[true, false], &config),
            key(&rows, 2, &[true; 2], &KnnConfig { neighbours: 3, ..config }),
            key(&rows, 2, &[true; 2], &KnnConfig { similarity: Similarity::CentredCosine, ..config }),
        ];
        assert!(others.iter().all(|other| *other != base));
    }
}
