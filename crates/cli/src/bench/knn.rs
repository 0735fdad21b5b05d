//! The graph of nearest neighbours.

use std::{path::PathBuf, time::Instant};

use anyhow::Result;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};
use recgoat_data::FeatureFile;
use recgoat_graph::{KnnConfig, Neighbours, knn_from};
use recgoat_model::run::peak_rss_bytes;
use serde_json::json;

use crate::{common::Compute, output::Output};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recgoat bench knn --features data/baby/text_feat.npy --neighbours 20")]
pub(super) struct Args {
    /// A .npy matrix, read from disk row by row
    #[arg(long, required_unless_present = "random", conflicts_with = "random")]
    features: Option<PathBuf>,
    /// Made-up features, as ROWS,WIDTH; they are drawn whenever they are read and never stored
    #[arg(long, value_parser = parse_size)]
    random: Option<(usize, usize)>,
    /// Neighbours a row
    #[arg(long, default_value_t = KnnConfig::default().neighbours)]
    neighbours: usize,
    /// Rows compared with as many others at once
    #[arg(long, default_value_t = KnnConfig::default().block)]
    block: usize,
    #[command(flatten)]
    compute: Compute,
    #[command(flatten)]
    output: Output,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let (_, threads) = args.compute.start()?;
    let config = KnnConfig { neighbours: args.neighbours, block: args.block, ..KnnConfig::default() };
    let find = |read: &(dyn Fn(usize, &mut [f32]) + Sync), rows: usize, width: usize| -> Result<_> {
        let start = Instant::now();
        let found = knn_from(read, width, &vec![true; rows], &config)?;
        Ok((found, start.elapsed().as_secs_f64(), width))
    };
    let (found, seconds, width): (Neighbours, f64, usize) = match (&args.features, args.random) {
        (Some(path), _) => {
            let file = FeatureFile::open(path)?;
            find(&|row, out| file.read(row, out), file.rows(), file.width())?
        }
        (None, size) => {
            let (rows, width) = size.unwrap_or_default();
            find(&draw, rows, width)?
        }
    };
    let rows = found.nodes();
    let nearest = (0..rows).filter_map(|row| found.similarities(row).first()).copied();
    args.output.print(&json!({
        "rows": rows,
        "width": width,
        "neighbours": args.neighbours,
        "seconds": seconds,
        "products_per_second": (rows as f64).powi(2) * width as f64 / seconds,
        "mean_nearest_cosine": nearest.map(f64::from).sum::<f64>() / rows.max(1) as f64,
        "peak_rss_bytes": peak_rss_bytes(),
        "threads": threads,
    }))
}

/// Uniform numbers between -1 and 1, a stream for each row.
fn draw(row: usize, out: &mut [f32]) {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    rng.set_stream(row as u64);
    out.iter_mut().for_each(|x| *x = rng.next_u32() as f32 / (1u32 << 31) as f32 - 1.0);
}

fn parse_size(text: &str) -> Result<(usize, usize), String> {
    let size = text.split_once(',').and_then(|(rows, width)| Some((rows.parse().ok()?, width.parse().ok()?)));
    // A row's number fits in 32 bits; wider rows than this fill memory before they are compared.
    size.filter(|&(rows, width)| (1..=u32::MAX as usize).contains(&rows) && (1..=1 << 20).contains(&width))
        .ok_or_else(|| format!("expected ROWS,WIDTH such as 63001,384, found {text}"))
}
