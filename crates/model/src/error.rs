//! The crate's error type.

use std::path::PathBuf;

/// Result of this crate's fallible functions.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong between a configuration and a trained model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting, name or file content that a user can mend.
    #[error("{0}")]
    Config(String),
    /// Training produced a number that is none, or one whose square is none.
    #[error(
        "epoch {epoch}, step {step}: expected a finite loss and parameters that can be multiplied, found {found}; a \
         smaller train.learning_rate usually cures it (checkpoints before it are kept)"
    )]
    Diverged {
        /// The number.
        found: f64,
        /// Epoch, from 1.
        epoch: usize,
        /// Step within the epoch, from 0.
        step: usize,
    },
    /// A checkpoint cannot be used.
    #[error("{}: {reason}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A failure in the data.
    #[error(transparent)]
    Data(#[from] recgoat_data::Error),
    /// A failure of evaluation.
    #[error(transparent)]
    Eval(#[from] recgoat_eval::Error),
    /// A failure of a graph.
    #[error(transparent)]
    Graph(#[from] recgoat_graph::Error),
    /// A failure of alignment.
    #[error(transparent)]
    Align(#[from] recgoat_align::Error),
    /// A failure between Rust and libtorch.
    #[error(transparent)]
    Torch(#[from] recgoat_torch::Error),
}

impl Error {
    /// Names the path an I/O error belongs to.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
