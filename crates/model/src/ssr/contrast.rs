//! Spectral contrastive regularisation: the modalities of an item agree band by band.

use recgoat_align::contrast::{between_views, info_nce};
use recgoat_torch::indices;
use tch::Tensor;

use super::{Negatives, SsrConfig, towers::Side};
use crate::{Result, nodes::BatchNodes};

/// InfoNCE between every two modalities of the batch's positive items, over all bands at once: an item's other modality
/// in the same band is the positive; other items, and other bands, are negatives. The mean over pairs of modalities, each
/// in both directions; nothing where no two modalities meet in two items.
///
/// `bands` are those of the batch's nodes, `[nodes, bands, towers, dim]`, the first tower that of ids. With
/// [`Negatives::Distinct`] every item counts once and never meets itself. The released bank holds an item as often as the
/// batch does, both modalities, and so the anchor itself: `exp(1/τ)` in the denominator, and a loss of `log 2` at best.
///
/// Cost: at most `8 (M n)² d` flops a pair for `n` items and `M` bands, `24 (M n)² d` with the released bank, in blocks of
/// 512 rows on the CPU (of up to 3,072 rows all at once): the bank is never held.
pub(super) fn between_modalities(
    bands: &Tensor,
    (sides, nodes): (&[Side], &BatchNodes),
    config: &SsrConfig,
) -> Result<Option<Tensor>> {
    let ids = &nodes.item_rows().rows()[..nodes.positive_count()];
    let items: Vec<u32> = match config.negatives {
        Negatives::Distinct => (0..ids.len() as u32).collect(),
        Negatives::Released => nodes.targets().to_vec(),
    };
    let positives = nodes.positives(bands);
    let mut terms = Vec::new();
    for (at, left) in sides.iter().enumerate() {
        for (beside, right) in sides.iter().enumerate().skip(at + 1) {
            let both = |item: &u32| {
                let id = ids[*item as usize] as usize;
                left.present[id] && right.present[id]
            };
            let shared: Vec<u32> = items.iter().copied().filter(both).collect();
            if shared.len() > 1 {
                let rows = positives.index_select(0, &indices(&shared, bands.device()));
                // `[items · bands, dim]` of one tower.
                let view = |tower: usize| rows.select(2, tower as i64).reshape([-1, config.dim as i64]);
                terms.push(agreement([view(at + 1), view(beside + 1)], config)?);
            }
        }
    }
    let count = terms.len() as f64;
    Ok(terms.into_iter().reduce(|sum, term| sum + term).map(|sum| sum / count))
}

/// The mean of both directions.
fn agreement([left, right]: [Tensor; 2], config: &SsrConfig) -> Result<Tensor> {
    if config.negatives == Negatives::Distinct {
        return Ok(between_views(&left, &right, config.temperature)?);
    }
    let targets: Vec<u32> = (0..left.size()[0] as u32).collect();
    let direction = |anchors: &Tensor, others: &Tensor| {
        info_nce(anchors, &Tensor::cat(&[others, anchors], 0), &targets, config.temperature)
    };
    Ok((direction(&left, &right)? + direction(&right, &left)?) * 0.5)
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    #[test]
    fn the_released_bank_cannot_pass_log_2() {
        let view = Tensor::eye(8, (Kind::Float, Device::Cpu));
        let loss = |negatives| {
            let config = SsrConfig { negatives, temperature: 0.05, ..SsrConfig::default() };
            agreement([view.shallow_clone(), view.shallow_clone()], &config).unwrap().double_value(&[])
        };
        // Views that agree as well as can be.
        assert!(loss(Negatives::Distinct) < 1e-6);
        assert!((loss(Negatives::Released) - 2f64.ln()).abs() < 1e-6);
    }
}
