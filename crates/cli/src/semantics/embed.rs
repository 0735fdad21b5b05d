//! `recgoat embed`: features of items from their texts or pictures.

use std::path::{Path, PathBuf};

use anyhow::Result;
use recgoat_data::{Dataset, Owner};
use recgoat_semantics::{
    Provenance, Source, Template,
    image::{self, OnnxEncoder, Preprocessing},
    modality, text,
};
use serde_json::{Value, json};

use super::Models;
use crate::{
    common::BadInput,
    output::{Output, print, say},
    progress::Progress,
};

/// Make features of items from the texts of items.tsv, or from pictures
///
/// The features and a note of where they came from go into the data folder, or with --out into a copy of it; `train`
/// then uses them. Cut at any moment and started again, nothing is encoded twice.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  recgoat embed --data data/ml-100k\n  \
                  recgoat embed --data data/ml-100k --encoder http://localhost:8080/v1#bge-m3 --name bge\n  \
                  recgoat embed --data data/ml-100k --pictures posters --picture-model resnet.onnx --preprocessing \
                  resnet.toml")]
pub(crate) struct Args {
    /// A data folder
    #[arg(long, required_unless_present = "show_template")]
    data: Option<PathBuf>,
    /// A copy of the data folder to put the features into, where nothing is yet
    #[arg(long)]
    out: Option<PathBuf>,
    /// The modality's name [default: text, or image for pictures]
    #[arg(long, value_parser = parse_name)]
    name: Option<String>,
    /// A template of an item's text (TOML with `item`) instead of the built-in one; --show-template prints that
    #[arg(long, value_name = "FILE", conflicts_with = "pictures")]
    template: Option<PathBuf>,
    /// Print the built-in template, and stop
    #[arg(long, conflicts_with = "json")]
    show_template: bool,
    /// A folder of pictures to encode instead of texts
    #[arg(long, value_name = "DIR", requires = "picture_model", requires = "preprocessing")]
    pictures: Option<PathBuf>,
    /// How an item's picture is named, less its ending: a template over the columns of items.tsv
    #[arg(long, value_name = "TEMPLATE", default_value = "{{ itemID }}", requires = "pictures")]
    pictures_named: String,
    /// An ONNX model of pictures
    #[arg(long, value_name = "FILE", requires = "pictures")]
    picture_model: Option<PathBuf>,
    /// What the model expects of pictures: TOML with size, mean, deviation and the like
    #[arg(long, value_name = "FILE", requires = "pictures")]
    preprocessing: Option<PathBuf>,
    #[command(flatten)]
    models: Models,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    match &args.data {
        Some(data) if !args.show_template => args.output.print(&make(args, data)?),
        _ => print(&Template::text().to_string()),
    }
}

/// Does the work on a data folder; what came of it.
pub(super) fn make(args: &Args, data: &Path) -> Result<Value> {
    let threads = args.models.threads()?;
    let dataset = Dataset::open(data)?;
    let provenance = Provenance::read(data)?;
    let default = if args.pictures.is_some() { "image" } else { "text" };
    let name = args.name.as_deref().unwrap_or(default);
    match &args.out {
        Some(out) => recgoat_data::check_free(out)?,
        None => provenance.expect_ours(data, Owner::Item, name)?,
    }
    if dataset.item_table().columns().is_empty() {
        let path = data.join("items.tsv");
        return Err(
            BadInput(format!("{}: expected texts of the items, found no file", path.display())).into()
        );
    }
    let begun = std::time::Instant::now();
    let progress = Progress::new();
    let (rows, source) = match (&args.pictures, &args.picture_model, &args.preprocessing) {
        (Some(folder), Some(model), Some(preprocessing)) => {
            let encoder = OnnxEncoder::open(model, Preprocessing::read(preprocessing)?, threads, &mut say)?;
            let naming = Template::of_items("--pictures-named", &args.pictures_named)?;
            let pictures = image::find(folder, &naming.item_texts(dataset.item_table(), dataset.items())?);
            let rows = image::encode_all(&encoder, &pictures, &args.models.cache()?, &progress)?;
            (rows, Source::new(encoder.name(), &naming))
        }
        _ => {
            let template = args.template.as_deref().map_or_else(|| Ok(Template::text()), Template::read)?;
            let texts = template.item_texts(dataset.item_table(), dataset.items())?;
            let encoder = args.models.encoder(threads)?;
            let rows = text::encode_all(encoder.as_ref(), &texts, &args.models.cache()?, &progress)?;
            (rows, Source::new(encoder.name(), &template))
        }
    };
    let features = modality(name, &rows)?;
    provenance.add(data, args.out.as_deref(), Owner::Item, &features, source)?;
    Ok(json!({
        "dir": args.out.as_deref().unwrap_or(data),
        "modality": name,
        "rows": features.rows(),
        "width": features.width(),
        "missing_rows": features.missing(),
        "seconds": begun.elapsed().as_secs_f64(),
    }))
}

/// A name that a file can have and that is not taken for features of users.
pub(super) fn parse_name(name: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.starts_with("user_") || name.starts_with('.') || !name.chars().all(fits) {
        return Err("expected letters, digits, - and _, and no user_ at the start".to_owned());
    }
    Ok(name.to_owned())
}
