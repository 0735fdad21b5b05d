//! The exponential, in a form that compilers vectorise.

/// `a·b + c`, in one rounding where the target has the instruction.
macro_rules! fused {
    ($fma:expr, $a:expr, $b:expr, $c:expr) => {
        if $fma { $a.mul_add($b, $c) } else { $a * $b + $c }
    };
}
pub(super) use fused;

macro_rules! exponential {
    ($name:ident, $type:ident, $mantissa:literal, $bias:literal, $lowest:literal, $ln2_high:literal,
     $ln2_low:literal, $coefficients:expr) => {
        /// `exp(x)`, to a few units in the last place; arguments below the smallest normal result give about that
        /// result, which is nothing beside the terms it is summed with, and arguments above the largest about that.
        #[inline(always)]
        pub(crate) fn $name<const FMA: bool>(x: $type) -> $type {
            /// Adding it to a small number rounds that to an integer, which the low mantissa bits then hold.
            const ROUND: $type = 1.5 * (1u64 << $mantissa) as $type;
            const COEFFICIENTS: &[$type] = $coefficients;
            let x = if x > $lowest { x } else { $lowest };
            let x = if x < -$lowest { x } else { -$lowest };
            let rounded = fused!(FMA, x, std::$type::consts::LOG2_E, ROUND);
            let whole = rounded - ROUND;
            let rest = fused!(FMA, whole, -$ln2_high, x);
            let rest = fused!(FMA, whole, -$ln2_low, rest);
            let mut sum = COEFFICIENTS[0];
            for &coefficient in &COEFFICIENTS[1..] {
                sum = fused!(FMA, sum, rest, coefficient);
            }
            let exponent = rounded.to_bits().wrapping_add($bias) << $mantissa;
            sum * $type::from_bits(exponent)
        }
    };
}

// Cody and Waite's split of ln 2, and Taylor's coefficients 1/k!: on |x| ≤ ln 2 / 2 the first term left out is
// below 2e-9 relative in f32 (degree 7) and 5e-18 in f64 (degree 13).
exponential!(
    exp_f32,
    f32,
    23,
    127,
    -87.0,
    0.693_359_4f32,
    -2.121_944_4e-4f32,
    &[1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0,]
);
exponential!(
    exp_f64,
    f64,
    52,
    1023,
    -708.0,
    0.693_147_180_369_123_8f64,
    1.908_214_929_270_587_7e-10f64,
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

/// `log(x)` of a normal positive number, to a few units in the last place.
///
/// With `x = 2^e m`, `m` from `√½` to `√2`, and `s = (m − 1)/(m + 1)`: `e log 2 + 2 (s + s³/3 + s⁵/5 + …)`; the first
/// term left out is below 1e-17.
#[inline(always)]
pub(super) fn log_f64<const FMA: bool>(x: f64) -> f64 {
    const SQRT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
    let offset = x.to_bits().wrapping_sub(SQRT_HALF);
    let exponent = offset.cast_signed() >> 52;
    let mantissa = f64::from_bits((offset & ((1 << 52) - 1)).wrapping_add(SQRT_HALF));
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let square = s * s;
    let mut sum = 1.0f64 / 21.0;
    for odd in [19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0] {
        sum = fused!(FMA, sum, square, 1.0 / odd);
    }
    // The exponent as a float, by the mantissa bits of a number whose unit is one.
    let whole = f64::from_bits(0x4338_0000_0000_0000_u64.wrapping_add(exponent.cast_unsigned()))
        - f64::from_bits(0x4338_0000_0000_0000);
    fused!(FMA, whole, std::f64::consts::LN_2, 2.0 * s * sum)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{exp_f32, exp_f64, log_f64};

    proptest! {
        #[test]
        fn exp_is_the_standard_library_s(x in -86.9f64..60.0) {
            let exact = f64::from(x as f32).exp();
            for single in [exp_f32::<false>(x as f32), exp_f32::<true>(x as f32)] {
                let single = f64::from(single);
                prop_assert!((single - exact).abs() <= 5e-7 * exact, "f32 {x}: {single} {exact}");
            }
            for double in [exp_f64::<false>(x), exp_f64::<true>(x)] {
                prop_assert!((double - x.exp()).abs() <= 8e-16 * x.exp(), "f64 {x}: {double} {}", x.exp());
            }
        }
    }

    proptest! {
        #[test]
        fn log_is_the_standard_library_s(exponent in -690f64..690.0) {
            let x = exponent.exp();
            for log in [log_f64::<false>(x), log_f64::<true>(x)] {
                prop_assert!((log - x.ln()).abs() <= 4e-16 * x.ln().abs().max(1.0), "{x}: {log} {}", x.ln());
            }
        }
    }

    #[test]
    fn exp_at_the_ends() {
        assert_eq!(exp_f64::<false>(0.0), 1.0);
        assert_eq!(exp_f32::<true>(0.0), 1.0);
        assert!(exp_f32::<false>(f32::NEG_INFINITY) < 2e-38 && exp_f32::<true>(f32::INFINITY).is_finite());
        assert!(exp_f64::<false>(f64::NEG_INFINITY) < 1e-306 && exp_f64::<true>(f64::INFINITY).is_finite());
    }
}
