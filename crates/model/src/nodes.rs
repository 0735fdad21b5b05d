//! The nodes of a batch, each gathered once from a table of users followed by items.

use recgoat_align::contrast::{Distinct, info_nce};
use recgoat_graph::{LinearMap, Relay, Subset};
use recgoat_torch::{from_slice, indices};
use tch::{Device, Kind, Tensor};

use crate::{Batch, Result, ids::halves, objective::pairwise_loss, triples};

/// Users and items that a pass computes: all of them, or a batch's alone.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scope<'a> {
    All,
    Batch(&'a BatchNodes),
}

impl<'a> Scope<'a> {
    /// The image of a table of users and items, a leaf, at the scope's nodes; a leaf.
    pub(crate) fn apply(
        self,
        map: &'a dyn LinearMap,
        table: &Tensor,
        relay: &mut Relay<'a>,
    ) -> Result<Tensor> {
        Ok(match self {
            Self::All => relay.apply(map, table)?,
            Self::Batch(nodes) => relay.apply_at(map, table, &nodes.all)?,
        })
    }

    /// The rows of a table of users and items, a leaf; a leaf.
    pub(crate) fn of_table(self, table: &Tensor, relay: &mut Relay<'a>) -> Tensor {
        match self {
            Self::All => table.shallow_clone(),
            Self::Batch(nodes) => relay.gather(table, &nodes.all),
        }
    }

    /// The rows of a table of items, a leaf; a leaf.
    pub(crate) fn of_items(self, table: &Tensor, relay: &mut Relay<'a>) -> Tensor {
        match self {
            Self::All => table.shallow_clone(),
            Self::Batch(nodes) => relay.gather(table, &nodes.items),
        }
    }

    /// Items' rows, a leaf, under what `map` makes of them for users; leaves.
    pub(crate) fn under_users(
        self,
        map: &'a dyn LinearMap,
        items: &Tensor,
        relay: &mut Relay<'a>,
    ) -> Result<[Tensor; 2]> {
        Ok([self.users_of(map, items, relay)?, self.of_items(items, relay)])
    }

    /// What `map` makes of items' rows, a leaf, for users; a leaf.
    pub(crate) fn users_of(
        self,
        map: &'a dyn LinearMap,
        items: &Tensor,
        relay: &mut Relay<'a>,
    ) -> Result<Tensor> {
        Ok(match self {
            Self::All => relay.apply(map, items)?,
            Self::Batch(nodes) => relay.apply_at(map, items, &nodes.users)?,
        })
    }

    /// Users' rows, a leaf, above what `map` makes of them for items; leaves.
    pub(crate) fn above_items(
        self,
        users: &Tensor,
        map: &'a dyn LinearMap,
        relay: &mut Relay<'a>,
    ) -> Result<[Tensor; 2]> {
        Ok(match self {
            Self::All => [users.shallow_clone(), relay.apply(map, users)?],
            Self::Batch(n) => [relay.gather(users, &n.users), relay.apply_at(map, users, &n.items)?],
        })
    }
}

/// The distinct users, positives and other negatives of a batch, in this order.
///
/// A batch names most of its nodes several times. Gathered once, their rows `[nodes, dim]` are all that a loss works
/// on, and what lies behind them is computed for them alone.
#[derive(Debug)]
pub(crate) struct BatchNodes {
    /// Among users followed by items.
    all: Subset,
    users: Subset,
    items: Subset,
    positives: i64,
    /// Of each triple: its user, its positive and its negative among the gathered rows.
    triples: [Vec<u32>; 3],
    /// Of each triple: its positive among the items.
    targets: Vec<u32>,
    /// `[nodes]`: triples that name it.
    counts: Vec<f32>,
    device: Device,
}

impl BatchNodes {
    /// Of a batch of so many users and items; tensors lie on `device`.
    pub(crate) fn new(batch: &Batch<'_>, [users, items]: [usize; 2], device: Device) -> Result<Self> {
        let size = batch.positives.len();
        let of_users = Distinct::new(batch.users);
        let of_items = Distinct::new(&[batch.positives, batch.negatives].concat());
        let (positives, negatives) = of_items.positions.split_at(size);
        let first = of_users.ids.len() as u32;
        let shifted = |positions: &[u32]| positions.iter().map(|at| at + first).collect::<Vec<_>>();
        let triples = [of_users.positions, shifted(positives), shifted(negatives)];
        let below = of_items.ids.iter().map(|id| id + users as u32);
        let rows: Vec<u32> = of_users.ids.iter().copied().chain(below).collect();
        let mut counts = vec![0f32; rows.len()];
        triples.iter().flatten().for_each(|&at| counts[at as usize] += 1.0);
        Ok(Self {
            all: Subset::new(rows, users + items)?,
            users: Subset::new(of_users.ids, users)?,
            items: Subset::new(of_items.ids, items)?,
            positives: positives.iter().max().map_or(0, |&last| i64::from(last) + 1),
            triples,
            targets: positives.to_vec(),
            counts,
            device,
        })
    }

    /// The batch's users and items, among users followed by items.
    pub(crate) fn rows(&self) -> &Subset {
        &self.all
    }

    /// The batch's users.
    pub(crate) fn user_rows(&self) -> &Subset {
        &self.users
    }

    /// The batch's items.
    pub(crate) fn item_rows(&self) -> &Subset {
        &self.items
    }

    /// Number of different positives, the first of the items.
    pub(crate) fn positive_count(&self) -> usize {
        self.positives as usize
    }

