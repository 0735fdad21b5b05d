//! Directed sparsity patterns, readable from both ends.

use crate::{Error, Neighbours, Result};

/// Which node listens to which: row `i` lists the sources `j` of its incoming edges, ascending.
///
/// The transpose is kept beside it with, for each transposed entry, the position of its edge, so that gradients
/// flow back row by row without atomics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    offsets: Vec<usize>,
    sources: Vec<u32>,
    transposed_offsets: Vec<usize>,
    targets: Vec<u32>,
    edge_of_transposed: Vec<u32>,
}

impl Pattern {
    /// The pattern of `nodes` nodes with these `(target, source)` edges; duplicates count once.
    ///
    /// # Errors
    /// [`Error::Node`] for an end beyond `nodes`.
    pub fn new(nodes: usize, edges: impl IntoIterator<Item = (u32, u32)>) -> Result<Self> {
        let mut edges: Vec<(u32, u32)> = edges.into_iter().collect();
        let beyond = |&(t, s): &(u32, u32)| t.max(s) as usize >= nodes;
        if let Some(edge) = edges.iter().position(beyond) {
            let node = edges[edge].0.max(edges[edge].1) as usize;
            return Err(Error::Node { edge, node, nodes });
        }
        edges.sort_unstable();
        edges.dedup();
        let offsets = prefix_counts(nodes, edges.iter().map(|e| e.0));
        let transposed_offsets = prefix_counts(nodes, edges.iter().map(|e| e.1));
        let mut cursor = transposed_offsets.clone();
        let (mut targets, mut edge_of_transposed) = (vec![0; edges.len()], vec![0; edges.len()]);
        for (edge, &(target, source)) in edges.iter().enumerate() {
            let at = &mut cursor[source as usize];
            targets[*at] = target;
            edge_of_transposed[*at] = edge as u32;
            *at += 1;
        }
        let sources = edges.into_iter().map(|e| e.1).collect();
        Ok(Self { offsets, sources, transposed_offsets, targets, edge_of_transposed })
    }

    /// The union of a neighbour relation with its reverse, and a self-loop on every node.
    pub fn symmetrised(neighbours: &Neighbours) -> Self {
        let nodes = neighbours.nodes();
        let edges = (0..nodes as u32).flat_map(|node| {
            let near = neighbours.of(node as usize).iter();
            near.flat_map(move |&other| [(node, other), (other, node)]).chain([(node, node)])
        });
        Self::new(nodes, edges).expect("neighbours are nodes")
    }

    /// Number of nodes.
    pub fn nodes(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Number of directed edges.
    pub fn edges(&self) -> usize {
        self.sources.len()
    }

    /// Edge positions of the incoming edges of node `target`.
    pub fn incoming(&self, target: usize) -> std::ops::Range<usize> {
        self.offsets[target]..self.offsets[target + 1]
    }

    /// The source of each edge.
    pub fn sources(&self) -> &[u32] {
        &self.sources
    }

    /// The outgoing edges of node `source`, as `(target, edge position)`.
    pub fn outgoing(&self, source: usize) -> impl Iterator<Item = (usize, usize)> {
        let span = self.transposed_offsets[source]..self.transposed_offsets[source + 1];
        let ends = self.targets[span.clone()].iter().zip(&self.edge_of_transposed[span]);
        ends.map(|(&target, &edge)| (target as usize, edge as usize))
    }
}

fn prefix_counts(nodes: usize, ends: impl Iterator<Item = u32>) -> Vec<usize> {
    let mut offsets = vec![0; nodes + 1];
    for end in ends {
        offsets[end as usize + 1] += 1;
    }
    for node in 0..nodes {
        offsets[node + 1] += offsets[node];
    }
    offsets
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn both_ends_tell_the_same_edges(edges in proptest::collection::vec((0u32..9, 0u32..9), 0..60)) {
            let pattern = Pattern::new(9, edges.clone()).unwrap();
            let mut from_targets: Vec<_> = (0..9)
                .flat_map(|t| pattern.incoming(t).map(move |e| (t, e)))
                .map(|(t, e)| (t, pattern.sources()[e] as usize, e))
                .collect();
            let mut from_sources: Vec<_> =
                (0..9).flat_map(|s| pattern.outgoing(s).map(move |(t, e)| (t, s, e))).collect();
            from_targets.sort_unstable();
            from_sources.sort_unstable();
            prop_assert_eq!(&from_targets, &from_sources);
            let mut distinct: Vec<_> = edges.iter().map(|&(t, s)| (t as usize, s as usize)).collect();
            distinct.sort_unstable();
            distinct.dedup();
            prop_assert_eq!(from_targets.iter().map(|&(t, s, _)| (t, s)).collect::<Vec<_>>(), distinct);
        }
    }

    #[test]
    fn an_unknown_node_is_named() {
        let error = Pattern::new(3, [(0, 1), (2, 5)]).unwrap_err().to_string();
        assert_eq!(error, "edge 1: expected nodes below 3, found 5");
    }
}
