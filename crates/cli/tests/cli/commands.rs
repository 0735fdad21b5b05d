//! What holds for every command: help, unknown names, the fields of its JSON, what goes to which stream.

use serde_json::Value;

use crate::{
    files::{npy, planted, small},
    support::{Scene, assert_fields, skip},
};

/// What a refused command line ends in, other than refused input.
const USAGE: &str = "; -h shows the options and an example";

/// Every metric at its default cut-offs.
fn metric_names() -> Vec<String> {
    let at = |metric: &str| [10, 20, 5, 50].map(|k| format!("{metric}@{k}"));
    ["hit", "map", "mrr", "ndcg", "precision", "recall"].iter().flat_map(|metric| at(metric)).collect()
}

/// The commands that a command's help lists, each with the command before it.
fn commands(scene: &Scene, command: &str) -> Vec<String> {
    let help = scene.done(&format!("{command} -h"));
    let (_, list) = help.split_once("Commands:\n").unwrap_or_else(|| panic!("{command}: {help}"));
    let lines = list.lines().take_while(|line| !line.is_empty());
    // What a line is too short for goes on below it, further in.
    let names = lines.filter_map(|line| line.strip_prefix("  ")?.split_once(' ').map(|(name, _)| name));
    let names = names.filter(|name| !name.is_empty() && *name != "help");
    names.map(|name| format!("{command} {name}").trim().to_owned()).collect()
}

fn assert_metrics(metrics: &Value) {
    let metrics = metrics.as_object().unwrap();
    assert_eq!(metrics.keys().cloned().collect::<Vec<_>>(), metric_names());
    assert!(metrics.values().all(|value| (0.0..=1.0).contains(&value.as_f64().unwrap())), "{metrics:?}");
}

#[test]
fn help_shows_examples_that_the_parser_takes() {
    let scene = Scene::new();
    let [all, of_bench] = ["", "bench"].map(|command| commands(&scene, command));
    assert!(all.len() > 12 && of_bench.len() > 5, "{all:?} {of_bench:?}");
    for command in &[all, of_bench].concat() {
        let help = scene.done(&format!("{command} -h"));
        let (_, examples) = help.split_once("Example").unwrap_or_else(|| panic!("{command}: {help}"));
        let lines = examples.lines().filter_map(|line| Some(line.split_once("recgoat ")?.1));
        let lines: Vec<_> = lines.collect();
        assert!(!lines.is_empty() && lines.iter().all(|line| line.starts_with(command)), "{help}");
        // The example of `fetch` would really fetch.
        for line in lines.iter().filter(|_| *command != "fetch") {
            let outcome = scene.run(line);
            assert!(!outcome.stderr.contains(USAGE.trim_start_matches("; ")), "{line}: {}", outcome.stderr);
        }
    }
    assert!(scene.done("--help").contains("Usage: recgoat"));
    assert!(scene.done("--version").starts_with("recgoat 0."));
}

#[test]
fn a_wrong_command_line_is_answered_on_one_line() {
    let scene = Scene::with_data(&[small()]);
    for (line, told) in [
        ("trian", "unrecognized subcommand 'trian'"),
        ("inspect", "--data <DATA>"),
        ("inspect --date data", "unexpected argument '--date' found"),
        ("train --data data --out run --set dim", "expected NAME=VALUE, found \"dim\""),
        ("train --data data --out run --seed=-1", "invalid value '-1' for '--seed <SEED>'"),
        (
            "train --data data --out run --seed 9223372036854775808",
            "9223372036854775808 is not in 0..=9223372036854775807",
        ),
        ("train --data data --out run --threads 0", "'--threads <THREADS>'"),
        ("train --model bpr --show-config --json", "'--show-config' cannot be used with '--json'"),
        ("embed --show-template --json", "'--show-template' cannot be used with '--json'"),
        ("profile --show-template --json", "'--show-template' cannot be used with '--json'"),
        ("bench knn --random 18446744073709551615,8", "expected ROWS,WIDTH such as 63001,384"),
        ("bench scale --seconds 18446744073709551615 --out scale", "is not in 1..=31536000"),
        ("train --resume run --epochs 3", "'--epochs <EPOCHS>'"),
        ("evaluate --run run --scores s.npy --data data", "'--scores <SCORES>'"),
        ("evaluate --run run --split train", "[possible values: valid, test]"),
        ("ot --cost c.npy --reg much", "invalid value 'much' for '--reg <REG>'"),
        ("bench step --synthetic 1,2", "expected USERS,ITEMS,INTERACTIONS"),
        (
            "bench step --synthetic 40,30,400 --steps many",
            "expected a number from 1 to 1000000 or epoch, found many",
        ),
        ("bench knn", "--features <FEATURES>"),
        ("bench knn --random 10", "expected ROWS,WIDTH such as 63001,384, found 10"),
        ("bench scale --size 1,2 --out scale", "expected USERS,ITEMS,INTERACTIONS"),
        ("bench step --data data --random-features text=wide", "text: \"wide\""),
        ("prepare log.csv --out new --split monthly", "[possible values: random, user-time"),
    ] {
        let message = scene.refused(line);
        assert!(message.contains(told) && message.ends_with(USAGE), "{line}: {message}");
        assert!(!message.starts_with("error:"), "{message}");
    }
}

