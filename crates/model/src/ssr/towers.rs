//! The encoders: one tower of ids and one a modality, side by side.

use rand_chacha::ChaCha8Rng;
use recgoat_graph::{LinearMap, Propagation, Relay, SparseMap};
use recgoat_torch::{UnitRows, init, push};
use tch::{Kind, Tensor};

use super::SsrConfig;
use crate::{
    Context, ParameterId, Parameters, Result,
    dense::Dense,
    features::{self, EdgeWeight},
    ids::train_graph,
    similar::{Nodes, similar_edges},
};

/// LightGCN-style towers whose rows are scaled to unit length first: `Σ_l Âˡ X_0`, users weighted by tower, items and
/// users smoothed over graphs of their like.
pub(super) struct Towers {
    dim: usize,
    /// `[users, towers · dim]`.
    users: ParameterId,
    /// `[items, dim]`.
    items: ParameterId,
    /// `[users, towers]`.
    weights: ParameterId,
    pub(super) sides: Vec<Side>,
    pub(super) propagation: Propagation,
    item_graph: SparseMap,
    user_graph: Option<SparseMap>,
    like_layers: usize,
    user_count: usize,
}

/// A modality's way into its tower.
pub(super) struct Side {
    pub(super) name: String,
    pub(super) features: Tensor,
    /// Of each item, whether it has features.
    pub(super) present: Vec<bool>,
    /// `[items, 1]`, where some have none.
    mask: Option<Tensor>,
    inner: Dense,
    outer: Dense,
}

impl Towers {
    pub(super) fn new(
        config: &SsrConfig,
        context: &Context<'_>,
        parameters: &mut Parameters,
        rng: &mut ChaCha8Rng,
    ) -> Result<Self> {
        let (device, interactions) = (context.device, context.dataset.interactions());
        let modalities = features::modalities(context.dataset, &config.modalities, "ssr")?;
        let (users, items) = (interactions.users(), interactions.items());
        let towers = modalities.len() + 1;
        let mut table = |name: &str, rows: usize, columns: usize| {
            let table = init::xavier(rows as i64, columns as i64, rng, device);
            parameters.add(name, table)
        };
        let user_table = table("users", users, towers * config.dim);
        let item_table = table("items", items, config.dim);
        let share = Tensor::full([users as i64, towers as i64], 1.0 / towers as f64, (Kind::Float, device));
        let weights = parameters.add("weights", share.set_requires_grad(true));
        let has_text = modalities.iter().any(|modality| modality.name() == "text");
        let mut sides = Vec::new();
        let mut edges = Vec::new();
        for modality in modalities {
            let share = match (modality.name() == "text", has_text, towers - 1) {
                (true, _, 1) => 1.0,
                (true, ..) => config.text_share,
                (false, true, count) => (1.0 - config.text_share) / (count - 1) as f64,
                (false, false, count) => 1.0 / count as f64,
            };
            let weight = EdgeWeight::Cosine;
            let graph =
                features::item_graph(modality, config.neighbours, config.similarity, weight, context)?;
            edges.extend(
                graph.matrix().iter().map(|(&value, (row, column))| (row, column, value * share as f32)),
            );
            // Itself alone: nothing else is known to be near, and rows without a neighbour would be half as long.
            let missing = (0u32..).zip(modality.present()).filter(|(_, present)| !**present);
            edges.extend(missing.map(|(item, _)| (item, item, share as f32)));
            let mut dense = |part: &str, widths: [usize; 2]| {
                Dense::new(&format!("{}.{part}", modality.name()), widths, parameters, rng, device)
            };
            let inner = dense("inner", [modality.width(), config.hidden]);
            let outer = dense("outer", [config.hidden, config.dim]);
            let flags: Vec<f32> =
                modality.present().iter().map(|&there| f32::from(u8::from(there))).collect();
            let mask =
                (modality.missing() > 0).then(|| Tensor::from_slice(&flags).view([-1, 1]).to_device(device));
            sides.push(Side {
                name: modality.name().to_owned(),
                features: features::tensor(modality, device)?,
                present: modality.present().to_vec(),
                mask,
                inner,
                outer,
            });
        }
        let user_graph = (config.peers > 0)
            .then(|| {
                let edges = similar_edges(interactions, Nodes::Users, config.peers);
                SparseMap::normalised(users, edges, device)
            })
            .transpose()?;
        Ok(Self {
            dim: config.dim,
            users: user_table,
            items: item_table,
            weights,
            sides,
            propagation: Propagation::new(train_graph(interactions)?, config.layers, device),
            item_graph: SparseMap::new(items, items, edges, device)?,
            user_graph,
            like_layers: config.like_layers,
            user_count: users,
        })
    }

    /// Numbers of users and of items.
    pub(super) fn sizes(&self) -> [usize; 2] {
        [self.user_count, self.propagation.adjacency().nodes() - self.user_count]
    }

    /// Number of towers.
    pub(super) fn count(&self) -> usize {
        self.sides.len() + 1
    }

