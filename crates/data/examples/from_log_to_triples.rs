//! From a raw log to training triples, on made-up data: prepare, inspect, sample.

use std::fmt::Write as _;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use recgoat_data::prepare::{PrepareConfig, SplitRule, prepare};
use recgoat_data::synthetic::{SyntheticConfig, synthetic};
use recgoat_data::{Split, TripleSampler};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // # A raw log
    // Real logs name users and items as their shop does. This one borrows its taste clusters and power
    // laws from the synthetic generator.
    let config = SyntheticConfig {
        users: 500,
        items: 300,
        interactions: 8_000,
        seed: 7,
        modalities: vec![("text".to_owned(), 16)],
    };
    let made_up = synthetic(&config)?;
    let mut log = String::from("user_id,item_id,timestamp\n");
    for split in Split::ALL {
        for (time, (user, item)) in made_up.interactions().split(split).pairs().enumerate() {
            writeln!(log, "customer-{user},article-{item},{time}")?;
        }
    }
    let folder = tempfile::tempdir()?;
    let input = folder.path().join("log.csv");
    std::fs::write(&input, log)?;

    // # Prepare
    // Keep the 5-core, cut every user's history in time order, give dense ids.
    let out = folder.path().join("shop");
    let rule = SplitRule::UserTime;
    let data = prepare(&input, &out, &PrepareConfig { kcore: 5, rule, ..PrepareConfig::default() })?;

    // # Inspect
    let interactions = data.interactions();
    let mut lines =
        format!("{}: {} users, {} items\n", data.name(), interactions.users(), interactions.items());
    for split in Split::ALL {
        writeln!(lines, "{:>6} {:>6}", split.name(), interactions.split(split).len())?;
    }
    writeln!(lines, "user 0 is {}, item 0 is {}", data.user_label(0), data.item_label(0))?;

    // # Sample
    // One epoch holds every train interaction once, each with a negative that the user never chose in it.
    let sampler = TripleSampler::new(interactions)?;
    let triples = sampler.epoch(&mut ChaCha8Rng::seed_from_u64(1));
    assert_eq!(triples.users.len(), interactions.split(Split::Train).len());
    for ((user, positive), negative) in
        triples.users.iter().zip(&triples.positives).zip(&triples.negatives).take(3)
    {
        writeln!(lines, "user {user} prefers {positive} to {negative}")?;
    }
    std::io::Write::write_all(&mut std::io::stdout(), lines.as_bytes())?;
    Ok(())
}
