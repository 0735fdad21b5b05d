//! The tables of a report as text cells, shared by its Markdown and HTML forms.

use super::{DatasetCard, Report};
use crate::metrics::METRICS;
use crate::stats::Spread;

/// A table: heading cells, then rows of as many cells. The first `text_columns` hold words, the others numbers.
pub(super) struct Table {
    pub(super) text_columns: usize,
    pub(super) head: Vec<String>,
    pub(super) rows: Vec<Vec<Cell>>,
}

/// One cell and whether it is the best of its kind.
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) standing: Standing,
}

/// How a value stands among those of the other models.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Best,
    Other,
}

/// Metrics of the table that is read first, where they were measured.
const MAIN: [&str; 4] = ["recall@10", "recall@20", "ndcg@10", "ndcg@20"];

/// Models by main metrics.
pub(super) fn results(report: &Report) -> Table {
    let measured = metric_names(report);
    let mut metrics: Vec<&String> = measured.iter().filter(|name| MAIN.contains(&name.as_str())).collect();
    if metrics.is_empty() {
        metrics = measured.iter().take(MAIN.len()).collect();
    }
    let mut head = vec!["Model".to_owned()];
    head.extend(metrics.iter().map(|metric| display_name(metric)));
    let columns = metrics.iter().map(|metric| metric_cells(report, metric));
    let mut columns: Vec<_> = columns.map(Vec::into_iter).collect();
    let rows = report.models.iter().map(|model| {
        let mut row = vec![plain(model.name.clone())];
        row.extend(columns.iter_mut().filter_map(Iterator::next));
        row
    });
    Table { text_columns: 1, rows: rows.collect(), head }
}

/// What the runs of each model took.
pub(super) fn training(report: &Report) -> Table {
    let head =
        ["Model", "Seeds", "Best epoch", "Epochs", "Seconds per epoch", "Seconds per run", "Peak memory"];
    let rows = report.models.iter().map(|model| {
        let runs = &model.runs;
        let peak = runs.iter().map(|run| run.peak_rss_bytes).max().filter(|&bytes| bytes > 0);
        let cells = [
            model.name.clone(),
            runs.len().to_string(),
            range(runs.iter().map(|run| run.best_epoch)),
            range(runs.iter().map(|run| run.epochs)),
            mean_of(runs.iter().map(|run| run.seconds_per_epoch)),
            mean_of(runs.iter().map(|run| run.seconds)),
            peak.map_or_else(dash, |bytes| format!("{:.2} GB", bytes as f64 / 1e9)),
        ];
        cells.map(plain).into()
    });
    Table { text_columns: 1, rows: rows.collect(), head: head.map(str::to_owned).into() }
}

/// All test metrics by models.
pub(super) fn all_metrics(report: &Report) -> Table {
    let mut head = vec!["Metric".to_owned()];
    head.extend(report.models.iter().map(|model| model.name.clone()));
    let rows = metric_names(report).into_iter().map(|metric| {
        let mut row = vec![plain(display_name(&metric))];
        row.extend(metric_cells(report, &metric));
        row
    });
    Table { text_columns: 1, rows: rows.collect(), head }
}

/// The paired comparisons.
pub(super) fn comparisons(report: &Report) -> Table {
    let head = [
        "Metric",
        "Model",
        "Baseline",
        "Difference",
        "Effect size",
        "95 % interval",
        "p permutation",
        "p Wilcoxon",
        "p Holm",
    ];
    let rows = report.comparisons.iter().map(|comparison| {
        let (low, high) = comparison.interval;
        [
            display_name(&comparison.metric),
            comparison.model.clone(),
            comparison.baseline.clone(),
            signed(comparison.difference),
            format!("{:+.2}", comparison.effect),
            format!("{} to {}", signed(low), signed(high)),
            p_value(comparison.p_permutation),
            p_value(comparison.p_wilcoxon),
            p_value(comparison.p_holm),
        ]
        .map(plain)
        .into()
    });
    Table { text_columns: 3, rows: rows.collect(), head: head.map(str::to_owned).into() }
}

