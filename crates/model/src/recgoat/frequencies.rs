//! Items' rows by frequency, for transport band by band.

use recgoat_graph::{Relay, Subset};
use tch::{Device, Tensor};

use super::RecGoatConfig;
use crate::{
    Parameters, Result,
    bands::{Banding, Bands, Cuts, Filters},
    ids::GraphIds,
};

/// Degree of the bands' polynomials, SSR's default.
pub(super) const DEGREE: usize = 16;

/// Bands of equal energy of the untrained smoothed ids.
pub(super) struct Frequencies {
    bands: Bands,
    count: usize,
    items: Subset,
}

impl Frequencies {
    /// Nothing where the spectrum stays whole.
    pub(super) fn new(
        config: &RecGoatConfig,
        (ids, parameters): (&GraphIds, &Parameters),
        device: Device,
    ) -> Result<Option<Self>> {
        if config.bands == 1 || !config.align.transport.has_plan() {
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
        let bands = Bands::new(banding, (ids.propagation.adjacency(), users), &untrained, device)?;
        let rows = (users as u32..(users + items) as u32).collect();
        Ok(Some(Self { bands, count: config.bands, items: Subset::new(rows, users + items)? }))
    }

    /// The bands of a table of users and items, a leaf, at its items: one `[items, dim]` a band, which are the items' rows in
    /// sum.
    pub(super) fn of<'a>(&'a self, table: &Tensor, relay: &mut Relay<'a>) -> Result<Vec<Tensor>> {
        Ok(relay.apply_at(self.bands.map(), table, &self.items)?.chunk(self.count as i64, 1))
    }
}
