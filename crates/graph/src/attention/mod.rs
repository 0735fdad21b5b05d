//! Multi-head attention over the edges of a graph, with its vector–Jacobian product.

mod backward;
mod forward;

use rayon::prelude::*;
use recgoat_torch::{as_slice, from_slice};
use tch::{Device, Kind, Tensor};

use crate::{Error, Pattern, Result, error::expect_shape};

/// Targets a rayon task takes.
const TARGETS: usize = 32;

/// Graph attention (Veličković et al. 2018, eq. 1–4) on inputs that are already projected.
///
/// With `h` a head, `x_i` its `width / heads` columns of row `i` and `i ← j` the edges,
///
/// ```text
/// e_ij = LeakyReLU(left_h·x_i + right_h·x_j)
/// α_ij = exp(e_ij) / Σ_k exp(e_ik)            over the incoming edges i ← k
/// y_i  = Σ_j m_ij α_ij x_j                    m: the dropout mask of edges, or 1
/// ```
#[derive(Debug)]
pub struct Attention {
    pattern: Pattern,
    heads: usize,
    negative_slope: f32,
}

/// The output of [`Attention::forward`] with what the backward pass needs.
#[derive(Debug)]
pub struct Attended {
    /// `y` `[nodes, width]`.
    pub output: Tensor,
    kept: Kept,
}

/// What the forward pass keeps for the backward one.
#[derive(Debug)]
struct Kept {
    /// `α` before dropout, `[edges, heads]`.
    weights: Vec<f32>,
    /// `left·x` and `right·x`, `[nodes, heads]` each.
    scores: [Vec<f32>; 2],
}

/// Gradients that [`Attention::vjp`] returns.
#[derive(Debug)]
pub struct AttentionGradients {
    /// For the input, `[nodes, width]`.
    pub input: Tensor,
    /// For `left`, `[heads, width / heads]`.
    pub left: Tensor,
    /// For `right`, `[heads, width / heads]`.
    pub right: Tensor,
}

impl Attention {
    /// Attention of `heads` heads along `pattern`; a typical negative slope of the LeakyReLU is 0.2.
    pub fn new(pattern: Pattern, heads: usize, negative_slope: f32) -> Self {
        Self { pattern, heads: heads.max(1), negative_slope }
    }

    /// The edges attended along.
    pub fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// Number of heads.
    pub fn heads(&self) -> usize {
        self.heads
    }

    /// Attends, outside the tape, on CPU tensors.
    ///
    /// # Shapes
    /// `x` `[nodes, width]`, `left` and `right` `[heads, width / heads]`, `mask` `[edges, heads]`.
    ///
    /// Cost: `4 · edges · width` flops and `edges · heads` exponentials.
    ///
    /// # Errors
    /// [`Error::Shape`] when shapes disagree, [`Error::Torch`] for tensors that are not contiguous CPU `f32`.
    pub fn forward(
        &self,
        x: &Tensor,
        left: &Tensor,
        right: &Tensor,
        mask: Option<&Tensor>,
    ) -> Result<Attended> {
        let width = self.check(x, left, right, mask)?;
        let (nodes, heads) = (self.pattern.nodes(), self.heads);
        let x = as_slice(x)?;
        let mask = mask.map(as_slice).transpose()?;
        let scores = [self.scores(x, as_slice(left)?, width), self.scores(x, as_slice(right)?, width)];
        let mut weights = vec![0f32; self.pattern.edges() * heads];
        let mut output = vec![0f32; nodes * width];
        let edge_blocks = self.blocks_of_edges(&mut weights);
        output.par_chunks_mut(TARGETS * width.max(1)).zip(edge_blocks).enumerate().for_each(
            |(block, (output, weights))| {
                let mut weights = weights;
                for (lane, output) in output.chunks_mut(width.max(1)).enumerate() {
                    let target = block * TARGETS + lane;
                    let edges = self.pattern.incoming(target);
                    let (own, rest) = weights.split_at_mut(edges.len() * heads);
                    weights = rest;
                    let job = forward::Target {
                        sources: &self.pattern.sources()[edges.clone()],
                        left: &scores[0][target * heads..][..heads],
                        right: &scores[1],
                        mask: mask.map(|m| &m[edges.start * heads..edges.end * heads]),
                        negative_slope: self.negative_slope,
                    };
                    forward::attend(job, x, own, output);
                }
            },
        );
        Ok(Attended { output: self.tensor(&output, width)?, kept: Kept { weights, scores } })
    }

