//! The squared cost between coordinates, in closed form.

use tch::{Kind, Tensor};

/// `C_pq = m2(x_p) + m2(y_q) − (2/rows) x_pᵀ y_q`, with `m2` the mean square of a column.
///
/// Cost: `2 · rows · dim²` flops, `dim²` memory; the broadcast `[rows, dim, dim]` never exists.
pub(super) fn cost(x: &Tensor, y: &Tensor) -> Tensor {
    let rows = x.size()[0] as f64;
    let mean_square = |t: &Tensor| t.square().mean_dim(0, false, Kind::Float);
    let cost = mean_square(x).unsqueeze(1) + mean_square(y).unsqueeze(0) - x.tr().matmul(y) * (2.0 / rows);
    // Cancellation can leave a tiny negative number where two columns agree.
    cost.clamp_min(0.0)
}

/// `∂<C,W>/∂x_ip = (2/rows)(x_ip Σ_q W_pq − Σ_q W_pq y_iq)`, and the like for `y`.
pub(super) fn gradient(x: &Tensor, y: &Tensor, weights: &Tensor) -> (Tensor, Tensor) {
    let factor = 2.0 / x.size()[0] as f64;
    let dx = x * weights.sum_dim_intlist(1, false, Kind::Float) - y.matmul(&weights.tr());
    let dy = y * weights.sum_dim_intlist(0, false, Kind::Float) - x.matmul(weights);
    (dx * factor, dy * factor)
}
