//! `experiment`: several models and seeds, one report.

use recgoat_data::Split;

use crate::{
    files::{inter, planted},
    support::{Scene, assert_fields},
};

const PRESET: &str = "
title = 'Planted tastes'
dataset = 'planted'
seeds = [0, 1]
baseline = 'Popularity'

[train]
epochs = 2
batch = 128

[[model]]
label = 'Popularity'
name = 'popularity'

[[model]]
label = 'RecGOAT, text'
name = 'recgoat'
set = { dim = 8, modalities = ['text'], align = { contrast = 0 } }
train = { epochs = 1 }
";

#[test]
fn an_experiment_is_reported_and_can_be_continued() {
    let scene = Scene::with_data(&planted());
    scene.write("p.toml", PRESET);
    let line = "experiment --preset p.toml --data data --out report --threads 1";
    let found = scene.json(line);
    assert_fields(&found, &["report", "models"]);
    assert_eq!(found["report"], "report/report.html");
    let recalls = |label: &str| -> Vec<f64> {
        let values = found["models"][label]["test_recall@20"].as_array().unwrap();
        values.iter().map(|value| value.as_f64().unwrap()).collect()
    };
    let popularity = recalls("Popularity");
    assert!(popularity.len() == 2 && popularity[0] == popularity[1] && popularity[0] > 0.0);
    assert_ne!(recalls("RecGOAT, text")[0], recalls("RecGOAT, text")[1]);

    for (file, piece) in [("json", "\"Planted tastes\""), ("md", "| RecGOAT, text |"), ("html", "<svg")] {
        let text = String::from_utf8(scene.read(&format!("report/report.{file}"))).unwrap();
        assert!(text.contains(piece), "report.{file}: {text}");
    }
    let metrics = scene.read("report/runs/recgoat--text-1/metrics.jsonl");
    assert_eq!(metrics.iter().filter(|&&byte| byte == b'\n').count(), 1, "the model's own epochs");

    // A run that is there is read again, not trained again.
    let run = "report/runs/recgoat--text-0";
    let checkpoint = format!("{run}/checkpoints/000001.safetensors");
    let trained = scene.read(&checkpoint);
    assert_eq!(scene.json(line), found);
    assert!(scene.read(&checkpoint) == trained);
    let direct = scene.json(&format!("evaluate --run {run} --threads 1"));
    assert_eq!(direct["metrics"]["recall@20"], recalls("RecGOAT, text")[0]);

    // What the report needs is there without the parameters too.
    let report = scene.read("report/report.json");
    let parsed: serde_json::Value = serde_json::from_slice(&report).unwrap();
    let environment = parsed["environment"].as_array().unwrap();
    let commit = serde_json::json!(["commit", env!("RECGOAT_COMMIT")]);
    assert!(environment.contains(&commit), "{environment:?}");
    std::fs::remove_dir_all(scene.path(&format!("{run}/checkpoints"))).unwrap();
    assert_eq!(scene.json(line), found);
    assert!(scene.read("report/report.json") == report);
    // Runs of two machines: the report names both.
    let mut moved: serde_json::Value =
        serde_json::from_slice(&scene.read(&format!("{run}/result.json"))).unwrap();
    let here = moved["processor"].as_str().unwrap_or("unknown").to_owned();
    moved["processor"] = "another".into();
    scene.write(&format!("{run}/result.json"), moved.to_string());
    scene.json(line);
    let report: serde_json::Value = serde_json::from_slice(&scene.read("report/report.json")).unwrap();
    let processors = report["environment"].as_array().unwrap().last().unwrap()[1].as_str().unwrap();
    assert!(processors.contains(&here) && processors.contains("another"), "{processors}");
    scene.write(&format!("{run}/result.json"), "{");
    let outcome = scene.run(line);
    let message = outcome.stderr.lines().last().unwrap();
    assert_eq!(outcome.code, Some(2));
    assert!(
        message.contains("result.json: EOF") && message.ends_with("delete it to measure again"),
        "{message}"
    );
}

/// `train --preset` takes the settings of the preset's first entry of that model.
#[test]
fn train_takes_settings_from_a_preset() {
    let scene = Scene::with_data(&planted());
    scene.write("p.toml", PRESET);
    let line = "train --data data --preset p.toml --threads 1";
    let trained = scene.json(&format!("{line} --model recgoat --out run --set align.wasserstein=0"));
    assert_eq!(trained["epochs"], 1);
    let config = String::from_utf8(scene.read("run/config.toml")).unwrap();
    for setting in
        ["dim = 8", "modalities = [\"text\"]", "batch = 128", "wasserstein = 0.0", "contrast = 0.0"]
    {
        assert!(config.contains(setting), "{setting} in {config}");
    }
    let shown = scene.done("train --show-config --preset p.toml --model recgoat");
    assert!(shown.contains("\ndim = 8\n") && shown.contains("\ntrain.batch = 128\n"), "{shown}");
    let message = scene.refused(&format!("{line} --model bpr --out other"));
    assert_eq!(message, "p.toml: expected a [[model]] named bpr, found none");
    scene.write(
        "p.toml",
        PRESET.replace("'recgoat'", "'recgoat-released'").replace("modalities = ['text'], ", ""),
    );
    scene.json(&format!("{line} --model recgoat-released --out released --epochs 1"));
}

/// Known after hours else: that there is nothing to test on.
#[test]
fn data_without_a_test_split_are_refused_before_training() {
    let data = inter([(0, 0, Split::Train), (0, 1, Split::Valid), (1, 2, Split::Train)]);
    let scene = Scene::with_data(&[("d.inter", data.into())]);
    let entry = "[[model]]\nlabel = 'P'\nname = 'popularity'\n";
    scene.write("p.toml", format!("title = 't'\ndataset = 'd'\nseeds = [0]\n{entry}"));
    let message = scene.refused("experiment --preset p.toml --data data --out report --threads 1");
    assert_eq!(message, "dataset d: expected at least one test interaction, found none");
}
