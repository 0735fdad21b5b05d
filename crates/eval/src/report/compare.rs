//! Paired comparisons of models from their per-user values.

use super::Comparison;
use crate::error::{Error, Result};
use crate::per_user::PerUser;
use crate::stats::{Resampling, Spread, holm, paired_bootstrap, sign_flip_test, wilcoxon_signed_rank};

/// A model and its per-user values, one per seed.
#[derive(Clone, Copy, Debug)]
pub struct Measured<'a> {
    /// Name of the model.
    pub name: &'a str,
    /// One entry per run, all on the same users.
    pub runs: &'a [PerUser],
}

/// Compares each `(model, baseline)` pair on each metric.
///
/// A user's values are first averaged over a model's runs, so the tests see each user once. Holm's
/// correction runs over all pairs of one metric.
///
/// # Errors
/// When a model has no run, the runs of a pair were measured on different users, or a metric was not
/// measured.
pub fn compare(
    pairs: &[(Measured<'_>, Measured<'_>)],
    metrics: &[&str],
    resampling: &Resampling,
) -> Result<Vec<Comparison>> {
    let mut comparisons = Vec::with_capacity(pairs.len() * metrics.len());
    for metric in metrics {
        let first = comparisons.len();
        for (model, baseline) in pairs {
            comparisons.push(compare_pair(model, baseline, metric, resampling)?);
        }
        let of_metric = &mut comparisons[first..];
        let p_values: Vec<f64> = of_metric.iter().map(|comparison| comparison.p_permutation).collect();
        for (comparison, adjusted) in of_metric.iter_mut().zip(holm(&p_values)) {
            comparison.p_holm = adjusted;
        }
    }
    Ok(comparisons)
}

fn compare_pair(
    model: &Measured<'_>,
    baseline: &Measured<'_>,
    metric: &str,
    resampling: &Resampling,
) -> Result<Comparison> {
    let (left, right) = (over_runs(model, metric)?, over_runs(baseline, metric)?);
    if model.runs[0].users() != baseline.runs[0].users() {
        return Err(Error::UsersDiffer { left: model.name.to_owned(), right: baseline.name.to_owned() });
    }
    let differences: Vec<f64> = left.iter().zip(&right).map(|(left, right)| left - right).collect();
    let difference = differences.iter().sum::<f64>() / differences.len() as f64;
    let deviation = Spread::of(&differences)?.sd.unwrap_or(0.0);
    let p_permutation = sign_flip_test(&left, &right, resampling)?;
    Ok(Comparison {
        metric: metric.to_owned(),
        model: model.name.to_owned(),
        baseline: baseline.name.to_owned(),
        difference,
        effect: if deviation > 0.0 { difference / deviation } else { 0.0 },
        interval: paired_bootstrap(&left, &right, resampling)?,
        p_permutation,
        p_wilcoxon: wilcoxon_signed_rank(&left, &right)?,
        p_holm: p_permutation,
    })
}

/// Each user's value of `metric`, averaged over the runs.
fn over_runs(model: &Measured<'_>, metric: &str) -> Result<Vec<f64>> {
    let first = model.runs.first().ok_or_else(|| Error::NoRun(model.name.to_owned()))?;
    let mut sums = vec![0.0; first.users().len()];
    for run in model.runs {
        if run.users() != first.users() {
            return Err(Error::UsersDiffer { left: model.name.to_owned(), right: model.name.to_owned() });
        }
        let values = run.values(metric).ok_or_else(|| Error::UnknownMetric {
            metric: metric.to_owned(),
            model: model.name.to_owned(),
            known: run.names().join(" "),
        })?;
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum += value;
        }
    }
    for sum in &mut sums {
        *sum /= model.runs.len() as f64;
    }
    Ok(sums)
}
