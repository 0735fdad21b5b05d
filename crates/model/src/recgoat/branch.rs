//! One modality's branch: features, carried to id coordinates, gate the ids of their items.

use rand_chacha::ChaCha8Rng;
use recgoat_align::oat::CoordinateTransport;
use recgoat_data::Modality;
use recgoat_graph::{Relay, SparseMap};
use recgoat_torch::init;
use tch::{Kind, Tensor};

use super::{RecGoatConfig, alike::listened, diagnosis::Plan, frequencies::Frequencies, holes::Holes};
use crate::{
    Context, ParameterId, Parameters, Result,
    dense::Dense,
    features::{self, EdgeWeight},
};

/// The branch of one modality. Items without features take no part but the last: their views are filled.
pub(super) struct Branch {
    pub(super) name: String,
    /// `[present, width]`.
    pub(super) features: Tensor,
    /// Where not all items have features.
    pub(super) holes: Option<Holes>,
    /// Over the items that have features.
    pub(super) graph: SparseMap,
    like_layers: usize,
    projection: Dense,
    residual: Option<ParameterId>,
    bias: ParameterId,
    /// The gate of its view.
    pub(super) preference: Dense,
}

/// What a branch makes of the ids in one pass.
pub(super) struct Pass {
    /// The items' view, `[items, dim]`; a leaf.
    pub(super) view: Tensor,
    /// Projected features, and the same after transport, `[present, dim]`.
    pub(super) projected: Tensor,
    pub(super) moved: Tensor,
    /// One a band, where the transport has a plan.
    pub(super) plans: Vec<Plan>,
    /// `<C, T>` on the tape, over all bands, where the transport has a plan.
    pub(super) wasserstein: Option<Tensor>,
}

impl Branch {
    /// Builds the graph and draws initial parameters.
    pub(super) fn new(
        modality: &Modality,
        config: &RecGoatConfig,
        context: &Context<'_>,
        parameters: &mut Parameters,
        rng: &mut ChaCha8Rng,
    ) -> Result<Self> {
        let (device, dim, name) = (context.device, config.dim, modality.name());
        let known = features::known(modality)?;
        let graph =
            features::item_graph(&known, config.neighbours, config.similarity, EdgeWeight::Cosine, context)?;
        let mut dense = |part: &str, inputs: usize| {
            Dense::new(&format!("{name}.{part}"), [inputs, dim], parameters, rng, device)
        };
        let (projection, preference) = (dense("projection", modality.width()), dense("preference", dim));
        let residual = config.align.transport.has_residual().then(|| {
            let residual = init::xavier(dim as i64, dim as i64, rng, device);
            parameters.add(format!("{name}.residual"), residual)
        });
        let bias = Tensor::zeros([dim as i64], (Kind::Float, device)).set_requires_grad(true);
        Ok(Self {
            name: name.to_owned(),
            features: features::tensor(&known, device)?.to_kind(config.precision.kind()),
            holes: Holes::new(modality.present(), context)?,
            graph,
            like_layers: config.like_layers,
            projection,
            residual,
            bias: parameters.add(format!("{name}.gate"), bias),
            preference,
        })
    }

    /// Gates the layer-0 ids of `items`, a leaf, by features that are carried to `ids`, the smoothed ids of items, one tensor a
    /// band and transport.
    pub(super) fn pass<'a>(
        &'a self,
        parameters: &Parameters,
        (items, ids): (&Tensor, &[Tensor]),
        frequencies: Option<&'a Frequencies>,
        transports: &mut [CoordinateTransport],
        relay: &mut Relay<'a>,
    ) -> Result<Pass> {
        let projected = relay.join(self.projection.apply(parameters, &self.features));
        let by_band = match (frequencies, &self.holes) {
            (None, _) => vec![projected.shallow_clone()],
            (Some(frequencies), None) => frequencies.of_items(&projected, relay)?,
            (Some(frequencies), Some(holes)) => {
                let items = relay.join(holes.with_zeros(&projected));
                let bands = frequencies.of_items(&items, relay)?;
                bands.iter().map(|band| relay.join(self.known(band))).collect()
            }
        };
        let residual = self.residual.map(|residual| parameters.get(residual));
        let (moved, wasserstein, plans) = if transports.is_empty() {
            let moved = residual.map_or_else(|| projected.shallow_clone(), |map| projected.matmul(map));
            (moved, None, Vec::new())
        } else {
            let ids: Vec<Tensor> = ids.iter().map(|ids| self.known(ids)).collect();
            carried(&by_band, &ids, residual, transports)?
        };
        let own = match &self.holes {
            None => items.shallow_clone(),
            Some(holes) => relay.gather(items, holes.known()),
        };
        let gated = relay.join(&own * (&moved + parameters.get(self.bias)).sigmoid());
        let view = listened(&gated, (&self.graph, self.like_layers), relay)?;
        let view = match &self.holes {
            None => view,
            Some(holes) => holes.fill(&view, relay)?,
        };
        Ok(Pass { view, projected, moved, plans, wasserstein })
    }

    /// The rows of items that have features.
    fn known(&self, items: &Tensor) -> Tensor {
        self.holes.as_ref().map_or_else(|| items.shallow_clone(), |holes| items.index_select(0, holes.rows()))
    }
}

/// `Σ_b z_b (d·T_b + Δ)` of features in bands `z_b`, by a plan to the ids of each band; what the plans cost, and they.
fn carried(
    features: &[Tensor],
    ids: &[Tensor],
    residual: Option<&Tensor>,
    transports: &mut [CoordinateTransport],
) -> Result<(Tensor, Option<Tensor>, Vec<Plan>)> {
    let (mut moved, mut costs, mut plans) = (Vec::new(), Vec::new(), Vec::new());
    for ((features, ids), transport) in features.iter().zip(ids).zip(transports) {
        let found = transport.align(features, ids)?;
        let map = found.map.shallow_clone();
        moved.push(
            residual.map_or_else(|| features.matmul(&map), |residual| features.matmul(&(&map + residual))),
        );
        costs.push(found.wasserstein.shallow_clone());
        plans.push(Plan::new(found, features, &map, residual));
    }
    let sum = |terms: Vec<Tensor>| terms.into_iter().reduce(|sum, term| sum + term);
    Ok((sum(moved).expect("at least one band"), sum(costs), plans))
}
