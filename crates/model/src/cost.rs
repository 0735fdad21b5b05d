//! What a training step must spend at least.
//!
//! Flops and bytes follow from the sizes of graphs, features and batches; what they take on a machine is the longer of
//! both at its measured ceilings (`recgoat bench machine`), a roofline for each stage.

use recgoat_graph::{Adjacency, SparseMap, Subset};

/// Floating-point operations and bytes of one part of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage {
    /// What the part does.
    pub name: &'static str,
    /// Floating-point operations.
    pub flops: f64,
    /// Bytes read and written, each once a pass over them.
    pub bytes: f64,
}

impl Stage {
    /// `times` products of `entries` of a sparse matrix with rows of `width` numbers: an index and a value an entry, and
    /// a row gathered for it.
    pub fn sparse(name: &'static str, entries: usize, width: usize, times: usize) -> Self {
        let passes = (entries * times) as f64;
        Self { name, flops: 2.0 * passes * width as f64, bytes: passes * (4 * width + 8) as f64 }
    }

    /// `times` products of matrices `[m, k]` and `[k, n]`, or of others with as many multiplications.
    pub fn dense(name: &'static str, [m, k, n]: [usize; 3], times: usize) -> Self {
        let (m, k, n, times) = (m as f64, k as f64, n as f64, times as f64);
        Self { name, flops: 2.0 * m * k * n * times, bytes: 4.0 * (m * k + k * n + m * n) * times }
    }

    /// A softmax of `rows` over `columns`, both of `width`, with its gradient: three products, whose logits stay in cache,
    /// and about twenty operations an exponential.
    pub fn softmax(name: &'static str, rows: usize, columns: usize, width: usize) -> Self {
        let logits = (rows * columns) as f64;
        let bytes = (12 * (rows + columns) * width) as f64;
        Self { name, flops: logits * (6 * width + 20) as f64, bytes }
    }

    /// A pass over `numbers` that reads and writes `times` numbers for each.
    pub fn pass(name: &'static str, numbers: usize, times: usize) -> Self {
        Self { name, flops: (numbers * times) as f64, bytes: (4 * numbers * times) as f64 }
    }

    /// Several stages as one.
    pub fn sum(name: &'static str, stages: impl IntoIterator<Item = Self>) -> Self {
        let none = Self { name, flops: 0.0, bytes: 0.0 };
        let add = |sum: Self, stage: Self| Self {
            flops: sum.flops + stage.flops,
            bytes: sum.bytes + stage.bytes,
            ..sum
        };
        stages.into_iter().fold(none, add)
    }

    /// Adam: parameter, gradient and both moments read and written.
    pub fn update(parameters: usize) -> Self {
        Self { flops: 12.0 * parameters as f64, ..Self::pass("update", parameters, 8) }
    }
}

/// Entries in some rows of a symmetric matrix.
pub(crate) fn entries_at(graph: &Adjacency, rows: &Subset) -> usize {
    let offsets = graph.matrix().indptr();
    rows.rows().iter().map(|&row| offsets.outer_inds_sz(row as usize).len()).sum()
}

/// Entries in some rows of a map.
pub(crate) fn map_entries_at(map: &SparseMap, rows: &Subset) -> usize {
    let offsets = map.matrix().indptr();
    rows.rows().iter().map(|&row| offsets.outer_inds_sz(row as usize).len()).sum()
}
