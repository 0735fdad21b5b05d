//! The forward kernel: one target node at a time.

use multiversion::multiversion;

/// One target and its incoming edges.
pub(super) struct Target<'a> {
    /// Source of each edge.
    pub(super) sources: &'a [u32],
    /// The target's left scores, `[heads]`.
    pub(super) left: &'a [f32],
    /// Everyone's right scores, `[nodes, heads]`.
    pub(super) right: &'a [f32],
    /// Dropout of these edges, `[edges, heads]`.
    pub(super) mask: Option<&'a [f32]>,
    /// Slope of the LeakyReLU below zero.
    pub(super) negative_slope: f32,
}

/// `scores[h] = vectors[h] · row[h]`.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2", "aarch64+neon"))]
pub(super) fn head_dots(row: &[f32], vectors: &[f32], scores: &mut [f32]) {
    let width = row.len() / scores.len();
    for (head, score) in scores.iter_mut().enumerate() {
        *score = dot(&row[head * width..][..width], &vectors[head * width..][..width]);
    }
}

/// Fills `weights` `[edges, heads]` with the softmax and `output` `[width]` with the weighted sum.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2", "aarch64+neon"))]
pub(super) fn attend(job: Target<'_>, x: &[f32], weights: &mut [f32], output: &mut [f32]) {
    let Target { sources, left, right, mask, negative_slope } = job;
    let (width, heads) = (output.len(), left.len());
    let per_head = width / heads;
    for (&source, weights) in sources.iter().zip(weights.chunks_mut(heads)) {
        let right = &right[source as usize * heads..][..heads];
        for ((weight, left), right) in weights.iter_mut().zip(left).zip(right) {
            *weight = leaky(left + right, negative_slope);
        }
    }
    for head in 0..heads {
        let top = weights[head..].iter().step_by(heads).copied().fold(f32::NEG_INFINITY, f32::max);
        let mut total = 0f32;
        for weight in weights[head..].iter_mut().step_by(heads) {
            *weight = (*weight - top).exp();
            total += *weight;
        }
        for weight in weights[head..].iter_mut().step_by(heads) {
            *weight /= total;
        }
    }
    for (edge, &source) in sources.iter().enumerate() {
        let row = &x[source as usize * width..][..width];
        for head in 0..heads {
            let at = edge * heads + head;
            let weight = weights[at] * mask.map_or(1.0, |mask| mask[at]);
            let columns = head * per_head..(head + 1) * per_head;
            for (out, x) in output[columns.clone()].iter_mut().zip(&row[columns]) {
                *out += weight * x;
            }
        }
    }
}

#[inline(always)]
pub(super) fn leaky(x: f32, negative_slope: f32) -> f32 {
    if x >= 0.0 { x } else { negative_slope * x }
}

/// A dot product in eight running sums, which vectorises and is the same on every machine.
#[inline(always)]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0f32; 8];
    let (a_whole, a_rest) = a.as_chunks::<8>();
    let (b_whole, b_rest) = b.as_chunks::<8>();
    for (a, b) in a_whole.iter().zip(b_whole) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    let [s0, s1, s2, s3, s4, s5, s6, s7] = sums;
    ((s0 + s4) + (s1 + s5)) + ((s2 + s6) + (s3 + s7)) + rest
}
