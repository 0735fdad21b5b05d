//! A user–item graph of which each epoch trains on a sample.

use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use recgoat_data::Split;
use recgoat_graph::{Adjacency, Propagation};
use tch::Device;

use crate::{Context, Result, ids::GraphIds};

/// Keeps a share of the train graph's edges each epoch, drawn without replacement with probability `∝ 1/√(d_u d_i)` (Zhou
/// and Shen 2023, section 3.2): those of popular nodes are left out first.
#[derive(Debug)]
pub(crate) struct Thinned {
    /// Share of the edges left out.
    dropout: f64,
    /// The train edges, held where some are left out.
    pairs: Vec<(u32, u32)>,
    epoch: Option<Propagation>,
    device: Device,
}

impl Thinned {
    /// Leaves out a share `dropout` of the edges, in `[0, 1)`.
    pub(crate) fn new(dropout: f64, context: &Context<'_>) -> Self {
        let train = context.dataset.interactions().split(Split::Train);
        let pairs = if dropout > 0.0 { train.pairs().collect() } else { Vec::new() };
        Self { dropout, pairs, epoch: None, device: context.device }
    }

    /// Draws the edges that the next epoch trains on; draws nothing where none are left out.
    ///
    /// # Errors
    /// A failure of the graph.
    pub(crate) fn begin_epoch(&mut self, ids: &GraphIds, randomness: &mut ChaCha8Rng) -> Result<()> {
        if self.dropout > 0.0 {
            let [users, items] = ids.sizes();
            let graph = Adjacency::bipartite(users, items, self.draw(ids, randomness))?;
            self.epoch = Some(Propagation::new(graph, ids.propagation.layers(), self.device));
        }
        Ok(())
    }

    /// What the epoch trains on: the whole graph where none are left out.
    pub(crate) fn graph<'a>(&'a self, ids: &'a GraphIds) -> &'a Propagation {
        self.epoch.as_ref().unwrap_or(&ids.propagation)
    }

    fn draw(&self, ids: &GraphIds, randomness: &mut ChaCha8Rng) -> Vec<(u32, u32)> {
        let matrix = ids.propagation.adjacency().matrix();
        let weight = |&(user, item): &(u32, u32)| {
            matrix.get(user as usize, item as usize + ids.users).copied().unwrap_or_default()
        };
        let kept = ((self.pairs.len() as f64 * (1.0 - self.dropout)) as usize).max(1);
        let drawn = self.pairs.choose_multiple_weighted(randomness, kept, weight);
        drawn.expect("edges weigh more than nothing").copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand::SeedableRng;
    use recgoat_data::synthetic::{SyntheticConfig, synthetic};
    use recgoat_graph::NeighbourCache;
    use recgoat_torch::Seed;

    use super::*;
    use crate::Parameters;

    /// Against the first draw of each of many epochs, whose chances are the weights themselves.
    #[test]
    fn keeps_its_share_of_the_edges_by_their_weight() {
        let config =
            SyntheticConfig { users: 12, items: 9, interactions: 60, seed: 1, modalities: Vec::new() };
        let dataset = synthetic(&config).unwrap();
        let neighbours = NeighbourCache::none();
        let context =
            Context { dataset: &dataset, seed: Seed(0), device: Device::Cpu, neighbours: &neighbours };
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let ids = GraphIds::new([4, 2], &context, &mut Parameters::default(), &mut rng).unwrap();

        let mut half = Thinned::new(0.5, &context);
        half.begin_epoch(&ids, &mut rng).unwrap();
        let kept = half.graph(&ids).adjacency().entries();
        assert_eq!(kept, half.pairs.len() / 2 * 2, "both directions of half of the edges");

        let mut whole = Thinned::new(0.0, &context);
        whole.begin_epoch(&ids, &mut rng).unwrap();
        assert_eq!(whole.graph(&ids).adjacency().entries(), 2 * half.pairs.len());

        let all: HashSet<_> = half.pairs.iter().copied().collect();
        let drawn = half.draw(&ids, &mut rng);
        assert!(
            drawn.iter().collect::<HashSet<_>>().len() == drawn.len()
                && drawn.iter().all(|e| all.contains(e))
        );

        let single = Thinned::new(1.0 - 1.0 / half.pairs.len() as f64, &context);
        let matrix = ids.propagation.adjacency().matrix();
        let weight =
            |&(user, item): &(u32, u32)| f64::from(*matrix.get(user as usize, item as usize + 12).unwrap());
        let total: f64 = half.pairs.iter().map(weight).sum();
        let heaviest = *half.pairs.iter().max_by(|a, b| weight(a).total_cmp(&weight(b))).unwrap();
        let draws = 4000;
        let hits = (0..draws).filter(|_| single.draw(&ids, &mut rng) == [heaviest]).count() as f64;
        let expected = f64::from(draws) * weight(&heaviest) / total;
        assert!((hits - expected).abs() < 5.0 * expected.sqrt(), "{hits} of {expected}");
    }
}