#[test]
fn unknown_names_are_answered_with_the_known_ones() {
    let scene = Scene::with_data(&[small()]);
    let models = "unknown model \"lightgnc\": expected one of popularity, itemknn, ease, bpr, lightgcn, vbpr, \
                  freedom, bm3, mgcn, lgmrec, smore, recgoat-paper, ssr, recgoat, recgoat-released, ssr-released";
    for line in ["train --data data --out run --model lightgnc", "bench eval --data data --model lightgnc"] {
        assert_eq!(scene.refused(line), models);
    }
    let with = |model: &str, setting: &str| {
        scene.refused(&format!("train --data data --out run --model {model} --set {setting}"))
    };
    assert_eq!(
        with("lightgcn", "dmi=3"),
        "unknown setting \"dmi\": expected one of contrast, dim, edge_dropout, l2, layers, softmax, \
                softmax_temperature, temperature"
    );
    let trainer = "unknown setting \"train.rate\": expected one of train.batch, train.checkpoint_seconds, train.epochs, \
                   train.learning_rate, train.patience";
    assert_eq!(with("lightgcn", "train.rate=1"), trainer);
    assert!(with("recgoat", "align.magic=1").contains("align.transport, align.wasserstein"));
    assert!(with("recgoat", "align.transport=magic").contains("`plan+residual`"));
    assert_eq!(scene.refused("fetch ml-1oo"), "data set: expected one of ml-100k, found ml-1oo");
}

#[test]
fn shown_settings_can_be_given_back() {
    let scene = Scene::new();
    for model in ["lightgcn", "recgoat", "recgoat-paper"] {
        let shown = scene.done(&format!("train --show-config --model {model}"));
        let settings: Vec<_> = shown.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(settings.iter().filter(|line| line.starts_with("train.")).count() == 5, "{shown}");
        let given: Vec<String> = settings.iter().map(|line| line.replacen(" = ", "=", 1)).collect();
        let mut words = vec!["train", "--show-config", "--model", model];
        given.iter().for_each(|setting| words.extend(["--set", setting.as_str()]));
        assert_eq!(scene.run_words(&words).stdout, shown);
    }
}

/// `recgoat … | head` closes a pipe while there is more to tell.
#[test]
fn work_goes_on_when_nobody_listens() {
    let scene = Scene::with_data(&planted());
    let line =
        "train --data data --model bpr --set dim=4 --epochs 40 --set train.patience=40 --threads 1 --out run";
    assert_eq!(scene.run_unheard(line), Some(0));
    assert_eq!(String::from_utf8(scene.read("run/metrics.jsonl")).unwrap().lines().count(), 40);
    assert_eq!(scene.run_unheard("train --show-config"), Some(0));
    assert_eq!(scene.run_unheard("train --data none --out other"), Some(2));
}

#[test]
fn spectrum_measures_bands_and_the_released_filters() {
    let scene = Scene::with_data(&planted());
    let found = scene.json("spectrum --data data --bands 2 --out filters.svg");
    assert_eq!(found["cuts"].as_array().unwrap().len(), 1);
    for modality in ["image", "text"] {
        let shares = found["energy"][modality].as_array().unwrap();
        assert!((shares.iter().map(|share| share.as_f64().unwrap()).sum::<f64>() - 1.0).abs() < 1e-9);
    }
    assert_eq!(found["leaks"]["released filters"].as_array().unwrap().len(), 3);
    let svg = std::fs::read_to_string(scene.path("filters.svg")).unwrap();
    assert!(svg.contains("bands of equal energy") && svg.contains("released filters"));
    assert_eq!(scene.refused("spectrum --data data --bands 0"), "bands: expected a value in 1..=64, found 0");
    assert!(scene.refused("spectrum --data data --out no/where.svg").starts_with("no/where.svg: "));
    let bare = Scene::with_data(&[small()]);
    assert!(bare.refused("spectrum --data data").contains("expected at least one <modality>_feat.npy"));
}

