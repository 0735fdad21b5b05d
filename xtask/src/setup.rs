//! `cargo xtask setup`: libtorch, found or installed.

use crate::libtorch::{self, Flavour};
use crate::{usage, workspace};
use anyhow::Result;
use lexopt::prelude::*;
use std::process::ExitCode;

const HELP: &str = "\
Finds libtorch 2.11.0, or installs it into .libtorch at the workspace root.

The first of these that applies is taken:
  LIBTORCH=DIR            your own libtorch
  LIBTORCH_USE_PYTORCH=1  the PyTorch of the current python
  .libtorch               filled from PyPI wheels (543 MB of downloads, 0.5 GB on disk)

Usage: cargo xtask setup [--cuda]

Options:
  --cuda  keep the CUDA libraries as well (2.5 GB of downloads)

Example: cargo xtask setup";

pub(crate) fn run(mut args: lexopt::Parser) -> Result<ExitCode> {
    let mut flavour = Flavour::Cpu;
    while let Some(arg) = args.next()? {
        match arg {
            Long("cuda") => flavour = Flavour::Cuda,
            Short('h') | Long("help") => return usage::help(HELP),
            other => return Err(other.unexpected().into()),
        }
    }
    let found = libtorch::ensure(&workspace::root(), flavour)?;
    println!("libtorch {} in {}", found.version, found.dir.display());
    Ok(ExitCode::SUCCESS)
}
