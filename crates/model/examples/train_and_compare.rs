//! Three models trained on one made-up data set, each in a run folder, and compared on valid.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use std::error::Error;

use recgoat_data::{
    Dataset, Split,
    synthetic::{SyntheticConfig, synthetic},
};
use recgoat_eval::{
    PerUser, RankingConfig, evaluate,
    stats::{Resampling, paired_bootstrap},
};
use recgoat_model::{
    EpochRecord, ModelConfig, Observer, Silent, TrainConfig,
    run::{RunConfig, RunFolder},
};
use tch::Device;

fn main() -> Result<(), Box<dyn Error>> {
    // # Data
    // Users who prefer one taste cluster of items, and two modalities whose features tell an item's cluster.
    let modalities = vec![("image".to_owned(), 32), ("text".to_owned(), 24)];
    let data =
        synthetic(&SyntheticConfig { users: 400, items: 200, interactions: 5_000, seed: 1, modalities })?;

    // # Runs
    // A run folder holds the settings, the curve and the checkpoints of one model. Settings are changed by name, as
    // on the command line.
    let models = [
        ModelConfig::named("popularity")?,
        ModelConfig::named("lightgcn")?.with("dim", "32")?,
        ModelConfig::named("recgoat")?.with("dim", "32")?.with("align.transport", "plan+residual")?,
    ];
    let place = tempfile::tempdir()?;
    let mut runs = Vec::new();
    for model in models {
        let train = TrainConfig { learning_rate: 1e-2, patience: 10, ..TrainConfig::default() };
        let path = place.path().join(model.name());
        let config =
            RunConfig { data: "made up".into(), seed: 0, device: "cpu".into(), threads: 1, train, model };
        let folder = RunFolder::create(&path, config, &data)?;
        let trained = folder.train(&data, Device::Cpu, &mut Curve)?.trained;
        println!(
            "{:>10}: best epoch {:>2}, valid recall@20 {:.4}, ndcg@20 {:.4}",
            folder.config().model.name(),
            trained.best_epoch,
            trained.valid["recall@20"],
            trained.valid["ndcg@20"]
        );
        runs.push((folder, trained));
    }
    let [popularity, lightgcn, recgoat] = [0, 1, 2].map(|run: usize| runs[run].1.valid["recall@20"]);
    assert!(lightgcn > 1.5 * popularity && recgoat > 1.5 * popularity, "tastes are there to be learnt");

    // # Are they different?
    // The kept parameters come back out of the checkpoint and score as they did when the run ended; values of the same
    // users are then compared in pairs.
    let (left, right) = (valid(&runs[2].0, &data)?, valid(&runs[1].0, &data)?);
    let name = "recall@20";
    assert_eq!((left.mean(name), right.mean(name)), (Some(recgoat), Some(lightgcn)));
    let values = |per_user: &PerUser| per_user.values(name).map(<[f64]>::to_vec).unwrap_or_default();
    let (low, high) = paired_bootstrap(&values(&left), &values(&right), &Resampling::default())?;
    println!("recgoat − lightgcn, valid recall@20: 95 % interval {low:+.4} to {high:+.4}");

    // # Again
    // A run that has ended is read, not repeated.
    for (folder, trained) in &runs {
        assert_eq!(folder.train(&data, Device::Cpu, &mut Silent)?.trained, *trained);
    }
    Ok(())
}

/// Every user's metrics on valid.
fn valid(folder: &RunFolder, data: &Dataset) -> Result<PerUser, Box<dyn Error>> {
    let model = folder.load(data, Device::Cpu, &mut Silent)?;
    Ok(evaluate(&*model.scorer()?, data.interactions(), Split::Valid, &RankingConfig::default())?)
}

/// Prints every tenth epoch.
struct Curve;

impl Observer for Curve {
    fn epoch(&mut self, record: &EpochRecord, best: f64) {
        if record.epoch.is_multiple_of(10) {
            println!("            epoch {:>2}  loss {:.4}  best {best:.4}", record.epoch, record.loss);
        }
    }
}
