//! `cargo xtask bench`: criterion benches, a table per crate.

mod guard;
mod peers;
mod work;

use crate::libtorch::{self, Flavour};
use crate::{process, usage, workspace};
use anyhow::{Context, Result, bail};
use guard::Verdict;
use lexopt::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;
use work::Place;

const HELP: &str = "\
Runs the benches and prints the median times, with their 95 % intervals, in a table per crate.

Usage: cargo xtask bench [NAME] [--json]
       cargo xtask bench guard [--accept]
       cargo xtask bench work [--device DEVICE] [--data DIR]

Options:
  NAME    one file of benches/benches, without .rs [default: all]; or `peers`: transport solvers in Python and here
          on the same inputs, as a Markdown table (needs python3 with venv; five minutes); or `guard`: instructions of
          the hot kernels, counted by valgrind, against benches/guard.tsv, exit 1 when one is off by more than 3 %
          or `work`: steps, epochs, ranking and graphs as a Markdown table (some minutes; the default with --device)
  --json  one JSON object on stdout, times in nanoseconds
  --device  with `work`: cpu, cuda or cuda:N [default: cpu]
  --data    with `work`: a data folder, instead of made-up data of Amazon Baby's size
  --accept  with `guard`: what is counted becomes the baseline

Example: cargo xtask bench align";

/// The median time of one bench, in nanoseconds, with its confidence interval.
#[derive(Debug, PartialEq)]
struct Median {
    /// The bench id: crate first, then group, function and sizes, joined by `/`.
    id: String,
    median: f64,
    lower: f64,
    upper: f64,
}

#[derive(Clone, Copy)]
enum Format {
    Table,
    Json,
}

