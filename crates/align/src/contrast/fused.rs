//! InfoNCE in both directions and its gradient, in one pass over one matrix of logits, on the CPU.

use multiversion::multiversion;
use rayon::prelude::*;
use recgoat_torch::{as_slice_mut, scalar_with_gradient};
use tch::Tensor;

use crate::ot::exp_f32;

/// Rows a rayon task takes; also the run over which column sums are taken, whatever the number of threads.
const ROWS: usize = 64;

/// Logits spread over `2/τ`; below this temperature some would leave the range of `f32`'s exponential.
pub(super) const LOWEST_TEMPERATURE: f64 = 0.025;

/// The mean over both directions of `mean_r (log Σ_c exp(s_rc) − s_rr)`, `s = left · rightᵀ / τ`, for as many rows of
/// unit length on either side; on the tape.
///
/// As `|s| ≤ 1/τ`, exponents are taken off that bound instead of each row's own maximum, so one exponential an entry
/// serves both directions. The matrix of logits becomes its own gradient in place: where autograd holds four such
/// matrices, this holds one.
///
/// Cost: `6 · rows · columns · dim` flops and `rows · columns` exponentials.
pub(super) fn loss(left: &Tensor, right: &Tensor, temperature: f64) -> recgoat_torch::Result<Tensor> {
    let (a, b) = (left.detach(), right.detach());
    let mut logits = tch::no_grad(|| (a.matmul(&b.tr()) / temperature).contiguous());
    let rows = a.size()[0] as usize;
    let s = as_slice_mut(&mut logits)?;
    let bound = (1.0 / temperature) as f32;
    let at_targets: f64 = (0..rows).map(|row| f64::from(s[row * rows + row])).sum();
    let (row_sums, column_sums) = exponentiate(s, bound, rows);
    let logs = |sums: &[f32]| sums.iter().map(|&sum| f64::from(sum).ln()).sum::<f64>();
    let log_sums = 0.5 * (logs(&row_sums) + logs(&column_sums));
    let value = (log_sums - at_targets) / rows as f64 + f64::from(bound);
    let scale = 0.5 / rows as f32;
    let per_column: Vec<f32> = column_sums.iter().map(|sum| scale / sum).collect();
    s.par_chunks_mut(rows).zip(&row_sums).enumerate().for_each(|(at, (row, sum))| {
        scale_row(row, scale / sum, &per_column);
        row[at] -= 1.0 / rows as f32;
    });
    let (da, db) = tch::no_grad(|| (logits.matmul(&b) / temperature, logits.tr().matmul(&a) / temperature));
    Ok(scalar_with_gradient(value, &[(left, &da), (right, &db)]))
}

/// Replaces `s` by `exp(s − bound)`; its row sums and its column sums.
fn exponentiate(s: &mut [f32], bound: f32, columns: usize) -> (Vec<f32>, Vec<f32>) {
    let blocks: Vec<(Vec<f32>, Vec<f32>)> = s
        .par_chunks_mut(ROWS * columns)
        .map(|block| {
            let mut column_sums = vec![0f32; columns];
            let row_sums =
                block.chunks_mut(columns).map(|row| exponentiate_row(row, bound, &mut column_sums)).collect();
            (row_sums, column_sums)
        })
        .collect();
    let mut column_sums = vec![0f32; columns];
    for (_, block) in &blocks {
        column_sums.iter_mut().zip(block).for_each(|(sum, part)| *sum += part);
    }
    (blocks.into_iter().flat_map(|block| block.0).collect(), column_sums)
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2", "aarch64+neon"))]
fn exponentiate_row(row: &mut [f32], bound: f32, column_sums: &mut [f32]) -> f32 {
    for x in row.iter_mut() {
        *x = exp_f32::<false>(*x - bound);
    }
    column_sums.iter_mut().zip(&*row).for_each(|(sum, x)| *sum += x);
    let mut sums = [0f32; 16];
    let (whole, rest) = row.as_chunks::<16>();
    for x in whole {
        for lane in 0..16 {
            sums[lane] += x[lane];
        }
    }
    sums.iter().chain(rest).sum()
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2", "aarch64+neon"))]
fn scale_row(row: &mut [f32], factor: f32, per_column: &[f32]) {
    row.iter_mut().zip(per_column).for_each(|(x, column)| *x *= factor + column);
}
