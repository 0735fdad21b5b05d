//! `recgoat bench`: timings of whole steps, of evaluation and of graphs, beside what the machine can do.

mod eval;
mod knn;
mod language;
mod machine;
mod scale;
mod step;

use anyhow::Result;
use clap::Subcommand;
use recgoat_data::Dataset;
use recgoat_graph::NeighbourCache;
use recgoat_model::{Context, Recommender};
use recgoat_torch::Seed;

use crate::{
    common::{Compute, Model, Source},
    output::Output,
};

/// Time training steps, a full ranking, or a graph of neighbours
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: recgoat bench step --data data/baby --model recgoat --random-features image=4096"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Whole training steps: forward, backward, update
    Step(step::Args),
    /// One full ranking of the test split
    Eval(eval::Args),
    /// The graph of nearest neighbours by features
    Knn(knn::Args),
    /// Steps on made-up data of growing size, in a table and plots
    Scale(scale::Args),
    /// Language models: titles encoded and tokens written in a second
    Language(language::Args),
    /// What this machine can do: matrix products and copies
    Machine(machine::Args),
}

#[derive(Debug, clap::Args)]
struct Common {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    model: Model,
    /// Seed of parameters and batches
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    compute: Compute,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    match &args.what {
        What::Step(args) => step::run(args),
        What::Eval(args) => eval::run(args),
        What::Knn(args) => knn::run(args),
        What::Scale(args) => scale::run(args),
        What::Language(args) => language::run(args),
        What::Machine(args) => machine::run(args),
    }
}

fn build(common: &Common, dataset: &Dataset, device: tch::Device) -> Result<Box<dyn Recommender>> {
    let (seed, neighbours) = (Seed(common.seed), &NeighbourCache::of_user());
    Ok(common.model.config()?.build(&Context { dataset, seed, device, neighbours })?)
}

/// The middle value, or what lies halfway between the middle two.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    f64::midpoint(values[(values.len() - 1) / 2], values[values.len() / 2])
}

#[cfg(test)]
mod tests {
    #[test]
    fn of_an_even_number_of_values_the_median_lies_halfway() {
        assert_eq!(super::median(vec![4.0, 1.0, 2.0, 9.0]), 3.0);
        assert_eq!(super::median(vec![4.0, 1.0, 2.0]), 2.0);
    }
}
