//! Every entry point refuses bad input with its error.

use recgoat_data::{Interactions, Split};
use recgoat_eval::report::{Measured, compare};
use recgoat_eval::stats::{
    Resampling, Spread, bootstrap_mean, paired_bootstrap, sign_flip_test, wilcoxon_signed_rank,
};
use recgoat_eval::{Error, PerUser, RankingConfig, beyond, evaluate, rank};

use crate::Fixed;

fn data() -> Interactions {
    Interactions::from_pairs(1, 30, &[(0, 0)], &[], &[(0, 1)]).unwrap()
}

fn message<T>(result: Result<T, Error>) -> String {
    result.err().expect("bad input was taken").to_string()
}

#[test]
fn ranking() {
    let data = data();
    let evaluate =
        |items, split, config: &RankingConfig| evaluate(&Fixed::by_id(items), &data, split, config);
    let default = RankingConfig::default();
    assert_eq!(
        message(evaluate(29, Split::Test, &default)),
        "scorer has 29 items, expected the 30 items of the interactions"
    );
    assert_eq!(
        message(evaluate(30, Split::Train, &default)),
        "split train cannot be ranked: its items are masked; expected valid or test"
    );
    assert_eq!(
        message(evaluate(30, Split::Valid, &default)),
        "no user has an interaction in the valid split, expected at least one"
    );
    let config = |topk: &[usize], block| RankingConfig { topk: topk.to_vec(), block, ..Default::default() };
    for (config, part) in
        [(config(&[], 1), "topk is empty"), (config(&[5, 0], 1), "of 0"), (config(&[5], 0), "block")]
    {
        let message = message(evaluate(30, Split::Test, &config));
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn lists_shorter_than_the_cut_off() {
    let data = data();
    let config = RankingConfig { topk: vec![10], ..Default::default() };
    let rankings = rank(&Fixed::by_id(30), &data, Split::Test, &config).unwrap();
    let expected = "cut-off 20 exceeds the ranked lists, which hold at most 10 items";
    assert_eq!(message(rankings.measure(&[5, 20])), expected);
    assert_eq!(message(beyond::measure(&rankings, &[0; 30], 1, 20)), expected);
    assert_eq!(
        message(beyond::measure(&rankings, &[0; 3], 1, 10)),
        "popularity has 3 counts, expected one for each of the 30 items"
    );
}

#[test]
fn per_user_matrix() {
    let names = || vec!["recall@20".to_owned()];
    assert_eq!(
        message(PerUser::new(vec![0, 1], names(), vec![0.5])),
        "per-user matrix has 1 values, expected 2 users x 1 metrics"
    );
    assert_eq!(
        message(PerUser::new(vec![0, 1], names(), vec![0.5, f64::NAN])),
        "per-user values: value 1 is NaN, expected a finite number"
    );
    let none = PerUser::new(vec![], names(), vec![]).unwrap();
    assert_eq!((none.mean("recall@20"), none.means().len()), (None, 0));
}

#[test]
fn statistics() {
    let resampling = Resampling { resamples: 10, seed: 0 };
    let nothing = Resampling { resamples: 0, seed: 0 };
    assert_eq!(
        message(bootstrap_mean(&[], &resampling)),
        "bootstrap interval of no values, expected at least one"
    );
    assert!(message(bootstrap_mean(&[1.0, f64::INFINITY], &resampling)).contains("value 1 is inf"));
    assert!(message(bootstrap_mean(&[1.0], &nothing)).contains("resamples is 0"));
    assert!(message(sign_flip_test(&[1.0], &[0.0], &nothing)).contains("resamples is 0"));
    assert_eq!(
        message(paired_bootstrap(&[1.0], &[1.0, 2.0], &resampling)),
        "paired bootstrap: 1 values against 2, expected pairs"
    );
    assert!(message(wilcoxon_signed_rank(&[f64::NAN], &[1.0])).contains("value 0 is NaN"));
    assert!(message(wilcoxon_signed_rank(&[], &[])).contains("no values"));
    assert!(message(Spread::of(&[])).contains("no values"));
}

#[test]
fn comparisons() {
    let run = |users: Vec<u32>| {
        let rows = vec![0.5; users.len()];
        PerUser::new(users, vec!["recall@20".to_owned()], rows).unwrap()
    };
    let (here, there) = ([run(vec![0, 1])], [run(vec![0, 2])]);
    let measured = |name, runs| Measured { name, runs };
    let compare = |a, b, metric: &str| compare(&[(a, b)], &[metric], &Resampling { resamples: 10, seed: 0 });
    assert_eq!(
        message(compare(measured("a", &here), measured("b", &there), "recall@20")),
        "runs of a and b were measured on different users, expected the same users in the same order"
    );
    assert_eq!(
        message(compare(measured("a", &[]), measured("b", &there), "recall@20")),
        "model a has no run, expected at least one"
    );
    assert_eq!(
        message(compare(measured("a", &here), measured("b", &here), "ndcg@20")),
        "metric ndcg@20 was not measured for a; measured: recall@20"
    );
}