    /// Users and items, `[nodes, towers · dim]`, as a leaf of the relay.
    pub(super) fn apply<'a>(&'a self, parameters: &Parameters, relay: &mut Relay<'a>) -> Result<Tensor> {
        let (towers, dim) = (self.count() as i64, self.dim as i64);
        let sides = self.sides.iter().map(|side| side.projected(parameters));
        let items = std::iter::once(parameters.get(self.items).shallow_clone()).chain(sides);
        let items = Tensor::cat(&items.collect::<Vec<_>>(), 1);
        let unit = unit(parameters.get(self.users), &items, self.dim, relay)?;
        let [user_count, nodes] = [self.user_count, self.propagation.adjacency().nodes()];
        let smoothed = relay.apply(&self.propagation, &unit)?;
        // Propagation means over layers; a tower is their sum.
        let scale = (self.propagation.layers() + 1) as f64;
        let users = relay.span(&smoothed, 0..user_count);
        let weights = parameters.get(self.weights).unsqueeze(-1) * scale;
        let users = (users.view([-1, towers, dim]) * weights).view([-1, towers * dim]);
        let users = match &self.user_graph {
            None => users,
            Some(graph) => self.with_its_like(relay.join(users), graph, relay)?,
        };
        let items = relay.span(&smoothed, user_count..nodes);
        let items = self.with_its_like(items, &self.item_graph, relay)? * scale;
        Ok(relay.join(Tensor::cat(&[users, items], 0)))
    }

    /// Rows, a leaf, and what they are after smoothing over a graph of their like, added.
    fn with_its_like<'a>(
        &self,
        rows: Tensor,
        graph: &'a dyn LinearMap,
        relay: &mut Relay<'a>,
    ) -> Result<Tensor> {
        if self.like_layers == 0 {
            return Ok(rows);
        }
        let mut near = rows.shallow_clone();
        for _ in 0..self.like_layers {
            near = relay.apply(graph, &near)?;
        }
        Ok(rows + near)
    }

    /// Entries of the graphs of items and of users.
    pub(super) fn like_entries(&self) -> usize {
        let users = self.user_graph.as_ref().map_or(0, |graph| graph.matrix().nnz());
        self.item_graph.matrix().nnz() + users
    }
}

impl Side {
    /// `[items, dim]`; a missing row is zero, so that it has no say.
    fn projected(&self, parameters: &Parameters) -> Tensor {
        let hidden = self.inner.apply(parameters, &self.features).leaky_relu();
        let rows = self.outer.apply(parameters, &hidden);
        self.mask.as_ref().map_or_else(|| rows.shallow_clone(), |mask| &rows * mask)
    }
}

/// Users, a leaf, above items, every tower's columns scaled to unit length, as a leaf of the relay.
fn unit(users: &Tensor, items: &Tensor, dim: usize, relay: &mut Relay<'_>) -> Result<Tensor> {
    let unit = UnitRows::new(&[users, items], dim).map_err(recgoat_graph::Error::from)?;
    let (users, output) = (users.shallow_clone(), unit.output().shallow_clone());
    Ok(relay.layer(items, &output, move |gradient| {
        let mut found = unit.vjp(gradient)?.into_iter();
        let [of_users, of_items] = [found.next(), found.next()].map(|part| part.expect("two tables"));
        push(&users, &of_users);
        Ok(of_items)
    }))
}

#[cfg(test)]
mod tests {
    use recgoat_data::{Dataset, Interactions, Modality};
    use recgoat_graph::NeighbourCache;
    use recgoat_torch::{Purpose, Seed};
    use tch::Device;

    use super::*;

    #[test]
    fn an_item_without_features_is_its_own_neighbour() {
        let interactions = Interactions::from_pairs(1, 3, &[(0, 0)], &[], &[]).unwrap();
        let modality = |name: &str, there: [bool; 3]| {
            Modality::new(name, 3, 1, vec![1.0, 1.0, 1.0], there.to_vec()).unwrap()
        };
        let modalities = vec![modality("image", [true, true, false]), modality("text", [true, false, false])];
        let dataset = Dataset::from_parts("made", interactions, modalities).unwrap();
        let (device, neighbours) = (Device::Cpu, NeighbourCache::none());
        let context = Context { dataset: &dataset, seed: Seed(1), device, neighbours: &neighbours };
        let mut rng = context.seed.stream(Purpose::Init, 0);
        let config = SsrConfig { neighbours: 2, ..SsrConfig::default() };
        let towers = Towers::new(&config, &context, &mut Parameters::default(), &mut rng).unwrap();
        let at = |row, column| towers.item_graph.matrix().get(row, column).copied().unwrap_or(0.0);
        // Text weighs nine tenths; by image items 0 and 1 are each other's.
        let expected = [[0.95, 0.05, 0.0], [0.05, 0.95, 0.0], [0.0, 0.0, 1.0]];
        for (row, expected) in expected.iter().enumerate() {
            for (column, &value) in expected.iter().enumerate() {
                assert!((at(row, column) - value).abs() < 1e-6, "{row} {column} {}", at(row, column));
            }
        }
    }
}
