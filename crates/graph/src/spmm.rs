//! Sparse matrix times dense matrix on slices.

use multiversion::multiversion;
use rayon::prelude::*;

/// Rows a rayon task takes: enough to hide its cost, few enough to balance uneven degrees.
const ROWS: usize = 64;

/// Columns held in registers at once, and where so many are not left.
const WIDE: usize = 64;
const NARROW: usize = 16;

/// Compressed sparse rows, borrowed.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) offsets: &'a [usize],
    pub(crate) columns: &'a [u32],
    pub(crate) values: &'a [f32],
}

/// `out = A x` with `A` `[n, m]`, `x` `[m, width]` and `out` `[n, width]`, row-major; costs as [`spmm_add`].
pub(crate) fn spmm(a: Rows<'_>, x: &[f32], out: &mut [f32], width: usize) {
    let zeros = vec![0f32; width];
    each_row(a, out, width, |columns, values, _, out| row_kernel(columns, values, x, &zeros, 1.0, out));
}

/// `out = scale · (base + A x)`, with `A` `[n, n]` and the others `[n, width]`, row-major.
///
/// Cost: 2·entries·width flops; entries·width reads of `x` in random rows, each a whole run of `width` floats.
/// Every row is summed in the order of its entries by one thread: the bits do not depend on the thread count.
pub(crate) fn spmm_add(a: Rows<'_>, x: &[f32], base: &[f32], scale: f32, out: &mut [f32], width: usize) {
    each_row(a, out, width, |columns, values, row, out| {
        row_kernel(columns, values, x, &base[row * width..][..width], scale, out);
    });
}

/// Calls `kernel(columns, values, row, its part of out)` for every row, rows in parallel.
fn each_row(
    a: Rows<'_>,
    out: &mut [f32],
    width: usize,
    kernel: impl Fn(&[u32], &[f32], usize, &mut [f32]) + Sync,
) {
    out.par_chunks_mut(ROWS * width).enumerate().for_each(|(chunk, out)| {
        for (lane, out) in out.chunks_mut(width).enumerate() {
            let row = chunk * ROWS + lane;
            let span = a.offsets[row]..a.offsets[row + 1];
            kernel(&a.columns[span.clone()], &a.values[span], row, out);
        }
    });
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2", "aarch64+neon"))]
fn row_kernel(columns: &[u32], values: &[f32], x: &[f32], base: &[f32], scale: f32, out: &mut [f32]) {
    let width = out.len();
    let mut start = 0;
    // Wide tiles walk the entries once for more columns; narrow ones take what is left.
    while start + WIDE <= width {
        tile::<WIDE>(columns, values, x, base, scale, out, start);
        start += WIDE;
    }
    while start + NARROW <= width {
        tile::<NARROW>(columns, values, x, base, scale, out, start);
        start += NARROW;
    }
    for at in start..width {
        let terms =
            columns.iter().zip(values).map(|(&column, value)| value * x[column as usize * width + at]);
        out[at] = scale * terms.fold(base[at], |sum, term| sum + term);
    }
}

/// Columns `start..start + TILE` of a row, summed in registers.
#[inline(always)]
fn tile<const TILE: usize>(
    columns: &[u32],
    values: &[f32],
    x: &[f32],
    base: &[f32],
    scale: f32,
    out: &mut [f32],
    start: usize,
) {
    let width = out.len();
    let mut sum = [0f32; TILE];
    sum.copy_from_slice(&base[start..start + TILE]);
    for (&column, &value) in columns.iter().zip(values) {
        let source = &x[column as usize * width + start..][..TILE];
        for (sum, source) in sum.iter_mut().zip(source) {
            *sum += value * source;
        }
    }
    for (out, sum) in out[start..start + TILE].iter_mut().zip(sum) {
        *out = scale * sum;
    }
}
