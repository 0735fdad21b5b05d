//! Costs between points, computed where they are needed.

use multiversion::{multiversion, target::target_cfg_f};

use super::exp::fused;

/// Columns computed together: their running sums stay in registers.
const TILE: usize = 64;

/// Kernels over coordinates in one precision: `points` `[rows, dim]`, the second cloud transposed as `columns`
/// `[dim, m]`, costs `out` `[rows, m]`.
pub(in crate::ot) trait PointKernels: Sized {
    /// `out_ij = Σ_k (points_ik − columns_kj)²`.
    fn squared(points: &[Self], columns: &[Self], m: usize, out: &mut [Self]);

    /// `out_ij = Σ_k |points_ik − columns_kj|`.
    fn absolute(points: &[Self], columns: &[Self], m: usize, out: &mut [Self]);

    /// `out_ij = max(1 − Σ_k points_ik columns_kj, 0)`, the cosine distance of unit vectors.
    fn cosine(points: &[Self], columns: &[Self], m: usize, out: &mut [Self]);
}

macro_rules! point_kernel {
    ($name:ident, $type:ident, |$fma:ident, $x:ident, $y:ident, $sum:ident| $term:expr, |$total:ident| $finish:expr) => {
        fn $name(points: &[Self], columns: &[Self], m: usize, out: &mut [Self]) {
            #[multiversion(targets(
                "x86_64+avx512f+avx512dq+avx512vl+avx2+fma",
                "x86_64+avx2+fma",
                "aarch64+neon"
            ))]
            fn kernel(points: &[$type], columns: &[$type], m: usize, out: &mut [$type]) {
                #[allow(dead_code, reason = "a cost without products has nothing to fuse")]
                const $fma: bool = target_cfg_f!(target_feature = "fma");
                let dim = columns.len() / m;
                // Tiles outside, rows inside: a tile of the columns stays in the first cache for all rows.
                for start in (0..m).step_by(TILE) {
                    let width = TILE.min(m - start);
                    for (point, out) in points.chunks_exact(dim).zip(out.chunks_exact_mut(m)) {
                        let mut sums = [0 as $type; TILE];
                        if width == TILE {
                            for (k, &$x) in point.iter().enumerate() {
                                let column = &columns[k * m + start..][..TILE];
                                for lane in 0..TILE {
                                    let ($y, $sum) = (column[lane], sums[lane]);
                                    sums[lane] = $term;
                                }
                            }
                        } else {
                            for (k, &$x) in point.iter().enumerate() {
                                let column = &columns[k * m + start..][..width];
                                for (sum, &$y) in sums.iter_mut().zip(column) {
                                    let $sum = *sum;
                                    *sum = $term;
                                }
                            }
                        }
                        for (out, $total) in out[start..start + width].iter_mut().zip(sums) {
                            *out = $finish;
                        }
                    }
                }
            }
            kernel(points, columns, m, out);
        }
    };
}

macro_rules! point_kernels {
    ($type:ident) => {
        impl PointKernels for $type {
            point_kernel!(squared, $type, |FMA, x, y, sum| fused!(FMA, (x - y), (x - y), sum), |total| total);
            point_kernel!(absolute, $type, |FMA, x, y, sum| sum + (x - y).abs(), |total| total);
            point_kernel!(cosine, $type, |FMA, x, y, sum| fused!(FMA, x, y, sum), |total| (1.0 - total)
                .max(0.0));
        }
    };
}

point_kernels!(f32);
point_kernels!(f64);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::PointKernels;

    proptest! {
        #[test]
        fn costs_are_their_definition(
            (dim, n, m) in (1usize..5, 1usize..4, 1usize..150), seed in proptest::collection::vec(-2f64..2.0, 1000),
        ) {
            let points = &seed[..n * dim];
            let columns = &seed[n * dim..][..dim * m];
            let mut out = vec![0f64; n * m];
            let each = |term: fn(f64, f64) -> f64| {
                let sum = |at: usize| (0..dim).map(|k| term(points[at / m * dim + k], columns[k * m + at % m])).sum();
                (0..n * m).map(sum).collect::<Vec<f64>>()
            };
            let close = |found: &[f64], expected: Vec<f64>| {
                found.iter().zip(expected).all(|(x, y)| (x - y).abs() < 1e-12)
            };
            f64::squared(points, columns, m, &mut out);
            prop_assert!(close(&out, each(|x, y| (x - y) * (x - y))));
            f64::absolute(points, columns, m, &mut out);
            prop_assert!(close(&out, each(|x, y| (x - y).abs())));
            f64::cosine(points, columns, m, &mut out);
            prop_assert!(close(&out, each(|x, y| x * y).into_iter().map(|dot| (1.0 - dot).max(0.0)).collect()));
        }
    }
}