#[test]
fn json_of_inspect_and_prepare() {
    let fields = [
        "name",
        "users",
        "items",
        "interactions",
        "density",
        "user_degree",
        "item_degree",
        "components",
        "largest_component",
        "bipartite",
        "modalities",
        "profiles",
        "cold_users",
        "cold_items",
        "digest",
    ];
    let mask = npy(&[3], &[1u8, 0, 1]);
    let scene =
        Scene::with_data(&[small(), ("text_feat.npy", npy(&[3, 2], &[1f32; 6])), ("text_mask.npy", mask)]);
    let found = scene.json("inspect --data data");
    assert_fields(&found, &fields);
    // Train edges are 0–0 and 1–1; item 2 stays alone.
    let expected = serde_json::json!({
        "name": "d", "users": 2, "items": 3, "interactions": { "train": 2, "valid": 1, "test": 1 },
        "density": 4.0 / 6.0, "components": 3, "largest_component": 2, "bipartite": true,
        "user_degree": { "min": 1, "q25": 1, "median": 1, "q75": 1, "max": 1 },
        "item_degree": { "min": 0, "q25": found["item_degree"]["q25"], "median": 1, "q75": 1, "max": 1 },
        "modalities": [{ "name": "text", "width": 2, "missing_rows": 1 }],
        "profiles": [], "cold_users": 2, "cold_items": 1, "digest": found["digest"],
    });
    assert_eq!(found, expected);

    let pairs = (0..6).flat_map(|user| (0..6).map(move |item| format!("u{user},i{item}\n")));
    scene.write("log.csv", format!("user,item\n{}", pairs.collect::<String>()));
    let mended = scene.json("prepare data --out mended --split given");
    assert_fields(&mended, &fields);
    assert_eq!(mended["digest"], scene.json("inspect --data data")["digest"], "nothing was to be mended");
    let prepared = scene.json("prepare log.csv --out made");
    assert_fields(&prepared, &fields);
    assert_eq!(prepared["interactions"], serde_json::json!({ "train": 24, "valid": 6, "test": 6 }));
    assert_eq!(scene.json("inspect --data made")["digest"], prepared["digest"]);
}

#[test]
fn json_of_train_evaluate_and_bench() {
    let scene = Scene::with_data(&planted());
    let trained = scene.json("train --data data --model bpr --out run --epochs 2 --threads 1");
    assert_fields(&trained, &["run", "best_epoch", "valid", "seconds_per_epoch", "peak_rss_bytes"]);
    assert_eq!(trained["run"], "run");
    assert_metrics(&trained["valid"]);
    assert!(trained["peak_rss_bytes"].as_u64() > Some(1 << 20));

    for (split, mask) in [("valid", "train"), ("test", "train-valid")] {
        let line = format!("evaluate --run run --split {split} --mask {mask} --threads 1");
        let measured = scene.json(&line);
        assert_fields(&measured, &["split", "users", "mask", "metrics", "seconds"]);
        assert_eq!((&measured["split"], &measured["mask"]), (&split.into(), &mask.into()));
        assert_metrics(&measured["metrics"]);
    }

    let step =
        scene.json("bench step --data data --model lightgcn --set dim=8 --steps 3 --batch 64 --threads 1");
    assert_fields(&step, &["model", "step_seconds", "peak_rss_bytes", "device", "threads"]);
    let seconds = ["min", "median", "max"].map(|name| step["step_seconds"][name].as_f64().unwrap());
    assert!(seconds.is_sorted() && seconds[0] > 0.0, "{step}");
    assert_eq!((&step["device"], &step["threads"]), (&"cpu".into(), &1.into()));

    // Every stage of the cost model takes some time on this machine, and a whole epoch is timed.
    let line = "bench step --synthetic 60,30,600 --random-features text=4 --set dim=8 --threads 1 --batch 64 --steps epoch";
    let step = scene.json(line);
    assert_eq!(step["steps"], step["steps_per_epoch"]);
    let stages = step["limit"]["stages"].as_object().unwrap();
    assert!(stages.contains_key("propagation") && stages.contains_key("transport"), "{step}");
    assert!(stages.values().all(|stage| stage["seconds"].as_f64() > Some(0.0)), "{step}");

    let line = "bench eval --synthetic 40,30,400 --random-features text=4 --set dim=8 --threads 1";
    let ranked = scene.json(line);
    assert_fields(&ranked, &["users_per_second", "seconds", "peak_rss_bytes"]);
}

