//! What a step of SSR must spend.

use super::{Filters, Fusion, Negatives, Ssr};
use crate::{Batch, Result, cost::Stage, nodes::BatchNodes};

/// Forwards and backwards, as the model's documentation counts them.
pub(super) fn stages(model: &Ssr, batch: &Batch<'_>) -> Result<Vec<Stage>> {
    let (config, towers) = (&model.config, &model.towers);
    let nodes = BatchNodes::new(batch, towers.sizes(), model.device)?;
    let [users, items] = towers.sizes();
    let (channels, count) = (towers.count() * config.dim, nodes.rows().rows().len());
    let entries = towers.propagation.adjacency().entries();
    let features: usize = towers.sides.iter().map(|side| side.features.size()[1] as usize).sum();
    let wide = config.bands * channels;
    let mut stages = vec![
        // Weight gradients, but none of frozen features.
        Stage::dense("projection", [items, features, config.hidden], 2),
        Stage::dense("tower projection", [items, config.hidden, config.dim], 3 * towers.sides.len()),
        Stage::pass("unit rows and weights", (users + items) * channels, 16),
        Stage::sparse("propagation", entries * config.layers, channels, 2),
        Stage::sparse("graphs of the like", towers.like_entries(), channels, 2 * config.like_layers),
        Stage::update(model.parameters.count()),
    ];
    if model.takes_bands_apart() {
        stages.extend([
            Stage::sparse("filters", entries * model.bands.degree(), channels, 2),
            Stage::pass("bands", count * wide * model.bands.degree(), 4),
        ]);
    }
    if config.fusion != Fusion::Sum {
        stages.extend([
            Stage::dense("interaction", [count * config.bands, channels, config.rank], 6),
            Stage::pass("fusion", count * wide, 24),
        ]);
    }
    if config.filters == Filters::Exact && model.takes_bands_apart() {
        let rank = users.min(items);
        stages.push(Stage::dense("eigenpairs", [users + items, rank, channels], 3 * config.bands + 1));
    }
    if model.contrasts() {
        let pairs = towers.sides.len() * (towers.sides.len() - 1) / 2;
        let one = |items: usize, views: usize| {
            let rows = items * config.bands;
            Stage::softmax("contrast", rows, views * rows, config.dim)
        };
        let (one, times) = match config.negatives {
            // Both directions in one matrix of logits.
            Negatives::Distinct => (one(nodes.positive_count(), 1), 1.0),
            Negatives::Released => (one(nodes.targets().len(), 2), 2.0),
        };
        let times = times * pairs as f64;
        stages.push(Stage { flops: one.flops * times, bytes: one.bytes * times, ..one });
    }
    Ok(stages)
}
