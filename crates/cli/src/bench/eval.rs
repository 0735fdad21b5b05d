//! One full ranking.

use std::time::Instant;

use anyhow::Result;
use recgoat_data::Split;
use recgoat_eval::{RankingConfig, evaluate};
use recgoat_model::run::peak_rss_bytes;
use serde_json::json;

use super::{Common, build};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recgoat bench eval --data data/baby --model lightgcn --json")]
pub(super) struct Args {
    #[command(flatten)]
    common: Common,
}

pub(super) fn run(Args { common }: &Args) -> Result<()> {
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
    }))
}
