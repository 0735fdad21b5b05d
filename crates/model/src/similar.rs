//! Who is like whom by what they have in common.

use rayon::prelude::*;
use recgoat_data::{Interactions, Split};

/// The nodes of a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nodes {
    /// Users, alike by common items.
    Users,
    /// Items, alike by common users.
    Items,
}

/// `(node, other, cosine)` of each node and its `count − 1` nearest others, by the cosine of their train interactions.
pub(crate) fn similar_edges(interactions: &Interactions, nodes: Nodes, count: usize) -> Vec<(u32, u32, f32)> {
    let pairs = interactions.split(Split::Train).pairs();
    let (size, pairs): (usize, Vec<(u32, u32)>) = match nodes {
        Nodes::Users => (interactions.users(), pairs.collect()),
        Nodes::Items => (interactions.items(), pairs.map(|(user, item)| (item, user)).collect()),
    };
    similar(size, &pairs, count - 1)
}

/// The edges of both lists, each once, with the larger weight.
pub(crate) fn union(mut edges: Vec<(u32, u32, f32)>, others: Vec<(u32, u32, f32)>) -> Vec<(u32, u32, f32)> {
    edges.extend(others);
    edges.sort_unstable_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then(b.2.total_cmp(&a.2)));
    edges.dedup_by_key(|edge| (edge.0, edge.1));
    edges
}

/// `(node, other, cosine)` of every node with links: itself and the `count` others of largest cosine between their
/// sets of links. `pairs` are `(node, link)`.
///
/// Cost: a count for each member of each link of a node, the squares of the links' degrees in all; memory of `nodes`
/// counts a thread.
fn similar(nodes: usize, pairs: &[(u32, u32)], count: usize) -> Vec<(u32, u32, f32)> {
    let links = lists(pairs.iter().copied(), nodes);
    let others = pairs.iter().map(|&(_, link)| link as usize + 1).max().unwrap_or(0);
    let members = lists(pairs.iter().map(|&(node, link)| (link, node)), others);
    let degree = |node: u32| links[node as usize].len() as f64;
    let near = |shared: &mut Vec<u32>, node: u32| {
        let mut met = Vec::new();
        for &other in links[node as usize].iter().flat_map(|&link| &members[link as usize]) {
            if shared[other as usize] == 0 {
                met.push(other);
            }
            shared[other as usize] += 1;
        }
        let mut near = Vec::with_capacity(met.len());
        for other in met {
            let common = f64::from(std::mem::take(&mut shared[other as usize]));
            if other != node {
                near.push((node, other, (common / (degree(node) * degree(other)).sqrt()) as f32));
            }
        }
        let nearer = |a: &(u32, u32, f32), b: &(u32, u32, f32)| b.2.total_cmp(&a.2).then(a.1.cmp(&b.1));
        if near.len() > count {
            near.select_nth_unstable_by(count, nearer);
            near.truncate(count);
        }
        near.sort_unstable_by(nearer);
        if degree(node) > 0.0 {
            near.push((node, node, 1.0));
        }
        near
    };
    // Flattened as they come: a list of candidates may be as long as there are nodes, and must not be kept.
    (0..nodes as u32).into_par_iter().map_init(|| vec![0u32; nodes], near).flatten_iter().collect()
}

/// The second numbers of pairs, by the first.
fn lists(pairs: impl Iterator<Item = (u32, u32)>, count: usize) -> Vec<Vec<u32>> {
    let mut lists = vec![Vec::new(); count];
    pairs.for_each(|(first, second)| lists[first as usize].push(second));
    lists
}

#[cfg(test)]
mod tests {
    use super::{similar, union};

    #[test]
    fn the_most_alike_come_first() {
        // Node 0 shares both its links with 1 and one with 2; 3 has none.
        let edges = similar(4, &[(0, 0), (0, 1), (1, 0), (1, 1), (2, 1), (2, 2)], 1);
        assert_eq!(edges, [(0, 1, 1.0), (0, 0, 1.0), (1, 0, 1.0), (1, 1, 1.0), (2, 0, 0.5), (2, 2, 1.0)]);
    }

    #[test]
    fn an_edge_of_both_lists_is_there_once() {
        let both = union(vec![(1, 0, 0.5), (0, 1, 0.2)], vec![(0, 1, 0.7), (0, 2, 0.1)]);
        assert_eq!(both, [(0, 1, 0.7), (0, 2, 0.1), (1, 0, 0.5)]);
    }
}
