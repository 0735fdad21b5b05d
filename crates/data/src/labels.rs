//! Original ids and titles of users and items, from `users.tsv` and `items.tsv`.

use std::borrow::Cow;
use std::path::Path;

use crate::error::Result;
use crate::table::Table;

/// What people call the users or the items.
#[derive(Debug, Clone, Default)]
pub(crate) struct Labels(Table);

impl Labels {
    /// Reads a file with the columns `id_column`, `original` (optional) and `title` or `name` (optional).
    pub(crate) fn read(path: &Path, id_column: &str, count: usize) -> Result<Self> {
        Table::read(path, id_column, count).map(Self)
    }

    pub(crate) fn table(&self) -> &Table {
        &self.0
    }

    /// The original id, or the dense one where none is known.
    pub(crate) fn original(&self, id: usize) -> Cow<'_, str> {
        self.0.get(id, "original").map_or_else(|| Cow::Owned(id.to_string()), Cow::Borrowed)
    }

    /// The title, where one is known.
    pub(crate) fn title(&self, id: usize) -> Option<&str> {
        self.0.get(id, "title").or_else(|| self.0.get(id, "name"))
    }
}
