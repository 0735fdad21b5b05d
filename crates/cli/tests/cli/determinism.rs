//! Same seed, same bits: parameters, optimiser, metrics and per-user values.

use std::{collections::BTreeMap, fs};

use safetensors::SafeTensors;

use crate::{files::planted, support::Scene};

/// All that may be compared of two runs; what time it took is left out.
#[derive(Debug, PartialEq)]
pub(crate) struct Result {
    /// `best_epoch` and `valid` of the command's JSON, as text: to the last digit.
    best: String,
    /// Bytes of every tensor of the newest checkpoint.
    tensors: BTreeMap<String, Vec<u8>>,
    /// Metrics on test, as text, and the per-user values behind them.
    test: String,
    per_user: Vec<u8>,
    /// Epoch, loss and valid of every line of `metrics.jsonl`, as text.
    curve: Vec<String>,
}

impl Result {
    /// Of the run in folder `run`, whose training printed `stdout`.
    pub(crate) fn of(scene: &Scene, run: &str, stdout: &str) -> Self {
        let measured = scene.done(&format!("evaluate --run {run} --threads 1 --json"));
        let names = fs::read_dir(scene.path(&format!("{run}/checkpoints"))).unwrap();
        let newest = names.map(|entry| entry.unwrap().path()).max().unwrap();
        let bytes = fs::read(newest).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let tensors = tensors.iter().map(|(name, view)| (name.to_owned(), view.data().to_vec()));
        let curve = String::from_utf8(scene.read(&format!("{run}/metrics.jsonl"))).unwrap();
        Self {
            best: format!("{} {}", field(stdout, "best_epoch"), object(stdout, "valid")),
            tensors: tensors.collect(),
            test: object(&measured, "metrics").to_owned(),
            per_user: scene.read(&format!("{run}/per_user.npy")),
            curve: curve
                .lines()
                .map(|line| line.split(",\"train_seconds\"").next().unwrap().to_owned())
                .collect(),
        }
    }
}

/// The text of a number in a JSON object.
fn field<'a>(json: &'a str, name: &str) -> &'a str {
    let (_, rest) = json.split_once(&format!("\"{name}\":")).unwrap();
    rest.split([',', '}']).next().unwrap()
}

/// The text of a flat object in a JSON object.
fn object<'a>(json: &'a str, name: &str) -> &'a str {
    let (_, rest) = json.split_once(&format!("\"{name}\":{{")).unwrap();
    rest.split('}').next().unwrap()
}

fn same_seed_same_bits(settings: &str) {
    let scene = Scene::with_data(&planted());
    let trained = |out: &str, seed: u64| {
        let line =
            format!("train --data data --out {out} --seed {seed} --epochs 4 --threads 1 --json {settings}");
        Result::of(&scene, out, &scene.done(&line))
    };
    let (one, two, other) = (trained("one", 7), trained("two", 7), trained("other", 8));
    assert!(one == two, "two runs of one seed differ");
    assert_eq!(one.curve.len(), 4);
    assert!(one.tensors != other.tensors && one.curve != other.curve && one.per_user != other.per_user);
}

#[test]
fn lightgcn() {
    same_seed_same_bits("--model lightgcn --set dim=16 --set train.batch=128");
}

/// What is measured after training and evaluation on one thread and on two.
#[test]
fn more_threads_measure_the_same() {
    let scene = Scene::with_data(&planted());
    for model in ["lightgcn", "recgoat"] {
        let measured = ["1", "2"].map(|threads| {
            let out = format!("{model}-{threads}");
            let line = format!(
                "train --data data --out {out} --model {model} --epochs 4 --threads {threads} --set dim=16 --set train.batch=128"
            );
            let trained = scene.json(&line);
            let tested = scene.json(&format!("evaluate --run {out} --threads {threads}"));
            [trained["valid"].clone(), tested["metrics"].clone()]
        });
        for (one, two) in measured[0].iter().zip(&measured[1]) {
            for (metric, value) in one.as_object().unwrap() {
                let gap = (value.as_f64().unwrap() - two[metric].as_f64().unwrap()).abs();
                assert!(gap <= 1e-6, "{model}, {metric}: {value} on one thread, {} on two", two[metric]);
            }
        }
    }
}

/// With dropout, two modalities, and missing rows in one of them.
#[test]
fn recgoat() {
    same_seed_same_bits("--model recgoat --set dim=16 --set train.batch=128");
}
