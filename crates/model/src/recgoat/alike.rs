//! Graphs of items and of users by what they have in common.

use rand_chacha::ChaCha8Rng;
use recgoat_data::Modality;
use recgoat_graph::{Relay, SparseMap};
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use super::{Profiles, RecGoatConfig, profiles::profiles};
use crate::{
    Context, Parameters, Result,
    dense::Dense,
    features::{self, EdgeWeight},
    similar::{Nodes, similar_edges, union},
};

/// By what users are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alike {
    /// Common train items.
    Items,
    /// Profiles.
    Profiles,
    /// Common train items, and profiles where the dataset has them.
    Both,
}

/// A graph of items or of users, and the gate of the view that listening to its neighbours gives a node.
pub(super) struct Like {
    pub(super) graph: SparseMap,
    pub(super) preference: Dense,
}

impl Like {
    /// With a new gate of this width.
    pub(super) fn new(
        name: &str,
        graph: SparseMap,
        dim: usize,
        parameters: &mut Parameters,
        (rng, device): (&mut ChaCha8Rng, Device),
    ) -> Self {
        Self { graph, preference: Dense::new(name, [dim, dim], parameters, rng, device) }
    }
}

/// Rows, a leaf, after so many steps over a graph of their like; a leaf.
pub(super) fn listened<'a>(
    rows: &Tensor,
    (graph, layers): (&'a SparseMap, usize),
    relay: &mut Relay<'a>,
) -> Result<Tensor> {
    let mut rows = rows.shallow_clone();
    for _ in 0..layers {
        rows = relay.apply(graph, &rows)?;
    }
    Ok(rows)
}

/// The graph of items by common users.
pub(super) fn companions(config: &RecGoatConfig, context: &Context<'_>) -> Result<Option<SparseMap>> {
    let interactions = context.dataset.interactions();
    let graph = |count| {
        let edges = similar_edges(interactions, Nodes::Items, count);
        Ok(SparseMap::normalised(interactions.items(), edges, context.device)?)
    };
    Some(config.companions).filter(|&count| count > 0).map(graph).transpose()
}

/// The graph of users, by common items or by profiles, which may come from `modalities`.
pub(super) fn peers(
    config: &RecGoatConfig,
    modalities: &[Modality],
    context: &Context<'_>,
) -> Result<Option<SparseMap>> {
    let dataset = context.dataset;
    if config.peers == 0 {
        return Ok(None);
    }
    let by_items = || similar_edges(dataset.interactions(), Nodes::Users, config.peers);
    let by_profiles = || -> Result<_> {
        let profiles = profiles(dataset, &modalities.iter().collect::<Vec<_>>(), config.profiles)?;
        features::item_edges(&profiles, config.peers, config.similarity, EdgeWeight::Cosine, context)
    };
    let edges = match config.alike {
        Alike::Items => by_items(),
        Alike::Profiles => by_profiles()?,
        Alike::Both if dataset.profiles().is_empty() || config.profiles == Profiles::Features => by_items(),
        Alike::Both => union(by_items(), by_profiles()?),
    };
    Ok(Some(SparseMap::normalised(dataset.interactions().users(), edges, context.device)?))
}
