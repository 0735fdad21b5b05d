//! `recgoat prepare`: a data folder from a raw log.

use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;
use recgoat_data::prepare::{PrepareConfig, SplitRule, prepare};

use crate::{
    common::{BadInput, Output},
    inspect::describe,
};

/// Make a data folder from a csv or tsv log: k-core, split, dense ids
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recgoat prepare log.csv --out data/mine --kcore 5 --split user-time")]
pub(crate) struct Args {
    /// The log: columns user and item, optionally rating and timestamp
    input: PathBuf,
    /// The folder to make
    #[arg(long)]
    out: PathBuf,
    /// Keep users and items with at least so many interactions
    #[arg(long, default_value_t = 5)]
    kcore: usize,
    /// How to split
    #[arg(long, default_value = "random")]
    split: Rule,
    /// Shares of train, valid and test
    #[arg(long, default_value = ".8,.1,.1", value_delimiter = ',')]
    ratios: Vec<f64>,
    /// Seed of the random split
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    output: Output,
}

/// The four split rules, as the command line names them.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Rule {
    /// Per user, in random order
    Random,
    /// Per user, in time order
    UserTime,
    /// At two instants, the same for all users
    GlobalTime,
    /// The last interaction is test, the one before it valid
    LeaveOneOut,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let ratios = args.ratios.clone().try_into().map_err(|ratios: Vec<f64>| {
        BadInput(format!("--ratios: expected three shares such as .8,.1,.1, found {}", ratios.len()))
    })?;
    let rule = match args.split {
        Rule::Random => SplitRule::Random,
        Rule::UserTime => SplitRule::UserTime,
        Rule::GlobalTime => SplitRule::GlobalTime,
        Rule::LeaveOneOut => SplitRule::LeaveOneOut,
    };
    let config = PrepareConfig { kcore: args.kcore, rule, ratios, seed: args.seed };
    let dataset = prepare(&args.input, &args.out, &config)?;
    args.output.print(&describe(&dataset)?);
    Ok(())
}
