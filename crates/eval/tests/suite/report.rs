//! Files, escaping, tables and plots of a report; comparisons.

use std::collections::BTreeMap;
use std::fs;

use recgoat_eval::report::{
    CurvePoint, DatasetCard, Measured, ModalityCard, ModelResult, Report, RunResult, compare,
};
use recgoat_eval::stats::Resampling;
use recgoat_eval::{Error, PerUser};

const HOSTILE: &str = "<script>alert('1')</script> & \"x\" | `y`";

fn run(seed: u64, recall: f64) -> RunResult {
    let test = [("recall@5", recall / 2.0), ("recall@20", recall), ("ndcg@20", 0.02), ("coverage@20", 0.3)];
    RunResult {
        seed,
        best_epoch: 2 + seed as usize,
        epochs: 4,
        seconds: 4.0 + seed as f64,
        seconds_per_epoch: 1.0,
        peak_rss_bytes: 1_000_000_000 * (seed + 1),
        test: test.map(|(name, value)| (name.to_owned(), value)).into(),
        curve: (1..4).map(|epoch| CurvePoint { epoch, loss: None, valid: 0.01 * epoch as f64 }).collect(),
        ..RunResult::default()
    }
}

/// Model A: Recall@20 0.04 and 0.06; model B, of hostile name: 0.1, one run.
pub(crate) fn report() -> Report {
    let model = |name: &str, runs| ModelResult {
        name: name.to_owned(),
        settings: vec![("dim".to_owned(), HOSTILE.to_owned())],
        runs,
    };
    Report {
        title: HOSTILE.to_owned(),
        dataset: DatasetCard {
            name: "ml 100k/../x".to_owned(),
            items: 1682,
            modalities: vec![ModalityCard { name: "text".to_owned(), width: 384, missing: 1001 }],
            ..DatasetCard::default()
        },
        protocol: vec![("mask".to_owned(), "train".to_owned())],
        models: vec![model("A", vec![run(0, 0.04), run(1, 0.06)]), model(HOSTILE, vec![run(0, 0.1)])],
        comparisons: vec![],
        environment: vec![("machine".to_owned(), HOSTILE.to_owned())],
    }
}

#[test]
fn files_are_complete_and_replaceable() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("new/run");
    let paths = report().write(&run).unwrap();
    assert_eq!(report().write(&run).unwrap(), paths);
    let names: Vec<_> = paths.iter().map(|path| path.strip_prefix(&run).unwrap().to_str().unwrap()).collect();
    let expected =
        ["report.json", "report.md", "report.html", "curves_ml-100k----x.svg", "bars_ml-100k----x.svg"];
    assert_eq!(names, expected);
    // Nothing else is left behind.
    assert_eq!(fs::read_dir(&run).unwrap().count(), expected.len());
    let read: Report = serde_json::from_str(&fs::read_to_string(&paths[0]).unwrap()).unwrap();
    assert_eq!(read, report());
}

#[test]
fn a_file_in_the_way_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let in_the_way = dir.path().join("run");
    fs::write(&in_the_way, "").unwrap();
    let error = report().write(&in_the_way).unwrap_err();
    assert!(matches!(error, Error::Write { .. }));
    assert!(error.to_string().contains(in_the_way.to_str().unwrap()), "{error}");
}

