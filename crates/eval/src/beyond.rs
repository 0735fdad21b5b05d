//! What ranked lists are like beyond accuracy: coverage, exposure, novelty, popularity.
//!
//! `popularity` is the number of train interactions of every item, `[items]`.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::ranking::Rankings;

/// All four measures at the cut-off `k`, named `coverage@k`, `gini@k`, `novelty@k`, `popularity@k`.
///
/// `train_users` is the number of users of the train split.
///
/// # Errors
/// When `popularity` is not one count per item, or the lists do not reach `k`.
pub fn measure(
    rankings: &Rankings<'_>,
    popularity: &[u32],
    train_users: usize,
    k: usize,
) -> Result<BTreeMap<String, f64>> {
    if popularity.len() != rankings.items() {
        return Err(Error::Popularity { counts: popularity.len(), items: rankings.items() });
    }
    rankings.check_cut_off(k)?;
    let exposure = exposure(rankings, k);
    Ok(BTreeMap::from([
        (format!("coverage@{k}"), item_coverage(&exposure)),
        (format!("gini@{k}"), gini(&exposure)),
        (format!("novelty@{k}"), novelty(&exposure, popularity, train_users)),
        (format!("popularity@{k}"), average_popularity(&exposure, popularity)),
    ]))
}

/// How often each item appears among the first `k` of the lists, `[items]`.
pub fn exposure(rankings: &Rankings<'_>, k: usize) -> Vec<u64> {
    let mut exposure = vec![0; rankings.items()];
    for list in rankings.lists() {
        for &item in &list[..list.len().min(k)] {
            exposure[item as usize] += 1;
        }
    }
    exposure
}

/// Share of the items that appear at all.
pub fn item_coverage(exposure: &[u64]) -> f64 {
    exposure.iter().filter(|&&count| count > 0).count() as f64 / exposure.len() as f64
}

/// Gini coefficient of exposure: 0 when all items appear equally often, (n − 1)/n when one item has
/// it all.
///
/// With counts x_1 ≤ … ≤ x_n, G = Σ_i (2i − n − 1) x_i / (n Σ_i x_i); 0 where nothing appears.
pub fn gini(exposure: &[u64]) -> f64 {
    let mut ascending = exposure.to_vec();
    ascending.sort_unstable();
    let n = ascending.len() as f64;
    let total: u64 = ascending.iter().sum();
    if total == 0 {
        return 0.0;
    }
    let weighted: f64 =
        (1..).zip(&ascending).map(|(i, &count)| (2.0 * f64::from(i) - n - 1.0) * count as f64).sum();
    weighted / (n * total as f64)
}

/// Mean self-information of the recommended items, in bits: log2(`train_users` / popularity).
///
/// An item without train interactions counts as having one (Zhou et al. 2010 leave it undefined).
pub fn novelty(exposure: &[u64], popularity: &[u32], train_users: usize) -> f64 {
    mean_over(exposure, |item| (train_users as f64 / f64::from(popularity[item].max(1))).log2())
}

/// Mean number of train interactions of the recommended items.
pub fn average_popularity(exposure: &[u64], popularity: &[u32]) -> f64 {
    mean_over(exposure, |item| f64::from(popularity[item]))
}

/// Mean of `value(item)` over all recommendations; 0 where there are none.
fn mean_over(exposure: &[u64], value: impl Fn(usize) -> f64) -> f64 {
    let total: u64 = exposure.iter().sum();
    if total == 0 {
        return 0.0;
    }
    let shown = exposure.iter().enumerate().filter(|&(_, &count)| count > 0);
    shown.map(|(item, &count)| count as f64 * value(item)).sum::<f64>() / total as f64
}
