//! `tune` and `compare`: searches that continue, and runs that are compared.

use crate::{
    files::{planted, planted_of},
    support::{Scene, assert_fields},
};

const PRESET: &str = "
title = 'A search'
dataset = 'planted'
seeds = [3, 4]

[train]
epochs = 2
batch = 128

[[model]]
label = 'Popularity'
name = 'popularity'

[[model]]
label = 'BPR'
name = 'bpr'
set = { dim = 4 }
search = { dim = [4, 8], l2 = { from = 1e-4, to = 1e-1, scale = 'log' }, 'train.learning_rate' = [1e-3, 1e-2] }
";

fn trials(scene: &Scene) -> Vec<serde_json::Value> {
    let found: serde_json::Value = serde_json::from_slice(&scene.read("out/tune.json")).unwrap();
    assert_eq!(found[0]["trials"].as_array().unwrap().len(), 1, "nothing to search for popularity");
    found[1]["trials"].as_array().unwrap().clone()
}

#[test]
fn a_search_continues_where_it_was_and_ends_in_a_preset() {
    let scene = Scene::with_data(&planted());
    scene.write("p.toml", PRESET);
    let line =
        |trials: usize| format!("tune --preset p.toml --data data --out out --threads 1 --trials {trials}");
    let found = scene.json(&line(2));
    assert_fields(&found, &["models", "tuned"]);
    let first = trials(&scene);
    assert_eq!(first.len(), 2);
    assert_eq!(first[0]["settings"].as_object().unwrap().len(), 0, "the preset's own settings come first");
    for trial in ["bpr-1", "bpr-2"] {
        let checkpoints = scene.path(&format!("out/trials/{trial}/checkpoints"));
        std::fs::remove_dir_all(checkpoints).expect("a finished trial needs them no more");
    }
    scene.json(&line(4));
    assert!(!scene.path("out/trials/bpr-1/checkpoints").exists(), "nothing is trained again");
    let more = trials(&scene);
    assert_eq!((more.len(), &more[..2]), (4, &first[..]));
    let best = more.iter().map(|trial| trial["valid"].as_f64().unwrap()).fold(0.0, f64::max);
    assert_eq!(scene.json(&line(4))["models"]["BPR"]["valid_recall@20"], best);
    assert!(!scene.path("out/trials/bpr-1/test.json").exists(), "a search never reads test");
    let table = String::from_utf8(scene.read("out/tune.md")).unwrap();
    assert!(table.contains("| Popularity | 1 | ") && table.contains("| BPR | 4 | "), "{table}");

    let report = scene.json("experiment --preset out/tuned.toml --data data --out report --threads 1");
    assert_eq!(report["models"]["BPR"]["test_recall@20"].as_array().unwrap().len(), 2);
    let runs = "report/runs/popularity-3 report/runs/popularity-4 report/runs/bpr-3 report/runs/bpr-4";
    let compared = scene.json(&format!("compare {runs}"));
    assert_fields(&compared, &["comparisons", "models"]);
    let [recall, ndcg] = [0, 1].map(|at| &compared["comparisons"][at]);
    assert_eq!((recall["metric"].as_str(), recall["model"].as_str()), (Some("recall@20"), Some("bpr")));
    let means: Vec<f64> = compared["models"][1]["metrics"]["ndcg@20"]
        .as_array()
        .unwrap()
        .iter()
        .map(|value| value.as_f64().unwrap())
        .collect();
    assert_eq!(means.len(), 2);
    assert!(ndcg["p_holm"].as_f64().unwrap() <= 1.0 && ndcg["effect"].is_number());
}

/// A trial of the settings that the preset has by default told nothing new.
#[test]
fn no_settings_are_tried_twice() {
    let scene = Scene::with_data(&planted());
    let search = "search = { dim = [4, 8], 'train.learning_rate' = [1e-3] }\n";
    let entry = format!("name = 'bpr'\nset = {{ dim = 4 }}\n{search}");
    scene.write("p.toml", PRESET.split("name = 'bpr'").next().unwrap().to_owned() + &entry);
    scene.json("tune --preset p.toml --data data --out out --threads 1 --trials 5");
    let settings: Vec<_> = trials(&scene).iter().map(|trial| trial["settings"]["dim"].as_i64()).collect();
    assert_eq!(settings, [None, Some(8)]);
}

