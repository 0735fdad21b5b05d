//! `recgoat inspect`: what a data folder holds.

use std::path::PathBuf;

use anyhow::Result;
use recgoat_data::{Dataset, Modality, Owner, Split};
use recgoat_graph::{
    Adjacency,
    analysis::{degree_quantiles, structure},
};
use recgoat_semantics::Provenance;
use serde_json::{Map, Value, json};

use crate::output::Output;

/// Users with at most this many train interactions are cold.
const COLD_USER: usize = 5;

/// Check a data folder and say what it holds
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recgoat inspect --data data/ml-100k --json")]
pub(crate) struct Args {
    /// A data folder
    #[arg(long)]
    data: PathBuf,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let dataset = Dataset::open(&args.data)?;
    let mut found = describe(&dataset)?;
    let provenance = Provenance::read(&args.data)?;
    found["modalities"] = features(Owner::Item, dataset.modalities(), &provenance);
    found["profiles"] = features(Owner::User, dataset.profiles(), &provenance);
    args.output.print(&found)
}

/// Counts per split, density, degrees, structure, modalities, and who is cold.
pub(crate) fn describe(dataset: &Dataset) -> Result<Value> {
    let interactions = dataset.interactions();
    let (users, items) = (interactions.users(), interactions.items());
    let train = interactions.split(Split::Train);
    let counts: Map<String, Value> = Split::ALL
        .iter()
        .map(|&split| (split.name().to_owned(), interactions.split(split).len().into()))
        .collect();
    let total: usize = Split::ALL.iter().map(|&split| interactions.split(split).len()).sum();
    let user_degrees: Vec<usize> = (0..users).map(|user| train.row(user).len()).collect();
    let mut item_degrees = vec![0usize; items];
    train.items().iter().for_each(|&item| item_degrees[item as usize] += 1);
    let found = structure(&Adjacency::bipartite(users, items, train.pairs())?);
    let modalities = features(Owner::Item, dataset.modalities(), &Provenance::default());
    Ok(json!({
        "name": dataset.name(),
        "users": users,
        "items": items,
        "interactions": counts,
        "density": total as f64 / (users * items) as f64,
        "user_degree": quantiles(&user_degrees),
        "item_degree": quantiles(&item_degrees),
        "components": found.components,
        "largest_component": found.largest_component,
        "bipartite": found.bipartite,
        "modalities": modalities,
        "profiles": features(Owner::User, dataset.profiles(), &Provenance::default()),
        "cold_users": user_degrees.iter().filter(|&&degree| degree <= COLD_USER).count(),
        "cold_items": item_degrees.iter().filter(|&&degree| degree == 0).count(),
        "digest": dataset.digest(),
    }))
}

/// What each file of features holds, and what made it where `recgoat` did.
fn features(owner: Owner, modalities: &[Modality], provenance: &Provenance) -> Value {
    let describe = |modality: &Modality| {
        let mut found =
            json!({ "name": modality.name(), "width": modality.width(), "missing_rows": modality.missing() });
        if let Some(source) = provenance.of(owner, modality) {
            found["source"] = json!(source);
        }
        found
    };
    modalities.iter().map(describe).collect()
}

fn quantiles(degrees: &[usize]) -> Value {
    let found = degree_quantiles(degrees.iter().copied(), &[0.0, 0.25, 0.5, 0.75, 1.0]);
    json!({ "min": found[0], "q25": found[1], "median": found[2], "q75": found[3], "max": found[4] })
}
