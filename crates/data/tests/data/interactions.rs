//! Pairs in memory.

use proptest::prelude::*;
use recgoat_data::{Dataset, Interactions, Modality, Split};

type Pairs = [(u32, u32)];

fn refused(train: &Pairs, valid: &Pairs, test: &Pairs) -> String {
    Interactions::from_pairs(2, 3, train, valid, test).unwrap_err().to_string()
}

#[test]
fn bad_pairs() {
    assert_eq!(
        refused(&[(0, 0), (2, 0)], &[], &[]),
        "train[1]: expected a user below 2 and an item below 3, found (2, 0)"
    );
    assert_eq!(
        refused(&[(0, 0)], &[(1, 3)], &[]),
        "valid[0]: expected a user below 2 and an item below 3, found (1, 3)"
    );
    assert_eq!(
        refused(&[(0, 0), (1, 0)], &[(0, 1)], &[(1, 1), (0, 1)]),
        "interactions: expected the pair (0, 1) once, found it in valid[0] and test[1]"
    );
    assert_eq!(
        refused(&[(0, 0)], &[(1, 1)], &[]),
        "interactions: expected a train item for user 1, found none"
    );
}

#[test]
fn bad_parts() {
    let interactions = Interactions::from_pairs(1, 3, &[(0, 0)], &[], &[]).unwrap();
    let modality = |rows| Modality::new("text", rows, 1, vec![0.0; rows], vec![true; rows]).unwrap();
    let refused =
        |modalities| Dataset::from_parts("x", interactions.clone(), modalities).unwrap_err().to_string();
    assert_eq!(refused(vec![modality(2)]), "modality text: expected 3 rows, one for each item, found 2");
    assert_eq!(
        refused(vec![modality(3), modality(3)]),
        "modality text: expected each name once, found it twice"
    );
}

#[test]
fn the_digest_of_parts_tells_them_apart() {
    let digest = |items, train: &Pairs, test: &Pairs| {
        let interactions = Interactions::from_pairs(1, items, train, &[], test).unwrap();
        Dataset::from_parts("x", interactions, vec![]).unwrap().digest().to_owned()
    };
    let original = digest(3, &[(0, 0), (0, 1)], &[]);
    assert_eq!(original, digest(3, &[(0, 1), (0, 0)], &[]), "the order of pairs is no content");
    assert_ne!(original, digest(4, &[(0, 0), (0, 1)], &[]));
    assert_ne!(original, digest(3, &[(0, 0)], &[(0, 1)]));
}

proptest! {
    #[test]
    fn rows_are_sorted_and_hold_exactly_the_pairs(
        mut pairs in prop::collection::hash_set((0u32..12, 0u32..30), 0..100)
            .prop_map(|pairs| pairs.into_iter().collect::<Vec<_>>()).prop_shuffle(),
    ) {
        pairs.retain(|&(_, item)| item != 29);
        pairs.extend((0..12).map(|user| (user, 29))); // so that every user has a train item
        let data = Interactions::from_pairs(12, 30, &pairs, &[], &[]).unwrap();
        let train = data.split(Split::Train);
        prop_assert!((0..12).all(|user| train.row(user).is_sorted_by(|a, b| a < b)));
        prop_assert_eq!((train.rows(), train.len(), train.is_empty()), (12, pairs.len(), false));
        prop_assert_eq!(train.offsets().last(), Some(&train.items().len()));
        pairs.sort_unstable();
        prop_assert_eq!(train.pairs().collect::<Vec<_>>(), pairs);
    }
}
