//! Bands of frequencies that are everything together.

use super::{Energy, Series};

/// `[0, 2]` cut into bands.
///
/// ```
/// use recgoat_graph::spectral::Partition;
/// let bands = Partition::even(4);
/// assert_eq!(bands.cuts(), [0.5, 1.0, 1.5]);
/// assert_eq!((bands.response(1, 0.7), bands.response(1, 1.0)), (1.0, 0.0));
/// let filters = bands.filters(20);
/// let sum: f64 = filters.iter().map(|filter| filter.at(0.3)).sum();
/// assert!((sum - 1.0).abs() < 1e-12 && filters[0].at(0.1) > 0.95);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Partition {
    cuts: Vec<f64>,
}

impl Partition {
    /// So many bands of equal width; at least one.
    pub fn even(bands: usize) -> Self {
        Self { cuts: (1..bands).map(|cut| 2.0 * cut as f64 / bands as f64).collect() }
    }

    /// So many bands of equal energy, as nearly as eigenvalues allow: a band between two cuts that fall on one eigenvalue
    /// is empty and lets nothing through. A signal without energy is cut evenly.
    pub fn equal_energy(energy: &Energy, bands: usize) -> Self {
        let share = |cut: usize| energy.quantile(cut as f64 / bands as f64);
        (1..bands).map(share).collect::<Option<_>>().map_or_else(|| Self::even(bands), |cuts| Self { cuts })
    }

    /// The eigenvalues at which a band ends and the next begins, in order.
    pub fn cuts(&self) -> &[f64] {
        &self.cuts
    }

    /// The sharp response of a band: one from its lower cut on to below its upper one, else zero.
    pub fn response(&self, band: usize, eigenvalue: f64) -> f64 {
        let above = band == 0 || eigenvalue >= self.cuts[band - 1];
        let below = self.cuts.get(band).is_none_or(|&cut| eigenvalue < cut);
        f64::from(above && below)
    }

    /// The bands as polynomials of this degree: smooth, within `[0, 1]` and one in sum, both but for rounding.
    pub fn filters(&self, degree: usize) -> Vec<Series> {
        let steps = self.cuts.iter().map(|&cut| Series::step(cut, degree));
        let all = Series::new(vec![1.0]);
        let mut below = Series::new(Vec::new());
        let mut filters = Vec::new();
        for step in steps.chain([all]) {
            filters.push(step.minus(&below));
            below = step;
        }
        filters
    }
}
