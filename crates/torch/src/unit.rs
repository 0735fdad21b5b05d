//! Rows scaled to unit length and the vector–Jacobian product, one pass each on the CPU.

use rayon::prelude::*;
use tch::{Device, Kind, Tensor};

use crate::{
    Result,
    slice::{as_slice, as_slice_mut, dot},
};

/// Rows a rayon task takes.
const ROWS: usize = 64;

/// Rows that are not longer point nowhere: they become zero, and take no gradient.
const SHORTEST: f64 = 1e-6;

/// The map `x ↦ x / |x|` of every row, or of every run of `dim` columns in a row; rows of no more than 1e-6 become zero.
///
/// Cost: a pass over the table forwards and one backwards. By libtorch's operations it is five there and nine back.
///
/// ```
/// use recgoat_torch::UnitRows;
/// use tch::Tensor;
/// // Two runs of two columns in a row.
/// let x = Tensor::from_slice(&[3f32, 4.0, 0.0, -2.0]).view([1, 4]);
/// let unit = UnitRows::new(&[&x], 2)?;
/// let expected = Tensor::from_slice(&[0.6f32, 0.8, 0.0, -1.0]).view([1, 4]);
/// assert!(unit.output().allclose(&expected, 1e-6, 1e-6, false));
/// // What points along a row does not move it.
/// assert!(unit.vjp(&expected)?[0].abs().max().double_value(&[]) < 1e-6);
/// # Ok::<(), recgoat_torch::Error>(())
/// ```
#[derive(Debug)]
pub struct UnitRows {
    output: Tensor,
    /// `1 / |x|`, or zero, `[rows, runs]`.
    inverse: Tensor,
    /// Rows of each table.
    heights: Vec<i64>,
    dim: usize,
}

impl UnitRows {
    /// Of tables of one width, the output's rows one table's below the other's; without the tape.
    ///
    /// # Errors
    /// [`crate::Error::Form`] for tables that are not of `f32`.
    ///
    /// # Panics
    /// Without a table, when widths differ, or `dim` does not divide them.
    pub fn new(tables: &[&Tensor], dim: usize) -> Result<Self> {
        let width = tables[0].size()[1];
        assert!(dim > 0 && width % dim as i64 == 0, "runs of {dim} in rows of {width}");
        let heights: Vec<i64> = tables.iter().map(|table| table.size()[0]).collect();
        let (rows, runs, device) = (heights.iter().sum(), width / dim as i64, tables[0].device());
        let plain: Vec<Tensor> = tables.iter().map(|table| table.detach().contiguous()).collect();
        if device != Device::Cpu {
            let (output, inverse) = remote(&Tensor::cat(&plain, 0), dim);
            return Ok(Self { output, inverse, heights, dim });
        }
        let mut output = Tensor::empty([rows, width], (Kind::Float, Device::Cpu));
        let mut inverse = Tensor::empty([rows, runs], (Kind::Float, Device::Cpu));
        let (mut out, mut scales) = (as_slice_mut(&mut output)?, as_slice_mut(&mut inverse)?);
        for table in &plain {
            assert_eq!(table.size()[1], width, "tables of one width");
            let x = as_slice(table)?;
            let (here, below) = out.split_at_mut(x.len());
            let (scales_here, scales_below) = scales.split_at_mut(x.len() / dim);
            let runs = here.par_chunks_mut(dim).zip(x.par_chunks(dim)).zip(scales_here);
            runs.with_min_len(ROWS).for_each(|((out, x), scale)| {
                let length = dot(x, x).sqrt();
                *scale = if length > SHORTEST as f32 { length.recip() } else { 0.0 };
                out.iter_mut().zip(x).for_each(|(out, x)| *out = x * *scale);
            });
            (out, scales) = (below, scales_below);
        }
        Ok(Self { output, inverse, heights, dim })
    }

    /// The scaled rows, `[rows, width]`.
    pub fn output(&self) -> &Tensor {
        &self.output
    }

