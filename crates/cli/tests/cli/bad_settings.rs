//! Settings, devices, folders and experiment files that do not fit.

use crate::{
    files::{npy, small},
    support::{Scene, assert_says},
};

fn scene() -> Scene {
    Scene::with_data(&[small(), ("text_feat.npy", npy(&[3, 2], &[1f32, 2.0, 3.0, 1.0, 5.0, 6.0]))])
}

#[track_caller]
fn train_refused(scene: &Scene, options: &str) -> String {
    scene.refused(&format!("train --data data --out run --threads 1 --epochs 1 {options}"))
}

#[test]
fn values_of_the_wrong_kind() {
    let scene = scene();
    let refused = |options| train_refused(&scene, options);
    assert!(refused("--model bpr --set dim=wide").starts_with("setting dim=wide: "));
    assert!(refused("--model bpr --set dim=-1").starts_with("setting dim=-1: "));
    assert!(refused("--model bpr --set train.batch=-1").starts_with("setting train.batch=-1: "));
    assert!(refused("--model recgoat --set align.cost=cubed").contains("`squared` or `absolute`"));
}

#[test]
fn values_out_of_range() {
    let scene = scene();
    let refused = |options| train_refused(&scene, options);
    let rate = refused("--model bpr --set train.learning_rate=-1");
    assert_says(&rate, "train.learning_rate", "a positive number", "-1");
    assert_says(&refused("--model bpr --set train.batch=0"), "train.batch", "1", "0");
    assert_says(&refused("--model bpr --set train.patience=0"), "train.patience", "1", "0");
    let epochs = scene.refused("train --data data --out run --threads 1 --model bpr --epochs 0");
    assert_says(&epochs, "train.epochs", "1", "0");
}

#[test]
fn recgoat_values_out_of_range() {
    let scene = scene();
    for (setting, value) in [
        ("feature_dropout", "1"),
        ("fusion_dropout", "-0.5"),
        ("align.temperature", "0"),
        ("align.epsilon", "0"),
        ("contrast_lambda", "2"),
        ("l2", "nan"),
    ] {
        let message = train_refused(&scene, &format!("--model recgoat-paper --set {setting}={value}"));
        assert!(message.contains(setting), "{setting}={value}: {message}");
    }
    let refused = |options: &str| train_refused(&scene, &format!("--model recgoat --set {options}"));
    assert_says(&refused("hidden=0.9"), "hidden", "leaves one of 3 items", "0.9");
    let without_a_plan = refused("bands=2 --set align.transport=residual");
    assert_says(&without_a_plan, "bands", "1 where align.transport has no plan", "2");
}

/// Found after the first epoch, or in it, these would leave a run behind.
#[test]
fn data_that_cannot_be_trained_on() {
    let header = "userID\titemID\tx_label\n";
    let of = |rows: &str| Scene::with_data(&[("d.inter", format!("{header}{rows}").into())]);
    let message = train_refused(&of("0\t0\t0\n0\t1\t0\n1\t0\t0\n1\t1\t1\n"), "--model bpr");
    assert_says(&message, "interactions", "not a train item of user 0", "all 2 items in train");
    for model in ["bpr", "popularity"] {
        let message = train_refused(&of("0\t0\t0\n0\t1\t2\n"), &format!("--model {model}"));
        assert_eq!(message, "dataset d: expected at least one valid interaction, found none");
    }
}

#[test]
fn a_modality_without_a_single_row() {
    let [features, mask] = [npy(&[3, 1], &[1f32; 3]), npy(&[3], &[0u8; 3])];
    let scene = Scene::with_data(&[small(), ("text_feat.npy", features), ("text_mask.npy", mask)]);
    assert!(train_refused(&scene, "--model recgoat").contains("text"), "names the modality");
}

#[test]
fn a_width_of_nothing() {
    let scene = scene();
    for model in ["bpr", "lightgcn", "recgoat"] {
        let message = train_refused(&scene, &format!("--model {model} --set dim=0"));
        assert_says(&message, "dim", "1", "0");
    }
}

#[test]
fn recgoat_needs_features_and_a_width_that_heads_divide() {
    let scene = scene();
    let refused = |options| train_refused(&scene, options);
    assert_says(&refused("--model recgoat-paper --set dim=12"), "dim", "a multiple of heads = 8", "12");
    assert_says(&refused("--model recgoat-paper --set heads=0"), "heads", "1", "0");
    let named = refused("--model recgoat --set modalities=['sound']");
    assert_says(&named, "modalities", "some of text", "\"sound\"");
    let plain = Scene::with_data(&[small()]);
    let message = train_refused(&plain, "--model recgoat");
    assert_says(&message, "dataset d", "at least one <modality>_feat.npy", "none (lightgcn needs none)");
    assert_eq!(plain.refused("bench step --data data --threads 1"), message);
}

#[test]
fn devices() {
    let scene = scene();
    let asked = |device: &str| train_refused(&scene, &format!("--model bpr --device {device}"));
    let unknown = "device gpu: expected one of cpu, cuda, cuda:N, auto";
    assert_eq!(asked("gpu"), unknown);
    let absent = asked("cuda:999");
    assert!(
        absent.starts_with("device cuda:999: libtorch sees ") && absent.contains("--device cpu"),
        "{absent}"
    );
    scene.write("p.toml", PRESET);
    let line = "experiment --preset p.toml --out report --data data --device gpu";
    assert_eq!(scene.refused(line), unknown);
}

