//! `cargo xtask bench peers`: transport solvers in Python and here, on the same inputs in one run.

use crate::{process, workspace};
use anyhow::Result;
use std::process::Command;

/// What the peers are installed from; unpinned, so that the comparison is with what a user gets today.
const PACKAGES: [&str; 5] = ["numpy", "scipy", "pot", "jax[cpu]", "ott-jax"];

/// Installs the peers into a virtual environment of their own once, and prints the table.
pub(super) fn run() -> Result<()> {
    let target = workspace::target_dir()?;
    let home = target.join("peers");
    let python = home.join("bin/python");
    if !process::succeeds(Command::new(&python).args(["-c", "import ot, ott, scipy"])) {
        process::run(Command::new("python3").args(["-m", "venv"]).arg(&home))?;
        process::run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(PACKAGES))?;
    }
    process::run(workspace::cargo().args([
        "build",
        "--release",
        "--package",
        "recgoat-benches",
        "--bin",
        "ot_peers",
    ]))?;
    process::run(
        Command::new(&python)
            .arg(workspace::root().join("benches/peers/transport.py"))
            .arg("--ours")
            .arg(target.join("release/ot_peers"))
            .arg("--dir")
            .arg(home.join("inputs")),
    )
}
