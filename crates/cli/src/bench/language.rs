//! Rates of the language models: texts encoded and tokens written in a second.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::Result;
use recgoat_data::Dataset;
use recgoat_semantics::{
    Cache, Silent, Template,
    generate::{LocalGenerator, Prompt, Sampling},
    text::encode_all,
    write_all,
};
use serde::Deserialize;
use serde_json::json;

use crate::{
    common::BadInput,
    output::{Output, say},
    semantics::Models,
};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: recgoat bench language --data data/baby --prompts crates/semantics/tests/golden/smollm2.json"
)]
pub(super) struct Args {
    /// A data folder whose items' titles are encoded
    #[arg(long)]
    data: PathBuf,
    /// A JSON list of objects with a `prompt`, which SmolLM2 goes on from
    #[arg(long, value_name = "FILE")]
    prompts: PathBuf,
    /// Tokens written for each prompt at most
    #[arg(long, default_value_t = 32)]
    max_tokens: usize,
    #[command(flatten)]
    models: Models,
    #[command(flatten)]
    output: Output,
}

#[derive(Deserialize)]
struct Line {
    prompt: String,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let threads = args.models.threads()?;
    let dataset = Dataset::open(&args.data)?;
    let prompts = prompts(&args.prompts)?;
    let titles = Template::of_items("title", "{{ title or name }}")?;
    let titles = titles.item_texts(dataset.item_table(), dataset.items())?;
    let encoder = args.models.encoder(threads)?;
    let start = Instant::now();
    let rows = encode_all(encoder.as_ref(), &titles, &Cache::in_memory()?, &Silent)?;
    let (encoded, encoding) = (rows.iter().flatten().count(), start.elapsed().as_secs_f64());
    let generator = LocalGenerator::smollm2(threads, &mut say)?;
    let sampling = Sampling { max_tokens: args.max_tokens, ..Sampling::default() };
    let written = write_all(&generator, "bench", &prompts, &sampling, &Cache::in_memory()?, &Silent)?;
    let cost = written.cost;
    args.output.print(&json!({
        "threads": threads,
        "encode": { "texts": encoded, "seconds": encoding, "texts_per_second": encoded as f64 / encoding },
        "write": {
            "prompts": prompts.len(),
            "prompt_tokens": cost.prompt_tokens,
            "completion_tokens": cost.completion_tokens,
            "seconds": cost.seconds,
            "tokens_per_second": cost.completion_tokens as f64 / cost.seconds,
        },
    }))
}

fn prompts(path: &Path) -> Result<Vec<Option<Prompt>>> {
    let place = path.display();
    let text = fs::read(path).map_err(|error| BadInput(format!("{place}: {error}")))?;
    let lines: Vec<Line> = serde_json::from_slice(&text).map_err(|error| {
        BadInput(format!("{place}: expected a list of objects with a prompt, found {error}"))
    })?;
    Ok(lines.into_iter().map(|line| Some(Prompt { system: String::new(), user: line.prompt })).collect())
}
