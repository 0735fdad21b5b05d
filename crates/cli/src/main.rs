//! `recgoat`: thin commands over the crates.
//!
//! Human-readable output goes to stderr, data to stdout. Exit codes: 0 done, 2 wrong usage or bad input, 1 anything
//! else.

mod bench;
mod common;
mod compare;
mod evaluate;
mod experiment;
mod fetch;
mod inspect;
mod ot;
mod output;
mod prepare;
mod progress;
mod semantics;
mod spectrum;
mod threads;
mod train;
mod tune;

use std::process::ExitCode;

use clap::{Parser, Subcommand, error::ErrorKind};

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
    Spectrum(spectrum::Args),
    Prepare(prepare::Args),
    Embed(semantics::embed::Args),
    Profile(semantics::profile::Args),
    Train(train::Args),
    Evaluate(evaluate::Args),
    Compare(compare::Args),
    Experiment(experiment::Args),
    Tune(tune::Args),
    Ot(ot::Args),
    Bench(bench::Args),
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if is_help(&error) => error.exit(),
        Err(error) => {
            output::say(&format!("recgoat: {}", one_line(&error)));
            return ExitCode::from(2);
        }
    };
    let result = match cli.command {
        Command::Fetch(args) => fetch::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Spectrum(args) => spectrum::run(&args),
        Command::Embed(args) => semantics::embed::run(&args),
        Command::Profile(args) => semantics::profile::run(&args),
        Command::Prepare(args) => prepare::run(&args),
        Command::Train(args) => train::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Experiment(args) => experiment::run(&args),
        Command::Tune(args) => tune::run(&args),
        Command::Ot(args) => ot::run(&args),
        Command::Bench(args) => bench::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Every message of the crates already says what its cause says.
            output::say(&format!("recgoat: {}", error.to_string().replace('\n', " ")));
            common::exit_code(&error)
        }
    }
}

fn is_help(error: &clap::Error) -> bool {
    !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
}

/// What is wrong with the command line, without the usage that clap prints below it.
fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let told = text.split("\n\nUsage:").next().and_then(|told| told.split("\n\nFor more information").next());
    let words: Vec<_> = told.unwrap_or(&text).split_whitespace().collect();
    format!("{}; -h shows the options and an example", words.join(" ").trim_start_matches("error: "))
}
