//! `cargo xtask doc`: the book and the API documentation.

use crate::libtorch::{self, Flavour};
use crate::{book, process, usage, workspace};
use anyhow::Result;
use std::process::ExitCode;

const HELP: &str = "\
Renders the book, docs/book, and builds the API documentation of every crate; a warning is an error.

Usage: cargo xtask doc

Example: cargo xtask doc";

pub(crate) fn run(args: lexopt::Parser) -> Result<ExitCode> {
    usage::without_options(args, HELP, || build().map(|()| ExitCode::SUCCESS))
}

/// Renders and builds, and prints where both lie.
pub(crate) fn build() -> Result<()> {
    let root = workspace::root();
    // The book first: its errors need no libtorch to be seen.
    let docs = workspace::target_dir()?.join("doc");
    book::render(&root.join("docs/book"), &docs.join("book"))?;
    println!("{}", docs.join("book/index.html").display());
    libtorch::ensure(&root, Flavour::Cpu)?;
    process::run(
        workspace::cargo()
            .args(["doc", "--workspace", "--no-deps"])
            .env("CARGO_ENCODED_RUSTDOCFLAGS", "-Dwarnings"),
    )?;
    println!("{}", docs.display());
    Ok(())
}
