//! Exact cosine nearest neighbours, by blocks.

use rayon::prelude::*;
use recgoat_torch::{as_slice, from_slice};
use tch::{Device, Kind, Tensor};

use crate::{Error, Result};

/// How rows are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Similarity {
    /// The cosine of two rows.
    #[default]
    Cosine,
    /// The cosine after the mean of the present rows is taken off each: for features whose entries are all
    /// positive, such as the output of a rectifier, where every plain cosine is large.
    CentredCosine,
}

/// Settings of [`knn`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnnConfig {
    /// Neighbours a node gets (fewer where fewer others are present).
    pub neighbours: usize,
    /// How rows are compared.
    pub similarity: Similarity,
    /// Rows compared with all others at once; memory is `block × rows` floats.
    pub block: usize,
}

impl Default for KnnConfig {
    fn default() -> Self {
        Self { neighbours: 20, similarity: Similarity::Cosine, block: 256 }
    }
}

/// The nearest other nodes of each node, nearest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbours {
    lists: Vec<Vec<u32>>,
    similarities: Vec<Vec<f32>>,
}

impl Neighbours {
    /// Number of nodes.
    pub fn nodes(&self) -> usize {
        self.lists.len()
    }

    /// The neighbours of `node`, nearest first; empty for a node that is missing or has a zero row.
    pub fn of(&self, node: usize) -> &[u32] {
        &self.lists[node]
    }

    /// How similar each of [`Neighbours::of`] is.
    pub fn similarities(&self, node: usize) -> &[f32] {
        &self.similarities[node]
    }
}

/// The `neighbours` rows of largest cosine to each row of `features` `[rows, width]` (row-major), itself excluded.
///
/// Rows not `present`, and rows without direction (all zero), neither have neighbours nor are any. Equal cosines
/// are ordered by the lower row. Exact: every pair is compared, `block × rows` of them in memory at a time.
///
/// Cost: `2 · rows² · width` flops.
///
/// ```
/// use recgoat_graph::{KnnConfig, knn};
/// let rows = [1.0, 0.0, /* */ 0.9, 0.1, /* */ 0.0, 1.0];
/// let near = knn(&rows, 2, &[true; 3], &KnnConfig { neighbours: 1, ..Default::default() })?;
/// assert_eq!((near.of(0), near.of(1), near.of(2)), (&[1][..], &[0][..], &[1][..]));
/// # Ok::<(), recgoat_graph::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] when `features` is not `present.len() × width`.
pub fn knn(features: &[f32], width: usize, present: &[bool], config: &KnnConfig) -> Result<Neighbours> {
    let rows = present.len();
    if features.len() != rows * width {
        return Err(Error::Shape {
            operation: "knn",
            expected: format!("{rows} rows of {width} values"),
            found: format!("{} values", features.len()),
        });
    }
    let (unit, usable) = unit_rows(features, width, present, config.similarity);
    let all = from_slice(&unit, &[rows as i64, width as i64], Device::Cpu)?;
    let block = config.block.max(1);
    let (mut lists, mut similarities) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    for start in (0..rows).step_by(block) {
        let length = block.min(rows - start);
        let cosines: Tensor = tch::no_grad(|| {
            all.narrow(0, start as i64, length as i64).matmul(&all.tr()).to_kind(Kind::Float)
        });
        let cosines = as_slice(&cosines)?;
        let found = (0..length).into_par_iter().map(|lane| {
            let node = start + lane;
            if !usable[node] {
                return (Vec::new(), Vec::new());
            }
            let cosines = &cosines[lane * rows..][..rows];
            let near = nearest(cosines, node, &usable, config.neighbours);
            let values = near.iter().map(|&other| cosines[other as usize]).collect();
            (near, values)
        });
        let (block_lists, block_similarities): (Vec<_>, Vec<_>) = found.unzip();
        lists.extend(block_lists);
        similarities.extend(block_similarities);
    }
    Ok(Neighbours { lists, similarities })
}

