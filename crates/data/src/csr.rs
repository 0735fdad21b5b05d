//! Item lists of all users in one compressed sparse row structure.

/// The items of every user, rows sorted ascending.
///
/// # Shapes
/// `offsets [users + 1]`, `items [interactions]`; the items of user `u` are
/// `items[offsets[u]..offsets[u + 1]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Csr {
    offsets: Vec<usize>,
    items: Vec<u32>,
}

impl Csr {
    /// Sorts pairs `(user, item)` into rows; every user is below `users`.
    pub(crate) fn from_pairs(users: usize, pairs: impl Iterator<Item = (u32, u32)> + Clone) -> Self {
        let mut offsets = vec![0; users + 1];
        for (user, _) in pairs.clone() {
            offsets[user as usize + 1] += 1;
        }
        for user in 0..users {
            offsets[user + 1] += offsets[user];
        }
        let mut items = vec![0; offsets[users]];
        let mut next = offsets.clone();
        for (user, item) in pairs {
            items[next[user as usize]] = item;
            next[user as usize] += 1;
        }
        for user in 0..users {
            items[offsets[user]..offsets[user + 1]].sort_unstable();
        }
        Self { offsets, items }
    }

    /// Number of users.
    pub fn rows(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Number of interactions.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is no interaction at all.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The items of one user, ascending.
    ///
    /// # Panics
    /// When `user` is not below [`Csr::rows`].
    pub fn row(&self, user: usize) -> &[u32] {
        &self.items[self.offsets[user]..self.offsets[user + 1]]
    }

    /// Where each user's row begins in [`Csr::items`], and, last, where the final one ends.
    pub fn offsets(&self) -> &[usize] {
        &self.offsets
    }

    /// The items of all users, user by user.
    pub fn items(&self) -> &[u32] {
        &self.items
    }

    /// All interactions as `(user, item)`, by user, then item.
    pub fn pairs(&self) -> impl Iterator<Item = (u32, u32)> {
        (0..self.rows()).flat_map(|user| self.row(user).iter().map(move |&item| (user as u32, item)))
    }
}
