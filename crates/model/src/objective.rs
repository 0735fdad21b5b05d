//! The pairwise ranking loss that all embedding models share.

use recgoat_align::contrast::{Distinct, info_nce};
use recgoat_torch::indices;
use tch::{Device, Kind, Tensor};

use crate::{Batch, Result};

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

/// `Σ |row|² / batch` over the rows of a batch, all tensors `[batch, width]`, on the tape.
pub(crate) fn squared_norm(rows: &[&Tensor]) -> Tensor {
    let batch = rows[0].size()[0] as f64;
    let sums: Vec<Tensor> = rows.iter().map(|rows| rows.square().sum(Kind::Float)).collect();
    Tensor::stack(&sums, 0).sum(Kind::Float) / batch
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
    /// negative, on the tape.
    ///
    /// `rows` are the batch's users, positives and negatives `[batch, dim]`, `items` all items.
    pub(crate) fn of(&self, batch: &Batch<'_>, rows: &[Tensor; 3], items: &Tensor) -> Tensor {
        let [users, positives, negatives] = rows;
        if self.softmax == 0.0 {
            return pairwise_loss(users, positives, negatives);
        }
        let distinct = Distinct::new(&[batch.positives, batch.negatives].concat());
        let candidates = items.index_select(0, &indices(&distinct.ids, items.device()));
        let targets = indices(&distinct.positions[..batch.positives.len()], items.device());
        let logits = users.matmul(&candidates.tr()) / self.temperature;
        let softmax = logits.cross_entropy_for_logits(&targets) * self.softmax;
        if self.softmax == 1.0 {
            return softmax;
        }
        softmax + pairwise_loss(users, positives, negatives) * (1.0 - self.softmax)
    }
}

/// The rows of one batch in a table of all users followed by all items, gathered at once.
pub(crate) struct BatchRows {
    rows: Tensor,
    batch: i64,
}

impl BatchRows {
    /// The row numbers, where the first item is row `users`.
    pub(crate) fn new(batch: &Batch<'_>, users: usize, device: Device) -> Self {
        let shifted = |ids: &[u32]| ids.iter().map(|id| id + users as u32).collect::<Vec<_>>();
        let rows = [batch.users.to_vec(), shifted(batch.positives), shifted(batch.negatives)].concat();
        Self { rows: indices(&rows, device), batch: batch.users.len() as i64 }
    }

    /// `[3 · batch, dim]`: users, positives, negatives.
    pub(crate) fn gather(&self, table: &Tensor) -> Tensor {
        table.index_select(0, &self.rows)
    }

    /// The three parts of [`BatchRows::gather`].
    pub(crate) fn split(&self, rows: &Tensor) -> [Tensor; 3] {
        [0, 1, 2].map(|part| rows.narrow(0, part * self.batch, self.batch))
    }

    /// `weight / (2 batch) · Σ |row|²`, the penalty of the rows a batch touches (He et al. 2020, released code).
    pub(crate) fn penalty(&self, rows: &Tensor, weight: f64) -> Tensor {
        rows.square().sum(Kind::Float) * (weight / (2 * self.batch) as f64)
    }
}

/// InfoNCE between two views of the batch's distinct users, plus that of its distinct positive items; views are
/// `(users, items)`, the first is the anchor.
pub(crate) fn side_contrast(
    batch: &Batch<'_>,
    [anchors, candidates]: [(Tensor, Tensor); 2],
    temperature: f64,
) -> Result<Tensor> {
    let contrast = |ids: &[u32], anchors: &Tensor, candidates: &Tensor| -> Result<Tensor> {
        let ids = Distinct::new(ids).ids;
        let rows = indices(&ids, anchors.device());
        let targets: Vec<u32> = (0..ids.len() as u32).collect();
        let [anchors, candidates] = [anchors, candidates].map(|view| view.index_select(0, &rows));
        Ok(info_nce(&anchors, &candidates, &targets, temperature)?)
    };
    let users = contrast(batch.users, &anchors.0, &candidates.0)?;
    Ok(users + contrast(batch.positives, &anchors.1, &candidates.1)?)
}