#[test]
fn what_cannot_be_searched_or_compared() {
    let scene = Scene::with_data(&planted());
    let refused = |search: &str| {
        let entry = format!("[[model]]\nlabel = 'B'\nname = 'bpr'\nsearch = {{ {search} }}\n");
        scene.write("p.toml", format!("title = 't'\ndataset = 'd'\nseeds = [0]\n{entry}"));
        scene.refused("tune --preset p.toml --data data --out out --threads 1")
    };
    assert!(refused("dmi = [1]").contains("unknown setting \"dmi\": expected one of dim, l2"));
    assert!(refused("dim = []").ends_with("search dim of \"B\": expected at least one choice, found none"));
    assert!(
        refused("l2 = { from = 1, to = 0 }")
            .contains("search l2 of \"B\": expected from < to, found 1 and 0")
    );
    let message = refused("l2 = { from = 1e-6, to = 1, scal = 'log' }");
    assert!(message.contains("expected a list of choices, or { from = A, to = B }"), "{message}");
    let message = refused("dim = [4, 0]");
    assert!(message.starts_with("search dim of \"B\": dim: expected a value in"), "{message}");
    assert!(refused("dim = ['wide']").contains("setting dim=\"wide\": invalid type"));
    assert!(!scene.path("out").exists(), "nothing half-written");
    let entry = "[[model]]\nlabel = 'B'\nname = 'bpr'\nstop_after = 0\n";
    scene.write("p.toml", format!("title = 't'\ndataset = 'd'\nseeds = [0]\n{entry}"));
    let message = scene.refused("tune --preset p.toml --data data --out out --threads 1");
    assert!(message.ends_with("stop_after of \"B\": expected at least 1, found 0"), "{message}");
    for option in ["--kcore 3", "--ratios .6,.2,.2", "--seed 0"] {
        let message = scene.refused(&format!("prepare data --out made --split given {option}"));
        let name = option.split(' ').next().unwrap();
        assert!(message.contains(&format!("{name}: expected none with --split given")), "{message}");
    }
    let message = scene.refused("prepare none --out made --split given");
    assert!(message.contains("none: No such file or directory"), "{message}");
    scene.json("train --data data --model popularity --out runs/a --threads 1");
    scene.json("evaluate --run runs/a --threads 1");
    let message = scene.refused("compare runs/a runs/a");
    assert_eq!(message, "runs/a: expected each seed of a model once, found 0 twice");
    scene.json("train --data data --model popularity --out runs/a1 --seed 1 --threads 1");
    scene.json("evaluate --run runs/a1 --threads 1");
    let message = scene.refused("compare runs/a runs/a1");
    assert!(message.contains("expected runs of at least two models, found only a"), "{message}");

    for (name, bytes) in planted_of(30, 20, 200) {
        scene.write(&format!("other/{name}"), bytes);
    }
    scene.json("train --data other --model popularity --out runs/b --threads 1");
    scene.json("evaluate --run runs/b --threads 1");
    let message = scene.refused("compare runs/a runs/b");
    assert!(message.starts_with("runs/b: expected a run on the first run's data"), "{message}");
}

#[test]
fn trials_below_the_median_are_left_and_a_second_run_changes_nothing() {
    let scene = Scene::with_data(&planted());
    let preset = PRESET
        .replace("epochs = 2", "epochs = 4")
        .replace("name = 'bpr'\n", "name = 'bpr'\nstop_after = 1\n");
    scene.write("p.toml", preset);
    let line = "tune --preset p.toml --data data --out out --threads 1 --trials 8";
    scene.json(line);
    let first = trials(&scene);
    let left: Vec<_> = first.iter().filter(|trial| trial["stopped"] == true).collect();
    assert!(!left.is_empty() && left.len() < 5, "four trials are never left, of the others some: {left:?}");
    assert!(left.iter().all(|trial| trial["epochs"].as_u64() < Some(4)));
    assert!(first[..4].iter().all(|trial| trial["epochs"] == 4));
    scene.json(line);
    assert_eq!(trials(&scene), first);

    // Without the rule those that were left go on to their end.
    scene.write("p.toml", PRESET.replace("epochs = 2", "epochs = 4"));
    scene.json(line);
    assert!(trials(&scene).iter().all(|trial| trial["epochs"] == 4 && trial["stopped"] == false));

    scene.write("out/trials/bpr-2/trial.json", b"{");
    let outcome = scene.run(line);
    let last = outcome.stderr.lines().last().unwrap();
    assert_eq!(outcome.code, Some(2));
    assert!(last.starts_with("recgoat: out/trials/bpr-2/trial.json: "), "{last}");
    assert!(last.ends_with("; delete it to run the trial again"), "{last}");
}
