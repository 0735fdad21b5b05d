//! Item features from a knowledge graph: facts, TF-IDF, truncated SVD.

use rustc_hash::FxHashMap;

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
/// values, of the TF-IDF matrix of facts.
///
/// A triple (head, relation, tail) is the fact (relation, tail) of the item that is its head, and the fact
/// (relation, head) of the item that is its tail. Items without a fact that another item shares are
/// missing.
pub(super) fn modality(wheel: &mut Wheel, items: usize) -> Result<Modality> {
    let (path, text) = wheel.text("link")?;
    let mut item_of = FxHashMap::default();
    for [original, entity] in columns::<2>(&path, &text)? {
        let item = dense_id(&path, original)? as usize;
        if item >= items {
            return Err(Error::file(&path, format!("item ids up to {items}"), original));
        }
        item_of.insert(entity, item);
    }
    let (path, text) = wheel.text("kg")?;
    let mut facts = FxHashMap::default();
    let mut bags = vec![Vec::new(); items];
    for [head, relation, tail] in columns::<3>(&path, &text)? {
        for (entity, role, other) in [(head, Role::Head, tail), (tail, Role::Tail, head)] {
            if let Some(&item) = item_of.get(entity) {
                let next = facts.len();
                bags[item].push(*facts.entry((role, relation, other)).or_insert(next));
            }
        }
    }
    let rows = tf_idf(&bags, facts.len());
    let present = rows.iter().map(|row| !row.is_empty()).collect();
    let reduced = truncated_svd(&rows, facts.len(), WIDTH);
    Modality::new("knowledge", items, reduced.nrows(), reduced.iter().map(|&x| x as f32).collect(), present)
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
