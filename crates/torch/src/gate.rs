//! A gated sum of views and its vector–Jacobian product, one pass each on the CPU.

use multiversion::multiversion;
use rayon::prelude::*;
use tch::{Device, Kind, Tensor};

use crate::{
    Result,
    dropout::Dropout,
    slice::{as_slice, as_slice_mut},
};

/// Rows a rayon task takes.
const ROWS: usize = 64;

/// The sum `y = s · Σ_v x_v ⊙ σ(l_v) ⊙ m_v` of views `x_v`, logits `l_v` and dropout masks `m_v`.
///
/// # Shapes
/// Every view `[rows, dim]`, given as blocks of rows one below the other; logits `[rows, views · dim]`, a view's columns
/// after the other's; `y` `[rows, dim]`.
///
/// Cost: each view and its gates are read once forwards, and once more backwards, where their gradients are written.
/// By libtorch's operations every product would be a tensor of its own, eight of them a view.
#[derive(Debug)]
pub struct GatedSum {
    views: Vec<Vec<Tensor>>,
    /// `σ(l)`.
    gates: Tensor,
    dropout: Option<Dropout>,
    scale: f32,
}

impl GatedSum {
    /// The parts of a sum, without the tape; `dropout` is drawn for as many entries as there are logits.
    ///
    /// # Panics
    /// When shapes do not fit.
    pub fn new(views: Vec<Vec<Tensor>>, logits: &Tensor, dropout: Option<Dropout>, scale: f64) -> Self {
        let [rows, width] = logits.size()[..] else { panic!("logits are a matrix") };
        for view in &views {
            let blocks = || view.iter().map(Tensor::size);
            assert_eq!(blocks().map(|size| size[0]).sum::<i64>(), rows, "each row has its logits");
            assert!(blocks().all(|size| size[1] * views.len() as i64 == width), "each view has its logits");
        }
        let here = logits.device() == Device::Cpu;
        let fits = |d: &Dropout| d.entries() == logits.numel() && d.bits().is_some() == here;
        assert!(dropout.as_ref().is_none_or(fits), "a mask for the logits, drawn for their device");
        let plain = |blocks: Vec<Tensor>| blocks.into_iter().map(|x| x.detach().contiguous()).collect();
        let gates = tch::no_grad(|| logits.detach().sigmoid().contiguous());
        Self { views: views.into_iter().map(plain).collect(), gates, dropout, scale: scale as f32 }
    }

    /// The sum.
    ///
    /// # Errors
    /// [`crate::Error::Form`] for views that are not of `f32`.
    pub fn apply(&self) -> Result<Tensor> {
        if self.gates.device() != Device::Cpu {
            return Ok(self.remote_sum());
        }
        let (gates, dim) = (self.plain()?, self.dim());
        let mut out = Tensor::zeros([self.gates.size()[0], dim as i64], (Kind::Float, Device::Cpu));
        for (at, view) in self.views.iter().enumerate() {
            let mut rest = as_slice_mut(&mut out)?;
            let mut first = 0;
            for block in view {
                let block = as_slice(block)?;
                let (here, below) = rest.split_at_mut(block.len());
                here.par_chunks_mut(ROWS * dim).zip(block.par_chunks(ROWS * dim)).enumerate().for_each(
                    |(chunk, (out, block))| {
                        for (lane, (out, view)) in out.chunks_mut(dim).zip(block.chunks(dim)).enumerate() {
                            let (open, kept) = gates.of(first + chunk * ROWS + lane, at);
                            add_row(view, open, kept, gates, out);
                        }
                    },
                );
                first += block.len() / dim;
                rest = below;
            }
        }
        Ok(out)
    }

