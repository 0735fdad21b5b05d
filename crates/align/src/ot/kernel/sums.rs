//! Rows of the plan and the sums over them.

use multiversion::{multiversion, target::target_cfg_f};

use super::exp::{exp_f32, exp_f64, fused};

/// Kernels over rows stored in one precision.
pub(in crate::ot) trait RowKernels: Sized {
    /// Terms with smaller exponents are zero: their products with weights would be subnormal, which some processors
    /// compute a hundred times slower.
    const LEAST_EXPONENT: Self;

    /// `out_j = exp(left + right_j − scale · cost_j)`; returns `Σ_j weights_j out_j`.
    fn exponentials(
        cost: &[Self],
        left: Self,
        right: &[Self],
        scale: Self,
        weights: &[Self],
        out: &mut [Self],
    ) -> Self;

    /// `out_j = exp((left + right_j − cost_j) scale + shift)`, `scales` being scale and shift, the exponent in f64, rounded to f32 before the
    /// exponential is taken. Potentials and costs meet before they are scaled: where they cancel, they do so exactly.
    fn exact_f32(cost: &[Self], left: f64, right: &[f64], scales: [f64; 2], out: &mut [f32]);

    /// The same, all in f64.
    fn exact_f64(cost: &[Self], left: f64, right: &[f64], scales: [f64; 2], out: &mut [f64]);

    /// `Σ_j row_j vector_j`.
    fn dot(row: &[Self], vector: &[Self]) -> Self;

    /// `sums_j += Σ_k factors_k rows_kj` of four rows.
    fn add(sums: &mut [Self], factors: [Self; 4], rows: [&[Self]; 4]);

    /// The least and the largest cost.
    fn extent(cost: &[Self]) -> [Self; 2];

    /// Whether every entry is a finite number.
    fn finite(entries: &[Self]) -> bool;

    /// `least_j = min(least_j, cost_j − left)`.
    fn lessen(least: &mut [Self], cost: &[Self], left: Self);
}

