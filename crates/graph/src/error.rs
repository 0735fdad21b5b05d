//! The crate's error type.

use crate::Subset;

/// Result of this crate's fallible functions.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong when a graph is built or applied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An edge names a node that is not there.
    #[error("edge {edge}: expected nodes below {nodes}, found {node}")]
    Node {
        /// Position of the edge in the input.
        edge: usize,
        /// The node it names.
        node: usize,
        /// Number of nodes.
        nodes: usize,
    },
    /// An edge occurs twice.
    #[error("edge {edge}: ({source_node}, {target_node}) occurs twice")]
    Duplicate {
        /// Position of the second occurrence in sorted order.
        edge: usize,
        /// Its first node.
        source_node: usize,
        /// Its second node.
        target_node: usize,
    },
    /// An array or tensor has the wrong shape.
    #[error("{operation}: expected {expected}, found {found}")]
    Shape {
        /// The operation that refused it.
        operation: &'static str,
        /// The shape it needs.
        expected: String,
        /// The shape that came.
        found: String,
    },
    /// A failure between Rust and libtorch.
    #[error(transparent)]
    Torch(#[from] recgoat_torch::Error),
}

/// `Ok` when a tensor has this shape.
pub(crate) fn expect_shape(operation: &'static str, tensor: &tch::Tensor, expected: &[i64]) -> Result<()> {
    if tensor.size() == expected {
        return Ok(());
    }
    Err(Error::Shape { operation, expected: format!("{expected:?}"), found: format!("{:?}", tensor.size()) })
}

/// `Ok` for a matrix of so many rows.
pub(crate) fn expect_rows(operation: &'static str, tensor: &tch::Tensor, rows: i64) -> Result<()> {
    let width = tensor.size().get(1).copied().unwrap_or(1);
    expect_shape(operation, tensor, &[rows, width])
}

/// `Ok` for a subset of so many rows.
pub(crate) fn expect_subset(operation: &'static str, subset: &Subset, of: i64) -> Result<()> {
    if subset.of() as i64 == of {
        return Ok(());
    }
    let (expected, found) = (format!("a subset of {of} rows"), format!("one of {}", subset.of()));
    Err(Error::Shape { operation, expected, found })
}
