//! Filters of a graph's Laplacian by Chebyshev's recursion: no eigenvector is needed.

use std::cell::RefCell;

use rayon::prelude::*;
use recgoat_torch::{as_slice, as_slice_mut};
use tch::{Device, Kind, Tensor};

use super::{
    Series,
    recursion::{ROWS, Recursion, Space},
    series::parity,
};
use crate::{
    Adjacency, Error, LinearMap, Result, Subset,
    error::{expect_rows, expect_shape, expect_subset},
    relay::add_to,
};

/// Columns filtered at once: two tables of them, `8 · nodes · 64` bytes, stay in a cache that four times as many leave.
const PANEL: usize = 64;

/// Filters side by side, `x ↦ (g_1(L) x, …, g_M(L) x)`, with `L = I − Â`: from `[nodes, width]` to `[nodes, M · width]`.
///
/// Cost, there and back each: `degree` products with the graph (`2 · entries · width` flops), shared by all filters, and
/// `2 · degree · M · width` flops a row that is wanted. Two tables of 64 columns are held beside the result.
#[derive(Debug)]
pub struct ChebyshevBank {
    adjacency: Adjacency,
    filters: usize,
    /// Of each degree, each filter's coefficient for `T_k(Â) = (−1)ᵏ T_k(L − I)`.
    degrees: Vec<Vec<f32>>,
    /// The matrix where the CPU kernel cannot reach it.
    remote: Option<Tensor>,
    space: RefCell<Space>,
}

/// A table of gradients or images: its values, and which of all rows it holds.
struct Table<'a, T> {
    values: T,
    rows: Option<&'a Subset>,
}

impl ChebyshevBank {
    /// Of at least one filter, for tensors of `device`.
    ///
    /// # Errors
    /// [`Error::Shape`] without filters.
    pub fn new(adjacency: Adjacency, filters: &[Series], device: Device) -> Result<Self> {
        if filters.is_empty() {
            return Err(Error::Shape {
                operation: "filters",
                expected: "at least one".into(),
                found: "none".into(),
            });
        }
        let count = filters.iter().map(|filter| filter.coefficients().len()).max().unwrap_or(0);
        let of = |k: usize, filter: &Series| {
            (parity(k) * filter.coefficients().get(k).copied().unwrap_or(0.0)) as f32
        };
        // At least degree one, so that the recursion may start.
        let degrees = (0..count.max(2)).map(|k| filters.iter().map(|filter| of(k, filter)).collect());
        let remote = (device != Device::Cpu).then(|| adjacency.to_tensor(device));
        Ok(Self {
            filters: filters.len(),
            degrees: degrees.collect(),
            remote,
            space: RefCell::default(),
            adjacency,
        })
    }

    /// The highest degree of a filter.
    pub fn degree(&self) -> usize {
        self.degrees.len() - 1
    }

    fn nodes(&self) -> i64 {
        self.adjacency.nodes() as i64
    }

    fn image(&self, x: &Tensor, rows: Option<&Subset>) -> Result<Tensor> {
        expect_rows("filters", x, self.nodes())?;
        rows.map_or(Ok(()), |rows| expect_subset("filters", rows, self.nodes()))?;
        if let Some(matrix) = &self.remote {
            let image = tch::no_grad(|| self.image_remotely(matrix, &x.detach()));
            return Ok(rows.map_or_else(
                || image.shallow_clone(),
                |rows| image.index_select(0, &rows.to_tensor(image.device())),
            ));
        }
        let x = x.detach().contiguous();
        let (source, width) = (as_slice(&x)?, x.size()[1] as usize);
        let count = rows.map_or(self.nodes(), |rows| rows.rows().len() as i64);
        let shape = [count, (width * self.filters) as i64];
        let mut out = Tensor::zeros(shape, (Kind::Float, Device::Cpu));
        let mut space = self.space.borrow_mut();
        for first in (0..width).step_by(PANEL) {
            let panel = PANEL.min(width - first);
            let mut recursion = Recursion::new(self.adjacency.matrix(), panel, &mut space);
            let chunks = recursion.now.par_chunks_mut(panel).zip(source.par_chunks(width)).with_min_len(ROWS);
            chunks.for_each(|(now, x)| now.copy_from_slice(&x[first..first + panel]));
            recursion.start();
            for (at, pair) in self.degrees.chunks(2).enumerate() {
                if at > 0 {
                    recursion.advance();
                    if pair.len() > 1 {
                        recursion.advance();
                    }
                }
                let out = Table { values: as_slice_mut(&mut out)?, rows };
                self.gather(pair, &recursion, out, (first, panel, width));
            }
        }
        Ok(out)
    }

