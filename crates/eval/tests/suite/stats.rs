//! Intervals and tests against hand-computed and SciPy values.

use proptest::prelude::*;
use recgoat_eval::stats::{
    Resampling, Spread, bootstrap_mean, holm, paired_bootstrap, sign_flip_test, wilcoxon_signed_rank,
};

const MANY: Resampling = Resampling { resamples: 10_000, seed: 7 };

/// Differences 15 −7 5 20 0 −9 17 −12 5 −10: three ties and a zero.
const LEFT: [f64; 10] = [125.0, 115.0, 130.0, 140.0, 140.0, 115.0, 140.0, 125.0, 140.0, 135.0];
const RIGHT: [f64; 10] = [110.0, 122.0, 125.0, 120.0, 140.0, 124.0, 123.0, 137.0, 135.0, 145.0];

/// SciPy 1.17.1: `wilcoxon(left, right, zero_method="wilcox", method="approx", correction=False)`.
#[test]
#[expect(clippy::approx_constant, reason = "a measured 3.14")]
fn wilcoxon_equals_scipy() {
    let p = wilcoxon_signed_rank(&LEFT, &RIGHT).unwrap();
    assert!((p - 0.593_630_591_442_529_5).abs() < 1e-14, "{p}");
    // Hollander and Wolfe's depression scale factors.
    let before = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30];
    let after = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29];
    let p = wilcoxon_signed_rank(&before, &after).unwrap();
    assert!((p - 0.038_151_710_173_415_135).abs() < 1e-14, "{p}");
    assert_eq!(wilcoxon_signed_rank(&[1.0, 2.0], &[1.0, 2.0]).unwrap(), 1.0);
}

/// As ten times the values, which are whole: ties of three and of two, and a zero.
#[test]
fn rounding_breaks_neither_ties_nor_zeros() {
    let (left, right) = ([0.3, 0.2, 0.9, 0.1 + 0.2, 0.5, 0.7], [0.2, 0.1, 0.8, 0.3, 0.7, 0.5]);
    let whole = |values: [f64; 6]| values.map(|value| (value * 10.0).round());
    let expected = wilcoxon_signed_rank(&whole(left), &whole(right)).unwrap();
    assert_eq!(wilcoxon_signed_rank(&left, &right).unwrap(), expected);
}

/// Differences 1 2 −4: |sums| of the 8 sign patterns are 7 5 3 1, each twice; the observed is 1.
#[test]
fn sign_flips_are_counted_exactly_where_few() {
    let p = |differences: &[f64]| sign_flip_test(differences, &vec![0.0; differences.len()], &MANY).unwrap();
    assert_eq!(p(&[1.0, 2.0, -4.0]), 1.0);
    assert_eq!(p(&[-1.0, 2.0, 4.0]), 4.0 / 8.0);
    assert_eq!(p(&[1.0, 2.0, 4.0]), 2.0 / 8.0);
    // A zero has no sign: still 2 of 8.
    assert_eq!(p(&[1.0, 2.0, 0.0, 4.0]), 2.0 / 8.0);
    assert_eq!(p(&[0.0, 0.0]), 1.0);
    // 0.1 + 0.2 and 0.3 tie but for rounding: only the patterns + + − and − − + are below the observed
    // 0.3 + 0.2 − 0.1 = 0.4 … sums 0.6 0.4 0.2 0.0, each twice.
    assert_eq!(p(&[0.3, 0.2, -0.1]), 4.0 / 8.0);
}

/// 70 pairs need a second word of signs. With 70 differences of 1 the flipped sum is 70 − 2·Bin(70, ½);
/// with 44 positive ones |sum| ≥ 18, and P(|Bin(70, ½) − 35| ≥ 9) = 0.0414 (`SIGN_TAIL`).
#[test]
fn sign_flips_are_drawn_where_many() {
    let differences: Vec<f64> = (0..70).map(|pair| if pair < 44 { 1.0 } else { -1.0 }).collect();
    let p = sign_flip_test(&differences, &[0.0; 70], &MANY).unwrap();
    // Four standard errors of a share of 0.041 among 10,000 draws.
    assert!((p - SIGN_TAIL).abs() < 4.0 * (0.041f64 * 0.959 / 1e4).sqrt(), "{p}");
    let all = sign_flip_test(&[1.0; 70], &[0.0; 70], &MANY).unwrap();
    assert_eq!(all, 1.0 / 10_001.0);
}