    /// Of gathered rows those of each triple, `[batch, dim]`: users, positives, negatives.
    pub(crate) fn triples(&self, gathered: &Tensor) -> [Tensor; 3] {
        [0, 1, 2].map(|part| repeated(gathered, &indices(&self.triples[part], self.device)))
    }

    /// Of rows of the batch's items those of each triple, `[batch, _]`: positives, negatives.
    pub(crate) fn item_pairs(&self, items: &Tensor) -> [Tensor; 2] {
        let first = self.users.rows().len() as i64;
        [1, 2].map(|part| repeated(items, &(indices(&self.triples[part], self.device) - first)))
    }

    /// Of gathered rows those of the users.
    pub(crate) fn users(&self, gathered: &Tensor) -> Tensor {
        halves(gathered, self.users.rows().len()).0
    }

    /// Of gathered rows those of the items, positives first.
    pub(crate) fn items(&self, gathered: &Tensor) -> Tensor {
        halves(gathered, self.users.rows().len()).1
    }

    /// Each triple's user among [`BatchNodes::users`] and positive among [`BatchNodes::items`].
    pub(crate) fn interactions(&self) -> Vec<[u32; 2]> {
        self.triples[0].iter().zip(&self.targets).map(|(&user, &item)| [user, item]).collect()
    }

    /// Each triple's positive among [`BatchNodes::items`].
    pub(crate) fn targets(&self) -> &[u32] {
        &self.targets
    }

    /// Of gathered rows those of the positive items.
    pub(crate) fn positives(&self, gathered: &Tensor) -> Tensor {
        gathered.narrow(0, self.users.rows().len() as i64, self.positives)
    }

    /// `weight / (2 batch) · Σ |row|²` over the rows of all triples, the penalty of the rows a batch touches (He et al.
    /// 2020, released code).
    ///
    /// # Errors
    /// A failure of libtorch's.
    pub(crate) fn penalty(&self, gathered: &Tensor, weight: f64) -> Result<Tensor> {
        let factor = weight / (2 * self.targets.len()) as f64;
        if self.device == Device::Cpu {
            return triples::penalty(gathered, &self.counts, factor);
        }
        let norms = gathered.square().sum_dim_intlist(1, false, Kind::Float);
        let counts = from_slice(&self.counts, &[self.counts.len() as i64], self.device)?;
        Ok(norms.dot(&counts) * factor)
    }

    /// [`pairwise_loss`] of the batch's triples; `gathered` are the rows of its nodes.
    ///
    /// # Errors
    /// A failure of libtorch's.
    pub(crate) fn pairwise(&self, gathered: &Tensor) -> Result<Tensor> {
        if self.device == Device::Cpu {
            return triples::pairwise(gathered, &self.triples);
        }
        let [users, positives, negatives] = self.triples(gathered);
        Ok(pairwise_loss(&users, &positives, &negatives))
    }

    /// InfoNCE between two views of the users, plus that of the positive items; the first view is the anchor.
    pub(crate) fn contrast(&self, [anchors, candidates]: [&Tensor; 2], temperature: f64) -> Result<Tensor> {
        let part = |first: i64, count: i64| -> Result<Tensor> {
            let [anchors, candidates] = [anchors, candidates].map(|view| view.narrow(0, first, count));
            let targets: Vec<u32> = (0..count as u32).collect();
            Ok(info_nce(&anchors, &candidates, &targets, temperature)?)
        };
        let users = self.users.rows().len() as i64;
        Ok(part(0, users)? + part(users, self.positives)?)
    }
}

/// Rows of a tensor of the tape, some of them more than once. On CUDA the gradient of `index_select` adds them up in any
/// order, that of `index` in a fixed one.
fn repeated(table: &Tensor, rows: &Tensor) -> Tensor {
    if table.device() == Device::Cpu { table.index_select(0, rows) } else { table.index(&[Some(rows)]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_triples_and_penalty_are_those_of_the_batch() {
        let batch = Batch { users: &[1, 0, 1], positives: &[2, 0, 2], negatives: &[1, 2, 3] };
        let nodes = BatchNodes::new(&batch, [2, 4], Device::Cpu).unwrap();
        let table = Tensor::arange(12, (Kind::Float, Device::Cpu)).view([6, 2]).set_requires_grad(true);
        let gathered = Scope::Batch(&nodes).of_table(&table, &mut Relay::default());
        // Users 1 and 0, then items 2, 0, 1, 3: rows 4, 2, 3, 5.
        let select = |rows: &[i64]| table.index_select(0, &Tensor::from_slice(rows));
        assert_eq!(gathered, select(&[1, 0, 4, 2, 3, 5]));
        assert_eq!(nodes.positives(&gathered), select(&[4, 2]));
        assert_eq!(nodes.items(&gathered), select(&[4, 2, 3, 5]));
        assert_eq!(nodes.users(&gathered), select(&[1, 0]));
        assert_eq!(nodes.targets(), [0, 1, 0]);
        assert_eq!(nodes.interactions(), [[0, 0], [1, 1], [0, 0]]);
        let [users, positives, negatives] = nodes.triples(&gathered);
        assert_eq!(users, select(&[1, 0, 1]));
        assert_eq!(positives, select(&[4, 2, 4]));
        assert_eq!(negatives, select(&[3, 4, 5]));
        let squares =
            [users, positives, negatives].map(|rows| rows.square().sum(Kind::Double).double_value(&[]));
        let expected = 0.5 / 6.0 * squares.iter().sum::<f64>();
        assert!((nodes.penalty(&gathered, 0.5).unwrap().double_value(&[]) - expected).abs() < 1e-4);
    }
}
