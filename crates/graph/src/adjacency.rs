//! Symmetrically normalised adjacency matrices.

use sprs::CsMatI;
use tch::{Device, Tensor};

use crate::{Error, Result};

/// A symmetric adjacency `Â = D^-1/2 A D^-1/2`, `[nodes, nodes]`, as compressed sparse rows.
///
/// A node without edges has an empty row, so nothing is divided by zero.
///
/// ```
/// use recgoat_graph::Adjacency;
/// // Left nodes 0, 1; right nodes 2, 3 (as 0, 1 on their own side).
/// let graph = Adjacency::bipartite(2, 2, [(0, 0), (0, 1), (1, 1)])?;
/// // Left node 0 has degree 2, right node 0 degree 1: the entry is 1/√(2·1).
/// assert_eq!(graph.matrix().get(0, 2), Some(&0.5f32.sqrt()));
/// assert_eq!(graph.matrix().get(2, 0), Some(&0.5f32.sqrt()));
/// # Ok::<(), recgoat_graph::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Adjacency {
    matrix: CsMatI<f32, u32, usize>,
}

impl Adjacency {
    /// The graph of `left + right` nodes in which edge `(l, r)` joins nodes `l` and `left + r`.
    ///
    /// # Errors
    /// [`Error::Node`] for an end beyond its side, [`Error::Duplicate`] for an edge given twice.
    pub fn bipartite(left: usize, right: usize, edges: impl IntoIterator<Item = (u32, u32)>) -> Result<Self> {
        let mut joined = Vec::new();
        for (edge, (l, r)) in edges.into_iter().enumerate() {
            for (node, nodes) in [(l as usize, left), (r as usize, right)] {
                if node >= nodes {
                    return Err(Error::Node { edge, node, nodes });
                }
            }
            joined.push((l, r + left as u32));
            joined.push((r + left as u32, l));
        }
        joined.sort_unstable();
        if let Some(at) = joined.windows(2).position(|pair| pair[0] == pair[1]) {
            let (source, target) = (joined[at].0 as usize, joined[at].1 as usize);
            return Err(Error::Duplicate { edge: at + 1, source_node: source, target_node: target });
        }
        Ok(Self::normalised(left + right, &joined))
    }

    /// Number of nodes.
    pub fn nodes(&self) -> usize {
        self.matrix.rows()
    }

    /// Number of stored entries: twice the number of undirected edges.
    pub fn entries(&self) -> usize {
        self.matrix.nnz()
    }

    /// Neighbours of each node.
    pub fn degrees(&self) -> Vec<usize> {
        self.matrix.outer_iterator().map(|row| row.nnz()).collect()
    }

    /// The matrix itself.
    pub fn matrix(&self) -> &CsMatI<f32, u32, usize> {
        &self.matrix
    }

    /// The matrix as a sparse CSR tensor on `device`.
    pub fn to_tensor(&self, device: Device) -> Tensor {
        csr_tensor(&self.matrix, device)
    }

    fn normalised(nodes: usize, edges: &[(u32, u32)]) -> Self {
        let mut offsets = vec![0usize; nodes + 1];
        for &(source, _) in edges {
            offsets[source as usize + 1] += 1;
        }
        for node in 0..nodes {
            offsets[node + 1] += offsets[node];
        }
        let degree = |node: u32| (offsets[node as usize + 1] - offsets[node as usize]) as f64;
        let values = edges.iter().map(|&(s, t)| (1.0 / (degree(s) * degree(t)).sqrt()) as f32).collect();
        let columns = edges.iter().map(|&(_, target)| target).collect();
        Self { matrix: CsMatI::new((nodes, nodes), offsets, columns, values) }
    }
}

/// A matrix as one of libtorch's sparse tensors.
pub(crate) fn csr_tensor(matrix: &CsMatI<f32, u32, usize>, device: Device) -> Tensor {
    let offsets: Vec<i64> = matrix.indptr().raw_storage().iter().map(|&o| o as i64).collect();
    let columns: Vec<i64> = matrix.indices().iter().map(|&c| i64::from(c)).collect();
    Tensor::sparse_csr_tensor_crow_col_value_size(
        &Tensor::from_slice(&offsets).to_device(device),
        &Tensor::from_slice(&columns).to_device(device),
        &Tensor::from_slice(matrix.data()).to_device(device),
        [matrix.rows() as i64, matrix.cols() as i64],
        (tch::Kind::Float, device),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_edges_are_named() {
        let error = Adjacency::bipartite(2, 3, [(0, 0), (1, 3)]).unwrap_err().to_string();
        assert_eq!(error, "edge 1: expected nodes below 3, found 3");
        let error = Adjacency::bipartite(2, 3, [(0, 1), (1, 2), (0, 1)]).unwrap_err().to_string();
        assert!(error.contains("(0, 3) occurs twice"), "{error}");
    }

    #[test]
    fn isolated_nodes_have_empty_rows() {
        let graph = Adjacency::bipartite(3, 2, [(1, 0)]).unwrap();
        assert_eq!(graph.entries(), 2);
        assert_eq!(graph.degrees(), [0, 1, 0, 1, 0]);
        assert!(graph.matrix().data().iter().all(|v| v.is_finite()));
    }
}