/// 2 · Σ_{n≥44} C(70, n) / 2⁷⁰.
const SIGN_TAIL: f64 = 0.041_391_4;

#[test]
fn bootstrap_of_two_values() {
    // The resampled mean is 0, ½ or 1 with chances ¼, ½, ¼: both 2.5 % tails lie at the ends.
    assert_eq!(bootstrap_mean(&[0.0, 1.0], &MANY).unwrap(), (0.0, 1.0));
    assert_eq!(bootstrap_mean(&[3.0; 5], &MANY).unwrap(), (3.0, 3.0));
    // One pair, resampled together: its difference, always.
    assert_eq!(paired_bootstrap(&[5.0], &[3.0], &MANY).unwrap(), (2.0, 2.0));
}

/// The uniform grid on [0, 1] with 1,000 points: sd 0.28896, so mean ± 1.96 · sd / √1000 = ½ ± 0.01791.
#[test]
fn bootstrap_approaches_the_normal_interval() {
    let values: Vec<f64> = (0..1000).map(|index| f64::from(index) / 999.0).collect();
    let (low, high) = bootstrap_mean(&values, &MANY).unwrap();
    // A 2.5 % quantile of 10,000 draws is known to about 2.7 % of a standard error: 0.00025.
    assert!((low - (0.5 - 0.01791)).abs() < 1e-3, "{low}");
    assert!((high - (0.5 + 0.01791)).abs() < 1e-3, "{high}");
}

#[test]
fn results_depend_on_the_seed_alone() {
    let in_pool = |threads: usize, seed| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let resampling = Resampling { resamples: 500, seed };
        pool.install(|| {
            (bootstrap_mean(&LEFT, &resampling).unwrap(), sign_flip_test(&LEFT, &RIGHT, &resampling).unwrap())
        })
    };
    assert_eq!(in_pool(1, 3), in_pool(3, 3));
    assert_ne!(in_pool(1, 3), in_pool(1, 4));
}

/// Sorted .01 .02 .03 .04 times 4 3 2 1: .04 .06 .06 .04, and steps never go down.
#[test]
fn holm_steps_down() {
    let close = |found: &[f64], expected: &[f64]| {
        found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-15)
    };
    assert!(close(&holm(&[0.03, 0.01, 0.04, 0.02]), &[0.06, 0.04, 0.06, 0.06]));
    assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
    assert!(holm(&[]).is_empty());
}

#[test]
fn spread_over_seeds() {
    let spread = Spread::of(&[2.0, 4.0, 9.0]).unwrap();
    // Mean 5, squares 9 + 1 + 16 over 2.
    assert_eq!((spread.mean, spread.sd), (5.0, Some(13f64.sqrt())));
    assert_eq!(Spread::of(&[2.0]).unwrap().sd, None);
}

proptest! {
    /// Swapping the sides mirrors the interval and leaves the p-values alone.
    #[test]
    fn tests_are_symmetric(pairs in prop::collection::vec((0i8..9, 0i8..9), 1..40)) {
        let (left, right): (Vec<f64>, Vec<f64>) =
            pairs.into_iter().map(|(left, right)| (f64::from(left), f64::from(right))).unzip();
        let few = Resampling { resamples: 200, seed: 1 };
        prop_assert_eq!(wilcoxon_signed_rank(&left, &right).unwrap(), wilcoxon_signed_rank(&right, &left).unwrap());
        prop_assert_eq!(sign_flip_test(&left, &right, &few).unwrap(), sign_flip_test(&right, &left, &few).unwrap());
        let (low, high) = paired_bootstrap(&left, &right, &few).unwrap();
        let (mirrored_low, mirrored_high) = paired_bootstrap(&right, &left, &few).unwrap();
        prop_assert!((low + mirrored_high).abs() < 1e-12 && (high + mirrored_low).abs() < 1e-12);
    }
}
