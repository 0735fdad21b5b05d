//! What a step of RecGOAT must spend.

use recgoat_graph::SparseMap;

use super::{RecGoat, frequencies::DEGREE};
use crate::{
    Batch, Result,
    cost::{Stage, map_entries_at},
    nodes::BatchNodes,
};

/// Forwards and backwards, as the model's documentation counts them.
pub(super) fn stages(model: &RecGoat, batch: &Batch<'_>) -> Result<Vec<Stage>> {
    let nodes = BatchNodes::new(batch, model.ids.sizes(), model.device)?;
    let (config, [_, items]) = (&model.config, model.ids.sizes());
    let (dim, triples, count) = (config.dim, batch.users.len(), nodes.rows().rows().len());
    let (batch_users, batch_items) = (nodes.user_rows().rows().len(), nodes.item_rows().rows().len());
    let graph = model.ids.propagation.adjacency();
    let features: usize = model.sides.iter().map(|side| side.features.size()[1] as usize).sum();
    let likes = || model.companions.iter().chain(&model.peers);
    let entries = |map: &SparseMap| map.matrix().nnz();
    let own: usize = model.sides.iter().map(|side| entries(&side.graph)).sum();
    let alike: usize = likes().map(|like| entries(&like.graph)).sum();
    let views = model.sides.len() + likes().count();
    let of_items = model.sides.len() + usize::from(model.companions.is_some());
    let mut crossing = of_items * map_entries_at(&model.users_from_items, nodes.user_rows());
    if model.peers.is_some() {
        crossing += map_entries_at(&model.items_from_users, nodes.item_rows());
    }
    let mut stages = vec![
        Stage::sparse("propagation", graph.entries() * config.layers, dim, 2),
        Stage::dense("projection", [items, features, dim], 2),
        // Costs, the view moved, and three of their gradients.
        Stage::dense("transport", [items, dim, dim], 5 * model.sides.len() * config.bands),
        Stage::pass("feature gates", items * dim * model.sides.len(), 9),
        Stage::sparse("graphs of the like", own + alike, dim, 2 * config.like_layers),
        Stage::sparse("users and items", crossing, dim, 2),
        Stage::dense("preference gates", [count, dim, views * dim], 3),
        Stage::pass("gated sum", count * dim * views, 7),
    ];
    if model.frequencies.is_some() {
        let passes = graph.entries() * DEGREE * (model.sides.len() + 1);
        stages.push(Stage::sparse("filters", passes, dim, 2));
    }
    if config.softmax > 0.0 {
        stages.push(Stage::softmax("softmax", batch_users, batch_items, dim));
    }
    if config.softmax < 1.0 {
        stages.push(Stage::pass("pairwise", triples * dim, 9));
    }
    if config.align.contrast > 0.0 {
        let users = Stage::softmax("contrast", batch_users, batch_users, dim);
        let items = Stage::softmax("contrast", nodes.positive_count(), nodes.positive_count(), dim);
        stages.push(Stage { flops: users.flops + items.flops, bytes: users.bytes + items.bytes, ..users });
    }
    stages.push(Stage::update(model.parameters.count()));
    Ok(stages)
}
