//! `recgoat spectrum`: the frequencies of a dataset.

use std::{fs, num::NonZeroUsize, path::PathBuf};

use anyhow::Result;
use recgoat_data::Dataset;
use recgoat_eval::report::{Picture, side_by_side};
use recgoat_graph::spectral::Eigenpairs;
use recgoat_model::{Error, MeasuredFilters, Spectrum};
use serde_json::{Map, Value, json};

use crate::{common::BadInput, output::Output};

/// Say where features lie in the spectrum of the train graph, and what filters let through
///
/// Bands are cut at equal energy of all modalities. On graphs small enough to decompose, the bands and the filters of SSR's
/// released code are measured at eigenvectors; --out draws both.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recgoat spectrum --data data/lastfm --bands 3 --out spectrum.svg")]
pub(crate) struct Args {
    /// A data folder with features
    #[arg(long)]
    data: PathBuf,
    /// Number of bands
    #[arg(long, default_value_t = 3)]
    bands: usize,
    /// Degree of their polynomials
    #[arg(long, default_value_t = 16)]
    degree: usize,
    /// An SVG file to draw the filters in
    #[arg(long)]
    out: Option<PathBuf>,
    /// Threads inside one operation [default: all cores]
    #[arg(long)]
    threads: Option<NonZeroUsize>,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    crate::threads::start(args.threads)?;
    let dataset = Dataset::open(&args.data)?;
    let found = recgoat_model::spectrum(&dataset, args.bands, args.degree)?;
    if let Some(path) = &args.out {
        if found.filters.is_empty() {
            let most = Eigenpairs::MOST_PAIRS;
            let told = "pairs of a user and an item, whose filters can be measured";
            return Err(BadInput(format!("--out: expected a graph of at most {most} {told}")).into());
        }
        let pictures: Vec<Picture> = found.filters.iter().map(picture).collect();
        let svg = side_by_side(&pictures)?;
        fs::write(path, svg).map_err(|source| Error::Io { path: path.clone(), source })?;
    }
    args.output.print(&described(&found))
}

fn described(found: &Spectrum) -> Value {
    let by_name = |entries: Vec<(String, &Vec<f64>)>| -> Map<String, Value> {
        entries.into_iter().map(|(name, values)| (name, json!(values))).collect()
    };
    json!({
        "cuts": found.cuts,
        "energy": by_name(found.shares.iter().map(|(name, shares)| (name.clone(), shares)).collect()),
        "leaks": by_name(found.filters.iter().map(|set| (set.name.to_owned(), &set.leaks)).collect()),
    })
}

fn picture(filters: &MeasuredFilters) -> Picture {
    let curves = filters.responses.iter().enumerate();
    Picture::Curves {
        title: filters.name.to_owned(),
        axis: "eigenvalue of the Laplacian".to_owned(),
        curves: curves.map(|(at, curve)| (format!("filter {}", at + 1), curve.clone())).collect(),
    }
}
