//! The one error type of the crate.

use std::path::PathBuf;

/// What can go wrong while ranking, testing or reporting.
///
/// Every message is one line that says what was expected and what came.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The scorer and the interactions disagree on the number of items.
    #[error("scorer has {scorer} items, expected the {interactions} items of the interactions")]
    ItemCount {
        /// Items the scorer scores.
        scorer: usize,
        /// Items of the interactions.
        interactions: usize,
    },
    /// A cut-off or the block size is unusable.
    #[error("ranking config: {0}")]
    Config(&'static str),
    /// The train split was asked for, whose items are masked.
    #[error("split train cannot be ranked: its items are masked; expected valid or test")]
    TrainSplit,
    /// No user has an interaction in the split.
    #[error("no user has an interaction in the {split} split, expected at least one")]
    NothingRelevant {
        /// Name of the split.
        split: &'static str,
    },
    /// A matrix of per-user values has the wrong size.
    #[error("per-user matrix has {values} values, expected {users} users x {names} metrics")]
    Shape {
        /// Values that came.
        values: usize,
        /// Users, the rows.
        users: usize,
        /// Metrics, the columns.
        names: usize,
    },
    /// The popularity counts are not one per item.
    #[error("popularity has {counts} counts, expected one for each of the {items} items")]
    Popularity {
        /// Counts that came.
        counts: usize,
        /// Items that were ranked.
        items: usize,
    },
    /// A cut-off exceeds the length of the ranked lists.
    #[error("cut-off {k} exceeds the ranked lists, which hold at most {width} items")]
    CutOff {
        /// The cut-off asked for.
        k: usize,
        /// Length of the longest list.
        width: usize,
    },
    /// A statistic was asked of no values.
    #[error("{what} of no values, expected at least one")]
    NoValues {
        /// Name of the statistic.
        what: &'static str,
    },
    /// Paired samples have different lengths.
    #[error("{what}: {left} values against {right}, expected pairs")]
    Pairs {
        /// Name of the statistic.
        what: &'static str,
        /// Values on the left.
        left: usize,
        /// Values on the right.
        right: usize,
    },
    /// A value that enters a statistic is NaN or infinite.
    #[error("{what}: value {index} is {value}, expected a finite number")]
    NotFinite {
        /// Name of the statistic.
        what: &'static str,
        /// Position of the value.
        index: usize,
        /// The value.
        value: f64,
    },
    /// Two runs that are to be compared were not measured on the same users.
    #[error(
        "runs of {left} and {right} were measured on different users, expected the same users in the same order"
    )]
    UsersDiffer {
        /// Name of one model.
        left: String,
        /// Name of the other.
        right: String,
    },
    /// A metric was asked for that was not measured.
    #[error("metric {metric} was not measured for {model}; measured: {known}")]
    UnknownMetric {
        /// The metric asked for.
        metric: String,
        /// The model.
        model: String,
        /// What there is, separated by spaces.
        known: String,
    },
    /// A model without a single run was to be compared.
    #[error("model {0} has no run, expected at least one")]
    NoRun(String),
    /// A plot could not be drawn.
    #[error("plot {plot}: {message}")]
    Plot {
        /// Name of the plot.
        plot: &'static str,
        /// What the plotting library says.
        message: String,
    },
    /// A file of the report could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
