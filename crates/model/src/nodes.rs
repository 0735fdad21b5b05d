//! The nodes of a batch, each gathered once from a table of users followed by items.

use recgoat_align::contrast::{Distinct, info_nce};
use recgoat_torch::indices;
use tch::{Device, Kind, Tensor};

use crate::{Batch, Result};

/// The distinct users, positives and other negatives of a batch, in this order.
///
/// A batch names most of its nodes several times. Gathered once, their rows `[nodes, dim]` are all that a loss works
/// on, and the gradient at the table is written once.
pub(crate) struct BatchNodes {
    rows: Tensor,
    users: i64,
    positives: i64,
    /// Of each triple: its user, its positive and its negative among the gathered rows.
    triples: [Tensor; 3],
    /// Of each triple: its positive among the items.
    targets: Vec<u32>,
    /// `[nodes]`: triples that name it.
    counts: Tensor,
}

impl BatchNodes {
    /// Of a batch, where the first item is row `users` of the table.
    pub(crate) fn new(batch: &Batch<'_>, users: usize, device: Device) -> Self {
        let size = batch.positives.len();
        let of_users = Distinct::new(batch.users);
        let of_items = Distinct::new(&[batch.positives, batch.negatives].concat());
        let (positives, negatives) = of_items.positions.split_at(size);
        let first = of_users.ids.len() as u32;
        let shifted = |positions: &[u32]| positions.iter().map(|at| at + first).collect::<Vec<_>>();
        let triples = [of_users.positions, shifted(positives), shifted(negatives)];
        let items = of_items.ids.iter().map(|id| id + users as u32);
        let rows: Vec<u32> = of_users.ids.iter().copied().chain(items).collect();
        let mut counts = vec![0f32; rows.len()];
        triples.iter().flatten().for_each(|&at| counts[at as usize] += 1.0);
        Self {
            rows: indices(&rows, device),
            users: i64::from(first),
            positives: positives.iter().max().map_or(0, |&last| i64::from(last) + 1),
            triples: triples.map(|at| indices(&at, device)),
            targets: positives.to_vec(),
            counts: Tensor::from_slice(&counts).to_device(device),
        }
    }

    /// The nodes' rows of a table, `[nodes, dim]`.
    pub(crate) fn gather(&self, table: &Tensor) -> Tensor {
        table.index_select(0, &self.rows)
    }

    /// Of gathered rows those of each triple, `[batch, dim]`: users, positives, negatives.
    pub(crate) fn triples(&self, gathered: &Tensor) -> [Tensor; 3] {
        [0, 1, 2].map(|part| gathered.index_select(0, &self.triples[part]))
    }

    /// Of gathered rows those of the items, positives first.
    pub(crate) fn items(&self, gathered: &Tensor) -> Tensor {
        gathered.narrow(0, self.users, gathered.size()[0] - self.users)
    }

    /// Each triple's positive among [`BatchNodes::items`].
    pub(crate) fn targets(&self) -> &[u32] {
        &self.targets
    }

    /// Of gathered rows those of the positive items.
    pub(crate) fn positives(&self, gathered: &Tensor) -> Tensor {
        gathered.narrow(0, self.users, self.positives)
    }

    /// `weight / (2 batch) · Σ |row|²` over the rows of all triples, the penalty of the rows a batch touches (He et al.
    /// 2020, released code).
    pub(crate) fn penalty(&self, gathered: &Tensor, weight: f64) -> Tensor {
        let norms = gathered.square().sum_dim_intlist(1, false, Kind::Float);
        norms.dot(&self.counts) * (weight / (2 * self.targets.len()) as f64)
    }

    /// InfoNCE between two views of the users, plus that of the positive items; the first view is the anchor.
    pub(crate) fn contrast(&self, [anchors, candidates]: [&Tensor; 2], temperature: f64) -> Result<Tensor> {
        let part = |first: i64, count: i64| -> Result<Tensor> {
            let [anchors, candidates] = [anchors, candidates].map(|view| view.narrow(0, first, count));
            let targets: Vec<u32> = (0..count as u32).collect();
            Ok(info_nce(&anchors, &candidates, &targets, temperature)?)
        };
        Ok(part(0, self.users)? + part(self.users, self.positives)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_triples_and_penalty_are_those_of_the_batch() {
        let batch = Batch { users: &[1, 0, 1], positives: &[2, 0, 2], negatives: &[1, 2, 3] };
        let nodes = BatchNodes::new(&batch, 2, Device::Cpu);
        let table = Tensor::arange(12, (Kind::Float, Device::Cpu)).view([6, 2]).set_requires_grad(true);
        let gathered = nodes.gather(&table);
        // Users 1 and 0, then items 2, 0, 1, 3: rows 4, 2, 3, 5.
        let select = |rows: &[i64]| table.index_select(0, &Tensor::from_slice(rows));
        assert_eq!(gathered, select(&[1, 0, 4, 2, 3, 5]));
        assert_eq!(nodes.positives(&gathered), select(&[4, 2]));
        assert_eq!(nodes.items(&gathered), select(&[4, 2, 3, 5]));
        assert_eq!(nodes.targets(), [0, 1, 0]);
        let [users, positives, negatives] = nodes.triples(&gathered);
        assert_eq!(users, select(&[1, 0, 1]));
        assert_eq!(positives, select(&[4, 2, 4]));
        assert_eq!(negatives, select(&[3, 4, 5]));
        let squares =
            [users, positives, negatives].map(|rows| rows.square().sum(Kind::Double).double_value(&[]));
        let expected = 0.5 / 6.0 * squares.iter().sum::<f64>();
        assert!((nodes.penalty(&gathered, 0.5).double_value(&[]) - expected).abs() < 1e-4);
    }
}
