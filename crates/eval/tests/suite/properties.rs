//! Selection and metrics against a naive full sort; block sizes and threads.

use std::cmp::Ordering;

use proptest::prelude::*;
use recgoat_data::{Interactions, Split};
use recgoat_eval::{Mask, RankingConfig, evaluate, top_k};

use crate::Fixed;

/// All unmasked items, sorted: descending score, NaN last, ties by id.
fn full_sort(scores: &[f32], masked: &[u32]) -> Vec<u32> {
    let mut items: Vec<u32> = (0..scores.len() as u32).filter(|item| !masked.contains(item)).collect();
    let compare = |&a: &u32, &b: &u32| {
        let (a_score, b_score) = (scores[a as usize], scores[b as usize]);
        match (a_score.is_nan(), b_score.is_nan()) {
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (true, true) => a.cmp(&b),
            (false, false) => b_score.partial_cmp(&a_score).unwrap().then(a.cmp(&b)),
        }
    };
    items.sort_by(compare);
    items
}

/// The six metrics straight from their definitions.
fn naive_metrics(ranked: &[u32], relevant: &[u32], k: usize) -> [(&'static str, f64); 6] {
    let hit: Vec<f64> =
        ranked.iter().take(k).map(|item| f64::from(u8::from(relevant.contains(item)))).collect();
    let hits: f64 = hit.iter().sum();
    let reachable = relevant.len().min(k);
    let discount = |rank: usize| 1.0 / (rank as f64 + 1.0).log2();
    let dcg: f64 = (1..).zip(&hit).map(|(rank, h)| h * discount(rank)).sum();
    let ideal: f64 = (1..=reachable).map(discount).sum();
    let precision_at = |rank: usize| hit[..rank].iter().sum::<f64>() / rank as f64;
    let average_precision: f64 = (1..).zip(&hit).map(|(rank, h)| h * precision_at(rank)).sum();
    [
        ("recall", hits / relevant.len() as f64),
        ("ndcg", dcg / ideal),
        ("precision", hits / k as f64),
        ("map", average_precision / reachable as f64),
        ("hit", hits.min(1.0)),
        ("mrr", hit.iter().position(|&h| h == 1.0).map_or(0.0, |rank| 1.0 / (rank + 1) as f64)),
    ]
}

/// Few distinct values, so ties abound, and the odd special one.
fn score() -> impl Strategy<Value = f32> {
    prop_oneof![
        8 => (-3i8..4).prop_map(f32::from),
        2 => any::<f32>(),
        1 => proptest::sample::select(vec![f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0]),
    ]
}

/// Users × items with scores and, for every pair, its split or none.
fn case() -> impl Strategy<Value = (Fixed, Interactions)> {
    (1usize..9, 2usize..90).prop_flat_map(|(users, items)| {
        let scores = prop::collection::vec(score(), users * items);
        let labels = prop::collection::vec(0u8..8, users * items);
        (scores, labels).prop_map(move |(scores, labels)| {
            let pair = |index: usize| ((index / items) as u32, (index % items) as u32);
            // Each user's first item is in train, the first user's second in test.
            let label = |index: usize| match index {
                1 => 2,
                index if index % items == 0 => 0,
                index => labels[index],
            };
            let of = |wanted| {
                (0..labels.len()).filter(|&index| label(index) == wanted).map(pair).collect::<Vec<_>>()
            };
            let data = Interactions::from_pairs(users, items, &of(0), &of(1), &of(2)).unwrap();
            (Fixed { items, scores }, data)
        })
    })
}

proptest! {
    #[test]
    fn selection_is_the_head_of_a_full_sort(
        scores in prop::collection::vec(score(), 0..700),
        masks in prop::collection::vec(prop::bool::weighted(0.2), 700),
        k in 0usize..60,
    ) {
        let masked: Vec<u32> = (0..700).filter(|&item| masks[item as usize]).collect();
        let mut expected = full_sort(&scores, &masked);
        expected.truncate(k);
        let mut found = vec![7; 3];
        top_k(&scores, &masked, k, &mut found);
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn selection_of_distinct_scores(seed in any::<u32>(), items in 1u32..5_000, k in 1usize..100) {
        // A bijection of u32 scatters the items; as many compactions as real scores would bring.
        let scores: Vec<f32> = (0..items).map(|item| (item ^ seed).wrapping_mul(0x9E37_79B1) as f32).collect();
        let mut expected = full_sort(&scores, &[]);
        expected.truncate(k);
        let mut found = Vec::new();
        top_k(&scores, &[], k, &mut found);
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn metrics_equal_their_definitions((scorer, data) in case(), k in 1usize..12, both in any::<bool>()) {
        let mask = if both { Mask::TrainValid } else { Mask::Train };
        let config = RankingConfig { topk: vec![k, 20], mask, ..Default::default() };
        let metrics = evaluate(&scorer, &data, Split::Test, &config).unwrap();
        for (index, &user) in metrics.users().iter().enumerate() {
            let user = user as usize;
            let mut masked = data.split(Split::Train).row(user).to_vec();
            if both {
                masked.extend(data.split(Split::Valid).row(user));
            }
            let ranked = full_sort(&scorer.scores[user * scorer.items..][..scorer.items], &masked);
            for k in [k, 20] {
                for (name, expected) in naive_metrics(&ranked, data.split(Split::Test).row(user), k) {
                    let found = metrics.values(&format!("{name}@{k}")).unwrap()[index];
                    prop_assert!((found - expected).abs() <= 1e-14, "{}@{}: {} {}", name, k, found, expected);
                }
            }
        }
        let measured: Vec<u32> =
            (0..data.users()).filter(|&user| !data.split(Split::Test).row(user).is_empty()).map(|user| user as u32).collect();
        prop_assert_eq!(metrics.users(), measured);
    }

    #[test]
    fn no_result_depends_on_blocks_or_threads((scorer, data) in case(), block in 1usize..12, threads in 1usize..5) {
        let evaluate = |block| {
            let config = RankingConfig { block, ..Default::default() };
            evaluate(&scorer, &data, Split::Test, &config).unwrap()
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        prop_assert_eq!(pool.install(|| evaluate(block)), evaluate(usize::MAX));
    }
}
