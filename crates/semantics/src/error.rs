//! The crate's error type: one line that names the place, the cause and the cure.

use std::{
    io,
    path::{Path, PathBuf},
};

/// Why features or texts could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused a file operation.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file or a setting is not what it has to be.
    #[error("{place}: expected {expected}, found {found}")]
    Input {
        /// The file, row or setting.
        place: String,
        /// What was expected.
        expected: String,
        /// What was found.
        found: String,
    },
    /// A template does not render.
    #[error("{place}: {problem}")]
    Template {
        /// The template's file or name.
        place: String,
        /// What minijinja says, with the line.
        problem: String,
    },
    /// An endpoint did not answer as it has to.
    #[error("{url}: {problem} ({attempts} attempts)")]
    Endpoint {
        /// What was asked; never holds a key.
        url: String,
        /// What went wrong.
        problem: String,
        /// How often it was tried.
        attempts: usize,
    },
    /// The cache cannot be read or written.
    #[error("{}: {problem}", path.display())]
    Cache {
        /// The cache's file.
        path: PathBuf,
        /// What SQLite says.
        problem: String,
    },
    /// A data folder is not what it has to be, or a wheel could not be fetched.
    #[error(transparent)]
    Data(#[from] recgoat_data::Error),
    /// A model failed while computing.
    #[error("{model}: {problem}")]
    Model {
        /// The model.
        model: String,
        /// What the library says.
        problem: String,
    },
}

/// The crate's result type.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn input(
        place: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self::Input { place: place.into(), expected: expected.into(), found: found.into() }
    }

    /// A refused file.
    pub(crate) fn file(path: &Path, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::input(path.display().to_string(), expected, found)
    }

    /// A failure inside a model's library.
    pub(crate) fn model<E: ToString>(model: &str) -> impl FnOnce(E) -> Self {
        let model = model.to_owned();
        move |error| Self::Model { model, problem: first_line(&error.to_string()) }
    }
}

/// The first line of a message: candle and ONNX Runtime add backtraces below it.
pub(crate) fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim().to_owned()
}
