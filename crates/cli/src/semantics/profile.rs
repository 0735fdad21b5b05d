//! `recgoat profile`: what a language model says of users or items, as features.

use std::path::{Path, PathBuf};

use anyhow::Result;
use recgoat_data::{Dataset, Owner, train_histories};
use recgoat_semantics::{
    Provenance, Source, Template, Writer, Writing, WritingConfig,
    generate::{ChatEndpoint, Generator, LocalGenerator, Sampling},
    modality, prompts, text, write_all,
};
use serde_json::{Value, json};

use super::{Models, embed::parse_name, unknown};
use crate::{
    common::BadInput,
    output::{Output, print, say},
    progress::Progress,
};

/// Have a language model describe users from what they chose in train, or items, and make features of that
///
/// The texts are encoded and go into the data folder, or with --out into a copy of it; RecGOAT then draws its graph of
/// users from them. No valid or test item is shown to the model. Cut at any moment and started again, no text is written
/// twice.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  recgoat profile --data data/ml-100k\n  \
                  OPENAI_API_KEY=… recgoat profile --data data/ml-100k --generator https://HOST/v1#MODEL --key-variable \
                  OPENAI_API_KEY --per-minute 60\n  recgoat profile --of items --show-template")]
pub(crate) struct Args {
    /// A data folder
    #[arg(long, required_unless_present = "show_template")]
    data: Option<PathBuf>,
    /// A copy of the data folder to put the features into, where nothing is yet
    #[arg(long)]
    out: Option<PathBuf>,
    /// Whom or what the texts are about
    #[arg(long, value_enum, default_value_t = Subject::Users)]
    of: Subject,
    /// The modality's name [default: text for users, enriched for items]
    #[arg(long, value_parser = parse_name)]
    name: Option<String>,
    /// What writes: smollm2, a GGUF file of the llama family, or an OpenAI-compatible endpoint as http://HOST/v1#MODEL
    #[arg(long, default_value = "smollm2")]
    generator: String,
    /// A template of the prompt instead of the built-in one; --show-template prints that
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
    /// Print the built-in template, and stop
    #[arg(long, conflicts_with = "json")]
    show_template: bool,
    /// Most tokens of item texts in a prompt; the oldest items are left out first
    #[arg(long, default_value_t = WritingConfig::default().history_tokens)]
    history_tokens: usize,
    /// Most tokens of a text
    #[arg(long, default_value_t = Sampling::default().max_tokens)]
    max_tokens: usize,
    /// 0 takes the likeliest token each time
    #[arg(long, default_value_t = Sampling::default().temperature, value_parser = parse_temperature)]
    temperature: f64,
    /// Taken off a token's logit for each time that it was written, against repetition
    #[arg(long, default_value_t = 0.5, value_parser = parse_penalty)]
    frequency_penalty: f64,
    /// Seed of the draws
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    models: Models,
    #[command(flatten)]
    output: Output,
}

/// Whom or what texts are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Subject {
    /// Each user, from the train items.
    Users,
    /// Each item, from its own text.
    Items,
}

impl Subject {
    fn template(self) -> Template {
        match self {
            Self::Users => Template::profile(),
            Self::Items => Template::enrichment(),
        }
    }

    fn owner(self) -> Owner {
        match self {
            Self::Users => Owner::User,
            Self::Items => Owner::Item,
        }
    }

    fn default_name(self) -> &'static str {
        match self {
            Self::Users => "text",
            Self::Items => "enriched",
        }
    }

    /// The items to show of each subject, the latest first.
    fn shown(self, folder: &Path, items: usize) -> Result<Vec<Vec<usize>>> {
        Ok(match self {
            Self::Users => {
                let latest =
                    |history: Vec<u32>| history.into_iter().rev().map(|item| item as usize).collect();
                train_histories(folder)?.into_iter().map(latest).collect()
            }
            Self::Items => (0..items).map(|item| vec![item]).collect(),
        })
    }
}

pub(crate) fn run(args: &Args) -> Result<()> {
    match &args.data {
        Some(data) if !args.show_template => args.output.print(&make(args, data)?),
        _ => print(&args.of.template().to_string()),
    }
}

/// Does the work on a data folder; what came of it.
pub(super) fn make(args: &Args, data: &Path) -> Result<Value> {
    let template = args.template.as_deref().map_or_else(|| Ok(args.of.template()), Template::read)?;
    let threads = args.models.threads()?;
    let dataset = Dataset::open(data)?;
    let provenance = Provenance::read(data)?;
    let (owner, name) = (args.of.owner(), args.name.as_deref().unwrap_or(args.of.default_name()));
    match &args.out {
        Some(out) => recgoat_data::check_free(out)?,
        None => provenance.expect_ours(data, owner, name)?,
    }
    let item_texts = template.item_texts(dataset.item_table(), dataset.items())?;
    if item_texts.iter().all(String::is_empty) {
        let path = data.join("items.tsv");
        let expected = "texts of the items in columns that the template names";
        return Err(BadInput(format!("{}: expected {expected}, found none", path.display())).into());
    }
    let progress = Progress::new();
    let (generator, encoder) = (args.generator(threads)?, args.models.encoder(threads)?);
    let cache = args.models.cache()?;
    let config = WritingConfig { history_tokens: args.history_tokens, sampling: args.sampling() };
    let shown = args.of.shown(data, dataset.items())?;
    let prompts = prompts(generator.as_ref(), &template, &shown, &item_texts, config.history_tokens)?;
    let Writing { texts, cost } =
        write_all(generator.as_ref(), template.version(), &prompts, &config.sampling, &cache, &progress)?;
    let texts: Vec<String> = texts.into_iter().map(Option::unwrap_or_default).collect();
    let rows = text::encode_all(encoder.as_ref(), &texts, &cache, &progress)?;
    let features = modality(name, &rows)?;
    let writer = Writer { model: generator.name().to_owned(), config, cost: cost.clone() };
    let source = Source { writer: Some(writer), ..Source::new(encoder.name(), &template) };
    provenance.add(data, args.out.as_deref(), owner, &features, source)?;
    Ok(json!({
        "dir": args.out.as_deref().unwrap_or(data),
        "modality": owner.stem(name),
        "rows": features.rows(),
        "width": features.width(),
        "missing_rows": features.missing(),
        "cost": cost,
    }))
}

impl Args {
    fn sampling(&self) -> Sampling {
        let Self { max_tokens, temperature, frequency_penalty, seed, .. } = *self;
        Sampling { max_tokens, temperature, frequency_penalty, seed, ..Sampling::default() }
    }

    fn generator(&self, threads: usize) -> Result<Box<dyn Generator>> {
        if let Some(endpoint) = self.models.endpoint(&self.generator)? {
            return Ok(Box::new(ChatEndpoint::new(endpoint)?));
        }
        Ok(Box::new(match self.generator.as_str() {
            "smollm2" => LocalGenerator::smollm2(threads, &mut say)?,
            path if Path::new(path).is_file() => LocalGenerator::open(Path::new(path), threads)?,
            other => {
                return Err(unknown("--generator", "smollm2, a GGUF file, or http://HOST/v1#MODEL", other));
            }
        }))
    }
}

fn parse_temperature(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|t: &f64| (0.0..=10.0).contains(t)).ok_or_else(|| "expected 0 to 10".to_owned())
}

fn parse_penalty(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|p: &f64| (-2.0..=2.0).contains(p)).ok_or_else(|| "expected -2 to 2".to_owned())
}