    /// Adds the terms of two degrees, or of the last one, to the image.
    fn gather(
        &self,
        pair: &[Vec<f32>],
        recursion: &Recursion<'_>,
        Table { values, rows }: Table<'_, &mut [f32]>,
        (first, panel, width): (usize, usize, usize),
    ) {
        let tables = match pair {
            [even, odd] => vec![(even, &*recursion.before), (odd, &*recursion.now)],
            only => only.iter().map(|last| (last, &*recursion.now)).collect(),
        };
        let stride = self.filters * width;
        values.par_chunks_mut(ROWS * stride).enumerate().for_each(|(chunk, block)| {
            for (lane, out_row) in block.chunks_mut(stride).enumerate() {
                let at = chunk * ROWS + lane;
                let row = rows.map_or(at, |rows| rows.rows()[at] as usize);
                for (coefficients, table) in &tables {
                    let term = &table[row * panel..][..panel];
                    for (filter, &c) in coefficients.iter().enumerate().filter(|(_, c)| **c != 0.0) {
                        let out = &mut out_row[filter * width + first..][..panel];
                        out.iter_mut().zip(term).for_each(|(out, term)| *out += c * term);
                    }
                }
            }
        });
    }

    /// `Σ_m g_m(L) G_m`, added to `sum`, by Clenshaw's recurrence: as many products as one filter takes.
    fn pull_back(&self, gradient: &Tensor, rows: Option<&Subset>, sum: &mut Tensor) -> Result<()> {
        let gradient = gradient.detach().contiguous();
        let width = gradient.size()[1] as usize / self.filters;
        let gradient = Table { values: as_slice(&gradient)?, rows };
        let mut space = self.space.borrow_mut();
        for first in (0..width).step_by(PANEL) {
            let panel = PANEL.min(width - first);
            let mut recursion = Recursion::new(self.adjacency.matrix(), panel, &mut space);
            recursion.clear();
            for (k, coefficients) in self.degrees.iter().enumerate().rev() {
                match k {
                    _ if k == self.degree() => {}
                    // Half as much of the newest, and all of the one before: T_1(Â) = Â, not 2Â.
                    0 => recursion.finish(),
                    _ => recursion.advance(),
                }
                self.scatter(coefficients, &gradient, recursion.now, (first, panel, width));
            }
            let sum = as_slice_mut(sum)?;
            let rows = sum.par_chunks_mut(width).zip(recursion.now.par_chunks(panel)).with_min_len(ROWS);
            rows.for_each(|(sum, found)| {
                sum[first..first + panel].iter_mut().zip(found).for_each(|(sum, found)| *sum += found);
            });
        }
        Ok(())
    }

    /// Adds `Σ_m c_m G_m` to a table.
    fn scatter(
        &self,
        coefficients: &[f32],
        gradient: &Table<'_, &[f32]>,
        table: &mut [f32],
        (first, panel, width): (usize, usize, usize),
    ) {
        let stride = self.filters * width;
        table.par_chunks_mut(ROWS * panel).enumerate().for_each(|(chunk, block)| {
            for (lane, out) in block.chunks_mut(panel).enumerate() {
                let row = chunk * ROWS + lane;
                let Some(place) = gradient.rows.map_or(Some(row), |rows| rows.place(row)) else { continue };
                for (filter, &c) in coefficients.iter().enumerate().filter(|(_, c)| **c != 0.0) {
                    let term = &gradient.values[place * stride + filter * width + first..][..panel];
                    out.iter_mut().zip(term).for_each(|(out, term)| *out += c * term);
                }
            }
        });
    }

