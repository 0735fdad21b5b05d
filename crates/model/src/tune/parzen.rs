//! Where to look next: tree-structured Parzen estimators.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::space::Range;

/// Candidates of which the most promising is taken.
const CANDIDATES: usize = 24;
/// Share of the trials that count as good.
const GOOD: f64 = 0.3;

/// A point of the space for which `good(x)/bad(x)` is largest among candidates drawn from `good`: densities of the
/// better and the other trials, a coordinate at a time (Bergstra et al. 2011, eq. 1–3).
///
/// `trials` holds coordinates and what they reached; higher is better.
pub(super) fn propose(ranges: &[&Range], trials: &[(Vec<f64>, f64)], rng: &mut ChaCha8Rng) -> Vec<f64> {
    let mut order: Vec<usize> = (0..trials.len()).collect();
    order.sort_by(|&a, &b| trials[b].1.total_cmp(&trials[a].1).then(a.cmp(&b)));
    let (good, bad) = order.split_at(((trials.len() as f64 * GOOD).ceil() as usize).min(trials.len()));
    let choose = |(at, range): (usize, &&Range)| {
        let of = |side: &[usize]| side.iter().map(|&trial| trials[trial].0[at]).collect::<Vec<f64>>();
        let (good, bad) = (of(good), of(bad));
        let candidates: Vec<f64> = (0..CANDIDATES).map(|_| near(range, &good, rng)).collect();
        let promise = |x: f64| density(range, &good, x) / density(range, &bad, x);
        candidates.into_iter().max_by(|&a, &b| promise(a).total_cmp(&promise(b))).unwrap_or(0.0)
    };
    ranges.iter().enumerate().map(choose).collect()
}

/// A draw from the density: one of the points with some noise, or anywhere.
fn near(range: &Range, points: &[f64], rng: &mut ChaCha8Rng) -> f64 {
    let at = rng.random_range(0..=points.len());
    match (range, points.get(at)) {
        (Range::Between(_), Some(&point)) => {
            let noise: f64 = rng.sample(StandardNormal);
            (point + width(points.len()) * noise).clamp(0.0, 1.0)
        }
        (Range::Choices(_), Some(&point)) => point,
        (_, None) => range.draw(rng),
    }
}

/// A kernel on each point, and one on the whole range.
fn density(range: &Range, points: &[f64], x: f64) -> f64 {
    let count = points.len() as f64 + 1.0;
    match range {
        Range::Choices(values) => {
            (points.iter().filter(|&&point| point == x).count() as f64 + 1.0 / values.len() as f64) / count
        }
        Range::Between(_) => {
            let width = width(points.len());
            let kernel = |point: &f64| (-0.5 * ((x - point) / width).powi(2)).exp() / (width * 2.5066);
            (points.iter().map(kernel).sum::<f64>() + 1.0) / count
        }
    }
}

/// Narrower the more points there are.
fn width(points: usize) -> f64 {
    0.5 / (points as f64 + 1.0).sqrt()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use toml::Value;

    use super::*;
    use crate::tune::space::{Between, Scale};

    #[test]
    fn proposals_gather_where_trials_were_good() {
        let line = Range::Between(Between { from: 0.0, to: 1.0, scale: Scale::Linear });
        let choice = Range::Choices((0..4).map(Value::Integer).collect());
        let ranges = [&line, &choice];
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let value = |x: &[f64]| -(x[0] - 0.8).abs() - if x[1] == 2.0 { 0.0 } else { 0.5 };
        let mut trials: Vec<(Vec<f64>, f64)> = (0..10)
            .map(|_| {
                let point: Vec<f64> = ranges.iter().map(|range| range.draw(&mut rng)).collect();
                (point.clone(), value(&point))
            })
            .collect();
        let first = trials.iter().map(|trial| trial.1).sum::<f64>() / 10.0;
        for _ in 0..20 {
            let point = propose(&ranges, &trials, &mut rng);
            trials.push((point.clone(), value(&point)));
        }
        let later = trials[10..].iter().map(|trial| trial.1).sum::<f64>() / 20.0;
        assert!(later > first + 0.15, "{first} at random, {later} by the estimator");
    }
}
