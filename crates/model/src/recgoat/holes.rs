//! Views of items whose features are missing.

use recgoat_data::Split;
use recgoat_graph::{Relay, SparseMap};
use tch::Tensor;

use crate::{Context, Result};

/// Gives a missing item the mean over its users of the mean view of their items that have features.
///
/// An item without users, or whose users know no item with features, keeps a view of zero.
#[derive(Debug)]
pub(super) struct Holes {
    /// `[users, items]`: the mean of a user's items that have features.
    users: SparseMap,
    /// `[items, items]`: an item that has features keeps its view.
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
        let known = |user: u32| -> Vec<u32> {
            let history = train.row(user as usize).iter().copied();
            history.filter(|&item| present[item as usize]).collect()
        };
        let mut means = Vec::new();
        let mut members = vec![Vec::new(); items];
        for user in 0..users as u32 {
            let known = known(user);
            means.extend(known.iter().map(|&item| (user, item, 1.0 / known.len() as f32)));
            if !known.is_empty() {
                let missing = train.row(user as usize).iter().filter(|&&item| !present[item as usize]);
                missing.for_each(|&item| members[item as usize].push(user));
            }
        }
        let missing = (0..items as u32).flat_map(|item| {
            let users = &members[item as usize];
            users.iter().map(move |&user| (item, user, 1.0 / users.len() as f32))
        });
        let rows = (0..items as u32).filter(|&item| present[item as usize]);
        Ok(Some(Self {
            users: SparseMap::new(users, items, means, device)?,
            missing: SparseMap::new(items, users, missing, device)?,
            kept: SparseMap::new(items, items, rows.map(|item| (item, item, 1.0)), device)?,
        }))
    }

    /// `view` `[items, dim]`, a leaf, with its missing rows filled; a leaf again.
    pub(super) fn fill<'a>(&'a self, view: &Tensor, relay: &mut Relay<'a>) -> Result<Tensor> {
        let users = relay.apply(&self.users, view)?;
        let filled = relay.apply(&self.missing, &users)? + relay.apply(&self.kept, view)?;
        Ok(relay.join(filled))
    }
}