    fn image_remotely(&self, matrix: &Tensor, x: &Tensor) -> Tensor {
        let mut images: Vec<Tensor> = self.degrees[0].iter().map(|&c| x * f64::from(c)).collect();
        let (mut now, mut before) = (matrix.matmul(x), x.shallow_clone());
        for (k, coefficients) in self.degrees.iter().enumerate().skip(1) {
            if k > 1 {
                let next = matrix.matmul(&now) * 2.0 - &before;
                before = std::mem::replace(&mut now, next);
            }
            for (image, &c) in images.iter_mut().zip(coefficients) {
                *image += &now * f64::from(c);
            }
        }
        Tensor::cat(&images, 1)
    }

    fn pull_back_remotely(&self, matrix: &Tensor, gradient: &Tensor) -> Tensor {
        let parts = gradient.chunk(self.filters as i64, 1);
        let term = |coefficients: &[f32]| {
            let terms = parts.iter().zip(coefficients).map(|(part, &c)| part * f64::from(c));
            terms.reduce(|sum, term| sum + term).expect("at least one filter")
        };
        let (mut next, mut after) = (parts[0].zeros_like(), parts[0].zeros_like());
        for coefficients in self.degrees.iter().skip(1).rev() {
            let newest = term(coefficients) + matrix.matmul(&next) * 2.0 - &after;
            after = std::mem::replace(&mut next, newest);
        }
        term(&self.degrees[0]) + matrix.matmul(&next) - after
    }

    /// A bank that takes libtorch's operations where it need not.
    #[cfg(test)]
    pub(super) fn beyond_the_kernel(adjacency: Adjacency, filters: &[Series]) -> Self {
        let remote = Some(adjacency.to_tensor(Device::Cpu));
        Self { remote, ..Self::new(adjacency, filters, Device::Cpu).expect("filters") }
    }

    fn check_gradient(&self, gradient: &Tensor, rows: Option<&Subset>) -> Result<i64> {
        rows.map_or(Ok(()), |rows| expect_subset("filters", rows, self.nodes()))?;
        let filters = self.filters as i64;
        let width = gradient.size().get(1).copied().unwrap_or(0) / filters;
        let count = rows.map_or(self.nodes(), |rows| rows.rows().len() as i64);
        expect_shape("filters", gradient, &[count, width * filters])?;
        Ok(width)
    }
}

impl LinearMap for ChebyshevBank {
    /// `x` `[nodes, width]` to `[nodes, filters · width]`.
    fn apply(&self, x: &Tensor) -> Result<Tensor> {
        self.image(x, None)
    }

    fn vjp(&self, gradient: &Tensor) -> Result<Tensor> {
        let width = self.check_gradient(gradient, None)?;
        let mut sum = Tensor::zeros([self.nodes(), width], (Kind::Float, gradient.device()));
        self.vjp_add(gradient, None, &mut sum)?;
        Ok(sum)
    }

    fn apply_at(&self, x: &Tensor, rows: &Subset) -> Result<Tensor> {
        self.image(x, Some(rows))
    }

    fn vjp_at(&self, gradient: &Tensor, rows: &Subset) -> Result<Tensor> {
        let width = self.check_gradient(gradient, Some(rows))?;
        let mut sum = Tensor::zeros([self.nodes(), width], (Kind::Float, gradient.device()));
        self.vjp_add(gradient, Some(rows), &mut sum)?;
        Ok(sum)
    }

    fn vjp_add(&self, gradient: &Tensor, rows: Option<&Subset>, sum: &mut Tensor) -> Result<()> {
        let width = self.check_gradient(gradient, rows)?;
        expect_shape("filters", sum, &[self.nodes(), width])?;
        if let Some(matrix) = &self.remote {
            let whole = rows.map_or_else(|| gradient.detach(), |rows| rows.scattered(&gradient.detach()));
            return add_to(sum, &tch::no_grad(|| self.pull_back_remotely(matrix, &whole)));
        }
        if !sum.is_contiguous() {
            let found = rows.map_or_else(|| self.vjp(gradient), |rows| self.vjp_at(gradient, rows))?;
            return add_to(sum, &found);
        }
        self.pull_back(gradient, rows, sum)
    }
}
