//! Rows of a plan in f64: their masses, and what a certificate sums over them.

use multiversion::{multiversion, target::target_cfg_f};

use super::exp::{exp_f64, fused};
use crate::ot::Real;

const LANES: usize = 8;
/// Terms with smaller exponents are zero, as in [`super::RowKernels`].
const LEAST_EXPONENT: f64 = -600.0;

/// The potentials and weights that the rows of a plan share.
#[derive(Clone, Copy)]
pub(in crate::ot) struct Columns<'a> {
    /// Potentials, in units of the cost.
    pub(in crate::ot) potentials: &'a [f64],
    pub(in crate::ot) weights: &'a [f64],
    /// What the potentials' sum less the cost is multiplied with.
    pub(in crate::ot) scale: f64,
    /// What is added to the product.
    pub(in crate::ot) shift: f64,
}

/// `out_j = exp((left + potentials_j − cost_j) scale + shift)`; returns `(Σ_j weights_j out_j,
/// Σ_j weights_j out_j cost_j)`.
///
/// Potentials and costs meet before they are scaled: where they cancel, they do so exactly.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma", "aarch64+neon"))]
pub(in crate::ot) fn ratios<F: Real>(
    cost: &[F],
    left: f64,
    columns: Columns<'_>,
    out: &mut [f64],
) -> (f64, f64) {
    const FMA: bool = target_cfg_f!(target_feature = "fma");
    let Columns { potentials, weights, scale, shift } = columns;
    let each = |cost: f64, right: f64| {
        let exponent = (left - cost + right) * scale + shift;
        let term = exp_f64::<FMA>(exponent);
        if exponent > LEAST_EXPONENT { term } else { 0.0 }
    };
    let mut sums = [[0f64; LANES]; 2];
    let (costs, cost_rest) = cost.as_chunks::<LANES>();
    let (rights, right_rest) = potentials.as_chunks::<LANES>();
    let (weights, weight_rest) = weights.as_chunks::<LANES>();
    let (outs, out_rest) = out.as_chunks_mut::<LANES>();
    for (((out, cost), right), weights) in outs.iter_mut().zip(costs).zip(rights).zip(weights) {
        for lane in 0..LANES {
            let cost = cost[lane].wide();
            out[lane] = each(cost, right[lane]);
            let mass = out[lane] * weights[lane];
            sums[0][lane] += mass;
            sums[1][lane] = fused!(FMA, mass, cost, sums[1][lane]);
        }
    }
    let [mut mass, mut value] = sums.map(|lanes| lanes.into_iter().sum::<f64>());
    for (((out, &cost), &right), weight) in
        out_rest.iter_mut().zip(cost_rest).zip(right_rest).zip(weight_rest)
    {
        let cost = cost.wide();
        *out = each(cost, right);
        mass += *out * weight;
        value += *out * weight * cost;
    }
    (mass, value)
}

/// `out_j = weight weights_j exp((left + potentials_j − cost_j) scale + shift)`, rounded once, at the end.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma", "aarch64+neon"))]
pub(in crate::ot) fn masses<F: Real, O: Real>(
    cost: &[F],
    left: f64,
    weight: f64,
    columns: Columns<'_>,
    out: &mut [O],
) {
    const FMA: bool = target_cfg_f!(target_feature = "fma");
    let Columns { potentials, weights, scale, shift } = columns;
    for (((out, cost), right), other) in out.iter_mut().zip(cost).zip(potentials).zip(weights) {
        let exponent = (left - cost.wide() + right) * scale + shift;
        let term = exp_f64::<FMA>(exponent);
        *out = O::of(if exponent > LEAST_EXPONENT { term * (weight * other) } else { 0.0 });
    }
}

/// `sums_sj += Σ_k factors_sk rows_kj` of four rows.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma", "aarch64+neon"))]
pub(in crate::ot) fn add_rows(sums: [&mut [f64]; 2], factors: [[f64; 4]; 2], rows: [&[f64]; 4]) {
    const FMA: bool = target_cfg_f!(target_feature = "fma");
    let [sums, others] = sums;
    let [first, second, third, fourth] = rows;
    let rows = first.iter().zip(second).zip(third).zip(fourth);
    for ((sum, other), (((first, second), third), fourth)) in sums.iter_mut().zip(others).zip(rows) {
        for (sum, factors) in [(sum, factors[0]), (other, factors[1])] {
            let pair = fused!(FMA, factors[0], *first, factors[1] * second);
            let more = fused!(FMA, factors[2], *third, factors[3] * fourth);
            *sum += pair + more;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() <= 1e-12 * right.abs().max(1.0)
    }

    proptest! {
        #[test]
        fn rows_of_a_plan_are_their_definition(
            values in proptest::collection::vec((-5f64..5.0, -3f64..3.0, 0f64..1.0), 1..70), scale in 0.1f64..5.0,
        ) {
            let cost: Vec<f64> = values.iter().map(|v| v.0).collect();
            let potentials: Vec<f64> = values.iter().map(|v| v.1).collect();
            let weights: Vec<f64> = values.iter().map(|v| v.2).collect();
            let columns = Columns { potentials: &potentials, weights: &weights, scale, shift: 0.25 };
            let n = cost.len();
            let exact: Vec<f64> =
                (0..n).map(|j| ((0.5 + potentials[j] - cost[j]) * scale + 0.25).exp()).collect();
            let mut out = vec![0f64; n];
            let (mass, value) = ratios(&cost, 0.5, columns, &mut out);
            prop_assert!(out.iter().zip(&exact).all(|(x, e)| (x - e).abs() <= 1e-13 * e));
            prop_assert!(close(mass, (0..n).map(|j| exact[j] * weights[j]).sum()));
            let expected: f64 = (0..n).map(|j| exact[j] * weights[j] * cost[j]).sum();
            prop_assert!((value - expected).abs() <= 1e-12 * mass.max(1.0) * 5.0);
            masses(&cost, 0.5, 2.0, columns, &mut out);
            prop_assert!((0..n).all(|j| (out[j] - 2.0 * weights[j] * exact[j]).abs() <= 1e-13 * exact[j]));

            let (mut sums, mut others) = (cost.clone(), weights.clone());
            let rows = [&cost[..], &potentials[..], &weights[..], &cost[..]];
            add_rows([&mut sums, &mut others], [[2.0, -1.0, 0.5, 3.0], [0.0, 1.0, 0.0, 0.0]], rows);
            prop_assert!((0..n).all(|j| close(sums[j], 6.0 * cost[j] - potentials[j] + 0.5 * weights[j])));
            prop_assert!((0..n).all(|j| close(others[j], weights[j] + potentials[j])));
        }
    }
}
