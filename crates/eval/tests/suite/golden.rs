//! Every metric against hand-computed cases.

use recgoat_data::{Interactions, Split};
use recgoat_eval::{Mask, PerUser, RankingConfig, evaluate, top_k};

use crate::Fixed;

fn measure(scorer: &Fixed, data: &Interactions, topk: &[usize]) -> PerUser {
    let config = RankingConfig { topk: topk.to_vec(), ..Default::default() };
    evaluate(scorer, data, Split::Test, &config).unwrap()
}

fn assert_metrics(metrics: &PerUser, user: usize, expected: &[(&str, f64)]) {
    for &(name, value) in expected {
        let found = metrics.values(name).unwrap()[user];
        assert!((found - value).abs() < 1e-15, "{name}: {found}, expected {value}");
    }
}

/// Item 0 is in train, so the list is 1 2 3 4 5 …; items 2, 4 and 9 are relevant: hits at ranks 2 and
/// 4 (and 9).
#[test]
fn three_relevant_items() {
    let data = Interactions::from_pairs(1, 10, &[(0, 0)], &[], &[(0, 2), (0, 4), (0, 9)]).unwrap();
    let metrics = measure(&Fixed::by_id(10), &data, &[1, 2, 5]);
    let names = ["recall", "ndcg", "precision", "map", "hit", "mrr"];
    // k = 1: item 1 alone, no hit.
    for name in names {
        assert_eq!(metrics.mean(&format!("{name}@1")), Some(0.0));
    }
    let (rank_2, rank_3, rank_4) = (1.0 / 3f64.log2(), 1.0 / 4f64.log2(), 1.0 / 5f64.log2());
    assert_metrics(
        &metrics,
        0,
        &[
            // k = 2: one hit of three, at rank 2. The ideal list has 2 hits.
            ("recall@2", 1.0 / 3.0),
            ("ndcg@2", rank_2 / (1.0 + rank_2)), // 0.63093 / 1.63093 = 0.38685
            ("precision@2", 1.0 / 2.0),
            ("map@2", (1.0 / 2.0) / 2.0),
            ("hit@2", 1.0),
            ("mrr@2", 1.0 / 2.0),
            // k = 5: hits at ranks 2 and 4. The ideal list has 3 hits.
            ("recall@5", 2.0 / 3.0),
            ("ndcg@5", (rank_2 + rank_4) / (1.0 + rank_2 + rank_3)), // 1.06161 / 2.13093 = 0.49819
            ("precision@5", 2.0 / 5.0),
            ("map@5", (1.0 / 2.0 + 2.0 / 4.0) / 3.0),
            ("hit@5", 1.0),
            ("mrr@5", 1.0 / 2.0),
        ],
    );
    assert!((metrics.mean("ndcg@5").unwrap() - 0.498_189_25).abs() < 1e-7);
}

/// A perfect list: everything is 1 but precision, whose denominator stays k.
#[test]
fn one_relevant_item_at_the_top() {
    let data = Interactions::from_pairs(1, 4, &[(0, 3)], &[], &[(0, 0)]).unwrap();
    let metrics = measure(&Fixed::by_id(4), &data, &[2]);
    let expected =
        [("recall", 1.0), ("ndcg", 1.0), ("precision", 0.5), ("map", 1.0), ("hit", 1.0), ("mrr", 1.0)];
    for (name, value) in expected {
        assert_eq!(metrics.mean(&format!("{name}@2")), Some(value), "{name}");
    }
}

/// Three items are left for k = 5 and k = 50: the list 0 1 2 with hits at ranks 1 and 3.
#[test]
fn fewer_items_than_the_cut_off() {
    let data = Interactions::from_pairs(1, 4, &[(0, 3)], &[], &[(0, 0), (0, 2)]).unwrap();
    let metrics = measure(&Fixed::by_id(4), &data, &[5, 50]);
    assert_metrics(
        &metrics,
        0,
        &[
            ("recall@5", 1.0),
            ("precision@5", 2.0 / 5.0),
            ("precision@50", 2.0 / 50.0),
            ("map@50", (1.0 + 2.0 / 3.0) / 2.0),
            ("ndcg@50", 1.5 / (1.0 + 1.0 / 3f64.log2())),
        ],
    );
}

/// Means run over the users with a relevant item: user 1 of three has none.
#[test]
fn users_without_relevant_items_do_not_count() {
    let data = Interactions::from_pairs(3, 3, &[(0, 0), (1, 0), (2, 0)], &[], &[(0, 1), (2, 2)]).unwrap();
    let scorer = Fixed { items: 3, scores: [0.0, -1.0, -2.0].repeat(3) };
    let metrics = measure(&scorer, &data, &[1]);
    assert_eq!(metrics.users(), [0, 2]);
    assert_eq!(metrics.values("recall@1"), Some(&[1.0, 0.0][..]));
    assert_eq!(metrics.mean("recall@1"), Some(0.5));
    assert_eq!(metrics.means().len(), 6);
    assert_eq!(metrics.matrix(), (&[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0][..], 2, 6));
}

/// The list at test is 1 2 with valid items in, 2 3 with them masked; at valid only train is masked.
#[test]
fn masks() {
    let data = Interactions::from_pairs(1, 4, &[(0, 0)], &[(0, 1)], &[(0, 3)]).unwrap();
    let recall = |split, mask| {
        let config = RankingConfig { topk: vec![2], mask, ..Default::default() };
        evaluate(&Fixed::by_id(4), &data, split, &config).unwrap().mean("recall@2")
    };
    assert_eq!(recall(Split::Test, Mask::Train), Some(0.0));
    assert_eq!(recall(Split::Test, Mask::TrainValid), Some(1.0));
    assert_eq!(recall(Split::Valid, Mask::TrainValid), Some(1.0));
}

#[test]
fn order_is_total() {
    let mut list = Vec::new();
    // Ties by lower id, and −0 ties with +0; −∞ before NaN.
    top_k(&[f32::NAN, -0.0, 0.0, f32::NEG_INFINITY, 1.0, f32::INFINITY, 0.0], &[], 9, &mut list);
    assert_eq!(list, [5, 4, 1, 2, 6, 3, 0]);
    top_k(&[2.0; 100], &[1, 3, 250], 4, &mut list);
    assert_eq!(list, [0, 2, 4, 5]);
    top_k(&[1.0, 2.0], &[], 0, &mut list);
    assert!(list.is_empty());
    top_k(&[f32::NAN; 300], &[], 2, &mut list);
    assert_eq!(list, [0, 1]);
}

#[test]
fn names_go_metric_by_metric() {
    let data = Interactions::from_pairs(1, 3, &[(0, 0)], &[], &[(0, 1)]).unwrap();
    let metrics = measure(&Fixed::by_id(3), &data, &[2, 1, 2]);
    let expected = ["recall@1", "recall@2", "ndcg@1", "ndcg@2", "precision@1", "precision@2"];
    assert_eq!(metrics.names()[..6], expected);
    assert_eq!(metrics.names()[6..], ["map@1", "map@2", "hit@1", "hit@2", "mrr@1", "mrr@2"]);
}
