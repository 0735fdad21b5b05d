//! `recgoat fetch`: a dataset from its publisher.

use std::path::PathBuf;

use anyhow::Result;
use recgoat_data::Split;
use serde_json::json;

use crate::output::{Output, say};

/// Fetch a dataset by name: ml-100k
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recgoat fetch ml-100k --to data/ml-100k")]
pub(crate) struct Args {
    /// The dataset; an unknown name lists the known ones
    name: String,
    /// The folder to make [default: data/NAME]
    #[arg(long)]
    to: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let out = args.to.clone().unwrap_or_else(|| PathBuf::from("data").join(&args.name));
    let dataset = recgoat_data::fetch::fetch(&args.name, &out, &mut |message| say(message))?;
    let interactions = dataset.interactions();
    let total: usize = Split::ALL.iter().map(|&split| interactions.split(split).len()).sum();
    args.output.print(&json!({
        "dir": out,
        "users": interactions.users(),
        "items": interactions.items(),
        "interactions": total,
    }))
}
