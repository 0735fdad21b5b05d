//! Steps on made-up data of growing size.

use std::{
    env, fs,
    num::NonZeroUsize,
    path::PathBuf,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use recgoat_eval::report::{GrowthCurve, growth};
use recgoat_model::ModelConfig;
use serde_json::{Value, json};

use crate::{
    common::{BadInput, Synthetic},
    output::say,
};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: recgoat bench scale --model lightgcn --size 2000,400,40000 --size 4000,800,80000 --out scale"
)]
pub(super) struct Args {
    /// A model to time; may be repeated
    #[arg(long = "model", value_name = "NAME", default_value = "lightgcn")]
    models: Vec<String>,
    /// A size, as USERS,ITEMS,INTERACTIONS; may be repeated [default: five from 10,000 to 1,000,000 users]
    #[arg(long = "size", value_name = "USERS,ITEMS,INTERACTIONS")]
    sizes: Vec<Synthetic>,
    /// A modality of this width for models that need one, as NAME=WIDTH; may be repeated
    #[arg(long, value_name = "NAME=WIDTH")]
    random_features: Vec<String>,
    /// Width of embeddings [default: the model's]
    #[arg(long)]
    dim: Option<usize>,
    /// Interactions a step
    #[arg(long, default_value_t = 4096)]
    batch: usize,
    /// Steps to time at each size
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    steps: u64,
    /// Seconds after which a size is left
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    seconds: u64,
    /// Threads inside one operation [default: all cores]
    #[arg(long)]
    threads: Option<NonZeroUsize>,
    /// Folder for scale.json, scale.md and two plots
    #[arg(long)]
    out: PathBuf,
}

/// Users, items and interactions when none are given: 20 interactions a user.
const SIZES: [[usize; 3]; 5] = [
    [10_000, 2_000, 200_000],
    [30_000, 6_000, 600_000],
    [100_000, 20_000, 2_000_000],
    [300_000, 60_000, 6_000_000],
    [1_000_000, 200_000, 20_000_000],
];

pub(super) fn run(args: &Args) -> Result<()> {
    let sizes = if args.sizes.is_empty() { SIZES.map(Synthetic::from).to_vec() } else { args.sizes.clone() };
    args.models.iter().try_for_each(|model| ModelConfig::named(model).map(drop))?;
    let refused = |error| BadInput(format!("{}: {error}", args.out.display()));
    fs::create_dir_all(&args.out).map_err(refused)?;
    let mut rows = Vec::new();
    for model in &args.models {
        for size in &sizes {
            say(&format!("{model} on {size}"));
            let figures = measure(args, model, size)?;
            rows.push(json!({ "model": model, "size": size.to_string(), "figures": figures }));
            // What is known is on disk, whatever becomes of the larger sizes.
            write(args, &sizes, &rows)?;
        }
    }
    Ok(())
}

fn write(args: &Args, sizes: &[Synthetic], rows: &[Value]) -> Result<()> {
    let curves = |of: &dyn Fn(&Value) -> Option<f64>| -> Vec<GrowthCurve> {
        let curve = |model: &String| {
            let mine = rows.iter().zip(sizes.iter().cycle()).filter(|(row, _)| row["model"] == **model);
            let points =
                mine.filter_map(|(row, size)| Some((size.interactions as f64, of(&row["figures"])?)));
            (model.clone(), points.collect())
        };
        args.models.iter().map(curve).filter(|(_, points): &GrowthCurve| !points.is_empty()).collect()
    };
    let seconds = curves(&|figures| figures["step_seconds"]["median"].as_f64());
    let memory = curves(&|figures| figures["peak_rss_bytes"].as_f64().map(|bytes| bytes / 1e9));
    let write = |name: &str, text: String| {
        let path = args.out.join(name);
        fs::write(&path, text).with_context(|| format!("{}", path.display()))
    };
    if !seconds.is_empty() {
        write("scale-seconds.svg", growth("seconds a step, by interactions", &seconds)?)?;
        write("scale-memory.svg", growth("peak memory in GB, by interactions", &memory)?)?;
    }
    write("scale.json", json!({ "batch": args.batch, "dim": args.dim, "rows": rows }).to_string())?;
    write("scale.md", table(rows, args.seconds))
}

/// A process of its own for each, so that its peak of memory is its own; null when it takes too long.
fn measure(args: &Args, model: &str, size: &Synthetic) -> Result<Value> {
    let mut command = Command::new(env::current_exe()?);
    command.args(["bench", "step", "--json", "--model", model, "--synthetic", &size.to_string()]);
    command.args(["--batch", &args.batch.to_string(), "--steps", &args.steps.to_string()]);
    if let Some(dim) = args.dim {
        command.args(["--set", &format!("dim={dim}")]);
    }
    command.args(args.random_features.iter().flat_map(|feature| ["--random-features", feature]));
    if let Some(threads) = args.threads {
        command.args(["--threads", &threads.to_string()]);
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().context("cannot start a step's process")?;
    let until = Instant::now() + Duration::from_secs(args.seconds);
    // What it prints is one short object: no pipe fills up before it ends.
    while child.try_wait()?.is_none() {
        if Instant::now() > until {
            child.kill()?;
            child.wait()?;
            return Ok(Value::Null);
        }
        thread::sleep(Duration::from_millis(50));
    }
    let output = child.wait_with_output()?;
    if output.status.code() == Some(2) {
        let message = String::from_utf8_lossy(&output.stderr);
        return Err(BadInput(message.trim().trim_start_matches("recgoat: ").to_owned()).into());
    }
    if !output.status.success() {
        bail!("{model} on {size}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn table(rows: &[Value], most_seconds: u64) -> String {
    let mut text =
        "| model | users, items, interactions | step | epoch | share at the limit | build | peak memory |\n\
                    |---|---|---|---|---|---|---|\n"
            .to_owned();
    for row in rows {
        let figures = &row["figures"];
        let [model, size] = ["model", "size"].map(|name| row[name].as_str().unwrap_or_default());
        if figures.is_null() {
            text += &format!("| {model} | {size} | left after {most_seconds} s | – | – | – | – |\n");
            continue;
        }
        let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
        let step = number(&figures["step_seconds"]["median"]);
        text += &format!(
            "| {model} | {size} | {step:.3} s | {:.0} s | {:.0} % | {:.1} s | {:.2} GB |\n",
            step * number(&figures["steps_per_epoch"]),
            100.0 * number(&figures["limit"]["share_of_measured"]),
            number(&figures["build_seconds"]),
            number(&figures["peak_rss_bytes"]) / 1e9,
        );
    }
    text
}
