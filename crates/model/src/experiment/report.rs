//! What a report says beside the runs: the data, the protocol, the machine.

use std::{collections::BTreeSet, fs::read_to_string};

use recgoat_data::{Dataset, Split};
use recgoat_eval::{
    Mask, RankingConfig,
    report::{DatasetCard, ModalityCard, ModelResult, RunResult},
};

use super::Place;

/// A dataset's card in a report.
pub fn card(dataset: &Dataset) -> DatasetCard {
    let interactions = dataset.interactions();
    let [train, valid, test] = Split::ALL.map(|split| interactions.split(split).len());
    let (users, items) = (interactions.users(), interactions.items());
    DatasetCard {
        name: dataset.name().to_owned(),
        users,
        items,
        train,
        valid,
        test,
        density: (train + valid + test) as f64 / (users * items).max(1) as f64,
        modalities: dataset
            .modalities()
            .iter()
            .map(|m| ModalityCard { name: m.name().to_owned(), width: m.width(), missing: m.missing() })
            .collect(),
        digest: dataset.digest().to_owned(),
    }
}

/// Every choice of the protocol, as reports print it.
pub(super) fn protocol(ranking: &RankingConfig, seeds: &[u64]) -> Vec<(String, String)> {
    let mask = match ranking.mask {
        Mask::Train => "train items, at valid and at test",
        Mask::TrainValid => "train items at valid, train and valid items at test",
    };
    let list = |values: &[String]| values.join(", ");
    let lines = [
        ("ranking", "full, over all items; ties by lower item id".to_owned()),
        ("masked", mask.to_owned()),
        ("cut-offs", list(&ranking.topk.iter().map(ToString::to_string).collect::<Vec<_>>())),
        ("averages", "over users with at least one item in the split".to_owned()),
        ("selection", "epoch of the best valid Recall@20; test read once, after training".to_owned()),
        ("negatives", "one, uniform over items outside the user's train set".to_owned()),
        ("seeds", list(&seeds.iter().map(ToString::to_string).collect::<Vec<_>>())),
        ("intervals", "95 % bootstrap over users of per-user means over seeds".to_owned()),
    ];
    lines.map(|(name, value)| (name.to_owned(), value)).into()
}

/// Commits and processors of all runs; libtorch, device and threads as they are now.
pub(super) fn environment(place: &Place, models: &[ModelResult]) -> Vec<(String, String)> {
    let of_runs = |told: fn(&RunResult) -> &str| {
        let all: BTreeSet<&str> = models.iter().flat_map(|model| &model.runs).map(told).collect();
        let named = all.into_iter().map(|name| if name.is_empty() { "unknown" } else { name });
        named.collect::<Vec<_>>().join(", ")
    };
    let lines = [
        ("recgoat", env!("CARGO_PKG_VERSION").to_owned()),
        ("commit", of_runs(|run| &run.commit)),
        ("libtorch", recgoat_torch::LIBTORCH_VERSION.to_owned()),
        ("device", recgoat_torch::device::name(place.device)),
        ("threads", place.threads.to_string()),
        ("processor", of_runs(|run| &run.processor)),
    ];
    lines.map(|(name, value)| (name.to_owned(), value)).into()
}

/// The name of this machine's processor; empty where the system tells none.
pub(super) fn processor() -> String {
    let text = read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or("", |(_, name)| name).to_owned()
}
