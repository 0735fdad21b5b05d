//! Ranking losses that embedding models share.

use recgoat_align::contrast::softmax_loss;
use tch::{Kind, Tensor};

use crate::{Result, nodes::BatchNodes};

/// Bayesian personalised ranking (Rendle et al. 2009, eq. 5), on the tape:
/// `−mean log σ(z_u · (z_i − z_j))`.
///
/// # Shapes
/// `users`, `positives`, `negatives` `[batch, dim]`.
///
/// ```
/// use recgoat_model::pairwise_loss;
/// use tch::Tensor;
/// let row = |x: f32, y: f32| Tensor::from_slice(&[x, y]).view([1, 2]);
/// // A tie costs log 2.
/// let loss = pairwise_loss(&row(1.0, 0.0), &row(0.5, 3.0), &row(0.5, -2.0));
/// assert!((loss.double_value(&[]) - 2f64.ln()).abs() < 1e-6);
/// ```
pub fn pairwise_loss(users: &Tensor, positives: &Tensor, negatives: &Tensor) -> Tensor {
    let margin = (users * (positives - negatives)).sum_dim_intlist(-1, false, Kind::Float);
    -margin.log_sigmoid().mean(Kind::Float)
}

/// Cross-entropy of a positive and a negative item, on the tape: `−mean (log σ(z_u · z_i) + log σ(−z_u · z_j))`.
///
/// # Shapes
/// Users, positives and negatives, `[batch, dim]` each.
pub(crate) fn cross_entropy([users, positives, negatives]: &[Tensor; 3]) -> Tensor {
    let score = |items: &Tensor| (users * items).sum_dim_intlist(-1, false, Kind::Float);
    -(score(positives).log_sigmoid() + (-score(negatives)).log_sigmoid()).mean(Kind::Float)
}

/// A mixture of the pairwise loss and a softmax over the batch's items.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RankingLoss {
    /// Share of the softmax.
    pub(crate) softmax: f64,
    /// Its temperature.
    pub(crate) temperature: f64,
}

impl RankingLoss {
    /// `(1 − s) · pairwise + s · −mean log softmax(z_u · z_i / τ)` over all distinct items of the batch, positive and
    /// negative, on the tape; `gathered` are the rows of the batch's nodes. A user's softmax is computed once; other positives
    /// of the user that the batch holds are among the negatives of each.
    pub(crate) fn of(&self, nodes: &BatchNodes, gathered: &Tensor) -> Result<Tensor> {
        if self.softmax == 0.0 {
            return nodes.pairwise(gathered);
        }
        let (users, items) = (nodes.users(gathered), nodes.items(gathered));
        let softmax = softmax_loss(&users, &items, &nodes.interactions(), self.temperature)? * self.softmax;
        if self.softmax == 1.0 {
            return Ok(softmax);
        }
        Ok(softmax + nodes.pairwise(gathered)? * (1.0 - self.softmax))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cross_entropy_is_that_of_both_items() {
        let row = |x: f32, y: f32| Tensor::from_slice(&[x, y]).view([1, 2]);
        // Scores 2 and −1: −log σ(2) − log σ(1).
        let loss = cross_entropy(&[row(1.0, 0.0), row(2.0, 5.0), row(-1.0, 3.0)]);
        assert!((loss.double_value(&[]) - (0.126_928_011 + 0.313_261_688)).abs() < 1e-6);
    }
}
