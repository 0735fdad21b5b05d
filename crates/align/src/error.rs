//! The crate's error type.

/// Result of this crate's fallible functions.
pub type Result<T> = std::result::Result<T, Error>;

/// What is wrong with a transport problem, its parameters, or views to align.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument has the wrong length or shape.
    #[error("{argument}: expected {expected}, found {found}")]
    Shape {
        /// The argument.
        argument: &'static str,
        /// The shape it should have.
        expected: String,
        /// The shape it has.
        found: String,
    },
    /// An entry of an argument is not allowed.
    #[error("{argument}[{index}]: expected {expected}, found {found}")]
    Entry {
        /// The argument.
        argument: &'static str,
        /// Row-major position of the entry.
        index: usize,
        /// What is allowed.
        expected: &'static str,
        /// The entry.
        found: f64,
    },
    /// The two measures do not weigh the same.
    #[error("a and b: expected equal total mass, found {left} and {right}")]
    Mass {
        /// Total mass of `a`.
        left: f64,
        /// Total mass of `b`.
        right: f64,
    },
    /// A parameter is out of range.
    #[error("{name}: expected {expected}, found {found}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// Its range.
        expected: &'static str,
        /// Its value.
        found: f64,
    },
    /// A failure between Rust and libtorch.
    #[cfg(feature = "torch")]
    #[error(transparent)]
    Torch(#[from] recgoat_torch::Error),
}
