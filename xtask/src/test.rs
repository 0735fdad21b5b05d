//! `cargo xtask test`: everything CI runs, the tests themselves last.

use crate::libtorch::{self, Flavour};
use crate::{doc, licences, process, tidy, usage, workspace};
use anyhow::{Context, Result, bail};
use std::process::{Command, ExitCode};
use std::time::Instant;

const HELP: &str = "\
Runs everything CI runs and stops at the first failure: setup when needed, formatting, clippy, the transport
solver without libtorch, house rules, licences, the book and the documentation, documentation tests, and all other tests (with cargo-nextest
where it is installed).

Usage: cargo xtask test

Example: cargo xtask test";

type Stage = (&'static str, fn() -> Result<()>);

const STAGES: [Stage; 9] = [
    ("setup", setup),
    ("fmt", || process::run(workspace::cargo().args(["fmt", "--all", "--", "--check"]))),
    ("clippy", clippy),
    ("alone", alone),
    ("tidy", tidy::check),
    ("licences", licences::check),
    ("doc", doc::build),
    ("doctests", doctests),
    ("tests", tests),
];

pub(crate) fn run(args: lexopt::Parser) -> Result<ExitCode> {
    usage::without_options(args, HELP, || {
        for (index, (name, stage)) in STAGES.iter().enumerate() {
            let heading = format!("[{}/{}] {name}", index + 1, STAGES.len());
            eprintln!("{heading}");
            let start = Instant::now();
            stage().with_context(|| format!("{heading} failed"))?;
            // The test runner's closing line stays the last one.
            if index + 1 < STAGES.len() {
                eprintln!("{heading}: {:.1} s", start.elapsed().as_secs_f64());
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn setup() -> Result<()> {
    for component in ["fmt", "clippy"] {
        if !process::succeeds(workspace::cargo().args([component, "--version"])) {
            bail!("cargo {component} is missing: rustup component add rustfmt clippy");
        }
    }
    libtorch::ensure(&workspace::root(), Flavour::Cpu).map(drop)
}

fn clippy() -> Result<()> {
    process::run(workspace::cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--",
        "-D",
        "warnings",
    ]))
}

/// The solver must build without libtorch, for those who depend on it alone.
fn alone() -> Result<()> {
    process::run(workspace::cargo().args(["check", "--package", "recgoat-align", "--no-default-features"]))
}

fn doctests() -> Result<()> {
    let args = ["test", "--quiet", "--doc", "--workspace", "--all-features"];
    process::run(single_threaded(&mut workspace::cargo()).args(args))
}

fn tests() -> Result<()> {
    let mut command = workspace::cargo();
    if process::succeeds(workspace::cargo().args(["nextest", "--version"])) {
        command.args(["nextest", "run", "--workspace", "--all-features"]);
    } else {
        command.args(["test", "--workspace", "--all-features", "--lib", "--bins", "--tests", "--examples"]);
    }
    process::run(single_threaded(&mut command))
}

/// One libtorch thread: beside any other busy process two OpenMP threads are slower than one.
fn single_threaded(command: &mut Command) -> &mut Command {
    command.envs([("OMP_NUM_THREADS", "1"), ("CANDLE_NUM_THREADS", "1")])
}
