//! Filters as sums of Chebyshev polynomials.

/// The filter `g(λ) = Σ_k c_k T_k(λ − 1)` of a Laplacian whose eigenvalues lie in `[0, 2]`.
///
/// ```
/// use recgoat_graph::spectral::Series;
/// // 1 − (λ − 1)/2: low frequencies three times as loud as high ones.
/// let low = Series::new(vec![1.0, -0.5]);
/// assert_eq!((low.at(0.0), low.at(1.0), low.at(2.0)), (1.5, 1.0, 0.5));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    coefficients: Vec<f64>,
}

impl Series {
    /// From the coefficients `c_0, c_1, …`; none is the filter that lets nothing through.
    pub fn new(coefficients: Vec<f64>) -> Self {
        Self { coefficients }
    }

    /// The three filters of SSR's released code, called low, middle and high: in sum one, but none is a band. The low one
    /// lets a third of its most through at the highest frequency, the other two invert and let through what lies far
    /// outside of them.
    pub fn released() -> [Self; 3] {
        let of = |coefficients: &[f64]| Self::new(coefficients.to_vec());
        [of(&[1.0, -0.5]), of(&[0.0, 0.0, 0.8, 0.3]), of(&[0.0, 0.5, -0.8, -0.3])]
    }

    /// The coefficients, of rising degree.
    pub fn coefficients(&self) -> &[f64] {
        &self.coefficients
    }

    /// The response at an eigenvalue, by Clenshaw's recurrence.
    pub fn at(&self, eigenvalue: f64) -> f64 {
        let x = eigenvalue - 1.0;
        let (mut next, mut after) = (0.0, 0.0);
        for &c in self.coefficients.iter().skip(1).rev() {
            (next, after) = (c + 2.0 * x * next - after, next);
        }
        self.coefficients.first().copied().unwrap_or(0.0) + x * next - after
    }

    /// The step from one to zero at `cut`, as a polynomial of this degree that leaves `[0, 1]` nowhere and falls but for a
    /// thousandth: its expansion damped by Jackson's kernel (Weisse et al. 2006, eq. 71), which is positive. What
    /// is sharp becomes about `π / degree` wide in `arccos(1 − λ)`.
    pub(super) fn step(cut: f64, degree: usize) -> Self {
        let angle = (cut.clamp(0.0, 2.0) - 1.0).acos();
        let share = (std::f64::consts::PI - angle) / std::f64::consts::PI;
        let of_degree = |k: usize| match k {
            0 => share,
            k => -2.0 / std::f64::consts::PI * (k as f64 * angle).sin() / k as f64 * jackson(k, degree),
        };
        Self::new((0..=degree).map(of_degree).collect())
    }

    /// The difference of two filters.
    pub(super) fn minus(&self, other: &Self) -> Self {
        let degree = self.coefficients.len().max(other.coefficients.len());
        let of = |series: &Self, k: usize| series.coefficients.get(k).copied().unwrap_or(0.0);
        Self::new((0..degree).map(|k| of(self, k) - of(other, k)).collect())
    }
}

/// `T_k(−x) / T_k(x)`.
pub(super) fn parity(k: usize) -> f64 {
    if k.is_multiple_of(2) { 1.0 } else { -1.0 }
}

/// The factor of degree `k` in Jackson's kernel of this degree.
pub(super) fn jackson(k: usize, degree: usize) -> f64 {
    let unit = std::f64::consts::PI / (degree + 2) as f64;
    let angle = unit * k as f64;
    ((degree + 2 - k) as f64 * angle.cos() + angle.sin() / unit.tan()) / (degree + 2) as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_step_falls_from_one_to_zero(cut in 0.0f64..2.0, degree in 1usize..40) {
            let step = Series::step(cut, degree);
            let values: Vec<f64> = (0..=200).map(|at| step.at(at as f64 / 100.0)).collect();
            prop_assert!(values.iter().all(|value| (-1e-12..=1.0 + 1e-12).contains(value)));
            // Jackson's kernel has side lobes, a thousandth of its height: between them a step may rise as little.
            prop_assert!(values.windows(2).all(|pair| pair[1] <= pair[0] + 1e-3));
            // Three widths of the kernel away it has fallen.
            let angle = |eigenvalue: f64| (eigenvalue - 1.0f64).acos();
            for (at, value) in values.iter().enumerate() {
                let away = angle(at as f64 / 100.0) - angle(cut);
                if away.abs() > 3.0 * std::f64::consts::PI / degree as f64 {
                    prop_assert!((value - f64::from(away > 0.0)).abs() < 0.05, "{at} {value}");
                }
            }
        }

        #[test]
        fn is_its_definition(coefficients in proptest::collection::vec(-2.0f64..2.0, 0..6), at in 0.0f64..2.0) {
            let angle = (at - 1.0f64).acos();
            let expected: f64 = coefficients.iter().enumerate().map(|(k, c)| c * (k as f64 * angle).cos()).sum();
            prop_assert!((Series::new(coefficients).at(at) - expected).abs() < 1e-9);
        }
    }

    #[test]
    fn jackson_s_kernel_starts_at_one() {
        assert!((jackson(0, 12) - 1.0).abs() < 1e-12);
        // Degree 1 has weights 1 and cos(π/3).
        assert!((jackson(1, 1) - 0.5).abs() < 1e-12);
    }
}
