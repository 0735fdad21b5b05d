//! `T_0(Â) x, T_1(Â) x, …`, two at a time.

use rayon::prelude::*;
use sprs::CsMatI;

use crate::spmm::{Dense, Rows, Write, spmm};

/// Rows a rayon task takes.
pub(super) const ROWS: usize = 64;

/// Chebyshev polynomials of a matrix applied to the columns of a table, `T_{k+1} = 2 Â T_k − T_{k−1}`: two tables are
/// held, whatever the degree.
///
/// Cost: a product with the matrix a degree.
pub(super) struct Recursion<'a> {
    matrix: &'a CsMatI<f32, u32, usize>,
    width: usize,
    /// Of the newest degree, and of the one before.
    pub(super) now: &'a mut [f32],
    pub(super) before: &'a mut [f32],
}

/// Memory of two tables, to be kept from call to call: fresh memory would have to be paged in every time.
#[derive(Debug, Default)]
pub(super) struct Space([Vec<f32>; 2]);

impl<'a> Recursion<'a> {
    /// Degree zero of tables `[nodes, width]`, to be filled by the caller: they hold whatever they did.
    pub(super) fn new(matrix: &'a CsMatI<f32, u32, usize>, width: usize, space: &'a mut Space) -> Self {
        let Space([now, before]) = space;
        for table in [&mut *now, &mut *before] {
            table.resize(matrix.rows() * width, 0.0);
        }
        Self { matrix, width, now, before }
    }

    /// Both tables zero, from which Clenshaw's recurrence starts.
    pub(super) fn clear(&mut self) {
        for table in [&mut *self.now, self.before] {
            table.par_chunks_mut(ROWS * self.width).for_each(|rows| rows.fill(0.0));
        }
    }

    /// From degree zero to degree one.
    pub(super) fn start(&mut self) {
        std::mem::swap(&mut self.now, &mut self.before);
        self.multiply(1.0, Write::Replace);
    }

    /// To the next degree.
    pub(super) fn advance(&mut self) {
        std::mem::swap(&mut self.now, &mut self.before);
        self.multiply(2.0, Write::Subtract);
    }

    /// The last step of Clenshaw's recurrence, whose first polynomial is `Â` and not `2Â`.
    pub(super) fn finish(&mut self) {
        std::mem::swap(&mut self.now, &mut self.before);
        self.multiply(1.0, Write::Subtract);
    }

    /// `now ← scale · Â before`, or less what `now` holds.
    fn multiply(&mut self, scale: f32, write: Write) {
        let source = Dense::whole(self.before);
        spmm(Rows::of(self.matrix), source, (None, scale), (self.now, None, write), self.width);
    }
}