/// Counts of the dataset as lines of name and value.
pub(super) fn dataset(card: &DatasetCard) -> Vec<(String, String)> {
    let mut lines = vec![
        ("Name", card.name.clone()),
        ("Users", grouped(card.users)),
        ("Items", grouped(card.items)),
        ("Train interactions", grouped(card.train)),
        ("Valid interactions", grouped(card.valid)),
        ("Test interactions", grouped(card.test)),
        ("Density", format!("{:.4} %", card.density * 100.0)),
    ];
    if card.modalities.is_empty() {
        lines.push(("Modalities", "none".to_owned()));
    }
    for modality in &card.modalities {
        let missing = match modality.missing {
            0 => "no row missing".to_owned(),
            rows => format!("{} of {} rows missing", grouped(rows), grouped(card.items)),
        };
        lines.push(("Modality", format!("{}, {} wide, {missing}", modality.name, modality.width)));
    }
    lines.push(("Digest", card.digest.clone()));
    lines.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// `recall@20` as `Recall@20`, and as acronyms are written where it is one.
pub(super) fn display_name(metric: &str) -> String {
    let (name, cut_off) = metric.split_at(metric.find('@').unwrap_or(metric.len()));
    let name = match name {
        "ndcg" | "map" | "mrr" => name.to_uppercase(),
        "hit" => "HitRate".to_owned(),
        _ => name.chars().take(1).flat_map(char::to_uppercase).chain(name.chars().skip(1)).collect(),
    };
    name + cut_off
}

/// Digits in groups of three: `118,551`.
pub(super) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Values of a test metric over the runs of each model; empty where it was not measured.
pub(super) fn over_models(report: &Report, metric: &str) -> Vec<Vec<f64>> {
    let of_model =
        |runs: &[super::RunResult]| runs.iter().filter_map(|run| run.test.get(metric).copied()).collect();
    report.models.iter().map(|model| of_model(&model.runs)).collect()
}

/// Names of all test metrics, ranking metrics first, cut-offs ascending.
fn metric_names(report: &Report) -> Vec<String> {
    let runs = report.models.iter().flat_map(|model| &model.runs);
    let mut names: Vec<String> = runs.flat_map(|run| run.test.keys().cloned()).collect();
    names.sort_by_cached_key(|name| {
        let (metric, cut_off) = name.split_once('@').unwrap_or((name, ""));
        let rank = METRICS.iter().position(|known| *known == metric).unwrap_or(METRICS.len());
        (rank, metric.to_owned(), cut_off.parse::<usize>().unwrap_or(0), name.clone())
    });
    names.dedup();
    names
}

/// Mean ± sd of a metric for every model; the best mean of a ranking metric stands out.
fn metric_cells(report: &Report, metric: &str) -> Vec<Cell> {
    let spreads: Vec<Option<Spread>> =
        over_models(report, metric).iter().map(|values| Spread::of(values).ok()).collect();
    let higher_is_better = METRICS.contains(&metric.split('@').next().unwrap_or_default());
    // Compared as printed: models that read the same are equally good.
    let best = spreads.iter().flatten().map(|spread| rounded(spread.mean)).max();
    let best = best.filter(|_| higher_is_better && report.models.len() > 1);
    let cell = |spread: &Option<Spread>| match spread {
        Some(Spread { mean, sd }) => Cell {
            text: sd.map_or_else(|| format!("{mean:.4}"), |sd| format!("{mean:.4} ± {sd:.4}")),
            standing: if best == Some(rounded(*mean)) { Standing::Best } else { Standing::Other },
        },
        None => plain(dash()),
    };
    spreads.iter().map(cell).collect()
}

/// A mean in ten-thousandths, as the tables print it.
fn rounded(mean: f64) -> i64 {
    (mean * 1e4).round() as i64
}

fn plain(text: String) -> Cell {
    Cell { text, standing: Standing::Other }
}

fn dash() -> String {
    "–".to_owned()
}

fn signed(value: f64) -> String {
    format!("{value:+.4}").replace('-', "−")
}

fn p_value(p: f64) -> String {
    if p < 1e-4 { "< 0.0001".to_owned() } else { format!("{p:.4}") }
}

/// Smallest and largest, as one number where they agree.
fn range(values: impl Iterator<Item = usize> + Clone) -> String {
    match (values.clone().min(), values.max()) {
        (Some(low), Some(high)) if low == high => low.to_string(),
        (Some(low), Some(high)) => format!("{low}–{high}"),
        _ => dash(),
    }
}

fn mean_of(values: impl Iterator<Item = f64>) -> String {
    Spread::of(&values.collect::<Vec<_>>()).map_or_else(|_| dash(), |spread| format!("{:.2}", spread.mean))
}