    /// From the gradient at the sum to those at every view and at the logits.
    ///
    /// # Errors
    /// [`crate::Error::Form`] for a gradient that is not of `f32`.
    pub fn vjp(&self, gradient: &Tensor) -> Result<(Vec<Vec<Tensor>>, Tensor)> {
        if self.gates.device() != Device::Cpu {
            return Ok(self.remote_vjp(gradient));
        }
        let gradient = gradient.detach().contiguous();
        let (gradient, gates, dim) = (as_slice(&gradient)?, self.plain()?, self.dim());
        let stride = dim * self.views.len();
        let mut of_logits = self.gates.empty_like();
        let mut of_views = Vec::new();
        for (at, view) in self.views.iter().enumerate() {
            let mut rest = as_slice_mut(&mut of_logits)?;
            let mut first = 0;
            let mut of_blocks = Vec::new();
            for block in view {
                let mut of_block = block.empty_like();
                let values = as_slice(block)?;
                let (here, below) = rest.split_at_mut(values.len() / dim * stride);
                let chunks = as_slice_mut(&mut of_block)?
                    .par_chunks_mut(ROWS * dim)
                    .zip(here.par_chunks_mut(ROWS * stride))
                    .zip(values.par_chunks(ROWS * dim));
                chunks.enumerate().for_each(|(chunk, ((of_block, of_logits), values))| {
                    let rows =
                        of_block.chunks_mut(dim).zip(of_logits.chunks_mut(stride)).zip(values.chunks(dim));
                    for (lane, ((of_view, of_logits), view)) in rows.enumerate() {
                        let row = first + chunk * ROWS + lane;
                        let (open, kept) = gates.of(row, at);
                        let inputs = [&gradient[row * dim..][..dim], view, open];
                        row_vjp(inputs, kept, gates, of_view, &mut of_logits[at * dim..][..dim]);
                    }
                });
                first += values.len() / dim;
                of_blocks.push(of_block);
                rest = below;
            }
            of_views.push(of_blocks);
        }
        Ok((of_views, of_logits))
    }

    fn dim(&self) -> usize {
        self.gates.size()[1] as usize / self.views.len()
    }

    fn plain(&self) -> Result<Gates<'_>> {
        let (bits, threshold, scale) = self
            .dropout
            .as_ref()
            .map_or((&[][..], 0, 1.0), |d| (d.bits().unwrap_or(&[]), d.threshold, d.scale));
        let gates = as_slice(&self.gates)?;
        Ok(Gates {
            gates,
            bits,
            threshold,
            factor: self.scale * scale,
            dim: self.dim(),
            views: self.views.len(),
        })
    }

    /// `s · m` as a tensor of the logits' shape.
    fn remote_mask(&self) -> Tensor {
        let (shape, device) = (self.gates.size(), self.gates.device());
        let ones = || Tensor::ones(&shape[..], (Kind::Float, device));
        self.dropout.as_ref().map_or_else(ones, |dropout| dropout.mask(&shape, device))
            * f64::from(self.scale)
    }

    /// All views side by side, `[rows, views · dim]`.
    fn remote_views(&self) -> Tensor {
        Tensor::cat(&self.views.iter().map(|blocks| Tensor::cat(blocks, 0)).collect::<Vec<_>>(), 1)
    }

    fn remote_sum(&self) -> Tensor {
        tch::no_grad(|| {
            let all = self.remote_views() * &self.gates * self.remote_mask();
            all.view([-1, self.views.len() as i64, self.dim() as i64]).sum_dim_intlist(1, false, Kind::Float)
        })
    }

    fn remote_vjp(&self, gradient: &Tensor) -> (Vec<Vec<Tensor>>, Tensor) {
        tch::no_grad(|| {
            let count = self.views.len() as i64;
            let masked = gradient.detach().repeat([1, count]) * &self.gates * self.remote_mask();
            let of_logits = self.remote_views() * &masked * (1.0 - &self.gates);
            let blocks = |(blocks, all): (&Vec<Tensor>, Tensor)| {
                let rows: Vec<i64> = blocks.iter().map(|block| block.size()[0]).collect();
                all.split_with_sizes(rows, 0)
            };
            (self.views.iter().zip(masked.chunk(count, 1)).map(blocks).collect(), of_logits)
        })
    }
}

/// The gates as plain slices, for kernels on several threads.
#[derive(Clone, Copy)]
struct Gates<'a> {
    gates: &'a [f32],
    /// What decides which entries are kept; empty without dropout.
    bits: &'a [u16],
    /// Entries whose bits lie below are dropped.
    threshold: u32,
    /// What a kept entry is multiplied by.
    factor: f32,
    dim: usize,
    views: usize,
}

impl<'a> Gates<'a> {
    /// A row of a view's gates, and its bits.
    fn of(&self, row: usize, view: usize) -> (&'a [f32], &'a [u16]) {
        let start = (row * self.views + view) * self.dim;
        let bits = if self.bits.is_empty() { self.bits } else { &self.bits[start..][..self.dim] };
        (&self.gates[start..][..self.dim], bits)
    }

