//! The signed-rank test of paired values.

use super::differences;
use crate::error::Result;

/// Differences that rounding alone may make.
const SAME: f64 = 1e-12;

/// Two-sided p-value of Wilcoxon's signed-rank test of `left` against `right`, by the normal
/// approximation with tie correction and without continuity correction.
///
/// Differences of zero are dropped (Wilcoxon 1945); with n left, W the sum of the (average) ranks of
/// the positive ones among |difference|, and t the sizes of the groups of ties,
/// z = (W − n(n+1)/4) / sqrt(n(n+1)(2n+1)/24 − Σ(t³−t)/48), p = erfc(|z|/√2). With no difference
/// left p = 1. Differences closer than 1e-12 are the same: means over seeds of equal values differ by their rounding.
///
/// # Errors
/// When the two have different lengths, there are no pairs, or a difference is not finite.
pub fn wilcoxon_signed_rank(left: &[f64], right: &[f64]) -> Result<f64> {
    let mut differences = differences("Wilcoxon test", left, right)?;
    differences.iter_mut().for_each(|difference| *difference = (*difference / SAME).round());
    differences.retain(|&steps| steps != 0.0);
    if differences.is_empty() {
        return Ok(1.0);
    }
    differences.sort_unstable_by(|a, b| a.abs().total_cmp(&b.abs()));

    let (mut positive_ranks, mut ties, mut before) = (0.0, 0.0, 0);
    for group in differences.chunk_by(|a, b| a.abs() == b.abs()) {
        let size = group.len() as f64;
        let average_rank = before as f64 + (size + 1.0) / 2.0;
        positive_ranks += average_rank * group.iter().filter(|&&difference| difference > 0.0).count() as f64;
        ties += size * size * size - size;
        before += group.len();
    }
    let n = differences.len() as f64;
    let mean = n * (n + 1.0) / 4.0;
    let variance = n * (n + 1.0) * (2.0 * n + 1.0) / 24.0 - ties / 48.0;
    Ok(libm::erfc((positive_ranks - mean).abs() / (2.0 * variance).sqrt()))
}
