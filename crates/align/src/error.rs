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
    #[error("a and b: expected equal and positive total mass, found {left} and {right}")]
    Mass {
        /// Total mass of `a`.
        left: f64,
        /// Total mass of `b`.
        right: f64,
    },
    /// A partial problem is to move more than there is, or nothing.
    #[error("mass: expected more than 0 and at most {most}, what the lighter measure weighs, found {found}")]
    PartialMass {
        /// The lighter measure's mass.
        most: f64,
        /// The mass asked for.
        found: f64,
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
    /// A solver does not take problems with such marginals.
    #[error("marginals: expected {expected}, found {found:?}")]
    Marginals {
        /// What the solver takes.
        expected: &'static str,
        /// The problem's.
        found: crate::ot::Marginals,
    },
    /// A failure of the CUDA driver.
    #[cfg(feature = "torch")]
    #[error("CUDA: {0}")]
    Cuda(String),
    /// A failure between Rust and libtorch.
    #[cfg(feature = "torch")]
    #[error(transparent)]
    Torch(#[from] recgoat_torch::Error),
}

impl Error {
    /// The same of an entry that lies further on.
    pub(crate) fn moved(self, by: usize) -> Self {
        match self {
            Self::Entry { argument, index, expected, found } => {
                Self::Entry { argument, index: index + by, expected, found }
            }
            other => other,
        }
    }
}
