//! `evaluate` on scores made elsewhere agrees with runs and with hand computation.

use recgoat_data::Split::{Test, Train, Valid};
use serde_json::Value;

use crate::{
    files::{inter, npy, planted},
    support::Scene,
};

/// Scores counted from the text of the file, by none of the crates.
#[test]
fn popularity_equals_its_scores_counted_by_hand() {
    let files = planted();
    let scene = Scene::with_data(&files);
    let text = String::from_utf8(files[0].1.clone()).unwrap();
    let rows: Vec<Vec<usize>> =
        text.lines().skip(1).map(|line| line.split('\t').map(|n| n.parse().unwrap()).collect()).collect();
    let (users, items) = (80, 60);
    let mut counts = vec![0f32; items];
    rows.iter().filter(|row| row[2] == 0).for_each(|row| counts[row[1]] += 1.0);
    scene.write("s.npy", npy(&[users as u64, items as u64], &counts.repeat(users)));

    scene.json("train --data data --model popularity --out run --threads 1");
    for options in ["--split valid", "--split test --mask train-valid --topk 1,3"] {
        let run = scene.json(&format!("evaluate --run run --threads 1 {options}"));
        let scores = scene.json(&format!("evaluate --scores s.npy --data data --threads 1 {options}"));
        for field in ["metrics", "users", "split", "mask"] {
            assert_eq!(run[field], scores[field], "{options}");
        }
        assert!(run["metrics"]["recall@3"].as_f64().or(run["metrics"]["recall@20"].as_f64()) > Some(0.0));
    }
}

/// One user with items 0 (train), 1 (valid), 2 (test) and 3 (none), scored in the order 0, 1, 2, 3.
#[test]
fn the_mask_decides_whether_valid_items_stand_in_the_way() {
    let data = inter([(0, 0, Train), (0, 1, Valid), (0, 2, Test), (1, 3, Train)]);
    let scene = Scene::with_data(&[("d.inter", data.into())]);
    scene.write("s.npy", npy(&[2, 4], &[4f32, 3.0, 2.0, 1.0, 0.0, 0.0, 0.0, 0.0]));
    let metrics = |options: &str| -> Value {
        let line = format!("evaluate --scores s.npy --data data --topk 1,2 --threads 1 {options}");
        let measured = scene.json(&line);
        assert_eq!(measured["users"], 1);
        measured["metrics"].clone()
    };
    // Item 0 is masked always, item 1 comes before the relevant item 2 unless it is masked.
    let behind = metrics("--mask train");
    assert_eq!((&behind["recall@1"], &behind["recall@2"]), (&0.0.into(), &1.0.into()));
    assert_eq!((&behind["mrr@2"], &behind["ndcg@2"]), (&0.5.into(), &(1.0 / 3f64.log2()).into()));
    let ahead = metrics("--mask train-valid");
    assert_eq!(
        (&ahead["recall@1"], &ahead["mrr@2"], &ahead["ndcg@2"]),
        (&1.0.into(), &1.0.into(), &1.0.into())
    );
    assert_eq!(metrics("--split test"), behind, "the default mask is train");
    // At valid, valid items are what is looked for and are never masked.
    assert_eq!(metrics("--split valid --mask train-valid"), metrics("--split valid --mask train"));
    let line = "evaluate --scores s.npy --data data --threads 1 --split valid --mask train-valid";
    assert_eq!(scene.json(line)["mask"], "train");
    assert_eq!(metrics("--split valid")["recall@1"], 1.0);
}
