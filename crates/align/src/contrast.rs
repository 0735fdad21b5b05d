//! Instance-level alignment: contrastive losses between views.

use std::collections::HashMap;

use recgoat_torch::indices;
use tch::{Device, Kind, Tensor};

/// Rows scaled to unit length, `[rows, dim]`, on the tape; a zero row stays zero.
pub fn unit_rows(x: &Tensor) -> Tensor {
    let norm = x.square().sum_dim_intlist(-1, true, Kind::Float).clamp_min(1e-12).sqrt();
    x / norm
}

/// InfoNCE between anchors and candidates (van den Oord et al. 2018, eq. 4), on the tape:
///
/// ```text
/// L = −mean_r log( exp(cos(anchor_r, candidate_{t_r})/τ) / Σ_c exp(cos(anchor_r, candidate_c)/τ) )
/// ```
///
/// # Shapes
/// `anchors` `[rows, dim]`, `candidates` `[columns, dim]`, `targets` `[rows]` with entries below `columns`.
///
/// Every candidate but the target is a negative, so candidates must be distinct: see [`Distinct`].
pub fn info_nce(anchors: &Tensor, candidates: &Tensor, targets: &Tensor, temperature: f64) -> Tensor {
    let logits = unit_rows(anchors).matmul(&unit_rows(candidates).tr()) / temperature;
    logits.cross_entropy_for_logits(targets)
}

/// [`info_nce`] between two views `[rows, dim]` of the same things, averaged over both directions.
///
/// At unit temperature and two orthogonal pairs each of which agrees perfectly, the loss is `log(1 + e⁻¹)`:
///
/// ```
/// use recgoat_align::contrast::between_views;
/// use tch::Tensor;
/// let view = Tensor::from_slice(&[1f32, 0.0, 0.0, 1.0]).view([2, 2]);
/// let loss = between_views(&view, &view, 1.0).double_value(&[]);
/// assert!((loss - (1.0 + (-1f64).exp()).ln()).abs() < 1e-6);
/// ```
pub fn between_views(left: &Tensor, right: &Tensor, temperature: f64) -> Tensor {
    let logits = unit_rows(left).matmul(&unit_rows(right).tr()) / temperature;
    // Both directions share one matrix: the diagonal less the log-sum-exp of its row and of its column.
    let diagonal = logits.diagonal(0, 0, 1);
    let rows = logits.logsumexp(1, false);
    let columns = logits.logsumexp(0, false);
    ((rows + columns) * 0.5 - diagonal).mean(Kind::Float)
}

/// The distinct ids of a batch, in order of first occurrence, and where each position of the batch went.
///
/// A batch of interactions holds many items more than once. As candidates of InfoNCE the copies would be negatives
/// of themselves.
///
/// ```
/// use recgoat_align::contrast::Distinct;
/// let batch = Distinct::new(&[7, 3, 7, 5]);
/// assert_eq!(batch.ids, [7, 3, 5]);
/// assert_eq!(batch.positions, [0, 1, 0, 2]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distinct {
    /// Each id once.
    pub ids: Vec<u32>,
    /// For each position of the batch, the index into `ids`.
    pub positions: Vec<u32>,
}

impl Distinct {
    /// Of a batch's ids.
    pub fn new(batch: &[u32]) -> Self {
        let mut seen = HashMap::with_capacity(batch.len());
        let mut ids = Vec::new();
        let positions = batch
            .iter()
            .map(|&id| {
                *seen.entry(id).or_insert_with(|| {
                    ids.push(id);
                    ids.len() as u32 - 1
                })
            })
            .collect();
        Self { ids, positions }
    }

    /// `positions` as an index tensor, the targets of [`info_nce`].
    pub fn targets(&self, device: Device) -> Tensor {
        indices(&self.positions, device)
    }
}

/// The cross-modal contrastive loss `(1−λ) · user_item + λ · mean(views)`; without views it is the user–item term.
pub fn cross_modal(user_item: &Tensor, views: &[Tensor], lambda: f64) -> Tensor {
    if views.is_empty() {
        return user_item.shallow_clone();
    }
    user_item * (1.0 - lambda) + Tensor::stack(views, 0).mean(Kind::Float) * lambda
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(rows: i64, seed: i64) -> Tensor {
        tch::manual_seed(seed);
        Tensor::randn([rows, 6], (Kind::Float, Device::Cpu))
    }

    #[test]
    fn both_directions_equal_two_cross_entropies() {
        let (a, b) = (random(9, 1), random(9, 2));
        let diagonal = Tensor::arange(9, (Kind::Int64, Device::Cpu));
        let expected = (info_nce(&a, &b, &diagonal, 0.2) + info_nce(&b, &a, &diagonal, 0.2)) * 0.5;
        let found = between_views(&a, &b, 0.2);
        assert!((found - expected).abs().double_value(&[]) < 1e-5);
    }

    #[test]
    fn following_the_gradient_brings_views_together() {
        // Against row c of the released code's table, which descends on 1 − InfoNCE and drives views apart.
        let (a, b) = (random(8, 3), random(8, 4).set_requires_grad(true));
        let cosine = |b: &Tensor| (unit_rows(&a) * unit_rows(b)).sum(Kind::Float).double_value(&[]) / 8.0;
        let before = cosine(&b);
        let mut b = b;
        for _ in 0..100 {
            b.zero_grad();
            between_views(&a, &b, 0.2).backward();
            b = (b.detach() - b.grad() * 0.5).set_requires_grad(true);
        }
        assert!(before < 0.3 && cosine(&b) > 0.8, "{before} {}", cosine(&b));
    }

    #[test]
    fn an_anchor_never_meets_its_own_copy() {
        let items = random(3, 5);
        let batch = Distinct::new(&[2, 0, 2, 2, 1]);
        let rows = items.index_select(0, &indices(&batch.ids, Device::Cpu));
        let anchors = items.index_select(0, &indices(&[2, 0, 2, 2, 1], Device::Cpu));
        let loss = |candidates: &Tensor, targets: &Tensor| {
            info_nce(&anchors, candidates, targets, 0.05).double_value(&[])
        };
        let copies = Tensor::arange(5, (Kind::Int64, Device::Cpu));
        let clean = loss(&rows, &batch.targets(Device::Cpu));
        // Three of five anchors share their target with two copies: each copy adds up to log 3.
        assert!(loss(&anchors, &copies) > clean + 0.6 * 3f64.ln() * 0.99);
    }

    #[test]
    fn zero_rows_give_no_nan() {
        let a = Tensor::zeros([4, 6], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        between_views(&a, &random(4, 6), 0.2).backward();
        assert_eq!(a.grad().isfinite().all().int64_value(&[]), 1);
    }
}