    /// `(g − y (y · g)) / |x|` of the gradient at the output, a table each.
    ///
    /// # Errors
    /// [`crate::Error::Form`] for a gradient that is not of `f32`.
    ///
    /// # Panics
    /// When the gradient has another shape than the output.
    pub fn vjp(&self, gradient: &Tensor) -> Result<Vec<Tensor>> {
        assert_eq!(gradient.size(), self.output.size(), "a gradient of the output's shape");
        let gradient = gradient.detach().contiguous();
        if self.output.device() != Device::Cpu {
            return Ok(self.split(&self.remote_vjp(&gradient)));
        }
        let mut found = self.output.empty_like();
        let (y, g, scales) = (as_slice(&self.output)?, as_slice(&gradient)?, as_slice(&self.inverse)?);
        let runs = as_slice_mut(&mut found)?
            .par_chunks_mut(self.dim)
            .zip(y.par_chunks(self.dim))
            .zip(g.par_chunks(self.dim))
            .zip(scales);
        runs.with_min_len(ROWS).for_each(|(((found, y), g), scale)| {
            let along = dot(y, g);
            for ((found, y), g) in found.iter_mut().zip(y).zip(g) {
                *found = (g - y * along) * scale;
            }
        });
        Ok(self.split(&found))
    }

    fn remote_vjp(&self, gradient: &Tensor) -> Tensor {
        tch::no_grad(|| {
            let shape = [-1, self.inverse.size()[1], self.dim as i64];
            let (y, g) = (self.output.view(shape), gradient.view(shape));
            let along = (&y * &g).sum_dim_intlist(-1, true, Kind::Float);
            ((g - y * along) * self.inverse.unsqueeze(-1)).view_as(&self.output)
        })
    }

    fn split(&self, whole: &Tensor) -> Vec<Tensor> {
        whole.split_with_sizes(&self.heights[..], 0)
    }
}

/// The scaled rows and their inverse lengths by libtorch's operations, for devices that the kernel does not reach.
fn remote(x: &Tensor, dim: usize) -> (Tensor, Tensor) {
    tch::no_grad(|| {
        let runs = x.view([x.size()[0], -1, dim as i64]);
        let lengths = runs.square().sum_dim_intlist(-1, false, Kind::Float).sqrt();
        let inverse = lengths.reciprocal() * lengths.gt(SHORTEST);
        let inverse = inverse.nan_to_num(0.0, None::<f64>, None::<f64>);
        ((runs * inverse.unsqueeze(-1)).view_as(x), inverse)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn equals_autograd(
            first in 0i64..5, second in 1i64..5, runs in 1i64..4, dim in 1i64..40, seed in 0i64..100, zero in any::<bool>(),
        ) {
            tch::manual_seed(seed);
            let table = |rows| Tensor::randn([rows, runs * dim], (Kind::Float, Device::Cpu));
            let tables = [table(first), if zero { table(second).zeros_like() } else { table(second) }];
            let leaves = tables.map(|table| table.set_requires_grad(true));
            let ours = UnitRows::new(&[&leaves[0], &leaves[1]], dim as usize).unwrap();
            let x = Tensor::cat(&leaves, 0).view([-1, runs, dim]);
            let squares = x.square().sum_dim_intlist(-1, true, Kind::Float);
            let y = (&x / squares.clamp_min(1e-12).sqrt()).view([-1, runs * dim]);
            prop_assert!(ours.output().allclose(&y, 1e-5, 1e-6, false));
            let g = y.randn_like();
            (&y * &g).sum(Kind::Float).backward();
            for (at, (found, leaf)) in ours.vjp(&g).unwrap().iter().zip(&leaves).enumerate() {
                let expected = if zero && at == 1 { leaf.zeros_like() } else { leaf.grad() };
                prop_assert!(found.allclose(&expected, 1e-3, 1e-4, false), "{found} {expected}");
            }
            // What other devices do, on this one.
            let (output, inverse) = remote(&Tensor::cat(&leaves, 0).detach(), dim as usize);
            prop_assert!(output.allclose(ours.output(), 1e-5, 1e-6, false));
            prop_assert!(inverse.allclose(&ours.inverse, 1e-4, 1e-6, false));
            let theirs = ours.split(&ours.remote_vjp(&g));
            for (found, theirs) in ours.vjp(&g).unwrap().iter().zip(&theirs) {
                prop_assert!(found.allclose(theirs, 1e-4, 1e-5, false));
            }
        }
    }
}