/// A run made on a card can be read where there is none.
#[test]
fn a_device_told_goes_before_the_run_s_own() {
    let scene = scene();
    scene.json("train --data data --model popularity --out run --threads 1");
    let config = String::from_utf8(scene.read("run/config.toml")).unwrap();
    scene.write("run/config.toml", config.replace("\"cpu\"", "\"cuda:999\""));
    assert!(scene.refused("evaluate --run run --threads 1").starts_with("device cuda:999: "));
    scene.json("evaluate --run run --threads 1 --device cpu");
    scene.json("train --resume run --threads 1 --device cpu");
}

#[test]
fn folders_that_are_no_run() {
    let scene = scene();
    scene.write("run/diary.txt", "mine");
    scene.write("empty/runs/.keep", "");
    assert_says(&train_refused(&scene, "--model bpr"), "run", "an empty or new folder", "other files");
    for (line, folder) in [("train --resume", "run"), ("evaluate --run", "empty"), ("evaluate --run", "none")]
    {
        let message = scene.refused(&format!("{line} {folder}"));
        assert_says(&message, folder, "a run folder with config.toml", "none");
    }
    scene.write("run/config.toml", "seed = [");
    assert!(scene.refused("train --resume run").starts_with("run/config.toml: "));
    scene.write("run/config.toml", "seed = 3");
    assert!(scene.refused("train --resume run").starts_with("run/config.toml: "));
}

#[test]
fn a_run_s_folder_is_not_given_to_another() {
    let scene = scene();
    scene.json("train --data data --model bpr --set dim=4 --out run --threads 1 --epochs 2");
    for options in ["--model bpr --set dim=8", "--model bpr --set dim=4 --seed 1"] {
        let message = train_refused(&scene, options);
        assert!(message.starts_with("run: holds a run with other settings"), "{message}");
    }
}

#[test]
fn a_run_without_a_checkpoint_cannot_be_measured() {
    let scene = scene();
    scene.json("train --data data --model bpr --set dim=4 --out run --threads 1 --epochs 2");
    std::fs::remove_dir_all(scene.path("run/checkpoints")).unwrap();
    assert_says(&scene.refused("evaluate --run run --threads 1"), "run", "a finished run", "one to resume");
    let message = scene.refused("evaluate --run run --threads 1 --split valid");
    assert_says(&message, "run", "a checkpoint", "none");
}

const PRESET: &str = "title = 't'\ndataset = 'd'\nseeds = [0]\n[[model]]\nlabel = 'P'\nname = 'popularity'\n";

#[test]
fn experiment_files() {
    let scene = scene();
    let refused = |text: &str| {
        scene.write("p.toml", text);
        let message = scene.refused("experiment --preset p.toml --out report --data data --threads 1");
        message.strip_prefix("p.toml: ").unwrap_or_else(|| panic!("{message}")).to_owned()
    };
    let edited = |from: &str, to: &str| {
        assert!(PRESET.contains(from));
        refused(&PRESET.replacen(from, to, 1))
    };
    assert!(
        edited("name = 'popularity'", "name = 'popular'").contains("expected one of popularity, itemknn")
    );
    assert!(edited("'popularity'\n", "'bpr'\nset = { dmi = 3 }\n").contains("expected one of dim, l2"));
    assert!(edited("'popularity'\n", "'bpr'\nset = { dim = 'x' }\n").starts_with("setting dim="));
    assert!(edited("[[model]]", "[train]\nrate = 1\n[[model]]").contains("rate"));
    assert!(edited("seeds = [0]", "seeds = []").contains("at least one seed"));
    assert!(edited("seeds = [0]", "seed = 0").contains("unknown field `seed`"));
    assert!(edited("dataset = 'd'\n", "").contains("missing field `dataset`"));
    assert!(edited("seeds = [0]", "seeds = [0]\nbaseline = 'Q'").contains("baseline \"Q\""));
    // A file that is not TOML is refused with the line that is not.
    let broken = edited("seeds = [0]", "seeds = [0");
    assert!(broken.contains("line 3") || broken.contains("line 4"), "{broken}");
}

/// Two models must not share the folder of their runs.
#[test]
fn experiment_labels_that_make_one_folder_name() {
    let scene = scene();
    scene.write("p.toml", format!("{PRESET}[[model]]\nlabel = 'p'\nname = 'popularity'\n"));
    let message = scene.refused("experiment --preset p.toml --out report --data data --threads 1");
    assert!(message.starts_with("p.toml: ") && message.contains("\"p\""), "{message}");
}

#[test]
fn experiments_without_their_files() {
    let scene = scene();
    scene.write("p.toml", PRESET.replace("'d'", "'ml-1'"));
    let missing = "No such file or directory (os error 2)";
    assert_eq!(scene.refused("experiment --preset q.toml --out report"), format!("q.toml: {missing}"));
    let nowhere = scene.refused("experiment --preset p.toml --out report --data nowhere");
    assert_eq!(nowhere, format!("nowhere: {missing}"));
    let unknown = scene.refused("experiment --preset p.toml --out report");
    assert_says(&unknown, "data set", "one of ml-100k", "ml-1");
}

#[test]
fn an_experiment_on_data_that_a_model_cannot_use_writes_nothing() {
    let scene = Scene::with_data(&[small()]);
    scene.write("p.toml", format!("{PRESET}[[model]]\nlabel = 'R'\nname = 'recgoat'\n"));
    let outcome = scene.run("experiment --preset p.toml --out report --data data --threads 1");
    let last = outcome.stderr.lines().last().unwrap();
    assert_says(last, "recgoat: dataset d", "at least one <modality>_feat.npy", "none");
    assert_eq!(outcome.code, Some(2));
    assert!(!scene.path("report").exists(), "a model that cannot be built is known before the others train");
}
