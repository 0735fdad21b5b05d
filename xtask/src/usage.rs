//! Help texts, wrong usage, and the exit code each error earns.

use anyhow::Result;
use lexopt::prelude::*;
use std::fmt;
use std::process::ExitCode;

/// Wrong usage: the caller must change the command line.
#[derive(Debug)]
pub(crate) struct Usage(String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// An error that ends the program with exit code 2.
pub(crate) fn error(message: String) -> anyhow::Error {
    Usage(message).into()
}

/// Prints a help text, which is what the caller asked for.
pub(crate) fn help(text: &str) -> Result<ExitCode> {
    println!("{text}");
    Ok(ExitCode::SUCCESS)
}

/// Runs `command` unless the arguments ask for help or hold anything else.
pub(crate) fn without_options(
    mut args: lexopt::Parser,
    text: &str,
    command: impl FnOnce() -> Result<ExitCode>,
) -> Result<ExitCode> {
    match args.next()? {
        None => command(),
        Some(Short('h') | Long("help")) => help(text),
        Some(other) => Err(other.unexpected().into()),
    }
}

/// 2 for wrong usage, 1 for anything else.
pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
    if error.is::<Usage>() || error.is::<lexopt::Error>() { ExitCode::from(2) } else { ExitCode::FAILURE }
}
