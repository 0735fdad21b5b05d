//! Metric values of every user, from which every aggregate is taken.

use std::collections::BTreeMap;

use crate::error::{Error, Result};

/// Metric values of every user with at least one relevant item, in f64.
///
/// Every mean, interval, test and plot of the crate derives from these. Metrics are named
/// `recall@20`, `ndcg@20`, `precision@20`, `map@20`, `hit@20`, `mrr@20`.
#[derive(Clone, Debug, PartialEq)]
pub struct PerUser {
    users: Vec<u32>,
    names: Vec<String>,
    /// `[users, names]`, the form that is saved.
    rows: Vec<f64>,
    /// `[names, users]`, the form that statistics read.
    columns: Vec<f64>,
}

impl PerUser {
    /// Per-user values from a matrix, such as one read back from a run folder.
    ///
    /// # Shapes
    /// `rows`: `[users.len(), names.len()]`, row-major.
    ///
    /// # Errors
    /// When the length of `rows` is not users × names, or a value is NaN or infinite.
    pub fn new(users: Vec<u32>, names: Vec<String>, rows: Vec<f64>) -> Result<Self> {
        if rows.len() != users.len() * names.len() {
            return Err(Error::Shape { values: rows.len(), users: users.len(), names: names.len() });
        }
        crate::stats::check_finite("per-user values", &rows)?;
        let columns =
            (0..names.len()).flat_map(|name| rows.iter().skip(name).step_by(names.len()).copied()).collect();
        Ok(Self { users, names, rows, columns })
    }

    /// Users in ascending order of the split's rows.
    pub fn users(&self) -> &[u32] {
        &self.users
    }

    /// Names of the metrics, metric by metric, cut-offs ascending.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Values of one metric, `[users]`; `None` when it was not measured.
    pub fn values(&self, name: &str) -> Option<&[f64]> {
        let column = self.names.iter().position(|known| known == name)?;
        Some(&self.columns[column * self.users.len()..][..self.users.len()])
    }

    /// Mean of one metric over the users; `None` when it was not measured or there is no user.
    pub fn mean(&self, name: &str) -> Option<f64> {
        let values = self.values(name)?;
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    }

    /// Means of all metrics over the users; empty when there is no user.
    pub fn means(&self) -> BTreeMap<String, f64> {
        self.names.iter().filter_map(|name| Some((name.clone(), self.mean(name)?))).collect()
    }

    /// The whole matrix, row-major `[users, names]`, with its two sizes.
    pub fn matrix(&self) -> (&[f64], usize, usize) {
        (&self.rows, self.users.len(), self.names.len())
    }
}
