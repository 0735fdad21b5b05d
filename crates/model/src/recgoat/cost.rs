//! What a step of RecGOAT must spend.

use recgoat_graph::SparseMap;

use super::{RecGoat, branch::Branch, frequencies::DEGREE, holes::Holes};
use crate::{
    Batch, Result,
    cost::{Stage, map_entries_at},
    nodes::BatchNodes,
};

/// Forwards and backwards, as the model's documentation counts them.
pub(super) fn stages(model: &RecGoat, batch: &Batch<'_>) -> Result<Vec<Stage>> {
    let nodes = BatchNodes::new(batch, model.ids.sizes(), model.device)?;
    let config = &model.config;
    let (dim, triples, count) = (config.dim, batch.users.len(), nodes.rows().rows().len());
    let (batch_users, batch_items) = (nodes.user_rows().rows().len(), nodes.item_rows().rows().len());
    let smoothed_over = model.thinned.graph(&model.ids).adjacency().entries();
    let likes = || model.companions.iter().chain(model.peers.iter().map(|(like, _)| like));
    let entries = |map: &SparseMap| map.matrix().nnz();
    let branches = &model.branches;
    let over_branches = |name, stage: &dyn Fn(&Branch, usize) -> Stage| {
        Stage::sum(name, branches.iter().map(|branch| stage(branch, branch.features.size()[0] as usize)))
    };
    let own: usize = branches.iter().map(|branch| entries(&branch.graph)).sum();
    let alike: usize = likes().map(|like| entries(&like.graph)).sum();
    let views = branches.len() + likes().count();
    let of_items = branches.len() + usize::from(model.companions.is_some());
    let mut crossing = of_items * map_entries_at(&model.users_from_items, nodes.user_rows());
    if let Some((_, items_from_users)) = &model.peers {
        crossing += map_entries_at(items_from_users, nodes.item_rows());
    }
    // Each map of the view and its two gradients; with a plan, the costs and their two.
    let transport = config.align.transport;
    let maps = if transport.has_residual() || transport.has_plan() { 3 * config.bands } else { 0 };
    let products = maps + if transport.has_plan() { 3 * config.bands } else { 0 };
    let mut stages = vec![
        Stage::sparse("propagation", smoothed_over * config.layers, dim, 2),
        over_branches("projection", &|branch, known| {
            Stage::dense("", [known, branch.features.size()[1] as usize, dim], 2)
        }),
        over_branches("transport", &|_, known| Stage::dense("", [known, dim, dim], products)),
        over_branches("feature gates", &|_, known| Stage::pass("", known * dim, 9)),
        Stage::sparse("graphs of the like", own + alike, dim, 2 * config.like_layers),
        Stage::sparse("users and items", crossing, dim, 2),
        Stage::dense("preference gates", [count, dim, views * dim], 3),
        Stage::pass("gated sum", count * dim * views, 7),
    ];
    let holes: usize = branches.iter().filter_map(|branch| branch.holes.as_ref()).map(Holes::entries).sum();
    if holes > 0 {
        stages.push(Stage::sparse("holes", holes, dim, 2));
    }
    if model.frequencies.is_some() {
        let passes = model.ids.propagation.adjacency().entries() * DEGREE * (branches.len() + 1);
        stages.push(Stage::sparse("filters", passes, dim, 2));
    }
    if config.softmax > 0.0 {
        stages.push(Stage::softmax("softmax", batch_users, batch_items, dim));
    }
    if config.softmax < 1.0 {
        stages.push(Stage::pass("pairwise", triples * dim, 9));
    }
    if config.align.contrast > 0.0 {
        let sides = [batch_users, nodes.positive_count()];
        stages.push(Stage::sum("contrast", sides.map(|rows| Stage::softmax("", rows, rows, dim))));
    }
    stages.push(Stage::update(model.parameters.count()));
    Ok(stages)
}
