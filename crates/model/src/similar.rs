//! Who is like whom by what they have in common.

use std::collections::HashMap;

use rayon::prelude::*;
use recgoat_data::{Interactions, Split};
use recgoat_graph::SparseMap;
use tch::Device;

use crate::Result;

/// The nodes of a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nodes {
    /// Users, alike by common items.
    Users,
    /// Items, alike by common users.
    Items,
}

/// The normalised graph of each node and its `count − 1` nearest others, by the cosine of their train interactions.
pub(crate) fn similar_graph(
    interactions: &Interactions,
    nodes: Nodes,
    count: usize,
    device: Device,
) -> Result<SparseMap> {
    let pairs = interactions.split(Split::Train).pairs();
    let (size, pairs): (usize, Vec<(u32, u32)>) = match nodes {
        Nodes::Users => (interactions.users(), pairs.collect()),
        Nodes::Items => (interactions.items(), pairs.map(|(user, item)| (item, user)).collect()),
    };
    Ok(SparseMap::normalised(size, similar(size, &pairs, count - 1), device)?)
}

/// `(node, other, cosine)` of every node with links: itself and the `count` others of largest cosine between their
/// sets of links. `pairs` are `(node, link)`.
fn similar(nodes: usize, pairs: &[(u32, u32)], count: usize) -> Vec<(u32, u32, f32)> {
    let mut links = vec![Vec::new(); nodes];
    let mut members: HashMap<u32, Vec<u32>> = HashMap::new();
    for &(node, link) in pairs {
        links[node as usize].push(link);
        members.entry(link).or_default().push(node);
    }
    let near = |node: u32| {
        let mut common: HashMap<u32, f64> = HashMap::new();
        for link in &links[node as usize] {
            members[link].iter().for_each(|&other| *common.entry(other).or_default() += 1.0);
        }
        let degree = |node: u32| links[node as usize].len() as f64;
        let mut near: Vec<(u32, u32, f32)> = common
            .into_iter()
            .filter(|&(other, _)| other != node)
            .map(|(other, shared)| (node, other, (shared / (degree(node) * degree(other)).sqrt()) as f32))
            .collect();
        near.sort_unstable_by(|a, b| b.2.total_cmp(&a.2).then(a.1.cmp(&b.1)));
        near.truncate(count);
        if degree(node) > 0.0 {
            near.push((node, node, 1.0));
        }
        near
    };
    (0..nodes as u32).into_par_iter().flat_map_iter(near).collect()
}

#[cfg(test)]
mod tests {
    use super::similar;

    #[test]
    fn the_most_alike_come_first() {
        // Node 0 shares both its links with 1 and one with 2; 3 has none.
        let edges = similar(4, &[(0, 0), (0, 1), (1, 0), (1, 1), (2, 1), (2, 2)], 1);
        assert_eq!(edges, [(0, 1, 1.0), (0, 0, 1.0), (1, 0, 1.0), (1, 1, 1.0), (2, 0, 0.5), (2, 2, 1.0)]);
    }
}
