//! Sparse matrix times dense matrix on slices.

use multiversion::multiversion;
use rayon::prelude::*;
use sprs::CsMatI;

use crate::Subset;

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

impl<'a> Rows<'a> {
    pub(crate) fn of(matrix: &'a CsMatI<f32, u32, usize>) -> Self {
        // A whole matrix, never a view into one: its offsets start at zero.
        let offsets = matrix.indptr().into_raw_storage();
        Self { offsets, columns: matrix.indices(), values: matrix.data() }
    }
}

/// A dense matrix of `width` columns, of which some rows may be missing: those are zero.
#[derive(Clone, Copy)]
pub(crate) struct Dense<'a> {
    pub(crate) values: &'a [f32],
    /// Where the rows lie, if not all are there.
    pub(crate) subset: Option<&'a Subset>,
}

/// What becomes of what `out` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Write {
    /// It is replaced.
    Replace,
    /// The product is added to it.
    Add,
    /// It is taken off the product.
    Subtract,
}

/// `out = scale · (base + A x)` row by row, or that added to `out`, or less `out`, with `A` `[n, m]`, `x` `[m, width]`, `base` `[n, width]` or nothing, and `out`
/// `[n, width]`, or of a subset of the rows alone; all row-major.
///
/// Cost: 2·entries·width flops; entries·width reads of `x` in random rows, each a whole run of `width` floats. Only the
/// entries are counted that lie in rows of `out` and meet rows of `x`.
/// Every row is summed in the order of its entries by one thread: the bits do not depend on the thread count.
pub(crate) fn spmm(
    a: Rows<'_>,
    x: Dense<'_>,
    (base, scale): (Option<Dense<'_>>, f32),
    (out, of, write): (&mut [f32], Option<&Subset>, Write),
    width: usize,
) {
    let zeros = vec![0f32; width];
    let part = |matrix: Dense<'_>, row: usize| matrix.place(row).map(|at| at * width..(at + 1) * width);
    out.par_chunks_mut(ROWS * width).enumerate().for_each_init(Entries::default, |met, (chunk, out)| {
        for (lane, out) in out.chunks_mut(width).enumerate() {
            let at = chunk * ROWS + lane;
            let row = of.map_or(at, |subset| subset.rows()[at] as usize);
            let span = a.offsets[row]..a.offsets[row + 1];
            let (columns, values) = (&a.columns[span.clone()], &a.values[span]);
            let (columns, values) = x.subset.map_or((columns, values), |s| met.meet(columns, values, s));
            let base = base.and_then(|base| Some(&base.values[part(base, row)?])).unwrap_or(&zeros);
            row_kernel(columns, values, x.values, base, scale, (out, write));
        }
    });
}

impl<'a> Dense<'a> {
    /// A matrix with all its rows.
    pub(crate) fn whole(values: &'a [f32]) -> Self {
        Self { values, subset: None }
    }

    fn place(self, row: usize) -> Option<usize> {
        self.subset.map_or(Some(row), |subset| subset.place(row))
    }
}

/// The entries of a row that meet a row that is there, kept to spare an allocation for each row.
#[derive(Default)]
struct Entries {
    columns: Vec<u32>,
    values: Vec<f32>,
}

impl Entries {
    fn meet(&mut self, columns: &[u32], values: &[f32], subset: &Subset) -> (&[u32], &[f32]) {
        if self.columns.len() < columns.len() {
            self.columns.resize(columns.len(), 0);
            self.values.resize(columns.len(), 0.0);
        }
        // Written whether it is kept or not: which one is met is anybody's guess, a branch predictor's too.
        let mut kept = 0;
        for (&column, &value) in columns.iter().zip(values) {
            let place = subset.place(column as usize);
            (self.columns[kept], self.values[kept]) = (place.unwrap_or_default() as u32, value);
            kept += usize::from(place.is_some());
        }
        (&self.columns[..kept], &self.values[..kept])
    }
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2", "aarch64+neon"))]
fn row_kernel(
    columns: &[u32],
    values: &[f32],
    x: &[f32],
    base: &[f32],
    scale: f32,
    (out, write): (&mut [f32], Write),
) {
    let width = out.len();
    let mut start = 0;
    // Wide tiles walk the entries once for more columns; narrow ones take what is left.
    while start + WIDE <= width {
        tile::<WIDE>(columns, values, x, base, scale, (out, write), start);
        start += WIDE;
    }
    while start + NARROW <= width {
        tile::<NARROW>(columns, values, x, base, scale, (out, write), start);
        start += NARROW;
    }
    for at in start..width {
        let terms =
            columns.iter().zip(values).map(|(&column, value)| value * x[column as usize * width + at]);
        let sum = scale * terms.fold(base[at], |sum, term| sum + term);
        out[at] = match write {
            Write::Replace => sum,
            Write::Add => out[at] + sum,
            Write::Subtract => sum - out[at],
        };
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
    (out, write): (&mut [f32], Write),
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
    let out = out[start..start + TILE].iter_mut().zip(sum);
    match write {
        Write::Replace => out.for_each(|(out, sum)| *out = scale * sum),
        Write::Add => out.for_each(|(out, sum)| *out += scale * sum),
        Write::Subtract => out.for_each(|(out, sum)| *out = scale * sum - *out),
    }
}
