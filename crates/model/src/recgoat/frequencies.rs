//! Items' rows by frequency, for transport band by band.

use recgoat_graph::{Relay, SparseMap, Subset};
use tch::Tensor;

use super::RecGoatConfig;
use crate::{
    Context, Parameters, Result,
    bands::{Banding, Bands, Cuts, Filters},
    ids::{GraphIds, users_from_items},
};

/// Degree of the bands' polynomials, SSR's default.
pub(super) const DEGREE: usize = 16;

/// Bands of equal energy of the untrained smoothed ids.
pub(super) struct Frequencies {
    bands: Bands,
    count: usize,
    items: Subset,
    users_from_items: SparseMap,
}

impl Frequencies {
    /// Nothing where the spectrum stays whole.
    pub(super) fn new(
        config: &RecGoatConfig,
        (ids, parameters): (&GraphIds, &Parameters),
        context: &Context<'_>,
    ) -> Result<Option<Self>> {
        if config.bands == 1 {
            return Ok(None);
        }
        let [users, items] = ids.sizes();
        let untrained = tch::no_grad(|| ids.smoothed(parameters, &mut Relay::default()))?;
        let banding = Banding {
            bands: config.bands,
            cuts: Cuts::EqualEnergy,
            filters: Filters::Chebyshev,
            degree: DEGREE,
        };
        let bands = Bands::new(banding, (ids.propagation.adjacency(), users), &untrained, context.device)?;
        let rows = (users as u32..(users + items) as u32).collect();
        let items = Subset::new(rows, users + items)?;
        Ok(Some(Self { bands, count: config.bands, items, users_from_items: users_from_items(context)? }))
    }

    /// The bands of a table of users and items, a leaf, at its items: one `[items, dim]` a band, which are the items' rows in
    /// sum.
    pub(super) fn of<'a>(&'a self, table: &Tensor, relay: &mut Relay<'a>) -> Result<Vec<Tensor>> {
        Ok(relay.apply_at(self.bands.map(), table, &self.items)?.chunk(self.count as i64, 1))
    }

    /// The bands of rows of items, a leaf, carried to users first: together they are a signal on the graph.
    pub(super) fn of_items<'a>(&'a self, items: &Tensor, relay: &mut Relay<'a>) -> Result<Vec<Tensor>> {
        let users = relay.apply(&self.users_from_items, items)?;
        let table = relay.join(Tensor::cat(&[&users, items], 0));
        self.of(&table, relay)
    }
}
