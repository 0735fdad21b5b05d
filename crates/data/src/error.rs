//! The crate's error type: one line that names the place, what was expected and what was found.

use std::io;
use std::path::{Path, PathBuf};

/// Why data could not be read, checked, prepared or fetched.
///
/// Every message is one line and names the place (file, line or row), what was expected and what was
/// found.
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
    /// A file or folder as a whole, or a row of it, is not what it has to be.
    #[error("{}: expected {expected}, found {found}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What was expected.
        expected: String,
        /// What was found.
        found: String,
    },
    /// A line of a text file is not what it has to be.
    #[error("{}:{line}: expected {expected}, found {found}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What was expected.
        expected: String,
        /// What was found.
        found: String,
    },
    /// A value handed over in memory is not what it has to be.
    #[error("{name}: expected {expected}, found {found}")]
    Argument {
        /// The value's name.
        name: String,
        /// What was expected.
        expected: String,
        /// What was found.
        found: String,
    },
    /// A data set could not be fetched.
    #[error("{problem}; {cure}")]
    Fetch {
        /// What went wrong.
        problem: String,
        /// What to do about it.
        cure: String,
    },
}

/// The crate's result type.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn file(path: &Path, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::File { path: path.to_owned(), expected: expected.into(), found: found.into() }
    }

    pub(crate) fn line(
        path: &Path,
        line: usize,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self::Line { path: path.to_owned(), line, expected: expected.into(), found: found.into() }
    }

    pub(crate) fn argument(
        name: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self::Argument { name: name.into(), expected: expected.into(), found: found.into() }
    }

    /// Names the file that a refused argument was read from.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        match self {
            Self::Argument { expected, found, .. } => Self::File { path: path.to_owned(), expected, found },
            other => other,
        }
    }
}

/// Shows bytes of a damaged file on one short line.
pub(crate) fn quote(bytes: &[u8]) -> String {
    const SHOWN: usize = 40;
    let text: String = String::from_utf8_lossy(bytes).chars().take(SHOWN).collect();
    let more = if bytes.len() > text.len() { "…" } else { "" };
    format!("`{}{more}`", text.escape_debug())
}