#[test]
fn neighbours_of_a_file_and_growth_over_sizes() {
    let scene = Scene::with_data(&planted());
    scene.write("f.npy", npy(&[3, 2], &[1f32, 0.0, 0.0, 1.0, 1.0, 0.0]));
    let found = scene.json("bench knn --features f.npy --neighbours 1 --threads 1");
    assert_fields(&found, &["seconds", "peak_rss_bytes"]);
    // Rows 0 and 2 are the same; row 1 is at right angles to both.
    assert!((found["mean_nearest_cosine"].as_f64().unwrap() - 2.0 / 3.0).abs() < 1e-6, "{found}");
    assert!(scene.refused("bench knn --features none.npy").contains("none.npy"));
    let line =
        "bench scale --size 30,20,200 --size 60,40,400 --dim 8 --batch 64 --steps 1 --threads 1 --out scale";
    scene.done(line);
    let table = std::fs::read_to_string(scene.path("scale/scale.md")).unwrap();
    assert!(table.contains("| lightgcn | 60,40,400 | "), "{table}");
    assert!(std::fs::read_to_string(scene.path("scale/scale-seconds.svg")).unwrap().starts_with("<svg"));
    // A size that cannot be made leaves what was measured before it.
    let line =
        "bench scale --size 30,20,200 --size 30,20,10 --dim 8 --batch 64 --steps 1 --threads 1 --out cut";
    assert_eq!(scene.run(line).code, Some(2));
    let table = std::fs::read_to_string(scene.path("cut/scale.md")).unwrap();
    assert!(table.contains("| lightgcn | 30,20,200 | "), "{table}");
    assert!(scene.refused("bench scale --out f.npy --threads 1").starts_with("f.npy: "));
    let refused = scene.refused("bench scale --model lightgnc --size 30,20,200 --out scale --threads 1");
    assert!(refused.starts_with("unknown model \"lightgnc\""), "{refused}");
}

#[test]
fn json_of_ot() {
    let scene = Scene::new();
    scene.write("c.npy", npy(&[1, 1], &[2f32]));
    let solved = scene.json("ot --cost c.npy --reg 1 --threads 1");
    let fields =
        ["method", "value", "regularised_value", "dual_value", "marginal_error", "iterations", "converged"];
    assert_fields(&solved, &fields);
    assert_fields(&solved, &["seconds"]);
    assert_eq!(
        (&solved["method"], &solved["value"], &solved["converged"]),
        (&"stabilised".into(), &2.0.into(), &true.into())
    );
}

#[test]
fn threads_do_not_change_a_plan() {
    let scene = Scene::new();
    let cost: Vec<f64> = (0..64).map(|at| f64::from(at * 13 % 29)).collect();
    scene.write("c.npy", npy(&[8, 8], &cost));
    let solved = |threads: &str| {
        let words =
            ["ot", "--cost", "c.npy", "--reg", "1", "--plan", "p.npy", "--json", "--threads", threads];
        let outcome = scene.run_with(&words, &[]);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
        let object: Value = serde_json::from_str(&outcome.stdout).unwrap();
        (scene.read("p.npy"), object["value"].clone())
    };
    assert!(solved("1") == solved("2"));
    let message = scene.refused("ot --cost c.npy --reg 1 --threads 99999");
    assert!(
        message.starts_with("--threads: expected at most ") && message.ends_with("found 99999"),
        "{message}"
    );
}

/// Needs the network, and takes no less than pip does.
#[test]
fn json_of_fetch() {
    let scene = Scene::new();
    let outcome = scene.run("fetch ml-100k --json");
    let last = outcome.stderr.lines().last().unwrap_or_default();
    if outcome.code == Some(2) && last.contains("pip") {
        return skip(last);
    }
    let expected = "{\"dir\":\"data/ml-100k\",\"interactions\":100000,\"items\":1682,\"users\":943}\n";
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), expected), "{}", outcome.stderr);
}

#[test]
fn results_go_to_stdout_and_progress_to_stderr() {
    let scene = Scene::with_data(&[small()]);
    let line = "train --data data --model bpr --set dim=4 --out run --epochs 2 --threads 1";
    let shown = scene.run(line);
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    assert!(shown.stdout.lines().all(|line| line.contains(": ")), "{}", shown.stdout);
    assert!(shown.stdout.contains("best_epoch: ") && shown.stdout.contains("valid.recall@20: 1.0\n"));
    let epochs = shown.stderr.lines().zip(["epoch    1  ", "epoch    2  "]);
    assert!(epochs.clone().count() == 2 && epochs.clone().all(|(line, start)| line.starts_with(start)));
    assert!(!shown.stderr.contains('\u{1b}') && !shown.stderr.contains('\r'), "a bar where no terminal is");
    assert_eq!(scene.run("inspect --data data").stderr, "");
    assert!(scene.done("inspect --data data").contains("interactions.train: 2\n"));
}
