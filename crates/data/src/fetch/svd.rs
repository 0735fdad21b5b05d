//! Truncated singular value decomposition of sparse rows.

use nalgebra::DMatrix;
use rand::SeedableRng;
use rand::distr::Distribution;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// A matrix as `(column, value)` lists, one per row.
pub(crate) type SparseRows = Vec<Vec<(usize, f64)>>;

/// Directions beyond those asked for, and rounds: with them the subspace has converged to well below the
/// precision of `f32` where the spectrum decays at all.
const OVERSAMPLING: usize = 10;
const ROUNDS: usize = 12;
const SEED: u64 = 0;

/// The rows of `U S` for the `rank` largest singular values of `A = U S Vᵀ`, by randomised subspace
/// iteration (N. Halko, P. G. Martinsson, J. A. Tropp, 2011, algorithm 4.4) with a Rayleigh–Ritz step.
///
/// Each direction's sign is chosen so that its entry of largest magnitude is positive.
///
/// # Shapes
/// `rows`: `A [n, columns]`. Returns `(U S)ᵀ [min(rank, n, columns), n]`, so that the features of a row of
/// `A` lie together.
pub(crate) fn truncated_svd(rows: &SparseRows, columns: usize, rank: usize) -> DMatrix<f64> {
    let width = (rank + OVERSAMPLING).min(rows.len()).min(columns);
    let rank = rank.min(width);
    let rng = &mut ChaCha8Rng::seed_from_u64(SEED);
    let start = DMatrix::from_fn(width, columns, |_, _| StandardNormal.sample(rng));
    let mut basis = orthonormal(&times(rows, &start));
    for _ in 0..ROUNDS {
        basis = orthonormal(&times(rows, &transposed_times(rows, &basis, columns)));
    }
    // For Q = basis the eigenpairs (W, λ) of Qᵀ A Aᵀ Q give U = Q W and S = √λ.
    let projected = transposed_times(rows, &basis, columns).transpose();
    let eigen = projected.tr_mul(&projected).symmetric_eigen();
    let mut order: Vec<usize> = (0..width).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
    let mut scaled = DMatrix::zeros(rank, rows.len());
    for (target, &source) in order.iter().take(rank).enumerate() {
        let direction = basis.tr_mul(&eigen.eigenvectors.column(source));
        let sign = direction[direction.icamax()].signum();
        let singular_value = eigen.eigenvalues[source].max(0.0).sqrt();
        scaled.row_mut(target).copy_from(&(direction * (sign * singular_value)).transpose());
    }
    scaled
}

/// `(A X)ᵀ [width, n]` from `Xᵀ [width, columns]`.
fn times(rows: &SparseRows, x: &DMatrix<f64>) -> DMatrix<f64> {
    let mut product = DMatrix::zeros(x.nrows(), rows.len());
    for (row, entries) in rows.iter().enumerate() {
        for &(column, value) in entries {
            product.column_mut(row).axpy(value, &x.column(column), 1.0);
        }
    }
    product
}

/// `(Aᵀ Q)ᵀ [width, columns]` from `Qᵀ [width, n]`.
fn transposed_times(rows: &SparseRows, basis: &DMatrix<f64>, columns: usize) -> DMatrix<f64> {
    let mut product = DMatrix::zeros(basis.nrows(), columns);
    for (row, entries) in rows.iter().enumerate() {
        for &(column, value) in entries {
            product.column_mut(column).axpy(value, &basis.column(row), 1.0);
        }
    }
    product
}

/// `Qᵀ` of the QR decomposition of the matrix whose transpose is given.
fn orthonormal(transposed: &DMatrix<f64>) -> DMatrix<f64> {
    transposed.transpose().qr().q().transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn dense(rows: &SparseRows, columns: usize) -> DMatrix<f64> {
        let mut matrix = DMatrix::zeros(rows.len(), columns);
        for (row, entries) in rows.iter().enumerate() {
            for &(column, value) in entries {
                matrix[(row, column)] += value;
            }
        }
        matrix
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Where nothing is cut off, U S keeps all inner products of rows: (U S)(U S)ᵀ = A Aᵀ.
        #[test]
        fn full_rank_keeps_the_gram_matrix(
            rows in prop::collection::vec(prop::collection::vec((0usize..9, -2.0..2.0f64), 0..6), 1..12),
        ) {
            let reduced = truncated_svd(&rows, 9, 12);
            let matrix = dense(&rows, 9);
            let error = (reduced.tr_mul(&reduced) - &matrix * matrix.transpose()).amax();
            prop_assert!(error < 1e-9, "{error}");
        }
    }

    #[test]
    fn leading_directions_agree_with_a_dense_svd() {
        // Row i of A is e_i / (i + 1) turned by a fixed mix of its neighbour: a decaying spectrum.
        let n = 60;
        let rows: SparseRows = (0..n)
            .map(|i| vec![(i, 1.0 / (1.0 + i as f64)), ((i + 1) % n, 0.3 / (1.0 + i as f64))])
            .collect();
        let reduced = truncated_svd(&rows, n, 5);
        let svd = dense(&rows, n).svd(true, false);
        let u = svd.u.unwrap();
        for k in 0..5 {
            let expected = u.column(k) * svd.singular_values[k];
            let found = reduced.row(k).transpose();
            let error = (&found - &expected).amax().min((&found + &expected).amax());
            assert!(error < 1e-9, "direction {k}: {error}");
            assert!(found[found.icamax()] > 0.0);
        }
    }

    #[test]
    fn the_same_bits_twice() {
        let rows: SparseRows = (0..30).map(|i| vec![(i, 1.0), ((i * 7) % 30, 0.5)]).collect();
        assert_eq!(truncated_svd(&rows, 30, 8), truncated_svd(&rows, 30, 8));
    }
}
