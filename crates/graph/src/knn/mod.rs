//! Exact cosine nearest neighbours, by blocks.

mod best;
mod cache;
mod rows;

use recgoat_torch::{as_slice, as_slice_mut};
use tch::{Device, Kind, Tensor};

use crate::{Error, Result};
use best::Best;
pub use cache::NeighbourCache;
use rows::UnitRows;

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
    /// Rows compared with as many others at once; memory is two blocks of rows and `block²` floats.
    pub block: usize,
}

impl Default for KnnConfig {
    fn default() -> Self {
        Self { neighbours: 20, similarity: Similarity::Cosine, block: 2048 }
    }
}

/// The nearest other nodes of each node, nearest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbours {
    /// Where each node's neighbours start, and where the last one's end.
    offsets: Vec<usize>,
    nodes: Vec<u32>,
    similarities: Vec<f32>,
}

impl Neighbours {
    /// Number of nodes.
    pub fn nodes(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The neighbours of `node`, nearest first; empty for a node that is missing or has a zero row.
    pub fn of(&self, node: usize) -> &[u32] {
        &self.nodes[self.offsets[node]..self.offsets[node + 1]]
    }

    /// How similar each of [`Neighbours::of`] is.
    pub fn similarities(&self, node: usize) -> &[f32] {
        &self.similarities[self.offsets[node]..self.offsets[node + 1]]
    }
}

/// The `neighbours` rows of largest cosine to each row of `features` `[rows, width]` (row-major), itself excluded.
///
/// Rows not `present`, and rows without direction (all zero), neither have neighbours nor are any. Equal cosines
/// are ordered by the lower row. Exact: every pair is compared, once for both of its rows.
///
/// Cost: `rows² · width` flops; memory as [`knn_from`].
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
    expect_matrix(features, width, present)?;
    let read = |row: usize, out: &mut [f32]| out.copy_from_slice(&features[row * width..][..width]);
    knn_from(&read, width, present, config)
}

/// [`knn`] of rows that `read(row, out)` copies when they are needed, such as those of a file too large for memory.
/// Each row is read once for each of the `rows / block` blocks it is compared with, by several threads at once.
///
/// A row that is not finite counts as missing.
///
/// Memory: `2 · block · width + block²` floats, and twice the `neighbours` of every row.
///
/// # Errors
/// A failure of libtorch's.
pub fn knn_from(
    read: &(dyn Fn(usize, &mut [f32]) + Sync),
    width: usize,
    present: &[bool],
    config: &KnnConfig,
) -> Result<Neighbours> {
    let rows = UnitRows::new(read, width, present, config.similarity);
    let count = rows.usable().len();
    let mut best = Best::new(rows.usable(), config.neighbours);
    let block = config.block.clamp(1, count.max(1));
    let table = |rows: usize, columns: usize| {
        Tensor::empty([rows as i64, columns as i64], (Kind::Float, Device::Cpu))
    };
    let (mut left, mut right, products) = (table(block, width), table(block, width), table(block, block));
    let _tapeless = tch::no_grad_guard();
    for first in (0..count).step_by(block) {
        let span = first..(first + block).min(count);
        rows.fill(span.clone(), as_slice_mut(&mut left)?);
        for start in (first..count).step_by(block) {
            let others = start..(start + block).min(count);
            let itself = span == others;
            if !itself {
                rows.fill(others.clone(), as_slice_mut(&mut right)?);
            }
            let [height, width] = [&span, &others].map(|span| span.len() as i64);
            let left = left.narrow(0, 0, height);
            let right = if itself { left.shallow_clone() } else { right.narrow(0, 0, width) };
            let cosines = products.view([-1]).narrow(0, 0, height * width).view([height, width]);
            let cosines = left.f_mm_out(&cosines, &right.tr()).map_err(recgoat_torch::Error::from)?;
            best.offer_rows(as_slice(&cosines)?, span.clone(), others.clone());
            if !itself {
                best.offer_columns(as_slice(&cosines)?, span.clone(), others);
            }
        }
    }
    Ok(best.finish(present.len()))
}

fn expect_matrix(features: &[f32], width: usize, present: &[bool]) -> Result<()> {
    let rows = present.len();
    if features.len() == rows * width {
        return Ok(());
    }
    Err(Error::Shape {
        operation: "knn",
        expected: format!("{rows} rows of {width} values"),
        found: format!("{} values", features.len()),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lists(near: &Neighbours) -> Vec<Vec<u32>> {
        (0..near.nodes()).map(|node| near.of(node).to_vec()).collect()
    }

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
            prop_assert_eq!(lists(&near), slow(&values, 5, &present, neighbours));
        }
    }

    #[test]
    fn equal_cosines_are_ordered_by_the_lower_row() {
        // Small whole numbers: every product is exact, whatever the block.
        let rows: Vec<f32> =
            (0..40).flat_map(|row| if row % 2 == 0 { [4.0, 0.0] } else { [0.0, 2.0] }).collect();
        for block in [1, 3, 8, 40] {
            let config = KnnConfig { neighbours: 3, block, ..Default::default() };
            let near = knn(&rows, 2, &[true; 40], &config).unwrap();
            assert_eq!(
                (near.of(0), near.of(2), near.of(39)),
                (&[2, 4, 6][..], &[0, 4, 6][..], &[1, 3, 5][..])
            );
            assert_eq!(near.similarities(5), [1.0; 3]);
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
    fn a_row_that_is_not_finite_is_missing_and_spoils_no_mean() {
        let rows = [11.0, 10.0, 10.9, 10.1, f32::NAN, 1.0, 10.0, 11.0, 9.1, 9.9];
        let config = KnnConfig { neighbours: 1, similarity: Similarity::CentredCosine, block: 3 };
        let near = knn(&rows, 2, &[true; 5], &config).unwrap();
        assert_eq!((near.of(0), near.of(2)), (&[1][..], &[][..]));
    }

    #[test]
    fn missing_and_zero_rows_stay_alone() {
        let rows = [1.0, 0.0, 0.0, 0.0, 1.0, 0.1, 1.0, 0.2];
        let near = knn(&rows, 2, &[true, true, false, true], &KnnConfig::default()).unwrap();
        assert_eq!(lists(&near), vec![vec![3], vec![], vec![], vec![0]]);
        assert!(knn(&rows, 3, &[true; 4], &KnnConfig::default()).is_err());
    }
}
