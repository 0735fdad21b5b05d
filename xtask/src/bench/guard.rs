//! `cargo xtask bench guard`: instructions of the hot kernels, counted by callgrind, against a committed baseline.

use crate::{process, workspace};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Share by which a count may differ from its baseline. A build repeats to the last digit, but changes elsewhere were seen
/// to move the code made for a small kernel by 2.4 %.
const TOLERANCE: f64 = 0.03;

/// What to do with the counts.
#[derive(Clone, Copy)]
pub(super) enum Verdict {
    /// Hold them against the baseline.
    Compare,
    /// Make them the baseline.
    Accept,
}

type Counts = BTreeMap<String, u64>;

/// Counts, prints a table and judges.
pub(super) fn run(verdict: Verdict) -> Result<()> {
    if !process::succeeds(Command::new("valgrind").arg("--version")) {
        bail!("valgrind is missing: install it with the system's package manager");
    }
    let build = ["build", "--release", "--package", "recgoat-benches", "--bin", "guard"];
    process::run(workspace::cargo().args(build))?;
    let target = workspace::target_dir()?;
    let dump = target.join("guard.callgrind");
    process::run(
        Command::new("valgrind")
            .args(["--tool=callgrind", "--quiet", "--collect-atstart=no", "--toggle-collect=guard::kernel_*"])
            .arg(format!("--callgrind-out-file={}", dump.display()))
            .arg(target.join("release/guard"))
            .env("OMP_NUM_THREADS", "1"),
    )?;
    let found = parse_dump(&fs::read_to_string(&dump)?);
    if found.is_empty() {
        bail!("callgrind counted no kernel: {}", dump.display());
    }
    let path = workspace::root().join("benches/guard.tsv");
    let compiler = compiler()?;
    match verdict {
        Verdict::Accept => {
            let rows = found.iter().map(|(kernel, count)| format!("{kernel}\t{count}\n"));
            fs::write(&path, format!("# {compiler}\n{}", rows.collect::<String>()))?;
            println!("{} kernels are the new baseline", found.len());
            Ok(())
        }
        Verdict::Compare => compare(&found, &path, &compiler),
    }
}

fn compare(found: &Counts, path: &Path, compiler: &str) -> Result<()> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let (of, baseline) = parse_baseline(&text).with_context(|| format!("{} is damaged", path.display()))?;
    let mut off = Vec::new();
    for (kernel, &count) in found {
        let Some(&before) = baseline.get(kernel) else {
            println!("{kernel:24} {count:>14}  new");
            off.push(kernel.as_str());
            continue;
        };
        let change = count as f64 / before as f64 - 1.0;
        println!("{kernel:24} {count:>14}  {:+.2} %", 100.0 * change);
        if change.abs() > TOLERANCE {
            off.push(kernel);
        }
    }
    for kernel in baseline.keys().filter(|kernel| !found.contains_key(*kernel)) {
        println!("{kernel:24} {:>14}  not counted", "");
        off.push(kernel);
    }
    if of != compiler {
        println!("the baseline is of {of}, this is {compiler}");
    }
    if !off.is_empty() {
        let list = off.join(", ");
        bail!(
            "{list}: more than {} % from the baseline, or not in both; `--accept` where it is meant",
            100.0 * TOLERANCE
        );
    }
    Ok(())
}

/// The compiler's line and the counts of `kernel<tab>count` lines.
fn parse_baseline(text: &str) -> Option<(String, Counts)> {
    let (head, rows) = text.split_once('\n')?;
    let row = |line: &str| {
        let (kernel, count) = line.split_once('\t')?;
        Some((kernel.to_owned(), count.parse().ok()?))
    };
    Some((head.strip_prefix("# ")?.to_owned(), rows.lines().map(row).collect::<Option<_>>()?))
}

/// Instructions of each call of a kernel, with all it called. A function's name is written once, as `(number) name`, and
/// its number afterwards.
fn parse_dump(text: &str) -> Counts {
    let mut kernels = BTreeMap::new();
    for line in text.lines() {
        let named =
            line.strip_prefix("fn=").or(line.strip_prefix("cfn=")).and_then(|rest| rest.split_once(' '));
        if let Some((number, kernel)) =
            named.and_then(|(number, name)| Some((number, name.split_once("guard::kernel_")?.1)))
        {
            kernels.insert(number, kernel);
        }
    }
    let mut counts = Counts::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(called) = line.strip_prefix("cfn=") else { continue };
        let kernel = kernels.get(called.split(' ').next().unwrap_or_default());
        // `calls=…`, then a place and the instructions.
        let cost = lines.nth(1).and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
        if let (Some(&kernel), Some(cost)) = (kernel, cost) {
            *counts.entry(kernel.to_owned()).or_default() += cost;
        }
    }
    counts
}

fn compiler() -> Result<String> {
    let output = Command::new("rustc").arg("--version").output().context("cannot start rustc")?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dumps_are_read() {
        let dump = "fn=(7) guard::kernel_adam\n0 30\n\nfn=(1) guard::main\n0 2\ncfn=(7)\ncalls=1 0\n0 1234\n\
                    cfn=(9) guard::kernel_knn\ncalls=1 0\n0 50\ncfn=(4) other\ncalls=2 0\n0 9\n";
        let expected = [("adam", 1234), ("knn", 50)].map(|(kernel, count)| (kernel.to_owned(), count));
        assert_eq!(parse_dump(dump), Counts::from(expected));
        assert_eq!(parse_dump("events: Ir\nsummary: 3\n"), Counts::new());
    }

    #[test]
    fn counts_are_held_against_the_baseline() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("guard.tsv");
        fs::write(&path, "# rustc 1\nadam\t1000\n").unwrap();
        let counts = |adam: u64| Counts::from([("adam".to_owned(), adam)]);
        assert!(compare(&counts(1010), &path, "rustc 1").is_ok());
        let error = compare(&counts(1100), &path, "rustc 1").unwrap_err().to_string();
        assert!(error.starts_with("adam: more than 3 %"), "{error}");
        let unknown = Counts::from([("spmm".to_owned(), 5)]);
        assert!(compare(&unknown, &path, "rustc 1").unwrap_err().to_string().starts_with("spmm, adam: "));
        fs::write(&path, "# rustc 1\nadam\t1000\nknn\t5\n").unwrap();
        let lost = compare(&counts(1000), &path, "rustc 1").unwrap_err().to_string();
        assert!(lost.starts_with("knn: "), "{lost}");
        fs::write(&path, "adam\t1000\n").unwrap();
        assert!(compare(&counts(1000), &path, "rustc 1").unwrap_err().to_string().ends_with("is damaged"));
    }
}
