//! `x Φ(x)` over a tensor, in one pass with the bias before it.

use candle_core::{CpuStorage, InplaceOp2, Layout, Result, bail};
use multiversion::multiversion;

/// `x ← (x + bias) Φ(x + bias)` for `x [rows, width]` and `bias [width]` (Hendrycks & Gimpel, 2016).
pub(super) struct BiasedGelu;

impl InplaceOp2 for BiasedGelu {
    fn name(&self) -> &'static str {
        "biased-gelu"
    }

    fn cpu_fwd(&self, x: &mut CpuStorage, of_x: &Layout, bias: &CpuStorage, of_bias: &Layout) -> Result<()> {
        let bias = &bias.as_slice::<f32>()?[of_bias.start_offset()..][..of_bias.shape().elem_count()];
        let CpuStorage::F32(x) = x else { bail!("expected single precision") };
        let x = &mut x[of_x.start_offset()..][..of_x.shape().elem_count()];
        x.chunks_exact_mut(bias.len()).for_each(|row| gelu(row, bias));
        Ok(())
    }
}

/// erf by formula 7.1.26 of Abramowitz & Stegun (1964): off by at most 1.5e-7.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2+fma", "aarch64+neon"))]
fn gelu(row: &mut [f32], bias: &[f32]) {
    const STEEPNESS: f32 = 0.327_591_1;
    const TERMS: [f32; 5] = [0.254_829_6, -0.284_496_72, 1.421_413_8, -1.453_152, 1.061_405_4];
    for (x, bias) in row.iter_mut().zip(bias) {
        let y = *x + bias;
        let z = y.abs() * std::f32::consts::FRAC_1_SQRT_2;
        let t = 1.0 / (1.0 + STEEPNESS * z);
        let series = t * (TERMS[0] + t * (TERMS[1] + t * (TERMS[2] + t * (TERMS[3] + t * TERMS[4]))));
        let erf = (1.0 - series * exp(-z * z)).copysign(y);
        *x = 0.5 * y * (1.0 + erf);
    }
}

/// `eˣ` for `x ≤ 0`, to a relative 2e-7: `2ⁿ · eʳ` with `|r| ≤ ln 2 / 2`.
#[inline(always)]
fn exp(x: f32) -> f32 {
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = x.max(-87.0);
    let n = (x * std::f32::consts::LOG2_E).round_ties_even();
    let r = x - n * LN2_HIGH - n * LN2_LOW;
    let series =
        1.0 + r * (1.0 + r * (0.5 + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * (1.0 / 120.0 + r / 720.0)))));
    series * f32::from_bits(((n as i32 + 127) << 23) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// erf of libm in double precision is the reference.
    #[test]
    fn gelu_is_that_of_double_precision() {
        let inputs: Vec<f32> =
            (-4000..=4000).map(|i| i as f32 * 0.003).chain([-1e6, 1e6, 0.0, -0.0]).collect();
        let mut row = inputs.clone();
        gelu(&mut row, &vec![0.25; inputs.len()]);
        for (x, found) in inputs.iter().zip(&row) {
            let y = f64::from(x + 0.25);
            let exact = 0.5 * y * (1.0 + libm::erf(y / std::f64::consts::SQRT_2));
            let off = (f64::from(*found) - exact).abs();
            assert!(off <= 4e-7 * (1.0 + y.abs()), "gelu({y}) = {exact}, found {found}");
        }
    }
}
