//! Iterations on the tape.

use tch::Tensor;

use super::TensorProblem;
use crate::ot::Solution;

/// The plan after some iterations from the solution's potentials, all on the tape of weights and costs.
pub(super) fn plan(problem: &TensorProblem<'_>, solution: &Solution, iterations: usize) -> Tensor {
    let TensorProblem { a, b, cost, .. } = *problem;
    let epsilon = solution.epsilon();
    let (log_a, log_b) = (a.log(), b.log());
    let scaled = cost / epsilon;
    let start = Tensor::from_slice(&solution.potentials.g).to_kind(cost.kind()).to_device(cost.device());
    let mut right = start / epsilon;
    let rows = |right: &Tensor| -((right + &log_b).unsqueeze(0) - &scaled).logsumexp(1, false);
    let mut left = rows(&right);
    for _ in 0..iterations {
        right = -((&left + &log_a).unsqueeze(1) - &scaled).logsumexp(0, false);
        left = rows(&right);
    }
    let exponents = (left + log_a).unsqueeze(1) + (right + log_b).unsqueeze(0) - scaled;
    exponents.exp()
}
