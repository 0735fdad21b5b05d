//! Vectorised inner loops: log-sum-exp of a row, and a row of the plan.
//!
//! Sums run in a fixed number of lanes and products are not fused, so every instruction set gives the same bits.

macro_rules! kernels {
    ($type:ident, $bits:ident, $mantissa:literal, $bias:literal, $lowest:literal, $ln2_high:literal,
     $ln2_low:literal, $coefficients:expr) => {
        pub(crate) mod $type {
            use multiversion::multiversion;

            use crate::ot::real::PlanRow;

            const LANES: usize = 64 / size_of::<$type>();
            /// Adding it to a small number rounds that to an integer, which the low mantissa bits then hold.
            const ROUND: $type = 1.5 * (1u64 << $mantissa) as $type;
            const COEFFICIENTS: &[$type] = $coefficients;

            /// `exp(x)`, to a few units in the last place; arguments below the smallest normal result give
            /// about that result, which is nothing beside the terms it is summed with.
            #[inline(always)]
            pub(crate) fn exp(x: $type) -> $type {
                let x = if x > $lowest { x } else { $lowest };
                let x = if x < -$lowest { x } else { -$lowest };
                let rounded = x * std::$type::consts::LOG2_E + ROUND;
                let whole = rounded - ROUND;
                let rest = x - whole * $ln2_high - whole * $ln2_low;
                let mut sum = COEFFICIENTS[0];
                for coefficient in &COEFFICIENTS[1..] {
                    sum = sum * rest + coefficient;
                }
                let exponent = rounded.to_bits().wrapping_add($bias) << $mantissa;
                sum * $type::from_bits(exponent)
            }

            #[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2", "aarch64+neon"))]
            pub(in crate::ot) fn log_sum_exp(cost: &[$type], shift: &[$type], scale: $type) -> $type {
                let mut tops = [$type::NEG_INFINITY; LANES];
                let (costs, cost_rest) = cost.as_chunks::<LANES>();
                let (shifts, shift_rest) = shift.as_chunks::<LANES>();
                for (cost, shift) in costs.iter().zip(shifts) {
                    for lane in 0..LANES {
                        let exponent = shift[lane] - scale * cost[lane];
                        tops[lane] = if exponent > tops[lane] { exponent } else { tops[lane] };
                    }
                }
                let rest = || cost_rest.iter().zip(shift_rest).map(|(cost, shift)| shift - scale * cost);
                let top = tops.into_iter().chain(rest()).fold($type::NEG_INFINITY, $type::max);
                let mut sums = [0 as $type; LANES];
                for (cost, shift) in costs.iter().zip(shifts) {
                    for lane in 0..LANES {
                        sums[lane] += exp(shift[lane] - scale * cost[lane] - top);
                    }
                }
                let sum: $type =
                    sums.into_iter().sum::<$type>() + rest().map(|x| exp(x - top)).sum::<$type>();
                top + sum.ln()
            }

            #[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2", "aarch64+neon"))]
            pub(in crate::ot) fn plan_row(row: PlanRow<'_, $type>, out: &mut [$type]) -> f64 {
                let PlanRow { cost, weight, weights, left, right, scale } = row;
                for (((out, cost), weights), right) in out.iter_mut().zip(cost).zip(weights).zip(right) {
                    *out = weight * weights * exp(left + right - scale * cost);
                }
                out.iter().map(|&mass| f64::from(mass)).sum()
            }
        }
    };
}

// Cody and Waite's split of ln 2, and Taylor's coefficients 1/k!: on |x| ≤ ln 2 / 2 the first term left out is
// below 2e-9 relative in f32 (degree 7) and 5e-18 in f64 (degree 13).
kernels!(
    f32,
    u32,
    23,
    127,
    -87.0,
    0.693_359_4,
    -2.121_944_4e-4,
    &[1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0,]
);
kernels!(
    f64,
    u64,
    52,
    1023,
    -708.0,
    0.693_147_180_369_123_8,
    1.908_214_929_270_587_7e-10,
    &[
        1.0 / 6_227_020_800.0,
        1.0 / 479_001_600.0,
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40320.0,
        1.0 / 5040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ]
);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn exp_is_the_standard_library_s(x in -86.9f64..60.0) {
            let single = f64::from(super::f32::exp(x as f32));
            let exact = f64::from(x as f32).exp();
            prop_assert!((single - exact).abs() <= 5e-7 * exact, "f32 {x}: {single} {exact}");
            let double = super::f64::exp(x);
            prop_assert!((double - x.exp()).abs() <= 4e-16 * x.exp() * 2.0, "f64 {x}: {double} {}", x.exp());
        }

        #[test]
        fn log_sum_exp_is_the_definition(
            values in proptest::collection::vec((-50f64..50.0, -3f64..3.0), 1..70), scale in 0.1f64..20.0,
        ) {
            let (cost, shift): (Vec<f64>, Vec<f64>) = values.into_iter().unzip();
            let exponents: Vec<f64> = cost.iter().zip(&shift).map(|(c, s)| s - scale * c).collect();
            let top = exponents.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let expected = top + exponents.iter().map(|e| (e - top).exp()).sum::<f64>().ln();
            let found = super::f64::log_sum_exp(&cost, &shift, scale);
            prop_assert!((found - expected).abs() <= 1e-12 * expected.abs().max(1.0), "{found} {expected}");
        }
    }

    #[test]
    fn exp_at_the_ends() {
        assert_eq!(super::f64::exp(0.0), 1.0);
        assert_eq!(super::f32::exp(0.0), 1.0);
        assert!(super::f32::exp(f32::NEG_INFINITY) < 2e-38);
        assert!(super::f64::exp(f64::NEG_INFINITY) < 1e-306);
    }
}