pub(crate) fn run(mut args: lexopt::Parser) -> Result<ExitCode> {
    let (mut name, mut format, mut verdict) = (None, Format::Table, Verdict::Compare);
    let (mut device, mut data) = (None, None);
    while let Some(arg) = args.next()? {
        match arg {
            Value(value) if name.is_none() => name = Some(value.string()?),
            Long("json") => format = Format::Json,
            Long("accept") => verdict = Verdict::Accept,
            Long("device") => device = Some(args.value()?.string()?),
            Long("data") => data = Some(args.value()?.string()?),
            Short('h') | Long("help") => return usage::help(HELP),
            other => return Err(other.unexpected().into()),
        }
    }
    if name.is_none() && device.is_some() {
        name = Some("work".to_owned());
    }
    let with = |wanted: &str| name.as_deref() == Some(wanted);
    if (device.is_some() || data.is_some()) && !with("work") {
        return Err(lexopt::Error::from("--device and --data go with `work`").into());
    }
    if matches!(verdict, Verdict::Accept) && !with("guard") {
        return Err(lexopt::Error::from("--accept goes with `guard`").into());
    }
    let on_card = device.as_deref().is_some_and(|device| device.starts_with("cuda"));
    libtorch::ensure(&workspace::root(), if on_card { Flavour::Cuda } else { Flavour::Cpu })?;
    match name.as_deref() {
        Some("peers") => return peers::run().map(|()| ExitCode::SUCCESS),
        Some("work") => {
            let place = Place { device: device.unwrap_or_else(|| "cpu".to_owned()), data };
            return work::run(&place).map(|()| ExitCode::SUCCESS);
        }
        Some("guard") => return guard::run(verdict).map(|()| ExitCode::SUCCESS),
        _ => {}
    }
    let start = SystemTime::now();
    let mut command = workspace::cargo();
    command
        .args(["bench", "--package", "recgoat-benches"])
        .stdout(io::stderr().as_fd().try_clone_to_owned()?);
    if let Some(name) = name {
        command.args(["--bench", &name]);
    }
    process::run(&mut command)?;
    let mut medians = Vec::new();
    collect(&workspace::target_dir()?.join("criterion"), start, &mut medians)?;
    if medians.is_empty() {
        bail!("the benches left no estimates");
    }
    medians.sort_by(|a, b| a.id.cmp(&b.id));
    match format {
        Format::Table => print!("{}", tables(&medians)),
        Format::Json => println!("{}", to_json(&medians)),
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads every `new/estimates.json` below `folder` that is no older than `since`.
fn collect(folder: &Path, since: SystemTime, medians: &mut Vec<Median>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if !path.is_dir() {
            continue;
        }
        let estimates = path.join("estimates.json");
        if !path.ends_with("new") || !estimates.exists() {
            collect(&path, since, medians)?;
        } else if fs::metadata(&estimates)?.modified()? >= since {
            medians.push(read(&path)?);
        }
    }
    Ok(())
}

fn read(folder: &Path) -> Result<Median> {
    let load = |name: &str| -> Result<Value> {
        let path = folder.join(name);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
    };
    let (bench, estimates) = (load("benchmark.json")?, load("estimates.json")?);
    let median = &estimates["median"];
    let number = |value: &Value| {
        value.as_f64().with_context(|| format!("{} lacks a median", folder.join("estimates.json").display()))
    };
    Ok(Median {
        id: bench["full_id"].as_str().context("a bench has no full_id")?.to_owned(),
        median: number(&median["point_estimate"])?,
        lower: number(&median["confidence_interval"]["lower_bound"])?,
        upper: number(&median["confidence_interval"]["upper_bound"])?,
    })
}

fn tables(medians: &[Median]) -> String {
    let mut crates = BTreeMap::<&str, Vec<(&str, &Median)>>::new();
    for median in medians {
        let (package, bench) = median.id.split_once('/').unwrap_or((&median.id, &median.id));
        crates.entry(package).or_default().push((bench, median));
    }
    let mut text = String::new();
    for (package, rows) in crates {
        let width = rows.iter().map(|(bench, _)| bench.chars().count()).max().unwrap_or(0).max(package.len());
        text += &format!("{package:width$}  {:>12}  95 % interval\n", "median");
        for (bench, row) in rows {
            let [median, lower, upper] = [row.median, row.lower, row.upper].map(human);
            text += &format!("{bench:width$}  {median:>12}  {lower} to {upper}\n");
        }
        text.push('\n');
    }
    text
}

fn to_json(medians: &[Median]) -> Value {
    let rows = medians.iter().map(
        |row| json!({"id": row.id, "median_ns": row.median, "lower_ns": row.lower, "upper_ns": row.upper}),
    );
    json!({"benches": rows.collect::<Vec<_>>()})
}

/// Four significant digits and a unit.
fn human(nanoseconds: f64) -> String {
    let (value, unit) = match nanoseconds {
        n if n < 1e3 => (n, "ns"),
        n if n < 1e6 => (n / 1e3, "µs"),
        n if n < 1e9 => (n / 1e6, "ms"),
        n => (n / 1e9, "s"),
    };
    let decimals = if value < 10.0 {
        3
    } else if value < 100.0 {
        2
    } else {
        1
    };
    format!("{value:.decimals$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write_bench(folder: &Path, id: &str, median: f64) {
        let folder = folder.join(id.replacen('/', "_", 1)).join("new");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("benchmark.json"), json!({ "full_id": id }).to_string()).unwrap();
        let estimates = json!({"median": {"point_estimate": median,
            "confidence_interval": {"lower_bound": median - 1.0, "upper_bound": median + 1.0}}});
        fs::write(folder.join("estimates.json"), estimates.to_string()).unwrap();
    }

    #[test]
    fn fresh_estimates_become_a_table_per_crate() {
        let dir = tempfile::tempdir().unwrap();
        let start = SystemTime::now() - std::time::Duration::from_secs(60);
        write_bench(dir.path(), "align/sinkhorn/64x64", 1_500.0);
        write_bench(dir.path(), "graph/knn/100", 2_000_000.0);
        let mut medians = Vec::new();
        collect(dir.path(), start, &mut medians).unwrap();
        medians.sort_by(|a, b| a.id.cmp(&b.id));
        let text = tables(&medians);
        assert!(
            text.contains("align  ") && text.contains("sinkhorn/64x64") && text.contains("1.500 µs"),
            "{text}"
        );
        assert!(text.contains("graph") && text.contains("2.000 ms"), "{text}");
        assert_eq!(to_json(&medians)["benches"][1]["median_ns"], 2_000_000.0);
    }

    #[test]
    fn estimates_of_an_earlier_run_are_left_out() {
        let dir = tempfile::tempdir().unwrap();
        write_bench(dir.path(), "align/sinkhorn/64x64", 1.0);
        let mut medians = Vec::new();
        collect(dir.path(), SystemTime::now() + std::time::Duration::from_secs(60), &mut medians).unwrap();
        assert_eq!(medians, []);
    }

    #[test]
    fn an_estimate_without_median_is_named() {
        let dir = tempfile::tempdir().unwrap();
        write_bench(dir.path(), "align/x", 1.0);
        fs::write(dir.path().join("align_x/new/estimates.json"), "{}").unwrap();
        let error = read(&dir.path().join("align_x/new")).unwrap_err().to_string();
        assert!(error.ends_with("estimates.json lacks a median"), "{error}");
    }

    #[test]
    fn times_have_four_significant_digits() {
        assert_eq!(
            [1.0, 12.345, 1234.0, 98_760_000.0, 2.5e9].map(human),
            ["1.000 ns", "12.35 ns", "1.234 µs", "98.76 ms", "2.500 s"]
        );
    }
}
