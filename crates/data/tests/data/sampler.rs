//! One epoch of triples.

use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use recgoat_data::{Interactions, Split, TripleSampler, Triples};

fn epoch(data: &Interactions, seed: u64) -> Triples {
    TripleSampler::new(data).unwrap().epoch(&mut ChaCha8Rng::seed_from_u64(seed))
}

fn pairs(triples: &Triples) -> Vec<(u32, u32)> {
    triples.users.iter().copied().zip(triples.positives.iter().copied()).collect()
}

/// Up to 15 users of 20 items; every user has item 0, none has item 19.
fn data() -> impl Strategy<Value = Interactions> {
    (1usize..15, prop::collection::btree_set((0u32..15, 1u32..19), 0..150)).prop_map(|(users, pairs)| {
        let mut train: Vec<_> = pairs.into_iter().filter(|&(user, _)| (user as usize) < users).collect();
        train.extend((0..users as u32).map(|user| (user, 0)));
        Interactions::from_pairs(users, 20, &train, &[], &[]).unwrap()
    })
}

proptest! {
    #[test]
    fn an_epoch_permutes_the_train_interactions(data in data(), seed: u64) {
        let mut found = pairs(&epoch(&data, seed));
        found.sort_unstable();
        prop_assert_eq!(found, data.split(Split::Train).pairs().collect::<Vec<_>>());
    }

    #[test]
    fn negatives_are_items_but_never_train_items(data in data(), seed: u64) {
        let triples = epoch(&data, seed);
        prop_assert_eq!(triples.negatives.len(), triples.users.len());
        for (&user, negative) in triples.users.iter().zip(&triples.negatives) {
            prop_assert!((*negative as usize) < data.items());
            prop_assert!(data.split(Split::Train).row(user as usize).binary_search(negative).is_err());
        }
    }

    #[test]
    fn same_seed_same_triples(data in data(), seed: u64) {
        prop_assert_eq!(epoch(&data, seed), epoch(&data, seed));
    }
}

#[test]
fn held_out_items_may_be_negatives() {
    let data = Interactions::from_pairs(1, 2, &[(0, 0)], &[(0, 1)], &[]).unwrap();
    assert_eq!(epoch(&data, 1).negatives, [1]);
}

#[test]
fn negatives_are_uniform() {
    // One user with 100 of 150 items; 50 negatives are left. With 40,000 draws and 49 degrees of freedom
    // chi-square exceeds 94.6 once in 10,000 seeds; the seed is fixed.
    let train: Vec<_> = (0..100).map(|item| (0, item * 3 / 2)).collect();
    let data = Interactions::from_pairs(1, 150, &train, &[], &[]).unwrap();
    let sampler = TripleSampler::new(&data).unwrap();
    let rng = &mut ChaCha8Rng::seed_from_u64(3);
    let mut counts = vec![0u32; 150];
    for _ in 0..400 {
        for negative in sampler.epoch(rng).negatives {
            counts[negative as usize] += 1;
        }
    }
    assert_eq!(counts.iter().filter(|&&count| count > 0).count(), 50);
    let expected = 800.0;
    let left = (0..150).filter(|item| !train.contains(&(0, *item as u32)));
    let chi_square: f64 = left.map(|item| (f64::from(counts[item]) - expected).powi(2) / expected).sum();
    assert!(chi_square < 94.6, "chi-square {chi_square}");
}

#[test]
fn the_order_is_uniform() {
    // Three interactions have six orders; 5 degrees of freedom, 1 in 10,000: 25.7.
    let data = Interactions::from_pairs(1, 4, &[(0, 0), (0, 1), (0, 2)], &[], &[]).unwrap();
    let sampler = TripleSampler::new(&data).unwrap();
    let rng = &mut ChaCha8Rng::seed_from_u64(5);
    let mut counts = std::collections::BTreeMap::<Vec<u32>, u32>::new();
    for _ in 0..6_000 {
        *counts.entry(sampler.epoch(rng).positives).or_default() += 1;
    }
    let chi_square: f64 = counts.values().map(|&count| (f64::from(count) - 1_000.0).powi(2) / 1_000.0).sum();
    assert!(counts.len() == 6 && chi_square < 25.7, "{counts:?}");
}

#[test]
fn a_user_with_every_item() {
    let data = Interactions::from_pairs(2, 2, &[(0, 0), (1, 0), (1, 1)], &[], &[]).unwrap();
    let message = TripleSampler::new(&data).unwrap_err().to_string();
    let expected = "interactions: expected at least one item that is not a train item of user 1, \
                    found all 2 items in train";
    assert_eq!(message, expected);
}
