//! Questions about structure, answered by petgraph.

use petgraph::{
    algo::is_bipartite_undirected,
    graph::{NodeIndex, UnGraph},
    unionfind::UnionFind,
};

use crate::Adjacency;

/// What a graph looks like.
#[derive(Debug, Clone, PartialEq)]
pub struct Structure {
    /// Connected components, isolated nodes among them.
    pub components: usize,
    /// Nodes in the largest component.
    pub largest_component: usize,
    /// Nodes without an edge.
    pub isolated: usize,
    /// Whether the nodes fall into two sides with edges only between them.
    pub bipartite: bool,
}

/// The [`Structure`] of a graph, in time linear in nodes and entries.
///
/// ```
/// use recgoat_graph::{Adjacency, analysis::structure};
/// let graph = Adjacency::bipartite(3, 2, [(0, 0), (1, 0)])?;
/// let found = structure(&graph);
/// assert_eq!((found.components, found.largest_component, found.isolated), (3, 3, 2));
/// assert!(found.bipartite);
/// # Ok::<(), recgoat_graph::Error>(())
/// ```
pub fn structure(graph: &Adjacency) -> Structure {
    let nodes = graph.nodes();
    let mut sets = UnionFind::<u32>::new(nodes);
    let mut undirected = UnGraph::<(), (), u32>::with_capacity(nodes, graph.entries() / 2);
    (0..nodes).for_each(|_| {
        undirected.add_node(());
    });
    for (_, (row, column)) in graph.matrix() {
        if row <= column {
            sets.union(row, column);
            undirected.add_edge(NodeIndex::from(row), NodeIndex::from(column), ());
        }
    }
    let mut sizes = vec![0usize; nodes];
    let labels = sets.into_labeling();
    labels.iter().for_each(|&label| sizes[label as usize] += 1);
    let mut starts: Vec<u32> = labels;
    starts.sort_unstable();
    starts.dedup();
    Structure {
        components: starts.len(),
        largest_component: sizes.iter().copied().max().unwrap_or(0),
        isolated: undirected.node_indices().filter(|&n| undirected.neighbors(n).next().is_none()).count(),
        bipartite: starts
            .iter()
            .filter(|&&start| sizes[start as usize] > 1)
            .all(|&start| is_bipartite_undirected(&undirected, start.into())),
    }
}

/// The `quantiles` (each in 0..=1, nearest rank) of these degrees.
pub fn degree_quantiles(degrees: impl IntoIterator<Item = usize>, quantiles: &[f64]) -> Vec<usize> {
    let mut degrees: Vec<usize> = degrees.into_iter().collect();
    degrees.sort_unstable();
    // The smallest degree with at least a share q of all at or below it.
    let rank = |q: f64| ((q.clamp(0.0, 1.0) * degrees.len() as f64).ceil() as usize).max(1);
    let at = |q: f64| degrees.get(rank(q) - 1).copied();
    quantiles.iter().map(|&q| at(q).unwrap_or(0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_islands() {
        let graph = Adjacency::bipartite(4, 4, [(0, 0), (0, 1), (1, 1), (2, 2), (3, 2)]).unwrap();
        let found = structure(&graph);
        assert_eq!(found, Structure { components: 3, largest_component: 4, isolated: 1, bipartite: true });
    }

    #[test]
    fn quantiles_by_nearest_rank() {
        assert_eq!(degree_quantiles([4, 1, 3, 2, 5], &[0.0, 0.5, 1.0]), [1, 3, 5]);
        assert_eq!(degree_quantiles([1, 0, 1], &[0.25]), [0]);
        assert_eq!(degree_quantiles([], &[0.5]), [0]);
    }
}
