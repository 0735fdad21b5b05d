//! Statistics of per-user values: bootstrap intervals, paired tests, Holm's correction, spread over seeds.
//!
//! Resampling draws from one ChaCha stream per resample, so a result depends on the seed alone, not
//! on the number of threads.

mod resample;
mod spread;
mod wilcoxon;

pub use resample::{Resampling, bootstrap_mean, paired_bootstrap, sign_flip_test};
pub use spread::{Spread, holm};
pub use wilcoxon::wilcoxon_signed_rank;

use crate::error::{Error, Result};

/// Fails on the first value that is NaN or infinite.
pub(crate) fn check_finite(what: &'static str, values: &[f64]) -> Result<()> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(Error::NotFinite { what, index, value: values[index] }),
        None => Ok(()),
    }
}

/// The paired differences `left − right`.
pub(crate) fn differences(what: &'static str, left: &[f64], right: &[f64]) -> Result<Vec<f64>> {
    if left.len() != right.len() {
        return Err(Error::Pairs { what, left: left.len(), right: right.len() });
    }
    let differences: Vec<f64> = left.iter().zip(right).map(|(left, right)| left - right).collect();
    check(what, &differences)?;
    Ok(differences)
}

/// Fails on an empty sample and on one that is not finite.
fn check(what: &'static str, values: &[f64]) -> Result<()> {
    if values.is_empty() {
        return Err(Error::NoValues { what });
    }
    check_finite(what, values)
}
