//! `recgoat prepare`: a data folder from a raw log.

use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;
use recgoat_data::prepare::{PrepareConfig, SplitRule, mend, prepare};

use crate::{common::BadInput, inspect::describe, output::Output};

/// Make a data folder from a csv or tsv log: k-core, split, dense ids
///
/// With `--split given` the input is a data folder whose own split, items and features stay: line ends are mended, and
/// users without a train interaction left out.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  recgoat prepare log.csv --out data/mine --kcore 5 --split user-time
  recgoat prepare downloads/tiktok --out data/tiktok --split given")]
pub(crate) struct Args {
    /// The log: columns user and item, optionally rating and timestamp; a data folder with `--split given`
    input: PathBuf,
    /// The folder to make
    #[arg(long)]
    out: PathBuf,
    /// Keep users and items with at least so many interactions [default: 5; with `--split given` all stay]
    #[arg(long)]
    kcore: Option<usize>,
    /// How to split
    #[arg(long, default_value = "random")]
    split: Rule,
    /// Shares of train, valid and test [default: .8,.1,.1]
    #[arg(long, value_delimiter = ',')]
    ratios: Option<Vec<f64>>,
    /// Seed of the random split [default: 0]
    #[arg(long)]
    seed: Option<u64>,
    #[command(flatten)]
    output: Output,
}

/// The split rules, as the command line names them.
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
    /// As the data folder has it
    Given,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let rule = match args.split {
        Rule::Random => SplitRule::Random,
        Rule::UserTime => SplitRule::UserTime,
        Rule::GlobalTime => SplitRule::GlobalTime,
        Rule::LeaveOneOut => SplitRule::LeaveOneOut,
        Rule::Given => return mended(args),
    };
    let defaults = PrepareConfig::default();
    let ratios = match &args.ratios {
        None => defaults.ratios,
        Some(ratios) => ratios.as_slice().try_into().map_err(|_| {
            BadInput(format!("--ratios: expected three shares such as .8,.1,.1, found {}", ratios.len()))
        })?,
    };
    let (kcore, seed) = (args.kcore.unwrap_or(defaults.kcore), args.seed.unwrap_or(defaults.seed));
    let dataset = prepare(&args.input, &args.out, &PrepareConfig { kcore, rule, ratios, seed })?;
    args.output.print(&describe(&dataset)?)
}

fn mended(args: &Args) -> Result<()> {
    let Args { kcore, ratios, seed, .. } = args;
    let named = [("kcore", kcore.is_some()), ("ratios", ratios.is_some()), ("seed", seed.is_some())];
    if let Some((option, _)) = named.iter().find(|(_, given)| *given) {
        let message = format!("--{option}: expected none with --split given; items, features and split stay");
        return Err(BadInput(message).into());
    }
    args.output.print(&describe(&mend(&args.input, &args.out)?)?)
}
