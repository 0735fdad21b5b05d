//! Made-up data.

use proptest::prelude::*;
use recgoat_data::synthetic::{SyntheticConfig, synthetic};
use recgoat_data::{Dataset, Split, TripleSampler};

fn make(users: usize, items: usize, interactions: usize, seed: u64) -> recgoat_data::Result<Dataset> {
    let modalities = vec![("text".to_owned(), 12), ("audio".to_owned(), 3)];
    synthetic(&SyntheticConfig { users, items, interactions, seed, modalities })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn sizes_are_met_and_training_is_possible(
        (users, items, interactions) in (1usize..40, 2usize..60)
            .prop_flat_map(|(users, items)| (Just(users), Just(items), users..=users * (items - 1))),
        seed: u64,
    ) {
        let data = make(users, items, interactions, seed).unwrap();
        let parts = Split::ALL.map(|split| data.interactions().split(split).pairs().collect::<Vec<_>>());
        prop_assert_eq!(parts.iter().map(Vec::len).sum::<usize>(), interactions);
        // The checks of `from_pairs`: ids in range, no pair twice, a train item for every user.
        let [train, valid, test] = &parts;
        let checked = recgoat_data::Interactions::from_pairs(users, items, train, valid, test).unwrap();
        prop_assert_eq!(&checked, data.interactions());
        prop_assert!(TripleSampler::new(&checked).is_ok());
    }
}

#[test]
fn same_seed_same_data() {
    let digest = |seed| make(50, 80, 900, seed).unwrap().digest().to_owned();
    assert_eq!(digest(1), digest(1));
    assert_ne!(digest(1), digest(2));
}

#[test]
fn degrees_follow_a_power_law_and_features_follow_taste() {
    let data = make(2_000, 1_000, 40_000, 1).unwrap();
    let train = data.interactions().split(Split::Train);
    let mut degrees = vec![0u32; 1_000];
    train.items().iter().for_each(|&item| degrees[item as usize] += 1);
    degrees.sort_unstable_by(|a, b| b.cmp(a));
    let head: u32 = degrees[..100].iter().sum();
    let share = f64::from(head) / train.len() as f64;
    // With uniform popularity a mean degree of 32 gives the top tenth about 0.1 · (1 + 1.75 / √32) = 0.13.
    assert!(share > 0.2, "the top tenth of the items has only {share} of the interactions");

    // Two items of one user are closer than two items at random, as most are of one cluster.
    let text = &data.modalities()[1];
    let row = |item: u32| &text.values()[item as usize * 12..][..12];
    let distance = |a, b| row(a).iter().zip(row(b)).map(|(x, y)| f64::from(x - y).powi(2)).sum::<f64>();
    let mut same_user = Vec::new();
    let mut any = Vec::new();
    for user in 0..1_000 {
        let (mine, other) = (train.row(user), train.row(user + 1_000));
        let [first, .., last] = mine else { continue };
        same_user.push(distance(*first, *last));
        any.push(distance(*first, other[0]));
    }
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    assert!(mean(&same_user) < 0.7 * mean(&any), "{} {}", mean(&same_user), mean(&any));
}

#[test]
fn sizes_that_cannot_be_met() {
    let refused = |users, items, interactions| make(users, items, interactions, 1).unwrap_err().to_string();
    assert_eq!(refused(10, 5, 9), "synthetic: expected from 10 to 40 interactions, found 9");
    assert_eq!(refused(10, 5, 41), "synthetic: expected from 10 to 40 interactions, found 41");
    let expected =
        "synthetic: expected at least 1 user and 2 items, below 2³² − 1, found 0 users and 5 items";
    assert_eq!(refused(0, 5, 0), expected);
}
