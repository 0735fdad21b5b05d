//! `T_0(Â) x, T_1(Â) x, …`, two at a time.

use sprs::CsMatI;

use crate::spmm::{Dense, Rows, Write, spmm};

/// Chebyshev polynomials of a matrix applied to the columns of a table, `T_{k+1} = 2 Â T_k − T_{k−1}`: two tables are
/// held, whatever the degree.
///
/// Cost: a product with the matrix a degree.
pub(super) struct Recursion<'a> {
    matrix: &'a CsMatI<f32, u32, usize>,
    width: usize,
    /// Of the newest degree, and of the one before.
    pub(super) now: Vec<f32>,
    pub(super) before: Vec<f32>,
}

impl<'a> Recursion<'a> {
    /// Degree zero of tables `[nodes, width]`, to be filled by the caller.
    pub(super) fn new(matrix: &'a CsMatI<f32, u32, usize>, width: usize) -> Self {
        let table = || vec![0f32; matrix.rows() * width];
        Self { matrix, width, now: table(), before: table() }
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
        let source = Dense::whole(&self.before);
        spmm(Rows::of(self.matrix), source, (None, scale), (&mut self.now, None, write), self.width);
    }
}
