//! Softmax cross-entropy over candidates and its gradient, a block of rows at a time, on the CPU.

use multiversion::multiversion;
use rayon::prelude::*;
use recgoat_torch::{as_slice_mut, scalar_with_gradient};
use tch::{Kind, Tensor};

use crate::ot::exp_f32;

/// Rows of logits held at once: the candidates are packed anew for each block's products, which fewer rows would not pay
/// for, and all rows at once would not stay near.
const BLOCK: i64 = 512;

/// `mean_(r,t) (log Σ_c exp(s_rc) − s_rt)` over pairs of a row of anchors and one of candidates, `s = anchors · candidatesᵀ / τ`,
/// on the tape.
///
/// Cost: `6 · rows · columns · dim` flops and `rows · columns` exponentials, however many pairs a row has; beside the
/// gradients it holds `512 · columns` logits, whatever the number of rows.
pub(super) fn loss(
    anchors: &Tensor,
    candidates: &Tensor,
    pairs: &[[u32; 2]],
    temperature: f64,
) -> recgoat_torch::Result<Tensor> {
    let tapeless = tch::no_grad_guard();
    let (a, b) = (anchors.detach().contiguous(), candidates.detach().contiguous());
    let (rows, columns) = (a.size()[0], b.size()[0]);
    let (starts, targets) = by_row(pairs, rows as usize);
    let (da, mut db) = (a.empty_like(), b.zeros_like());
    let space = Tensor::empty([BLOCK.min(rows), columns], (Kind::Float, a.device()));
    let mut total = 0.0;
    for first in (0..rows).step_by(BLOCK as usize) {
        let count = BLOCK.min(rows - first);
        let block = a.narrow(0, first, count);
        let mut logits = block.f_mm_out(&space.narrow(0, 0, count), &b.tr())?;
        let losses: Vec<f64> = as_slice_mut(&mut logits)?
            .par_chunks_mut(columns as usize)
            .zip(starts[first as usize..].par_windows(2))
            .map(|(row, ends)| to_gradient(row, &targets[ends[0]..ends[1]], temperature, pairs.len() as f64))
            .collect();
        total += losses.iter().sum::<f64>();
        let _ = logits.f_mm_out(&da.narrow(0, first, count), &b)?;
        let _ = db.f_addmm_(&logits.tr(), &block)?;
    }
    drop(tapeless);
    Ok(scalar_with_gradient((total / pairs.len() as f64) as f32, &[(anchors, &da), (candidates, &db)]))
}

/// Candidates of each row's pairs, the rows one after another, and where each row's begin and the last one's end.
fn by_row(pairs: &[[u32; 2]], rows: usize) -> (Vec<usize>, Vec<u32>) {
    let mut starts = vec![0; rows + 1];
    pairs.iter().for_each(|[row, _]| starts[*row as usize + 1] += 1);
    for row in 0..rows {
        starts[row + 1] += starts[row];
    }
    let (mut next, mut targets) = (starts.clone(), vec![0; pairs.len()]);
    for &[row, target] in pairs {
        targets[next[row as usize]] = target;
        next[row as usize] += 1;
    }
    (starts, targets)
}

/// Turns a row of products into the mean loss's gradient at them; returns the sum of its pairs' losses.
fn to_gradient(row: &mut [f32], targets: &[u32], temperature: f64, pairs: f64) -> f64 {
    let inverse = (1.0 / temperature) as f32;
    let at_targets: f64 = targets.iter().map(|&target| f64::from(row[target as usize] * inverse)).sum();
    let (largest, sum) = exponentiate(row, inverse);
    let (count, scale) = (targets.len() as f64, 1.0 / (temperature * pairs));
    times(row, (count * scale / f64::from(sum)) as f32);
    targets.iter().for_each(|&target| row[target as usize] -= scale as f32);
    count * (f64::from(largest) + f64::from(sum).ln()) - at_targets
}

/// Replaces `x` by `exp(x/τ − max)`; that maximum and the sum.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2", "aarch64+neon"))]
fn exponentiate(row: &mut [f32], inverse: f32) -> (f32, f32) {
    const LANES: usize = 16;
    let (whole, rest) = row.as_chunks_mut::<LANES>();
    let mut largest = [f32::NEG_INFINITY; LANES];
    for x in &*whole {
        for lane in 0..LANES {
            largest[lane] = if x[lane] > largest[lane] { x[lane] } else { largest[lane] };
        }
    }
    let largest = largest.iter().chain(&*rest).fold(f32::NEG_INFINITY, |a, &b| a.max(b)) * inverse;
    let mut sums = [0f32; LANES];
    for x in whole {
        for lane in 0..LANES {
            x[lane] = exp_f32::<false>(x[lane] * inverse - largest);
            sums[lane] += x[lane];
        }
    }
    let mut sum: f32 = sums.iter().sum();
    for x in rest {
        *x = exp_f32::<false>(*x * inverse - largest);
        sum += *x;
    }
    (largest, sum)
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2", "aarch64+neon"))]
fn times(row: &mut [f32], factor: f32) {
    row.iter_mut().for_each(|x| *x *= factor);
}