fn unit_rows(
    features: &[f32],
    width: usize,
    present: &[bool],
    similarity: Similarity,
) -> (Vec<f32>, Vec<bool>) {
    let mut mean = vec![0f64; width];
    if similarity == Similarity::CentredCosine {
        let count = present.iter().filter(|&&p| p).count().max(1) as f64;
        for (row, _) in features.chunks(width.max(1)).zip(present).filter(|(_, present)| **present) {
            mean.iter_mut().zip(row).for_each(|(mean, &x)| *mean += f64::from(x) / count);
        }
    }
    let mut unit = vec![0f32; features.len()];
    let usable = unit
        .par_chunks_mut(width.max(1))
        .zip(features.par_chunks(width.max(1)))
        .zip(present)
        .map(|((out, row), &present)| {
            let centred = || row.iter().zip(&mean).map(|(&x, mean)| f64::from(x) - mean);
            let norm = centred().map(|x| x * x).sum::<f64>().sqrt();
            let usable = present && norm > 0.0 && norm.is_finite();
            if usable {
                out.iter_mut().zip(centred()).for_each(|(out, x)| *out = (x / norm) as f32);
            }
            usable
        })
        .collect();
    (unit, usable)
}

fn nearest(cosines: &[f32], node: usize, usable: &[bool], count: usize) -> Vec<u32> {
    let mut others: Vec<u32> =
        (0..cosines.len() as u32).filter(|&other| usable[other as usize] && other as usize != node).collect();
    let order = |&a: &u32, &b: &u32| cosines[b as usize].total_cmp(&cosines[a as usize]).then(a.cmp(&b));
    if count < others.len() {
        others.select_nth_unstable_by(count, order);
        others.truncate(count);
    }
    others.sort_unstable_by(order);
    others
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn slow(features: &[f32], width: usize, present: &[bool], count: usize) -> Vec<Vec<u32>> {
        let row = |i: usize| &features[i * width..][..width];
        let norm = |i: usize| row(i).iter().map(|x| f64::from(x * x)).sum::<f64>().sqrt();
        let usable = |i: usize| present[i] && norm(i) > 0.0;
        let cosine = |i: usize, j: usize| {
            row(i).iter().zip(row(j)).map(|(a, b)| f64::from(a * b)).sum::<f64>() / norm(i) / norm(j)
        };
        (0..present.len())
            .map(|i| {
                let mut others: Vec<u32> = (0..present.len())
                    .filter(|&j| j != i && usable(j) && usable(i))
                    .map(|j| j as u32)
                    .collect();
                others.sort_by(|&a, &b| {
                    cosine(i, b as usize).total_cmp(&cosine(i, a as usize)).then(a.cmp(&b))
                });
                others.truncate(count);
                others
            })
            .collect()
    }

    proptest! {
        #[test]
        fn equals_comparing_every_pair(
            values in proptest::collection::vec(-1f32..1.0, 30 * 5), present in proptest::collection::vec(any::<bool>(), 30),
            neighbours in 0usize..12, block in 1usize..40,
        ) {
            let config = KnnConfig { neighbours, block, ..Default::default() };
            let near = knn(&values, 5, &present, &config).unwrap();
            prop_assert_eq!(near.lists, slow(&values, 5, &present, neighbours));
        }
    }

    #[test]
    fn centring_sees_past_a_common_offset() {
        // All rows lie near (10, 10); the small parts decide once the mean is gone.
        let rows = [11.0, 10.0, 10.9, 10.1, 10.0, 11.0, 9.1, 9.9];
        let config = KnnConfig { neighbours: 1, similarity: Similarity::CentredCosine, block: 3 };
        assert_eq!(knn(&rows, 2, &[true; 4], &config).unwrap().of(0), [1]);
    }

    #[test]
    fn missing_and_zero_rows_stay_alone() {
        let rows = [1.0, 0.0, 0.0, 0.0, 1.0, 0.1, 1.0, 0.2];
        let near = knn(&rows, 2, &[true, true, false, true], &KnnConfig::default()).unwrap();
        assert_eq!(near.lists, vec![vec![3], vec![], vec![], vec![0]]);
        assert!(knn(&rows, 3, &[true; 4], &KnnConfig::default()).is_err());
    }
}