    fn mask(&self, bits: u16) -> f32 {
        if u32::from(bits) < self.threshold { 0.0 } else { self.factor }
    }
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512bw+avx512vl", "x86_64+avx2", "aarch64+neon"))]
fn add_row(view: &[f32], open: &[f32], kept: &[u16], gates: Gates<'_>, out: &mut [f32]) {
    let terms = out.iter_mut().zip(view).zip(open);
    if kept.is_empty() {
        terms.for_each(|((out, x), gate)| *out += x * gate * gates.factor);
    } else {
        terms.zip(kept).for_each(|(((out, x), gate), &bits)| *out += x * gate * gates.mask(bits));
    }
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512bw+avx512vl", "x86_64+avx2", "aarch64+neon"))]
fn row_vjp(
    [gradient, view, open]: [&[f32]; 3],
    kept: &[u16],
    gates: Gates<'_>,
    of_view: &mut [f32],
    of_logits: &mut [f32],
) {
    let width = of_view.len();
    let (gradient, view, open) = (&gradient[..width], &view[..width], &open[..width]);
    let of_logits = &mut of_logits[..width];
    let mut entry = |at: usize, mask: f32| {
        let through = gradient[at] * open[at] * mask;
        of_view[at] = through;
        of_logits[at] = through * view[at] * (1.0 - open[at]);
    };
    if kept.is_empty() {
        (0..width).for_each(|at| entry(at, gates.factor));
    } else {
        kept.iter().take(width).enumerate().for_each(|(at, &bits)| entry(at, gates.mask(bits)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Purpose, Seed};

    fn random(shape: [i64; 2], seed: i64) -> Tensor {
        tch::manual_seed(seed);
        Tensor::randn(shape, (Kind::Float, Device::Cpu)).set_requires_grad(true)
    }

    #[test]
    fn the_sum_and_its_vjp_equal_autograd_s_and_the_device_s() {
        for (rows, dim, count, rate) in [(1, 1, 1, 0.0), (70, 20, 3, 0.3), (130, 64, 2, 0.1), (5, 7, 4, 1.0)]
        {
            let views: Vec<Tensor> = (0..count).map(|view| random([rows, dim], view)).collect();
            let logits = random([rows, dim * count], 9);
            let mut rng = Seed(1).stream(Purpose::Dropout, 0);
            let dropout = (rate > 0.0).then(|| Dropout::draw(logits.numel(), rate, &mut rng, Device::Cpu));
            let mask = dropout.as_ref().map_or_else(
                || Tensor::ones([rows, dim * count], (Kind::Float, Device::Cpu)),
                |dropout| dropout.mask(&[rows, dim * count], Device::Cpu),
            );
            let gated = Tensor::cat(&views, 1) * logits.sigmoid() * mask * 0.5;
            let sum = gated.view([rows, count, dim]).sum_dim_intlist(1, false, Kind::Float);
            let gradient = random([rows, dim], 11).detach();
            (&sum * &gradient).sum(Kind::Float).backward();
            // Each view in two blocks of rows.
            let split = |view: &Tensor| view.detach().split_with_sizes([rows / 3, rows - rows / 3], 0);
            let ours = GatedSum::new(views.iter().map(split).collect(), &logits, dropout, 0.5);
            let (of_views, of_logits) = ours.vjp(&gradient).unwrap();
            let (remote_views, remote_logits) = ours.remote_vjp(&gradient);
            let same = |a: &Tensor, b: &Tensor| assert!(a.allclose(b, 1e-5, 1e-6, false));
            same(&ours.apply().unwrap(), &sum);
            same(&ours.remote_sum(), &sum);
            same(&of_logits, &logits.grad());
            same(&remote_logits, &logits.grad());
            for (at, view) in views.iter().enumerate() {
                same(&Tensor::cat(&of_views[at], 0), &view.grad());
                same(&Tensor::cat(&remote_views[at], 0), &view.grad());
            }
        }
    }

    #[test]
    fn the_vjp_equals_central_differences() {
        let (view, logits) = (random([4, 5], 1), random([4, 5], 2));
        let direction = random([4, 5], 3).detach();
        let at = |step: f64| {
            let moved = tch::no_grad(|| &logits + &direction * step);
            GatedSum::new(vec![vec![view.shallow_clone()]], &moved, None, 1.0)
                .apply()
                .unwrap()
                .sum(Kind::Double)
        };
        let difference = (at(1e-2) - at(-1e-2)).double_value(&[]) / 2e-2;
        let gates = GatedSum::new(vec![vec![view.shallow_clone()]], &logits, None, 1.0);
        let (_, of_logits) = gates.vjp(&view.detach().ones_like()).unwrap();
        let expected = (of_logits * &direction).sum(Kind::Double).double_value(&[]);
        assert!((difference - expected).abs() < 1e-2 * expected.abs(), "{difference} {expected}");
    }
}
