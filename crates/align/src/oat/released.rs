//! The plan of RecGOAT's released code, kept to be measured against.

use tch::{Kind, Tensor};

/// What the released code multiplies costs by, and its regularisation.
const SCALE: f64 = 100.0;
const EPSILON: f64 = 0.01;
/// Added to its denominators.
const STABILISER: f64 = 1e-8;
const ITERATIONS: usize = 100;

/// Sinkhorn in the kernel domain on `exp(−100 C / 0.01)` in f32, `[dim, dim]`, outside the tape.
///
/// Once the mean squared difference of coordinates passes 0.0103 the kernel is zero, and so is the plan; before that
/// the stabiliser outweighs the kernel's sums and the plan's mass falls with them.
pub(super) fn plan(cost: &Tensor) -> Tensor {
    tch::no_grad(|| {
        let dim = cost.size()[0];
        let kernel = (cost * (-SCALE / EPSILON)).exp();
        let weight = 1.0 / dim as f64;
        let mut left = Tensor::full([dim], weight, (Kind::Float, cost.device()));
        let mut right = left.ones_like();
        for _ in 0..ITERATIONS {
            right = ((kernel.tr().mv(&left) + STABILISER).reciprocal()) * weight;
            left = ((kernel.mv(&right) + STABILISER).reciprocal()) * weight;
        }
        left.unsqueeze(1) * kernel * right.unsqueeze(0)
    })
}
