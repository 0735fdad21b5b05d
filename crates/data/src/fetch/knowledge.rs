//! Item features from a knowledge graph: facts, TF-IDF, truncated SVD.

use std::path::Path;

use rustc_hash::FxHashMap;

use super::movielens::table;
use super::movielens::{columns, dense_id};
use super::svd::{SparseRows, truncated_svd};
use super::wheel::Wheel;
use crate::error::{Error, Result};
use crate::modality::Modality;

/// Number of singular directions kept.
const WIDTH: usize = 128;

/// Which end of a triple the item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Role {
    Head,
    Tail,
}

/// The modality `knowledge` of `items` items: the leading 128 left singular vectors, times their singular
/// values, of the TF-IDF matrix of facts. Items without a fact that another item shares are missing.
pub(super) fn modality(wheel: &mut Wheel, items: usize) -> Result<Modality> {
    let (link_path, link) = table(wheel, "link")?;
    let (kg_path, kg) = table(wheel, "kg")?;
    let (bags, facts) = bags((&link_path, &link), (&kg_path, &kg), items)?;
    let rows = tf_idf(&bags, facts);
    let present = rows.iter().map(|row| !row.is_empty()).collect();
    let reduced = truncated_svd(&rows, facts, WIDTH);
    Modality::new("knowledge", items, reduced.nrows(), reduced.iter().map(|&x| x as f32).collect(), present)
}

/// The facts of every item, numbered, and how many different ones there are.
///
/// A triple (head, relation, tail) is the fact (relation, tail) of the item that is its head, and the fact
/// (relation, head) of the item that is its tail.
fn bags(link: (&Path, &str), triples: (&Path, &str), items: usize) -> Result<(Vec<Vec<usize>>, usize)> {
    let mut item_of = FxHashMap::default();
    for [original, entity] in columns::<2>(link.0, link.1)? {
        let item = dense_id(link.0, original)? as usize;
        if item >= items {
            return Err(Error::file(link.0, format!("item ids up to {items}"), original));
        }
        item_of.insert(entity, item);
    }
    let mut facts = FxHashMap::default();
    let mut bags = vec![Vec::new(); items];
    for [head, relation, tail] in columns::<3>(triples.0, triples.1)? {
        for (entity, role, other) in [(head, Role::Head, tail), (tail, Role::Tail, head)] {
            if let Some(&item) = item_of.get(entity) {
                let next = facts.len();
                bags[item].push(*facts.entry((role, relation, other)).or_insert(next));
            }
        }
    }
    Ok((bags, facts.len()))
}

/// Weighs facts by `ln((1 + n) / (1 + df)) + 1`, where `df` of the `n` items have the fact, and scales each
/// row to length 1. A fact of one item alone relates it to no other and is left out.
fn tf_idf(bags: &[Vec<usize>], facts: usize) -> SparseRows {
    let mut frequencies = vec![0usize; facts];
    for &fact in bags.iter().flatten() {
        frequencies[fact] += 1;
    }
    let weight = |fact: usize| ((1.0 + bags.len() as f64) / (1.0 + frequencies[fact] as f64)).ln() + 1.0;
    let row = |bag: &Vec<usize>| {
        let shared = bag.iter().filter(|&&fact| frequencies[fact] > 1);
        let mut row: Vec<(usize, f64)> = shared.map(|&fact| (fact, weight(fact))).collect();
        let length = row.iter().map(|(_, x)| x * x).sum::<f64>().sqrt();
        row.iter_mut().for_each(|(_, x)| *x /= length);
        row
    };
    bags.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_of_both_directions() {
        let link = "item_id:token\tentity_id:token\n2\te2\n1\te1\n";
        let kg = "head\trelation\ttail\ne1\tactor\tann\ne2\tactor\tann\nann\tactor\te1\ne1\tsequel\te2\n";
        let (bags, facts) = bags((Path::new("link"), link), (Path::new("kg"), kg), 3).unwrap();
        // Item 1's actor ann is item 2's too; what ann is the head of is another fact, and so is each end
        // of the sequel.
        assert_eq!((bags, facts), (vec![vec![0, 1, 2], vec![0, 3], vec![]], 4));
    }

    #[test]
    fn malformed_files() {
        let refused =
            |link, kg| bags((Path::new("link"), link), (Path::new("kg"), kg), 3).unwrap_err().to_string();
        assert_eq!(refused("h\n4\te\n", "h\n"), "link: expected item ids up to 3, found 4");
        assert_eq!(refused("h\n0\te\n", "h\n"), "link: expected ids from 1, found `0`");
        assert_eq!(refused("h\n1\te\n", "h\ne\tr\n"), "kg:2: expected at least 3 columns, found `e\\tr`");
    }

    #[test]
    fn weights_of_a_hand_computed_case() {
        // Fact 0 is in both rows, fact 1 in the first only, and so left out; fact 2 in rows 1 and 2.
        let rows = tf_idf(&[vec![0, 1], vec![0, 2], vec![2], vec![]], 3);
        let half = 0.5f64.sqrt();
        assert_eq!(rows[0], [(0, 1.0)]);
        assert!(rows[1].iter().all(|(_, x)| (x - half).abs() < 1e-15), "{rows:?}");
        assert_eq!(rows[2], [(2, 1.0)]);
        assert!(rows[3].is_empty());
    }

    #[test]
    fn rarer_facts_weigh_more() {
        // Of 4 items 3 have fact 0 and 2 have fact 1: weights ln(5/4) + 1 and ln(5/3) + 1.
        let rows = tf_idf(&[vec![0, 1], vec![0, 1], vec![0], vec![]], 2);
        let ratio = rows[0][1].1 / rows[0][0].1;
        let expected = ((5.0f64 / 3.0).ln() + 1.0) / ((5.0f64 / 4.0).ln() + 1.0);
        assert!((ratio - expected).abs() < 1e-12, "{ratio} {expected}");
    }
}