    /// The vector–Jacobian product for `gradient` `[nodes, width]` at the output.
    ///
    /// The inputs are those of the [`Attention::forward`] that gave `attended`.
    ///
    /// # Errors
    /// As [`Attention::forward`].
    pub fn vjp(
        &self,
        attended: &Attended,
        (x, left, right, mask): (&Tensor, &Tensor, &Tensor, Option<&Tensor>),
        gradient: &Tensor,
    ) -> Result<AttentionGradients> {
        let width = self.check(x, left, right, mask)?;
        expect_shape("attention vjp", gradient, &x.size())?;
        let inputs = backward::Inputs {
            x: as_slice(x)?,
            left: as_slice(left)?,
            right: as_slice(right)?,
            mask: mask.map(as_slice).transpose()?,
            gradient: as_slice(gradient)?,
            width,
        };
        let (input, left, right) = self.backward(&attended.kept, &inputs);
        let per_head = [self.heads as i64, (width / self.heads) as i64];
        Ok(AttentionGradients {
            input: self.tensor(&input, width)?,
            left: from_slice(&left, &per_head, Device::Cpu)?,
            right: from_slice(&right, &per_head, Device::Cpu)?,
        })
    }

    fn check(&self, x: &Tensor, left: &Tensor, right: &Tensor, mask: Option<&Tensor>) -> Result<usize> {
        let (nodes, heads) = (self.pattern.nodes() as i64, self.heads as i64);
        let width = x.size().get(1).copied().unwrap_or(0);
        expect_shape("attention input", x, &[nodes, width])?;
        if width % heads != 0 {
            return Err(Error::Shape {
                operation: "attention input",
                expected: format!("a width divisible by {heads} heads"),
                found: width.to_string(),
            });
        }
        expect_shape("attention left", left, &[heads, width / heads])?;
        expect_shape("attention right", right, &[heads, width / heads])?;
        if let Some(mask) = mask {
            expect_shape("attention mask", mask, &[self.pattern.edges() as i64, heads])?;
        }
        Ok(width as usize)
    }

    /// `[nodes, heads]`: each head's vector times its columns of each row.
    fn scores(&self, x: &[f32], vectors: &[f32], width: usize) -> Vec<f32> {
        let mut scores = vec![0f32; self.pattern.nodes() * self.heads];
        scores
            .par_chunks_mut(self.heads)
            .zip(x.par_chunks(width.max(1)))
            .for_each(|(scores, row)| forward::head_dots(row, vectors, scores));
        scores
    }

    /// Edge values cut into the runs that blocks of [`TARGETS`] targets own.
    fn blocks_of_edges<'a>(&self, mut values: &'a mut [f32]) -> Vec<&'a mut [f32]> {
        let nodes = self.pattern.nodes();
        let mut blocks = Vec::with_capacity(nodes.div_ceil(TARGETS));
        for start in (0..nodes).step_by(TARGETS) {
            let last = (start + TARGETS).min(nodes) - 1;
            let edges = self.pattern.incoming(last).end - self.pattern.incoming(start).start;
            let (own, rest) = values.split_at_mut(edges * self.heads);
            blocks.push(own);
            values = rest;
        }
        blocks
    }

    fn tensor(&self, values: &[f32], width: usize) -> Result<Tensor> {
        Ok(from_slice(values, &[self.pattern.nodes() as i64, width as i64], Device::Cpu)?)
    }
}

/// The same map composed of libtorch's operations, on the tape and on any device.
///
/// Several times slower on a CPU, and the path for devices that the kernels do not reach. Shapes as in
/// [`Attention::forward`].
pub fn on_tape(
    attention: &Attention,
    x: &Tensor,
    left: &Tensor,
    right: &Tensor,
    mask: Option<&Tensor>,
) -> Tensor {
    let (nodes, heads) = (attention.pattern.nodes() as i64, attention.heads as i64);
    let device = x.device();
    let targets: Vec<i64> = (0..attention.pattern.nodes())
        .flat_map(|t| std::iter::repeat_n(t as i64, attention.pattern.incoming(t).len()))
        .collect();
    let targets = Tensor::from_slice(&targets).to_device(device);
    let sources = recgoat_torch::indices(attention.pattern.sources(), device);
    let by_head = x.view([nodes, heads, -1]);
    let score = |vectors: &Tensor| (&by_head * vectors.unsqueeze(0)).sum_dim_intlist(-1, false, Kind::Float);
    // On CUDA `index` and `index_put` add up in a fixed order, `index_select` and `index_add` in any.
    let at = |table: &Tensor, rows: &Tensor| table.index(&[Some(rows)]);
    let sum = |like: &Tensor, terms: &Tensor| like.index_put(&[Some(&targets)], terms, true);
    let e = at(&score(left), &targets) + at(&score(right), &sources);
    let e = e.maximum(&(&e * f64::from(attention.negative_slope)));
    let lowest = Tensor::full([nodes, heads], f64::NEG_INFINITY, (Kind::Float, device));
    let top = lowest.index_reduce(0, &targets, &e.detach(), "amax", true);
    let weights = (e - at(&top, &targets)).exp();
    let total = sum(&Tensor::zeros([nodes, heads], (Kind::Float, device)), &weights);
    let weights = weights / at(&total, &targets);
    let weights = mask.map_or_else(|| weights.shallow_clone(), |mask| &weights * mask);
    let messages = at(&by_head, &sources) * weights.unsqueeze(-1);
    sum(&Tensor::zeros_like(&by_head), &messages).view([nodes, -1])
}

#[cfg(test)]
mod tests;
