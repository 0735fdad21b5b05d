//! Runs that are cut, damaged or moved: each ends as if nothing had happened, or says what happened.

use std::{
    fs,
    path::PathBuf,
    thread::sleep,
    time::{Duration, Instant},
};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use recgoat_data::Split;

use crate::{
    determinism::Result,
    files::{inter, planted, planted_of},
    support::Scene,
};

const KILLS: usize = 10;
const EPOCHS: usize = 80;

/// Kills a run ten times, at seeded random moments, resuming each time; it must end as the run that was never cut.
///
/// Two of three kills come when the process has finished an epoch of its own, so that the run moves on; the others fall
/// where they may, start-up included. Moments are drawn in units of the whole run's own speed.
fn killed_and_resumed_ends_the_same(settings: &str, seed: u64) {
    let scene = Scene::with_data(&planted_of(120, 80, 1_500));
    let train = |out: &str| {
        let fixed = "--seed 5 --threads 1 --set train.checkpoint_seconds=0 --set train.batch=256";
        format!(
            "train --data data --out {out} --epochs {EPOCHS} --set train.patience={EPOCHS} {fixed} {settings}"
        )
    };
    let start = Instant::now();
    let whole = scene.done(&format!("{} --json", train("whole")));
    let epoch = start.elapsed() / EPOCHS as u32;
    let whole = Result::of(&scene, "whole", &whole);

    let mut moments = ChaCha8Rng::seed_from_u64(seed);
    let mut landed = 0;
    for kill in 0..KILLS {
        let known = epochs(&scene);
        let mut child = scene.spawn(&if known == 0 { train("cut") } else { "train --resume cut".to_owned() });
        while kill % 3 != 2 && epochs(&scene) <= known && child.try_wait().unwrap().is_none() {
            sleep(Duration::from_millis(1));
        }
        let longest = if kill % 3 == 2 { 10.0 } else { 2.0 };
        sleep(epoch.mul_f64(moments.random_range(0.0..longest)));
        landed += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(landed >= KILLS / 2, "only {landed} kills came before the end");
    let cut = scene.done("train --resume cut --json");
    assert!(Result::of(&scene, "cut", &cut) == whole, "the cut run ends otherwise");
}

/// Lines of `metrics.jsonl`, the last one perhaps in the making.
fn epochs(scene: &Scene) -> usize {
    fs::read_to_string(scene.path("cut/metrics.jsonl")).unwrap_or_default().lines().count()
}

#[test]
fn killed_lightgcn() {
    // With edges drawn anew by every epoch, which a run that goes on has to draw again.
    killed_and_resumed_ends_the_same("--model lightgcn --set dim=16 --set edge_dropout=0.5", 1);
}

#[test]
fn killed_recgoat() {
    killed_and_resumed_ends_the_same("--model recgoat --set dim=16", 2);
}

/// A finished run with two checkpoints, and what it found.
fn finished() -> (Scene, Result, [PathBuf; 2]) {
    let scene = Scene::with_data(&planted());
    let options = "--epochs 5 --threads 1 --set train.checkpoint_seconds=0 --set dim=8";
    let stdout = scene.done(&format!("train --data data --model recgoat --out run --json {options}"));
    let result = Result::of(&scene, "run", &stdout);
    let files = ["000004", "000005"].map(|name| scene.path(&format!("run/checkpoints/{name}.safetensors")));
    assert!(files.iter().all(|file| file.exists()));
    (scene, result, files)
}

/// Resuming names the newest checkpoint, goes on from the one before it, and ends the same.
#[test]
fn a_damaged_checkpoint_is_named_and_the_one_before_it_used() {
    let (scene, result, [_, newest]) = finished();
    let truncated = |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() - 1);
    let flipped_value = |bytes: &mut Vec<u8>| *bytes.last_mut().unwrap() ^= 1;
    let flipped_header = |bytes: &mut Vec<u8>| bytes[10] ^= 1;
    for damage in [truncated, flipped_value, flipped_header, Vec::clear] {
        let mut bytes = fs::read(&newest).unwrap();
        damage(&mut bytes);
        fs::write(&newest, bytes).unwrap();
        let resumed = scene.run("train --resume run --threads 1 --json");
        assert_eq!(resumed.code, Some(0), "{}", resumed.stderr);
        let mut lines = resumed.stderr.lines();
        let named = lines.next().unwrap();
        assert!(named.starts_with("run/checkpoints/000005.safetensors: expected "), "{named}");
        assert_eq!(lines.next(), Some("continuing after epoch 4"));
        assert!(Result::of(&scene, "run", &resumed.stdout) == result);
    }
}

#[test]
fn all_checkpoints_damaged() {
    let (scene, _, files) = finished();
    for file in &files {
        fs::write(file, b"rubbish").unwrap();
    }
    for line in ["train --resume run --threads 1", "evaluate --run run --threads 1"] {
        let outcome = scene.run(line);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""));
        let last = outcome.stderr.lines().last().unwrap();
        assert!(
            last.starts_with("recgoat: run/checkpoints/000004.safetensors: expected "),
            "{}",
            outcome.stderr
        );
        assert!(outcome.stderr.contains("000005.safetensors"));
    }
}

