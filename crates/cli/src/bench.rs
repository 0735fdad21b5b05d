//! `recgoat bench`: timings of whole steps and of evaluation.

use std::time::Instant;

use anyhow::Result;
use clap::Subcommand;
use recgoat_data::{Dataset, Split, TripleSampler};
use recgoat_eval::{RankingConfig, evaluate};
use recgoat_model::{Batch, Context, Recommender, run::peak_rss_bytes};
use recgoat_torch::{Adam, AdamConfig, Purpose, Seed};
use serde_json::json;

use crate::common::{Compute, Model, Output, Source};

/// Time training steps or a full ranking
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
    Step(StepArgs),
    /// One full ranking of the test split
    Eval(EvalArgs),
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

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recgoat bench step --data data/baby --model lightgcn --steps 20 --json")]
struct StepArgs {
    #[command(flatten)]
    common: Common,
    /// Steps to time, after two that are not
    #[arg(long, default_value_t = 10, value_parser = 1..=1_000_000)]
    steps: i64,
    /// Interactions a step
    #[arg(long, default_value_t = 4096)]
    batch: usize,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recgoat bench eval --data data/baby --model lightgcn --json")]
struct EvalArgs {
    #[command(flatten)]
    common: Common,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    match &args.what {
        What::Step(args) => step(args),
        What::Eval(args) => eval(&args.common),
    }
}

fn step(args: &StepArgs) -> Result<()> {
    let common = &args.common;
    let (device, threads) = common.compute.start()?;
    let dataset = common.source.open()?;
    let seed = Seed(common.seed);
    let mut model = build(common, &dataset, device)?;
    let mut adam = Adam::new(AdamConfig::default(), model.parameters().tensors());
    let triples = TripleSampler::new(dataset.interactions())?.epoch(&mut seed.stream(Purpose::Sampling, 0));
    let batch = args.batch.clamp(1, triples.users.len());
    let mut seconds = Vec::new();
    model.begin_epoch(&mut seed.stream(Purpose::Dropout, u64::MAX))?;
    for step in 0..args.steps as usize + 2 {
        let at = (step * batch) % (triples.users.len() - batch + 1);
        let span = at..at + batch;
        let batch = Batch {
            users: &triples.users[span.clone()],
            positives: &triples.positives[span.clone()],
            negatives: &triples.negatives[span],
        };
        let start = Instant::now();
        model.step(&batch, &mut seed.stream(Purpose::Dropout, step as u64))?;
        adam.step(model.parameters_mut().tensors_mut())?;
        if device != tch::Device::Cpu {
            tch::Cuda::synchronize(0);
        }
        seconds.push(start.elapsed().as_secs_f64());
    }
    let mut timed = seconds.split_off(2);
    timed.sort_by(f64::total_cmp);
    common.output.print(&json!({
        "model": common.model.name,
        "batch": batch,
        "parameters": model.parameters().count(),
        "step_seconds": { "min": timed[0], "median": timed[timed.len() / 2], "max": timed[timed.len() - 1] },
        "peak_rss_bytes": peak_rss_bytes(),
        "device": recgoat_torch::device::name(device),
        "threads": threads,
    }));
    Ok(())
}

fn eval(common: &Common) -> Result<()> {
    let (device, threads) = common.compute.start()?;
    let dataset = common.source.open()?;
    let model = build(common, &dataset, device)?;
    let start = Instant::now();
    let ranking = RankingConfig::default();
    let per_user = evaluate(&*model.scorer()?, dataset.interactions(), Split::Test, &ranking)?;
    let seconds = start.elapsed().as_secs_f64();
    common.output.print(&json!({
        "model": common.model.name,
        "users": per_user.users().len(),
        "users_per_second": per_user.users().len() as f64 / seconds,
        "seconds": seconds,
        "peak_rss_bytes": peak_rss_bytes(),
        "device": recgoat_torch::device::name(device),
        "threads": threads,
    }));
    Ok(())
}

fn build(common: &Common, dataset: &Dataset, device: tch::Device) -> Result<Box<dyn Recommender>> {
    Ok(common.model.config()?.build(&Context { dataset, seed: Seed(common.seed), device })?)
}
