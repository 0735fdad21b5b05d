//! The absolute cost between coordinates, streamed over rows.

use multiversion::multiversion;
use rayon::prelude::*;
use tch::{Kind, Tensor};

/// `C_pq = mean_i |x_ip − y_iq|` from `x`, `y` `[rows, dim]`: `2 · rows · dim²` flops, `dim²` memory.
///
/// Each entry sums its rows in order, on one thread.
pub(super) fn cost(x: &[f32], y: &[f32], dim: usize) -> Vec<f32> {
    let mut cost = vec![0f32; dim * dim];
    let rows = x.len() / dim;
    cost.par_chunks_mut(dim).enumerate().for_each(|(p, out)| {
        // Partial sums over short runs of rows keep f32 accurate for any number of rows.
        let mut partial = vec![0f32; dim];
        for (x, y) in x.chunks(dim * 256).zip(y.chunks(dim * 256)) {
            partial.fill(0.0);
            distances(x, y, p, &mut partial);
            out.iter_mut().zip(&partial).for_each(|(out, part)| *out += part / rows as f32);
        }
    });
    cost
}

/// `∂<C,W>/∂x_ip = (1/rows) Σ_q W_pq sign(x_ip − y_iq)`, `[rows, dim]`.
pub(super) fn gradient(x: &[f32], y: &[f32], weights: &[f32], dim: usize) -> Vec<f32> {
    let mut gradient = vec![0f32; x.len()];
    let scale = dim as f32 / x.len() as f32;
    gradient.par_chunks_mut(dim).zip(x.par_chunks(dim).zip(y.par_chunks(dim))).for_each(|(out, (x, y))| {
        for ((out, &x), weights) in out.iter_mut().zip(x).zip(weights.chunks(dim)) {
            *out = scale * signed_sum(x, y, weights);
        }
    });
    gradient
}

/// [`cost`] by libtorch's operations, a column of `x` at a time: `rows · dim` memory.
pub(super) fn cost_there(x: &Tensor, y: &Tensor) -> Tensor {
    let of = |p: i64| (x.narrow(1, p, 1) - y).abs().mean_dim(0, false, Kind::Float);
    Tensor::stack(&(0..x.size()[1]).map(of).collect::<Vec<_>>(), 0)
}

/// [`gradient`] the same way; `weights` `[dim, dim]`.
pub(super) fn gradient_there(x: &Tensor, y: &Tensor, weights: &Tensor) -> Tensor {
    let of = |p: i64| (x.narrow(1, p, 1) - y).sign().mv(&weights.get(p)) / x.size()[0];
    Tensor::stack(&(0..x.size()[1]).map(of).collect::<Vec<_>>(), 1)
}

/// The transpose of a square matrix.
pub(super) fn transpose(matrix: &[f32], dim: usize) -> Vec<f32> {
    (0..dim * dim).map(|at| matrix[(at % dim) * dim + at / dim]).collect()
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2", "aarch64+neon"))]
fn distances(x: &[f32], y: &[f32], p: usize, sums: &mut [f32]) {
    let dim = sums.len();
    for (x, y) in x.chunks(dim).zip(y.chunks(dim)) {
        let x = x[p];
        sums.iter_mut().zip(y).for_each(|(sum, y)| *sum += (x - y).abs());
    }
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2", "aarch64+neon"))]
fn signed_sum(x: f32, y: &[f32], weights: &[f32]) -> f32 {
    let mut sums = [0f32; 8];
    let sign = |y: f32| f32::from(x > y) - f32::from(x < y);
    let (ys, y_rest) = y.as_chunks::<8>();
    let (ws, w_rest) = weights.as_chunks::<8>();
    for (y, w) in ys.iter().zip(ws) {
        for lane in 0..8 {
            sums[lane] += w[lane] * sign(y[lane]);
        }
    }
    sums.iter().sum::<f32>() + y_rest.iter().zip(w_rest).map(|(&y, w)| w * sign(y)).sum::<f32>()
}