#[test]
fn the_page_needs_nothing_and_runs_nothing() {
    let page = report().to_html().unwrap();
    for forbidden in ["<script", "src=", "href=", "url(", "@import", "onload"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    assert_eq!(page.matches("http").count(), page.matches("http://www.w3.org/2000/svg").count() + 1);
    assert!(page.contains("&lt;script&gt;alert("));
    assert_eq!(page.matches("<svg").count(), 2);
}

#[test]
fn tables_show_mean_spread_and_best() {
    let markdown = report().to_markdown();
    // (0.04 + 0.06) / 2, sd √(2 · 0.01²); B's single run has no sd and is the best.
    let row = |start: &str| markdown.lines().find(|line| line.starts_with(start)).unwrap();
    assert_eq!(row("| Model"), "| Model | Recall@20 | NDCG@20 |");
    assert_eq!(row("| A "), "| A | 0.0500 ± 0.0141 | **0.0200 ± 0.0000** |");
    assert_eq!(row("| A | 2"), "| A | 2 | 2–3 | 4 | 1.00 | 4.50 | 2.00 GB |");
    assert!(row("| Recall@20").ends_with("| 0.0500 ± 0.0141 | **0.1000** |"));
    // No direction of coverage is better, so none is bold.
    assert_eq!(row("| Coverage@20"), "| Coverage@20 | 0.3000 ± 0.0000 | 0.3000 |");
    assert_eq!(row("| Modality"), "| Modality | text, 384 wide, 1,001 of 1,682 rows missing |");
    // Cut-offs ascend as numbers.
    assert!(markdown.find("| Recall@5").unwrap() < markdown.find("| Recall@20 | 0").unwrap());
    // A cell's own bars do not end it.
    let cells = |line: &str| line.replace("\\|", "").matches('|').count();
    let table: Vec<_> =
        markdown.lines().skip_while(|line| !line.starts_with("| Model")).take(4).map(cells).collect();
    assert_eq!(table, [4; 4]);
    assert!(!markdown.contains("<script"));
}

#[test]
fn bars_are_as_long_as_their_means() {
    let dir = tempfile::tempdir().unwrap();
    let svg = fs::read_to_string(&report().write(dir.path()).unwrap()[4]).unwrap();
    let document = roxmltree::Document::parse(&svg).unwrap();
    let widths: Vec<f64> = document
        .descendants()
        .filter(|node| node.has_tag_name("rect") && node.attribute("opacity") != Some("1"))
        .map(|node| node.attribute("width").unwrap().parse().unwrap())
        .collect();
    assert_eq!(widths.len(), 2);
    // Means 0.05 and 0.1, in whole pixels.
    assert!((widths[0] * 2.0 - widths[1]).abs() <= 2.0, "{widths:?}");
}

#[test]
fn curves_hold_every_finite_point() {
    let mut report = report();
    report.models[0].runs[0].curve[1].valid = f64::NAN;
    let dir = tempfile::tempdir().unwrap();
    let svg = fs::read_to_string(&report.write(dir.path()).unwrap()[3]).unwrap();
    let document = roxmltree::Document::parse(&svg).unwrap();
    let mut points: Vec<usize> = document
        .descendants()
        .filter(|node| node.has_tag_name("polyline"))
        .map(|node| node.attribute("points").unwrap().split_whitespace().count())
        .collect();
    points.sort_unstable();
    assert!(points.ends_with(&[3, 3]), "{points:?}");
    assert!(!svg.contains("NaN"));
}

#[test]
fn an_empty_report_is_still_a_report() {
    let dir = tempfile::tempdir().unwrap();
    let paths = Report::default().write(dir.path()).unwrap();
    for svg in &paths[3..] {
        roxmltree::Document::parse(&fs::read_to_string(svg).unwrap()).unwrap();
    }
    let mut flat = report();
    flat.models.truncate(1);
    flat.models[0].runs = vec![RunResult { curve: vec![CurvePoint::default()], ..RunResult::default() }];
    assert!(flat.to_markdown().contains("| A | 1 | 0 | 0 |"));
    flat.write(dir.path()).unwrap();
}

/// Users' values averaged over two runs: A 0.5 1.0, 1.0 0.5 and B 0.0 0.0; differences 0.75 for both users.
#[test]
fn comparisons_average_over_runs_and_correct_for_their_number() {
    let per_user =
        |values: [f64; 2]| PerUser::new(vec![3, 8], vec!["hit@5".to_owned()], values.to_vec()).unwrap();
    let (a, b, c) =
        ([per_user([0.5, 1.0]), per_user([1.0, 0.5])], [per_user([0.0; 2])], [per_user([1.0, 0.0])]);
    let measured = |name, runs| Measured { name, runs };
    let pairs = [(measured("A", &a), measured("B", &b)), (measured("C", &c), measured("B", &b))];
    let found = compare(&pairs, &["hit@5"], &Resampling { resamples: 100, seed: 0 }).unwrap();
    assert_eq!(found.len(), 2);
    let names: BTreeMap<_, _> =
        found.iter().map(|comparison| (comparison.model.as_str(), comparison.difference)).collect();
    assert_eq!(names, BTreeMap::from([("A", 0.75), ("C", 0.5)]));
    assert_eq!(found[0].interval, (0.75, 0.75));
    // Two of four sign patterns are as extreme; both of C's two are. Holm doubles the smaller.
    assert_eq!([found[0].p_permutation, found[1].p_permutation], [0.5, 1.0]);
    assert_eq!([found[0].p_holm, found[1].p_holm], [1.0, 1.0]);
}
