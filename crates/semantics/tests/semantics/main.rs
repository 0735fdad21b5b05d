//! Tests of the crate as its users see it.

mod chat;
mod embeddings;
mod minilm;
mod pictures;
mod prompts;
mod writing;

use recgoat_semantics::{Error, Result};

/// The value, or `None`, aloud, on a machine that has no way to fetch a model.
#[expect(clippy::print_stderr, reason = "a skipped test has to say so")]
fn fetched<T>(outcome: Result<T>) -> Option<T> {
    match outcome {
        Ok(value) => Some(value),
        Err(Error::Data(recgoat_data::Error::Fetch { problem, .. })) => {
            eprintln!("skipped: {problem}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}
