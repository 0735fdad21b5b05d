//! Spread over seeds, and p-values corrected for how many were looked at.

use crate::error::Result;

/// Mean and sample standard deviation over the runs of a model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Mean.
    pub mean: f64,
    /// Sample standard deviation (n − 1 in the denominator); `None` for a single run.
    pub sd: Option<f64>,
}

impl Spread {
    /// Mean and standard deviation of `values`.
    ///
    /// # Errors
    /// When there are no values or one is not finite.
    pub fn of(values: &[f64]) -> Result<Self> {
        super::check("mean and standard deviation", values)?;
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Ok(Self { mean, sd: (values.len() > 1).then(|| (squares / (n - 1.0)).sqrt()) })
    }
}

/// P-values adjusted by Holm's step-down method (Holm 1979), in the order they came.
///
/// The i-th smallest of m is multiplied by m − i + 1, raised to the adjusted value before it where
/// that is larger, and capped at 1.
///
/// ```
/// let adjusted = recgoat_eval::stats::holm(&[0.04, 0.01, 0.03]);
/// assert_eq!(adjusted, [0.06, 0.03, 0.06]);
/// ```
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut largest: f64 = 0.0;
    for (step, &index) in order.iter().enumerate() {
        largest = largest.max(p_values[index] * (p_values.len() - step) as f64).min(1.0);
        adjusted[index] = largest;
    }
    adjusted
}
