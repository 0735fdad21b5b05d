//! Views of items whose features are missing.

use recgoat_data::Split;
use recgoat_graph::{Relay, SparseMap, Subset};
use tch::Tensor;

use crate::{Context, Result};

/// Gives a missing item the mean over its users of the mean view of their items that have features.
///
/// An item without users, or whose users know no item with features, keeps a view of zero.
#[derive(Debug)]
pub(super) struct Holes {
    /// The items that have features.
    known: Subset,
    /// The same as a tensor.
    rows: Tensor,
    /// `[users, known]`: the mean of a user's items that have features.
    users: SparseMap,
    /// `[items, known]`: an item that has features keeps its view.
    kept: SparseMap,
    /// `[items, users]`: the mean of a missing item's users.
    missing: SparseMap,
}

impl Holes {
    /// None when nothing is missing.
    pub(super) fn new(present: &[bool], context: &Context<'_>) -> Result<Option<Self>> {
        if present.iter().all(|&present| present) {
            return Ok(None);
        }
        let interactions = context.dataset.interactions();
        let train = interactions.split(Split::Train);
        let (users, items, device) = (interactions.users(), interactions.items(), context.device);
        let known = Subset::new((0..items as u32).filter(|&item| present[item as usize]).collect(), items)?;
        let place = |item: u32| known.place(item as usize).map(|place| place as u32);
        let mut means = Vec::new();
        let mut members = vec![Vec::new(); items];
        for user in 0..users as u32 {
            let history = train.row(user as usize);
            let places: Vec<u32> = history.iter().filter_map(|&item| place(item)).collect();
            means.extend(places.iter().map(|&place| (user, place, 1.0 / places.len() as f32)));
            if !places.is_empty() {
                let missing = history.iter().filter(|&&item| !present[item as usize]);
                missing.for_each(|&item| members[item as usize].push(user));
            }
        }
        let missing = (0..items as u32).flat_map(|item| {
            let users = &members[item as usize];
            users.iter().map(move |&user| (item, user, 1.0 / users.len() as f32))
        });
        let count = known.rows().len();
        let kept = known.rows().iter().zip(0..).map(|(&item, place)| (item, place, 1.0));
        Ok(Some(Self {
            users: SparseMap::new(users, count, means, device)?,
            missing: SparseMap::new(items, users, missing, device)?,
            kept: SparseMap::new(items, count, kept, device)?,
            rows: known.to_tensor(device),
            known,
        }))
    }

    /// The items that have features.
    pub(super) fn known(&self) -> &Subset {
        &self.known
    }

    /// The same as a tensor.
    pub(super) fn rows(&self) -> &Tensor {
        &self.rows
    }

    /// A view of all items, `[items, dim]`, of one of those that have features, `[known, dim]`, a leaf; a leaf again.
    pub(super) fn fill<'a>(&'a self, view: &Tensor, relay: &mut Relay<'a>) -> Result<Tensor> {
        let users = relay.apply(&self.users, view)?;
        let filled = relay.apply(&self.missing, &users)? + relay.apply(&self.kept, view)?;
        Ok(relay.join(filled))
    }

    /// Entries of all maps.
    pub(super) fn entries(&self) -> usize {
        [&self.users, &self.kept, &self.missing].map(|map| map.matrix().nnz()).iter().sum()
    }

    /// `[known, dim]` as `[items, dim]`, the others zero; on the tape.
    pub(super) fn with_zeros(&self, view: &Tensor) -> Tensor {
        let size = [self.known.of() as i64, view.size()[1]];
        Tensor::zeros(size, (view.kind(), view.device())).index_add(0, &self.rows, view)
    }
}
