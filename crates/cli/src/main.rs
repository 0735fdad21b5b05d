//! `recgoat`: thin commands over the crates.
//!
//! Human-readable output goes to stderr, data to stdout. Exit codes: 0 done, 2 wrong usage or bad input, 1 anything
//! else.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program talks to its user")]

mod bench;
mod common;
mod evaluate;
mod experiment;
mod fetch;
mod inspect;
mod ot;
mod prepare;
mod progress;
mod train;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Multimodal recommendation by graphs, contrast and optimal transport.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Fetch(fetch::Args),
    Inspect(inspect::Args),
    Prepare(prepare::Args),
    Train(train::Args),
    Evaluate(evaluate::Args),
    Experiment(experiment::Args),
    Ot(ot::Args),
    Bench(bench::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Fetch(args) => fetch::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Prepare(args) => prepare::run(&args),
        Command::Train(args) => train::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Experiment(args) => experiment::run(&args),
        Command::Ot(args) => ot::run(&args),
        Command::Bench(args) => bench::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("recgoat: {}", format!("{error:#}").replace('\n', " "));
            common::exit_code(&error)
        }
    }
}
