//! `cargo xtask`: the project's own commands, one file each.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program talks to its user")]

mod bench;
mod book;
mod doc;
mod libtorch;
mod licences;
mod process;
mod reproduce;
mod setup;
mod tables;
mod test;
mod tidy;
mod usage;
mod workspace;

use anyhow::Result;
use lexopt::prelude::*;
use std::process::ExitCode;

const HELP: &str = "\
Project automation.

Usage: cargo xtask COMMAND [OPTIONS]

Commands:
  setup      find libtorch, or install it into .libtorch
  test       everything CI runs
  reproduce  build, train, evaluate, report
  bench      benchmarks, a table per crate
  doc        the book and the API documentation
  tables     the tables of documents from docs/results
  tidy       house rules of the source tree
  licences   licences of every dependency

`cargo xtask COMMAND -h` shows a command's options and an example.

Example: cargo xtask test";

fn main() -> ExitCode {
    run(lexopt::Parser::from_env()).unwrap_or_else(|error| {
        eprintln!("xtask: {error:#}");
        usage::exit_code(&error)
    })
}

fn run(mut args: lexopt::Parser) -> Result<ExitCode> {
    let command = match args.next()? {
        Some(Value(name)) => name.string()?,
        Some(Short('h') | Long("help")) => return usage::help(HELP),
        Some(other) => return Err(other.unexpected().into()),
        None => return Err(usage::error(format!("expected a command: {}", known_commands()))),
    };
    match command.as_str() {
        "bench" => bench::run(args),
        "doc" => doc::run(args),
        "licences" => licences::run(args),
        "reproduce" => reproduce::run(args),
        "setup" => setup::run(args),
        "tables" => tables::run(args),
        "test" => test::run(args),
        "tidy" => tidy::run(args),
        _ => Err(usage::error(format!("unknown command `{command}`; known commands: {}", known_commands()))),
    }
}

fn known_commands() -> String {
    let table = HELP.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = table.map_while(|line| line.strip_prefix("  ")?.split_whitespace().next());
    names.collect::<Vec<_>>().join(", ")
}