/// Test is for what has come to its end.
#[test]
fn an_unfinished_run_is_measured_on_valid_alone() {
    let (scene, _, [_, newest]) = finished();
    fs::remove_file(newest).unwrap();
    for line in ["evaluate --run run --threads 1", "evaluate --run run --threads 1 --topk 7"] {
        assert_eq!(scene.refused(line), "run: expected a finished run, found one to resume");
    }
    assert_eq!(scene.json("evaluate --run run --threads 1 --split valid")["split"], "valid");
    scene.done("train --resume run --threads 1");
    assert_eq!(scene.json("evaluate --run run --threads 1")["split"], "test");
}

/// What a kill while a checkpoint is written leaves behind.
#[test]
fn a_half_written_checkpoint_is_passed_over() {
    let (scene, result, [_, newest]) = finished();
    let bytes = fs::read(&newest).unwrap();
    fs::remove_file(&newest).unwrap();
    fs::write(newest.with_added_extension("partial"), &bytes[..100]).unwrap();
    let resumed = scene.done("train --resume run --threads 1 --json");
    assert!(Result::of(&scene, "run", &resumed) == result);
}

/// What a kill while the new folder is made leaves behind.
#[test]
fn a_run_cut_before_its_settings_were_written_begins_anew() {
    let scene = Scene::with_data(&planted());
    let line = "train --data data --model bpr --set dim=4 --out runs/run --epochs 1 --threads 1";
    for left in ["provenance.json", "config.toml.partial"] {
        scene.write(&format!("runs/run/{left}"), b"{");
    }
    scene.json(line);
    scene.json("train --resume runs/run --threads 1");
}

/// An empty folder is filled where it is: another in its place would leave a shell or a link behind.
#[cfg(unix)]
#[test]
fn a_run_can_be_put_into_a_folder_that_others_hold() {
    let scene = Scene::with_data(&planted());
    for name in ["here", "target"] {
        fs::create_dir(scene.path(name)).unwrap();
    }
    std::os::unix::fs::symlink(scene.path("target"), scene.path("link")).unwrap();
    for out in ["link", "here/."] {
        scene.json(&format!("train --data data --model popularity --out {out} --threads 1"));
    }
    assert!(scene.path("target/config.toml").exists() && scene.path("here/config.toml").exists());
}

/// The best value so far is a fraction whose shortest decimal form a hasty parser reads as a smaller number; a later
/// epoch of the very same value must then not pass for a better one. With every unmasked item in valid, Recall@20 is
/// 20 / items whatever the model ranks.
#[test]
fn the_best_value_survives_to_the_last_bit() {
    for items in [51, 54] {
        let valid = (1..=items).map(|item| (0, item, Split::Valid));
        let data = inter([(0, 0, Split::Train)].into_iter().chain(valid));
        let scene = Scene::with_data(&[("d.inter", data.into())]);
        let options = "--epochs 3 --threads 1 --set train.checkpoint_seconds=0 --set dim=4";
        let whole = scene.json(&format!("train --data data --model bpr --out run {options}"));
        assert_eq!(whole["valid"]["recall@20"], 20.0 / f64::from(items));
        fs::remove_file(scene.path("run/checkpoints/000003.safetensors")).unwrap();
        let resumed = scene.json("train --resume run --threads 1");
        assert_eq!((&whole["best_epoch"], &resumed["best_epoch"]), (&1.into(), &1.into()), "{items} items");
    }
}

#[test]
fn a_finished_run_is_read_again() {
    let (scene, result, _) = finished();
    let again = scene.done("train --resume run --threads 1 --json");
    assert!(Result::of(&scene, "run", &again) == result);
}

#[test]
fn changed_data_are_refused() {
    let (scene, _, _) = finished();
    scene.write("other/d.inter", inter([(0, 0, Split::Train)]));
    for line in ["train --resume run --threads 1", "evaluate --run run --threads 1"] {
        let message = scene.refused(&format!("{line} --data other"));
        assert!(message.starts_with("run: the run was made on data with digest "), "{message}");
        assert!(message.ends_with("; give that data"), "{message}");
    }
    // Moved data are the same data.
    fs::rename(scene.path("data"), scene.path("moved")).unwrap();
    assert!(scene.refused("train --resume run --threads 1").contains("No such file"));
    let resumed = scene.done("train --resume run --threads 1 --data moved --json");
    assert!(resumed.contains("\"best_epoch\""));
    // A single feature that changed is noticed.
    let mut features = scene.read("moved/text_feat.npy");
    *features.last_mut().unwrap() ^= 1;
    scene.write("moved/text_feat.npy", features);
    let message = scene.refused("train --resume run --threads 1 --data moved");
    assert!(message.contains(", found "), "{message}");
}

#[test]
fn checkpoints_of_another_run_are_refused() {
    let (scene, _, _) = finished();
    let config = String::from_utf8(scene.read("run/config.toml")).unwrap();
    scene.write("run/config.toml", config.replace("seed = 0", "seed = 1"));
    let message = scene.refused("evaluate --run run --threads 1");
    assert!(message.starts_with("run/checkpoints: made with other settings or data"), "{message}");
}
