//! Trained models beat popularity where there is taste to learn.

use crate::{files::planted_of, support::Scene};

/// Recall@20 on valid of a model trained with `settings`.
fn recall(scene: &Scene, out: &str, settings: &str) -> f64 {
    let trained = scene.json(&format!("train --data data --out {out} --threads 1 {settings}"));
    trained["valid"]["recall@20"].as_f64().unwrap()
}

/// Users take 80 % of their items from one of a few clusters, whose centre the features of its items surround:
/// popularity alone finds few of them.
#[test]
fn planted_tastes_are_found() {
    let scene = Scene::with_data(&planted_of(200, 120, 3_000));
    let common = "--epochs 25 --set dim=32 --set train.batch=512 --set train.learning_rate";
    let popularity = recall(&scene, "popularity", "--model popularity");
    let lightgcn = recall(&scene, "lightgcn", &format!("--model lightgcn {common}=0.01"));
    // Within a cluster users and items are alike by chance alone, which graphs of the like would learn.
    let alone = "--set companions=0 --set peers=0";
    let recgoat = recall(&scene, "recgoat", &format!("--model recgoat {alone} {common}=0.01"));
    for (name, trained) in [("lightgcn", lightgcn), ("recgoat", recgoat)] {
        assert!(trained > 1.4 * popularity, "{name} {trained} against popularity {popularity}");
    }
}
