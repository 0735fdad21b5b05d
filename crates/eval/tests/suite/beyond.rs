//! Measures beyond accuracy against hand-computed cases.

use proptest::prelude::*;
use recgoat_data::{Interactions, Split};
use recgoat_eval::{RankingConfig, beyond, rank};

use crate::Fixed;

/// Two users, k = 2, lists 1 2 and 2 3 of four items with 2, 1, 1, 0 train interactions… item 0 is
/// masked for user 0, items 0 and 1 for user 1.
#[test]
fn two_lists() {
    let train = [(0, 0), (1, 0), (1, 1), (0, 3)];
    let data = Interactions::from_pairs(2, 5, &train, &[], &[(0, 1), (1, 2)]).unwrap();
    let scorer = Fixed { items: 5, scores: [0.0, -1.0, -2.0, -3.0, -4.0].repeat(2) };
    let config = RankingConfig { topk: vec![2], ..Default::default() };
    let rankings = rank(&scorer, &data, Split::Test, &config).unwrap();
    assert_eq!(rankings.lists().collect::<Vec<_>>(), [[1, 2], [2, 3]]);

    let measures = beyond::measure(&rankings, &[2, 1, 0, 1, 0], 2, 2).unwrap();
    // Items 1, 2, 3 of five appear, 1, 2 and 1 times.
    assert_eq!(measures["coverage@2"], 3.0 / 5.0);
    // Ascending 0 0 1 1 2, weights 2i − 6 = −4 −2 0 2 4: (2 + 8) / (5 · 4).
    assert_eq!(measures["gini@2"], 0.5);
    // log2(2/1) for items 1 and 3; item 2, unseen in train, counts as seen once: 1 bit each.
    assert_eq!(measures["novelty@2"], 1.0);
    // (1 + 0 + 0 + 1) / 4.
    assert_eq!(measures["popularity@2"], 0.5);

    // At k = 1 items 1 and 2 appear once each.
    assert_eq!(beyond::exposure(&rankings, 1), [0, 1, 1, 0, 0]);
}

#[test]
fn gini_of_extremes() {
    assert_eq!(beyond::gini(&[7, 7, 7]), 0.0);
    assert_eq!(beyond::gini(&[0, 0, 0, 9]), 0.75);
    assert_eq!(beyond::gini(&[0, 0]), 0.0);
}

proptest! {
    /// The rank formula equals half the relative mean absolute difference, Gini's own definition.
    #[test]
    fn gini_is_half_the_relative_mean_difference(exposure in prop::collection::vec(0u64..50, 1..30)) {
        let total: u64 = exposure.iter().sum();
        prop_assume!(total > 0);
        let n = exposure.len() as f64;
        let pairs = exposure.iter().flat_map(|a| exposure.iter().map(move |b| a.abs_diff(*b)));
        let expected = pairs.sum::<u64>() as f64 / (2.0 * n * total as f64);
        prop_assert!((beyond::gini(&exposure) - expected).abs() < 1e-12);
    }
}
