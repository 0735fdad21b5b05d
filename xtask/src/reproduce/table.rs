//! One table of the models of several reports.

use anyhow::{Context, Result};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// The metrics of a column, in the order in which a cell gives them.
const METRICS: [&str; 2] = ["recall@20", "ndcg@20"];

/// A report.
pub(crate) fn read(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no report", path.display()))
}

/// The models of several reports in Markdown, a column a data set: means over seeds of Recall@20 and NDCG@20 on test ±
/// their standard deviation, the best in bold; a star marks what differs from the report's baseline (p < 0.05).
pub(crate) fn table(reports: &[Value]) -> String {
    let models = rows(reports);
    let mut text = String::from("| test Recall@20 · NDCG@20 |");
    for report in reports {
        let runs = list(&report["models"]).first().map_or(0, |model| list(&model["runs"]).len());
        let seeds = if runs == 1 { "seed" } else { "seeds" };
        let _ = write!(text, " {}, {runs} {seeds} |", report["dataset"]["name"].as_str().unwrap_or("?"));
    }
    let _ = writeln!(text, "\n|---|{}", "---|".repeat(reports.len()));
    for model in models {
        let _ = write!(text, "| {model} |");
        for report in reports {
            let cells: Vec<String> =
                METRICS.iter().filter_map(|metric| cell(report, model, metric)).collect();
            let _ = write!(text, " {} |", if cells.is_empty() { "–".to_owned() } else { cells.join(" · ") });
        }
        text.push('\n');
    }
    text
}

/// All models in the order of the reports: one that an earlier report lacks comes before what follows it where it is.
fn rows(reports: &[Value]) -> Vec<&str> {
    let mut rows: Vec<&str> = Vec::new();
    for report in reports {
        let mut at = rows.len();
        for name in list(&report["models"]).iter().rev().filter_map(|model| model["name"].as_str()) {
            match rows.iter().position(|row| *row == name) {
                Some(found) => at = found,
                None => rows.insert(at, name),
            }
        }
    }
    rows
}

fn cell(report: &Value, model: &str, metric: &str) -> Option<String> {
    let of = |name: &str| {
        list(&report["models"]).iter().find(|entry| entry["name"] == name).map(|e| values(e, metric))
    };
    let values = of(model)?;
    let (mean, deviation) = moments(&values)?;
    let means = list(&report["models"]).iter().filter_map(|entry| of(entry["name"].as_str()?));
    let best = means.filter_map(|values| Some(moments(&values)?.0)).fold(f64::MIN, f64::max);
    let differs = list(&report["comparisons"]).iter().any(|comparison| {
        comparison["model"] == model
            && comparison["metric"] == metric
            && comparison["p_holm"].as_f64().is_some_and(|p| p < 0.05)
    });
    let bold = if mean >= best { "**" } else { "" };
    let spread = if values.len() > 1 { format!(" ± {deviation:.4}") } else { String::new() };
    Some(format!("{bold}{mean:.4}{bold}{spread}{}", if differs { "*" } else { "" }))
}

fn values(model: &Value, metric: &str) -> Vec<f64> {
    list(&model["runs"]).iter().filter_map(|run| run["test"][metric].as_f64()).collect()
}

/// Mean and sample standard deviation.
fn moments(values: &[f64]) -> Option<(f64, f64)> {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (!values.is_empty()).then(|| (mean, (squares / (count - 1.0).max(1.0)).sqrt()))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn means_deviations_best_and_significance() {
        let run = |recall: f64, ndcg: f64| json!({ "test": { "recall@20": recall, "ndcg@20": ndcg } });
        let report = |dataset: &str, models: Value, comparisons: Value| json!({ "dataset": { "name": dataset }, "models": models, "comparisons": comparisons });
        let one = report(
            "one",
            json!([
                { "name": "A", "runs": [run(0.1, 0.3), run(0.3, 0.3)] },
                { "name": "B", "runs": [run(0.4, 0.1), run(0.4, 0.1)] },
            ]),
            json!([{ "model": "A", "metric": "recall@20", "p_holm": 0.01 }]),
        );
        let two = report("two", json!([{ "name": "B", "runs": [run(0.25, 0.5)] }]), json!([]));
        let expected = "\
| test Recall@20 · NDCG@20 | one, 2 seeds | two, 1 seed |
|---|---|---|
| A | 0.2000 ± 0.1414* · **0.3000** ± 0.0000 | – |
| B | **0.4000** ± 0.0000 · 0.1000 ± 0.0000 | **0.2500** · **0.5000** |
";
        assert_eq!(table(&[one, two]), expected);
    }

    #[test]
    fn a_model_stands_where_its_report_has_it() {
        let report = |names: &[&str]| {
            let models: Vec<Value> = names.iter().map(|name| json!({ "name": name })).collect();
            json!({ "models": models })
        };
        let reports =
            [report(&["A", "B", "Z"]), report(&["B", "M", "N", "Z", "last"]), report(&["first", "A"])];
        assert_eq!(rows(&reports), ["first", "A", "B", "M", "N", "Z", "last"]);
    }
}
