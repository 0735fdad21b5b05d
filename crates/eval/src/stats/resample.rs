//! Tests and intervals by resampling: percentile bootstrap and paired sign flips.

use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::{check, differences};
use crate::error::{Error, Result};

/// How often to resample, and from which seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resampling {
    /// Number of resamples; default 10,000.
    pub resamples: usize,
    /// Seed of the streams; default 0.
    pub seed: u64,
}

impl Default for Resampling {
    fn default() -> Self {
        Self { resamples: 10_000, seed: 0 }
    }
}

/// 95 % percentile bootstrap interval of the mean of `values` (Efron 1979).
///
/// The quantiles 0.025 and 0.975 of the resampled means, interpolated linearly between order
/// statistics.
///
/// # Errors
/// When there are no values, one is not finite, or `resamples` is zero.
pub fn bootstrap_mean(values: &[f64], resampling: &Resampling) -> Result<(f64, f64)> {
    check("bootstrap interval", values)?;
    check_resamples(resampling)?;
    let mut means: Vec<f64> = (0..resampling.resamples)
        .into_par_iter()
        .map(|resample| {
            let mut rng = stream(resampling, resample);
            let sum: f64 = (0..values.len()).map(|_| values[rng.random_range(0..values.len())]).sum();
            sum / values.len() as f64
        })
        .collect();
    means.sort_unstable_by(f64::total_cmp);
    Ok((quantile(&means, 0.025), quantile(&means, 0.975)))
}

/// 95 % percentile bootstrap interval of the mean of `left − right`, pairs resampled together.
///
/// # Errors
/// When the two have different lengths, and as [`bootstrap_mean`].
pub fn paired_bootstrap(left: &[f64], right: &[f64], resampling: &Resampling) -> Result<(f64, f64)> {
    bootstrap_mean(&differences("paired bootstrap", left, right)?, resampling)
}

/// Two-sided p-value of the paired sign-flip permutation test of mean(`left − right`) = 0.
///
/// Under the null hypothesis each difference is as likely to have the other sign. Where there are no
/// more sign patterns than `resamples`, all are counted and the p-value is exact; otherwise
/// p = (1 + #{|flipped sum| ≥ |observed sum|}) / (1 + resamples).
///
/// ```
/// use recgoat_eval::stats::{Resampling, sign_flip_test};
/// // 2 of the 2³ sign patterns are as extreme as all-positive: p = 1/4.
/// let p = sign_flip_test(&[1.0, 2.0, 3.0], &[0.0; 3], &Resampling::default())?;
/// assert_eq!(p, 0.25);
/// # Ok::<(), recgoat_eval::Error>(())
/// ```
///
/// # Errors
/// When the two have different lengths, there are no pairs, a difference is not finite, or
/// `resamples` is zero.
pub fn sign_flip_test(left: &[f64], right: &[f64], resampling: &Resampling) -> Result<f64> {
    let mut differences = differences("permutation test", left, right)?;
    check_resamples(resampling)?;
    // A difference of zero has no sign to flip.
    differences.retain(|&difference| difference != 0.0);
    let observed = differences.iter().sum::<f64>().abs();
    // Patterns that tie with the observed one may differ from it by rounding only.
    let rounding = 1e-12 * differences.iter().map(|difference| difference.abs()).sum::<f64>();
    let extreme = |sum: f64| sum.abs() >= observed - rounding;

    let pairs = differences.len();
    if pairs < 63 && 1_usize << pairs <= resampling.resamples {
        let patterns = 1_u64 << pairs;
        let count = (0..patterns).filter(|&pattern| extreme(flipped_sum(&differences, || pattern))).count();
        return Ok(count as f64 / patterns as f64);
    }
    let count = (0..resampling.resamples)
        .into_par_iter()
        .filter(|&resample| {
            let mut rng = stream(resampling, resample);
            extreme(flipped_sum(&differences, || rng.next_u64()))
        })
        .count();
    Ok((1 + count) as f64 / (1 + resampling.resamples) as f64)
}

/// Sum of the differences, each negated where its bit is set; `signs` gives 64 bits a call.
fn flipped_sum(differences: &[f64], mut signs: impl FnMut() -> u64) -> f64 {
    let mut sum = 0.0;
    for word in differences.chunks(64) {
        let bits = signs();
        for (bit, difference) in word.iter().enumerate() {
            sum += f64::from_bits(difference.to_bits() ^ (bits >> bit & 1) << 63);
        }
    }
    sum
}

/// Linear interpolation between order statistics of an ascending sample (Hyndman and Fan's type 7).
fn quantile(ascending: &[f64], probability: f64) -> f64 {
    let position = probability * (ascending.len() - 1) as f64;
    let below = ascending[position.floor() as usize];
    let above = ascending[position.ceil() as usize];
    below + (above - below) * position.fract()
}

fn stream(resampling: &Resampling, resample: usize) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(resampling.seed);
    rng.set_stream(resample as u64);
    rng
}

fn check_resamples(resampling: &Resampling) -> Result<()> {
    if resampling.resamples == 0 { Err(Error::Config("resamples is 0, expected at least 1")) } else { Ok(()) }
}
