//! The crate's error type.

/// Result of this crate's fallible functions.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong at the border between Rust and libtorch.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A tensor does not have the form an operation needs.
    #[error("{operation}: expected {expected}, found {found}")]
    Form {
        /// The operation that refused the tensor.
        operation: &'static str,
        /// The form it needs.
        expected: String,
        /// The form that came.
        found: String,
    },
    /// A device that was asked for is not there.
    #[error("device {name}: {reason}")]
    Device {
        /// The name that was asked for.
        name: String,
        /// Why it cannot be used, and what can.
        reason: String,
    },
    /// libtorch itself refused.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
}
