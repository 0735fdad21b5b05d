//! Whole training steps.

use std::{str::FromStr, time::Instant};

use anyhow::Result;
use recgoat_data::{TripleSampler, Triples};
use recgoat_model::{Batch, cost::Stage, run::peak_rss_bytes};
use recgoat_torch::{Adam, AdamConfig, Purpose, Seed};
use serde_json::{Value, json};

use super::{
    Common, build,
    machine::{Ceilings, synchronise},
    median,
};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recgoat bench step --data data/baby --model lightgcn --steps 20 --json")]
pub(super) struct Args {
    #[command(flatten)]
    common: Common,
    /// Steps to time, after two that are not; or "epoch" for every step of one
    #[arg(long, default_value = "10")]
    steps: Steps,
    /// Interactions a step
    #[arg(long, default_value_t = 4096)]
    batch: usize,
}

#[derive(Debug, Clone, Copy)]
enum Steps {
    Count(usize),
    Epoch,
}

/// Steps that warm caches up.
const UNTIMED: usize = 2;

pub(super) fn run(args: &Args) -> Result<()> {
    let common = &args.common;
    let (device, threads) = common.compute.start()?;
    let dataset = common.source.open()?;
    let seed = Seed(common.seed);
    let start = Instant::now();
    let mut model = build(common, &dataset, device)?;
    let build_seconds = start.elapsed().as_secs_f64();
    let mut adam = Adam::new(AdamConfig::default(), model.parameters().tensors());
    let start = Instant::now();
    let sampler = TripleSampler::new(dataset.interactions())?;
    let triples = sampler.epoch(&mut seed.stream(Purpose::Sampling, 0));
    let sampling_seconds = start.elapsed().as_secs_f64();
    let size = args.batch.clamp(1, triples.users.len());
    let an_epoch = triples.users.len().div_ceil(size);
    let count = match args.steps {
        Steps::Count(count) => count + UNTIMED,
        Steps::Epoch => an_epoch + UNTIMED,
    };
    let mut seconds = Vec::new();
    model.begin_epoch(&mut seed.stream(Purpose::Dropout, u64::MAX))?;
    for step in 0..count {
        let batch = batch(&triples, step * size, size);
        let start = Instant::now();
        drop(model.step(&batch, &mut seed.stream(Purpose::Dropout, step as u64))?);
        adam.step(model.parameters_mut().tensors_mut())?;
        synchronise(device);
        seconds.push(start.elapsed().as_secs_f64());
    }
    let timed = seconds.split_off(UNTIMED);
    let (total, typical) = (timed.iter().sum::<f64>(), median(timed.clone()));
    // Before the ceilings are measured, which need memory of their own.
    let peak = peak_rss_bytes();
    let stages = model.cost(&batch(&triples, 0, size))?;
    common.output.print(&json!({
        "model": common.model.name,
        "batch": size,
        "parameters": model.parameters().count(),
        "build_seconds": build_seconds,
        "sampling_seconds": sampling_seconds,
        "steps": timed.len(),
        "steps_per_epoch": an_epoch,
        "step_seconds": {
            "min": timed.iter().copied().fold(f64::INFINITY, f64::min),
            "median": typical,
            "max": timed.iter().copied().fold(0.0, f64::max),
            "total": total,
        },
        "limit": limit(&stages, typical, Ceilings::measure(device)),
        "peak_rss_bytes": peak,
        "device": recgoat_torch::device::name(device),
        "threads": threads,
    }))
}

/// What the stages must take on this machine, each the longer of its flops and its bytes, and how near a step comes.
fn limit(stages: &[Stage], measured: f64, ceilings: Ceilings) -> Value {
    let seconds = |stage: &Stage| {
        (stage.flops / ceilings.flops_per_second).max(stage.bytes / ceilings.bytes_per_second)
    };
    let least: f64 = stages.iter().map(seconds).sum();
    json!({
        "flops_per_second": ceilings.flops_per_second,
        "bytes_per_second": ceilings.bytes_per_second,
        "stages": stages.iter().map(|stage| (stage.name.to_owned(), json!({
            "flops": stage.flops, "bytes": stage.bytes, "seconds": seconds(stage),
        }))).collect::<serde_json::Map<_, _>>(),
        "seconds": least,
        "share_of_measured": least / measured,
    })
}

/// `size` triples from `at` on, from the start again at the end.
fn batch(triples: &Triples, at: usize, size: usize) -> Batch<'_> {
    let at = at % (triples.users.len() - size + 1);
    let span = at..at + size;
    Batch {
        users: &triples.users[span.clone()],
        positives: &triples.positives[span.clone()],
        negatives: &triples.negatives[span],
    }
}

impl FromStr for Steps {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(count @ 1..=1_000_000) => Ok(Self::Count(count)),
            _ if text == "epoch" => Ok(Self::Epoch),
            _ => Err(format!("expected a number from 1 to 1000000 or epoch, found {text}")),
        }
    }
}
