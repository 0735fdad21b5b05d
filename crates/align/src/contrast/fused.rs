//! InfoNCE in both directions and its gradient, in one pass over one matrix of logits, on the CPU.

use multiversion::multiversion;
use rayon::prelude::*;
use recgoat_torch::{as_slice_mut, scalar_with_gradient};
use tch::{Kind, Tensor};

use crate::ot::exp_f32;

/// Rows a rayon task takes; also the run over which column sums are taken, whatever the number of threads.
const ROWS: usize = 64;

/// Logits spread over `2/τ`; below this temperature some would leave the range of `f32`'s exponential.
pub(super) const LOWEST_TEMPERATURE: f64 = 0.025;

/// Most rows whose logits are all held at once, 36 MB of them: three bands of the items of a batch of 2,048.
const HELD: i64 = 3072;

/// Rows of logits held at once where there are more.
const BLOCK: i64 = 512;

/// The mean over both directions of `mean_r (log Σ_c exp(s_rc) − s_rr)`, `s = left · rightᵀ / τ`, for as many rows of
/// unit length on either side; on the tape.
///
/// As `|s| ≤ 1/τ`, exponents are taken off that bound instead of each row's own maximum, so one exponential an entry
/// serves both directions. The matrix of logits becomes its own gradient in place: where autograd holds four such
/// matrices, this holds one, and of many rows a block of it, computed once for the sums and again for the gradient.
///
/// Cost: `6 · rows² · dim` flops and `rows²` exponentials; beyond [`HELD`] rows `8 · rows² · dim` and twice as many, with
/// [`BLOCK`]` · rows` logits in memory.
pub(super) fn loss(left: &Tensor, right: &Tensor, temperature: f64) -> recgoat_torch::Result<Tensor> {
    let tapeless = tch::no_grad_guard();
    let (a, b) = (left.detach() / temperature, right.detach().contiguous());
    let rows = a.size()[0];
    let height = if rows <= HELD { rows } else { BLOCK };
    let space = Tensor::empty([height, rows], (Kind::Float, a.device()));
    let bound = (1.0 / temperature) as f32;
    let mut sums = Sums { rows: Vec::new(), columns: vec![0f32; rows as usize] };
    let mut at_targets = 0.0;
    let block = |first: i64| {
        let count = height.min(rows - first);
        a.narrow(0, first, count).f_mm_out(&space.narrow(0, 0, count), &b.tr())
    };
    let starts = || (0..rows).step_by(height as usize);
    for first in starts() {
        let mut logits = block(first)?;
        let s = as_slice_mut(&mut logits)?;
        let diagonal = s.chunks(rows as usize).zip(first as usize..).map(|(row, at)| f64::from(row[at]));
        at_targets += diagonal.sum::<f64>();
        sums.add(exponentiate(s, bound, rows as usize));
    }
    let logs = |sums: &[f32]| sums.iter().map(|&sum| f64::from(sum).ln()).sum::<f64>();
    let log_sums = 0.5 * (logs(&sums.rows) + logs(&sums.columns));
    let value = (log_sums - at_targets) / rows as f64 + f64::from(bound);
    let scale = 0.5 / rows as f32;
    let per_column: Vec<f32> = sums.columns.iter().map(|sum| scale / sum).collect();
    let (da, mut db) = (a.empty_like(), b.zeros_like());
    for first in starts() {
        let mut logits = if rows <= HELD {
            space.shallow_clone()
        } else {
            let mut logits = block(first)?;
            exponentiate(as_slice_mut(&mut logits)?, bound, rows as usize);
            logits
        };
        let s = as_slice_mut(&mut logits)?.par_chunks_mut(rows as usize).zip(&sums.rows[first as usize..]);
        s.enumerate().for_each(|(at, (row, sum))| {
            scale_row(row, scale / sum, &per_column);
            row[first as usize + at] -= 1.0 / rows as f32;
        });
        let count = logits.size()[0];
        let _ = logits.f_mm_out(&da.narrow(0, first, count), &b)?;
        let _ = db.f_addmm_(&logits.tr(), &a.narrow(0, first, count))?;
    }
    let da = da / temperature;
    drop(tapeless);
    Ok(scalar_with_gradient(value as f32, &[(left, &da), (right, &db)]))
}

/// Of exponentials: of each row, and of each column.
struct Sums {
    rows: Vec<f32>,
    columns: Vec<f32>,
}

impl Sums {
    /// Those of a block of rows below the ones so far.
    fn add(&mut self, (rows, columns): (Vec<f32>, Vec<f32>)) {
        self.rows.extend(rows);
        self.columns.iter_mut().zip(columns).for_each(|(sum, part)| *sum += part);
    }
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