macro_rules! row_kernels {
    ($type:ident, $exp:ident, $module:ident, $least:literal) => {
        mod $module {
            use super::*;
            /// Lanes of a running sum: the widest register.
            const LANES: usize = 64 / size_of::<$type>();
            /// Running sums of a product, enough that compilers see a loop over them and not as many scalars.
            const RUN: usize = 16 * LANES;

            /// The sum of all lanes, by halves: in order, compilers would rather keep the lanes apart.
            #[inline(always)]
            fn fold(mut lanes: [$type; LANES]) -> $type {
                let mut width = LANES / 2;
                while width > 0 {
                    for lane in 0..width {
                        lanes[lane] += lanes[lane + width];
                    }
                    width /= 2;
                }
                lanes[0]
            }

            impl RowKernels for $type {
                const LEAST_EXPONENT: Self = $least;

                fn exponentials(
                    cost: &[Self],
                    left: Self,
                    right: &[Self],
                    scale: Self,
                    weights: &[Self],
                    out: &mut [Self],
                ) -> Self {
                    #[multiversion(targets(
                        "x86_64+avx512f+avx512dq+avx512vl+avx2+fma",
                        "x86_64+avx2+fma",
                        "aarch64+neon"
                    ))]
                    fn kernel(
                        cost: &[$type],
                        left: $type,
                        right: &[$type],
                        scale: $type,
                        weights: &[$type],
                        out: &mut [$type],
                    ) -> $type {
                        const FMA: bool = target_cfg_f!(target_feature = "fma");
                        let each = |c: $type, r: $type| {
                            let exponent = fused!(FMA, -scale, c, left + r);
                            let term = $exp::<FMA>(exponent);
                            if exponent > <$type as RowKernels>::LEAST_EXPONENT { term } else { 0.0 }
                        };
                        let (costs, cost_rest) = cost.as_chunks::<LANES>();
                        let (rights, right_rest) = right.as_chunks::<LANES>();
                        let (weights, weight_rest) = weights.as_chunks::<LANES>();
                        let (outs, out_rest) = out.as_chunks_mut::<LANES>();
                        let mut sums = [0 as $type; LANES];
                        for (((out, cost), right), weights) in
                            outs.iter_mut().zip(costs).zip(rights).zip(weights)
                        {
                            for lane in 0..LANES {
                                out[lane] = each(cost[lane], right[lane]);
                                sums[lane] = fused!(FMA, weights[lane], out[lane], sums[lane]);
                            }
                        }
                        let mut sum = fold(sums);
                        for (((out, &cost), &right), &weight) in
                            out_rest.iter_mut().zip(cost_rest).zip(right_rest).zip(weight_rest)
                        {
                            *out = each(cost, right);
                            sum += weight * *out;
                        }
                        sum
                    }
                    kernel(cost, left, right, scale, weights, out)
                }

                fn exact_f32(cost: &[Self], left: f64, right: &[f64], scales: [f64; 2], out: &mut [f32]) {
                    #[multiversion(targets(
                        "x86_64+avx512f+avx512dq+avx512vl+avx2+fma",
                        "x86_64+avx2+fma",
                        "aarch64+neon"
                    ))]
                    fn kernel(cost: &[$type], left: f64, right: &[f64], scales: [f64; 2], out: &mut [f32]) {
                        const FMA: bool = target_cfg_f!(target_feature = "fma");
                        let [scale, shift] = scales;
                        for ((out, &cost), &right) in out.iter_mut().zip(cost).zip(right) {
                            let exponent = ((left - f64::from(cost) + right) * scale + shift) as f32;
                            let term = exp_f32::<FMA>(exponent);
                            *out = if exponent > <f32 as RowKernels>::LEAST_EXPONENT { term } else { 0.0 };
                        }
                    }
                    kernel(cost, left, right, scales, out);
                }

                fn exact_f64(cost: &[Self], left: f64, right: &[f64], scales: [f64; 2], out: &mut [f64]) {
                    #[multiversion(targets(
                        "x86_64+avx512f+avx512dq+avx512vl+avx2+fma",
                        "x86_64+avx2+fma",
                        "aarch64+neon"
                    ))]
                    fn kernel(cost: &[$type], left: f64, right: &[f64], scales: [f64; 2], out: &mut [f64]) {
                        const FMA: bool = target_cfg_f!(target_feature = "fma");
                        let [scale, shift] = scales;
                        for ((out, &cost), &right) in out.iter_mut().zip(cost).zip(right) {
                            let exponent = (left - f64::from(cost) + right) * scale + shift;
                            let term = exp_f64::<FMA>(exponent);
                            *out = if exponent > <f64 as RowKernels>::LEAST_EXPONENT { term } else { 0.0 };
                        }
                    }
                    kernel(cost, left, right, scales, out);
                }

                fn dot(row: &[Self], vector: &[Self]) -> Self {
                    #[multiversion(targets(
                        "x86_64+avx512f+avx512dq+avx512vl+avx2+fma",
                        "x86_64+avx2+fma",
                        "aarch64+neon"
                    ))]
                    fn kernel(row: &[$type], vector: &[$type]) -> $type {
                        const FMA: bool = target_cfg_f!(target_feature = "fma");
                        let mut sums = [0 as $type; RUN];
                        for (row, vector) in row.chunks(RUN).zip(vector.chunks(RUN)) {
                            for ((sum, &k), &v) in sums.iter_mut().zip(row).zip(vector) {
                                *sum = fused!(FMA, k, v, *sum);
                            }
                        }
                        let mut width = RUN / 2;
                        while width >= LANES {
                            let (low, high) = sums.split_at_mut(width);
                            low.iter_mut().zip(high).for_each(|(low, high)| *low += *high);
                            width /= 2;
                        }
                        sums[..LANES].iter().sum()
                    }
                    kernel(row, vector)
                }

                fn add(sums: &mut [Self], factors: [Self; 4], rows: [&[Self]; 4]) {
                    #[multiversion(targets(
                        "x86_64+avx512f+avx512dq+avx512vl+avx2+fma",
                        "x86_64+avx2+fma",
                        "aarch64+neon"
                    ))]
                    fn kernel(sums: &mut [$type], factors: [$type; 4], rows: [&[$type]; 4]) {
                        const FMA: bool = target_cfg_f!(target_feature = "fma");
                        let [first, second, third, fourth] = rows;
                        let rows = first.iter().zip(second).zip(third).zip(fourth);
                        for (sum, (((first, second), third), fourth)) in sums.iter_mut().zip(rows) {
                            let pair = fused!(FMA, factors[0], *first, factors[1] * second);
                            let more = fused!(FMA, factors[2], *third, factors[3] * fourth);
                            *sum += pair + more;
                        }
                    }
                    kernel(sums, factors, rows);
                }

                fn extent(cost: &[Self]) -> [Self; 2] {
                    #[multiversion(targets(
                        "x86_64+avx512f+avx512dq+avx512vl+avx2+fma",
                        "x86_64+avx2+fma",
                        "aarch64+neon"
                    ))]
                    fn kernel(cost: &[$type]) -> [$type; 2] {
                        let (costs, rest) = cost.as_chunks::<LANES>();
                        let (mut least, mut most) = ([$type::INFINITY; LANES], [$type::NEG_INFINITY; LANES]);
                        for cost in costs {
                            for lane in 0..LANES {
                                least[lane] = if cost[lane] < least[lane] { cost[lane] } else { least[lane] };
                                most[lane] = if cost[lane] > most[lane] { cost[lane] } else { most[lane] };
                            }
                        }
                        let rest = || rest.iter().copied();
                        [
                            least.into_iter().chain(rest()).fold($type::INFINITY, $type::min),
                            most.into_iter().chain(rest()).fold($type::NEG_INFINITY, $type::max),
                        ]
                    }
                    kernel(cost)
                }

                fn finite(entries: &[Self]) -> bool {
                    #[multiversion(targets(
                        "x86_64+avx512f+avx512dq+avx512vl+avx2+fma",
                        "x86_64+avx2+fma",
                        "aarch64+neon"
                    ))]
                    fn kernel(entries: &[$type]) -> bool {
                        // Zero times a number is zero, but NaN where the number is not finite.
                        let (chunks, rest) = entries.as_chunks::<LANES>();
                        let mut sums = [0 as $type; LANES];
                        for chunk in chunks {
                            for lane in 0..LANES {
                                sums[lane] += chunk[lane] * 0.0;
                            }
                        }
                        sums.iter().chain(rest).all(|x| x.is_finite())
                    }
                    kernel(entries)
                }

                fn lessen(least: &mut [Self], cost: &[Self], left: Self) {
                    #[multiversion(targets(
                        "x86_64+avx512f+avx512dq+avx512vl+avx2+fma",
                        "x86_64+avx2+fma",
                        "aarch64+neon"
                    ))]
                    fn kernel(least: &mut [$type], cost: &[$type], left: $type) {
                        for (least, &cost) in least.iter_mut().zip(cost) {
                            let gap = cost - left;
                            *least = if gap < *least { gap } else { *least };
                        }
                    }
                    kernel(least, cost, left);
                }
            }
        }
    };
}

