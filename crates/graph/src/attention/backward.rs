//! The backward kernels: edges by target first, then by source.

use multiversion::multiversion;
use rayon::prelude::*;

use super::{Attention, Kept, TARGETS, forward::dot};

/// What both passes read.
pub(super) struct Inputs<'a> {
    pub(super) x: &'a [f32],
    pub(super) left: &'a [f32],
    pub(super) right: &'a [f32],
    pub(super) mask: Option<&'a [f32]>,
    pub(super) gradient: &'a [f32],
    pub(super) width: usize,
}

impl Attention {
    /// Gradients for the input `[nodes, width]`, `left` and `right` `[width]`.
    pub(super) fn backward(&self, kept: &Kept, inputs: &Inputs<'_>) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let (nodes, heads, width) = (self.pattern.nodes(), self.heads, inputs.width);
        let mut d_logits = vec![0f32; self.pattern.edges() * heads];
        let mut d_left = vec![0f32; nodes * heads];
        let edge_blocks = self.blocks_of_edges(&mut d_logits);
        d_left.par_chunks_mut(TARGETS * heads).zip(edge_blocks).enumerate().for_each(
            |(block, (d_left, d_logits))| {
                let mut d_logits = d_logits;
                for (lane, d_left) in d_left.chunks_mut(heads).enumerate() {
                    let target = block * TARGETS + lane;
                    let edges = self.pattern.incoming(target).len();
                    let (own, rest) = d_logits.split_at_mut(edges * heads);
                    d_logits = rest;
                    by_target(self, kept, inputs, target, own, d_left);
                }
            },
        );
        let mut d_right = vec![0f32; nodes * heads];
        let mut d_x = vec![0f32; nodes * width];
        d_x.par_chunks_mut(width.max(1)).zip(d_right.par_chunks_mut(heads)).enumerate().for_each(
            |(source, (d_x, d_right))| {
                let d_left = &d_left[source * heads..][..heads];
                by_source(self, kept, inputs, source, (&d_logits, d_left), d_right, d_x);
            },
        );
        let vector = |scores: &[f32]| vector_gradient(inputs.x, scores, width, heads);
        (d_x, vector(&d_left), vector(&d_right))
    }
}

/// `d_logits[e, h]` and their sum over the target's edges.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2", "aarch64+neon"))]
fn by_target(
    layer: &Attention,
    kept: &Kept,
    inputs: &Inputs<'_>,
    target: usize,
    d_logits: &mut [f32],
    d_left: &mut [f32],
) {
    let (heads, width) = (layer.heads, inputs.width);
    let per_head = width / heads;
    let edges = layer.pattern.incoming(target);
    let gradient = &inputs.gradient[target * width..][..width];
    let weights = &kept.weights[edges.start * heads..edges.end * heads];
    let sources = &layer.pattern.sources()[edges.clone()];
    // dα = m · (g·x_j); the softmax takes off its mean under α.
    for (edge, &source) in sources.iter().enumerate() {
        let row = &inputs.x[source as usize * width..][..width];
        for head in 0..heads {
            let columns = head * per_head..(head + 1) * per_head;
            let at = edge * heads + head;
            let mask = inputs.mask.map_or(1.0, |mask| mask[edges.start * heads + at]);
            d_logits[at] = mask * dot(&gradient[columns.clone()], &row[columns]);
        }
    }
    for head in 0..heads {
        let of_head = (head..weights.len()).step_by(heads);
        let mean: f32 = of_head.clone().map(|at| weights[at] * d_logits[at]).sum();
        let left = kept.scores[0][target * heads + head];
        let mut sum = 0f32;
        for (at, &source) in of_head.zip(sources) {
            let positive = left + kept.scores[1][source as usize * heads + head] >= 0.0;
            let slope = if positive { 1.0 } else { layer.negative_slope };
            d_logits[at] = slope * weights[at] * (d_logits[at] - mean);
            sum += d_logits[at];
        }
        d_left[head] = sum;
    }
}

/// What a node receives as a source of messages and of scores.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2", "aarch64+neon"))]
fn by_source(
    layer: &Attention,
    kept: &Kept,
    inputs: &Inputs<'_>,
    source: usize,
    (d_logits, d_left): (&[f32], &[f32]),
    d_right: &mut [f32],
    d_x: &mut [f32],
) {
    let (heads, width) = (layer.heads, inputs.width);
    let per_head = width / heads;
    for (target, edge) in layer.pattern.outgoing(source) {
        let gradient = &inputs.gradient[target * width..][..width];
        for head in 0..heads {
            let at = edge * heads + head;
            d_right[head] += d_logits[at];
            let weight = kept.weights[at] * inputs.mask.map_or(1.0, |mask| mask[at]);
            let columns = head * per_head..(head + 1) * per_head;
            for (d, g) in d_x[columns.clone()].iter_mut().zip(&gradient[columns]) {
                *d += weight * g;
            }
        }
    }
    for head in 0..heads {
        for at in head * per_head..(head + 1) * per_head {
            d_x[at] += d_left[head] * inputs.left[at] + d_right[head] * inputs.right[at];
        }
    }
}

/// `Σ_i d_scores[i, h] · x[i, h]`, summed in f64.
fn vector_gradient(x: &[f32], d_scores: &[f32], width: usize, heads: usize) -> Vec<f32> {
    let per_head = (width / heads).max(1);
    let mut sums = vec![0f64; width];
    for (row, d_scores) in x.chunks(width.max(1)).zip(d_scores.chunks(heads)) {
        for ((sums, row), &d) in sums.chunks_mut(per_head).zip(row.chunks(per_head)).zip(d_scores) {
            sums.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(d) * f64::from(x));
        }
    }
    sums.into_iter().map(|sum| sum as f32).collect()
}
