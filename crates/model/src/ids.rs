//! Embeddings of users and items, smoothed over their graph: the collaborative half of most models.

use rand_chacha::ChaCha8Rng;
use recgoat_data::{Interactions, Split};
use recgoat_graph::{Adjacency, Propagation, Relay, SparseMap};
use recgoat_torch::init;
use tch::Tensor;

use crate::{
    Context, ParameterId, Parameters, Result,
    cost::{Stage, entries_at},
    nodes::BatchNodes,
};

/// A table of users followed by items, and LightGCN's propagation over the train graph.
#[derive(Debug)]
pub(crate) struct GraphIds {
    table: ParameterId,
    /// Number of users, the rows before the first item.
    pub(crate) users: usize,
    dim: usize,
    pub(crate) propagation: Propagation,
}

impl GraphIds {
    /// With Glorot's uniform initial embeddings.
    pub(crate) fn new(
        [dim, layers]: [usize; 2],
        context: &Context<'_>,
        parameters: &mut Parameters,
        rng: &mut ChaCha8Rng,
    ) -> Result<Self> {
        let interactions = context.dataset.interactions();
        let rows = interactions.users() + interactions.items();
        let table = init::xavier(rows as i64, dim as i64, rng, context.device);
        let table = parameters.add("embedding", table);
        let propagation = Propagation::new(train_graph(interactions)?, layers, context.device);
        Ok(Self { table, users: interactions.users(), dim, propagation })
    }

    /// The layer-0 embeddings, users and items.
    pub(crate) fn table<'p>(&self, parameters: &'p Parameters) -> &'p Tensor {
        parameters.get(self.table)
    }

    /// The layer-0 embeddings of the users, as a leaf of the relay.
    pub(crate) fn users(&self, parameters: &Parameters, relay: &mut Relay<'_>) -> Tensor {
        relay.span(self.table(parameters), 0..self.users)
    }

    /// The layer-0 embeddings of the items, as a leaf of the relay.
    pub(crate) fn items(&self, parameters: &Parameters, relay: &mut Relay<'_>) -> Tensor {
        relay.span(self.table(parameters), self.users..self.sizes().iter().sum())
    }

    /// The embeddings after propagation, users and items, as a leaf of the relay.
    pub(crate) fn smoothed<'a>(&'a self, parameters: &Parameters, relay: &mut Relay<'a>) -> Result<Tensor> {
        Ok(relay.apply(&self.propagation, self.table(parameters))?)
    }

    /// Of propagation to a batch's nodes and back: the layer next to the loss works on their entries alone. Over the whole
    /// graph: what an epoch thins away is not counted.
    pub(crate) fn propagation_cost(&self, nodes: &BatchNodes) -> Stage {
        let (graph, layers) = (self.propagation.adjacency(), self.propagation.layers());
        let entries =
            if layers == 0 { 0 } else { graph.entries() * (layers - 1) + entries_at(graph, nodes.rows()) };
        Stage::sparse("propagation", entries, self.dim, 2)
    }

    /// Numbers of users and of items.
    pub(crate) fn sizes(&self) -> [usize; 2] {
        [self.users, self.propagation.adjacency().nodes() - self.users]
    }
}

/// The user rows and the item rows of a table that holds both.
pub(crate) fn halves(table: &Tensor, users: usize) -> (Tensor, Tensor) {
    let rows = table.size()[0];
    (table.narrow(0, 0, users as i64), table.narrow(0, users as i64, rows - users as i64))
}

/// The normalised user–item graph of the train split: users first, then items.
pub(crate) fn train_graph(interactions: &Interactions) -> Result<Adjacency> {
    let pairs = interactions.split(Split::Train).pairs();
    Ok(Adjacency::bipartite(interactions.users(), interactions.items(), pairs)?)
}

/// The block of the same matrix that maps items to users.
pub(crate) fn users_from_items(context: &Context<'_>) -> Result<SparseMap> {
    let interactions = context.dataset.interactions();
    let pairs = interactions.split(Split::Train).pairs();
    Ok(SparseMap::between_sides(interactions.users(), interactions.items(), pairs, context.device)?)
}

/// The block that maps users to items.
pub(crate) fn items_from_users(context: &Context<'_>) -> Result<SparseMap> {
    let interactions = context.dataset.interactions();
    let pairs = interactions.split(Split::Train).pairs().map(|(user, item)| (item, user));
    Ok(SparseMap::between_sides(interactions.items(), interactions.users(), pairs, context.device)?)
}