row_kernels!(f32, exp_f32, single, -60.0);
row_kernels!(f64, exp_f64, double, -600.0);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn close(left: f64, right: f64, tolerance: f64) -> bool {
        (left - right).abs() <= tolerance * right.abs().max(1.0)
    }

    proptest! {
        #[test]
        fn kernels_are_their_definition(
            values in proptest::collection::vec((-5f64..5.0, -3f64..3.0, 0f64..1.0), 1..200), scale in 0.1f64..5.0,
        ) {
            let cost: Vec<f64> = values.iter().map(|v| v.0).collect();
            let right: Vec<f64> = values.iter().map(|v| v.1).collect();
            let weights: Vec<f64> = values.iter().map(|v| v.2).collect();
            let narrow = |v: &[f64]| v.iter().map(|&x| x as f32).collect::<Vec<f32>>();
            let n = cost.len();
            let exact: Vec<f64> = (0..n).map(|j| (0.5 + right[j] - scale * cost[j]).exp()).collect();
            let (mut wide, mut single) = (vec![0f64; n], vec![0f32; n]);
            let sum = f64::exponentials(&cost, 0.5, &right, scale, &weights, &mut wide);
            let expected: f64 = exact.iter().zip(&weights).map(|(e, w)| e * w).sum();
            prop_assert!(close(sum, expected, 1e-12));
            prop_assert!(wide.iter().zip(&exact).all(|(x, e)| (x - e).abs() <= 1e-13 * e));
            // exp(0.5 + right − scale cost), with potentials in units of the cost.
            let (left, scaled) = (0.25 / scale, right.iter().map(|r| r / scale).collect::<Vec<f64>>());
            f64::exact_f32(&cost, left, &scaled, [scale, 0.25], &mut single);
            prop_assert!(single.iter().zip(&exact).all(|(&x, e)| (f64::from(x) - e).abs() <= 5e-6 * e));
            f32::exact_f64(&narrow(&cost), left, &scaled, [scale, 0.25], &mut wide);
            prop_assert!(wide.iter().zip(&exact).all(|(x, e)| (x - e).abs() <= 1e-5 * e));

            let rows = [&cost[..], &right[..], &weights[..], &cost[..]];
            let dot: f64 = cost.iter().zip(&right).map(|(x, y)| x * y).sum();
            prop_assert!(close(f64::dot(&cost, &right), dot, 1e-12));
            let mut sums = right.clone();
            f64::add(&mut sums, [2.0, -1.0, 0.5, 3.0], rows);
            let added = (0..n).map(|j| 5.0 * cost[j] + 0.5 * weights[j]);
            prop_assert!(sums.iter().zip(added).all(|(s, e)| close(*s, e, 1e-12)));

            let ends = [cost.iter().copied().fold(9.0, f64::min), cost.iter().copied().fold(-9.0, f64::max)];
            prop_assert_eq!(f64::extent(&cost), ends);
            prop_assert!(f64::finite(&cost));
            for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                let mut with = cost.clone();
                with[n / 2] = bad;
                prop_assert!(!f64::finite(&with));
            }
            let mut lessened = weights.clone();
            f64::lessen(&mut lessened, &cost, 0.25);
            prop_assert!((0..n).all(|j| lessened[j] == weights[j].min(cost[j] - 0.25)));
        }
    }
}
