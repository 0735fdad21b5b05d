//! Interactions of dense users and items, cut into train, valid and test.

use rustc_hash::FxHashMap;

use crate::csr::Csr;
use crate::error::{Error, Result};

/// The part of the data that an interaction belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Split {
    /// What a model learns from; `x_label` 0.
    Train,
    /// What decides when to stop and what to choose; `x_label` 1.
    Valid,
    /// What is read once, after training; `x_label` 2.
    Test,
}

impl Split {
    /// All splits, in the order of their `x_label`.
    pub const ALL: [Self; 3] = [Self::Train, Self::Valid, Self::Test];

    /// The split's name in reports and messages.
    pub fn name(self) -> &'static str {
        ["train", "valid", "test"][self as usize]
    }
}

/// Interactions per split. Users and items are dense ids from 0; every user has at least one train
/// interaction, and no pair occurs twice, within a split or across them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interactions {
    items: usize,
    splits: [Csr; 3],
}

impl Interactions {
    /// Checks and sorts `(user, item)` pairs.
    ///
    /// # Errors
    /// [`Error::Argument`] for an id out of range, a pair that occurs twice, or a user without a train
    /// interaction.
    ///
    /// ```
    /// use recgoat_data::{Interactions, Split};
    /// let data = Interactions::from_pairs(2, 3, &[(0, 2), (1, 1), (0, 1)], &[(1, 2)], &[])?;
    /// assert_eq!(data.split(Split::Train).row(0), [1, 2]);
    /// assert!(Interactions::from_pairs(2, 3, &[(0, 2)], &[(1, 2)], &[]).is_err()); // user 1 has no train item
    /// # Ok::<(), recgoat_data::Error>(())
    /// ```
    pub fn from_pairs(
        users: usize,
        items: usize,
        train: &[(u32, u32)],
        valid: &[(u32, u32)],
        test: &[(u32, u32)],
    ) -> Result<Self> {
        let mut rows = Vec::with_capacity(train.len() + valid.len() + test.len());
        let mut places = Vec::with_capacity(rows.capacity());
        for (split, pairs) in Split::ALL.into_iter().zip([train, valid, test]) {
            for (index, &(user, item)) in pairs.iter().enumerate() {
                let place = format!("{}[{index}]", split.name());
                if user as usize >= users || item as usize >= items {
                    let expected = format!("a user below {users} and an item below {items}");
                    return Err(Error::argument(place, expected, format!("({user}, {item})")));
                }
                rows.push(Row { user, item, split });
                places.push((split, index));
            }
        }
        let place = |row: usize| format!("{}[{}]", places[row].0.name(), places[row].1);
        match find_fault(users, &rows) {
            None => Ok(Self::from_rows(users, items, &rows)),
            Some(Fault::Repeated { first, second }) => {
                let Row { user, item, .. } = rows[second];
                let found = format!("it in {} and {}", place(first), place(second));
                Err(Error::argument("interactions", format!("the pair ({user}, {item}) once"), found))
            }
            Some(Fault::NoTrain { user, .. }) => {
                Err(Error::argument("interactions", format!("a train item for user {user}"), "none"))
            }
        }
    }

    /// Sorts rows in which [`find_fault`] finds nothing.
    pub(crate) fn from_rows(users: usize, items: usize, rows: &[Row]) -> Self {
        let part = |split| {
            Csr::from_pairs(users, rows.iter().filter(move |r| r.split == split).map(|r| (r.user, r.item)))
        };
        Self { items, splits: Split::ALL.map(part) }
    }

    /// Number of users.
    pub fn users(&self) -> usize {
        self.splits[0].rows()
    }

    /// Number of items, those without an interaction included.
    pub fn items(&self) -> usize {
        self.items
    }

    /// The interactions of one split.
    pub fn split(&self, split: Split) -> &Csr {
        &self.splits[split as usize]
    }
}

/// One interaction and its split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) user: u32,
    pub(crate) item: u32,
    pub(crate) split: Split,
}

/// What no data set may contain; rows are counted from 0.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Repeated { first: usize, second: usize },
    NoTrain { user: u32, row: Option<usize> },
}

/// The first pair that occurs twice or, failing that, the first user without a train row.
pub(crate) fn find_fault(users: usize, rows: &[Row]) -> Option<Fault> {
    let mut seen = FxHashMap::with_capacity_and_hasher(rows.len(), Default::default());
    let mut trained = vec![false; users];
    for (second, row) in rows.iter().enumerate() {
        if let Some(first) = seen.insert((row.user, row.item), second) {
            return Some(Fault::Repeated { first, second });
        }
        trained[row.user as usize] |= row.split == Split::Train;
    }
    let user = trained.iter().position(|&trained| !trained)? as u32;
    Some(Fault::NoTrain { user, row: rows.iter().position(|row| row.user == user) })
}
