//! `cargo xtask bench work`: steps, epochs, ranking and graphs by the `recgoat` binary, as one table.

use crate::{process, workspace};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// A line of the table.
struct Work {
    name: &'static str,
    /// Arguments of `recgoat bench`, beside the data where they name none.
    arguments: &'static str,
    /// The figure that the bar is about.
    figure: Figure,
    bar: &'static str,
}

#[derive(Clone, Copy)]
enum Figure {
    /// Median of a step.
    Step,
    /// All steps of an epoch.
    Epoch,
    /// The command's own time.
    Whole,
}

const BABY: &str = "19445,7050,160792";

const WORKS: [Work; 8] = [
    Work {
        name: "RecGOAT step, features 4096 + 384, batch 4,096",
        arguments: "step --model recgoat --random-features image=4096 --random-features text=384",
        figure: Figure::Step,
        bar: "0.30 s",
    },
    Work {
        name: "the same at d = 800",
        arguments: "step --model recgoat --random-features image=4096 --random-features text=384 --set dim=800 --steps 6",
        figure: Figure::Step,
        bar: "4 s, 6 GB",
    },
    Work {
        name: "RecGOAT as specified (recgoat-paper), the first row's batch",
        arguments: "step --model recgoat-paper --random-features image=4096 --random-features text=384",
        figure: Figure::Step,
        bar: "",
    },
    Work {
        name: "LightGCN epoch, batch 2,048",
        arguments: "step --model lightgcn --batch 2048 --steps epoch",
        figure: Figure::Epoch,
        bar: "0.9 s",
    },
    Work {
        name: "FREEDOM epoch, text alone, batch 2,048",
        arguments: "step --model freedom --random-features text=384 --batch 2048 --steps epoch",
        figure: Figure::Epoch,
        bar: "5 s",
    },
    Work {
        name: "full ranking of all users, all metrics at 5, 10, 20, 50",
        arguments: "eval --model lightgcn",
        figure: Figure::Whole,
        bar: "0.6 s",
    },
    Work {
        name: "neighbours of 63,001 × 384, k = 20",
        arguments: "knn --random 63001,384",
        figure: Figure::Whole,
        bar: "60 s, 600 MB",
    },
    Work {
        name: "RecGOAT epoch, 192,403 users, 63,001 items, 1,689,188 interactions, text 384, batch 4,096",
        arguments: "step --model recgoat --synthetic 192403,63001,1689188 --random-features text=384 --steps epoch",
        figure: Figure::Epoch,
        bar: "360 s, 6 GB",
    },
];

/// Where and on what to measure.
pub(super) struct Place {
    /// As `recgoat --device` takes it.
    pub(super) device: String,
    /// A data folder; made-up data of Baby's size when there is none.
    pub(super) data: Option<String>,
}

/// Prints the table as each line is known.
pub(super) fn run(place: &Place) -> Result<()> {
    process::run(workspace::cargo().args(["build", "--release", "--package", "recgoat"]))?;
    let program = workspace::target_dir()?.join("release/recgoat");
    println!("| work | time | peak memory | time at the limit | bar |\n|---|---|---|---|---|");
    for work in &WORKS {
        let found = measure(&program, work, place)?;
        println!("{}", row(work, &found));
    }
    Ok(())
}

fn measure(program: &Path, work: &Work, place: &Place) -> Result<Value> {
    let mut command = Command::new(program);
    command.arg("bench").args(work.arguments.split(' ')).arg("--json");
    if !work.arguments.contains("--synthetic") && !work.arguments.starts_with("knn") {
        match &place.data {
            Some(data) => command.args(["--data", data]),
            None => command.args(["--synthetic", BABY]),
        };
    }
    if !work.arguments.starts_with("knn") {
        command.args(["--device", &place.device]);
    }
    let output = command.output().with_context(|| format!("cannot start {}", program.display()))?;
    if !output.status.success() {
        bail!("{}: {}", work.name, String::from_utf8_lossy(&output.stderr).trim());
    }
    serde_json::from_slice(&output.stdout).context("recgoat bench printed no JSON")
}

fn row(work: &Work, found: &Value) -> String {
    let seconds = match work.figure {
        Figure::Step => &found["step_seconds"]["median"],
        Figure::Epoch => &found["step_seconds"]["total"],
        Figure::Whole => &found["seconds"],
    };
    let steps = match work.figure {
        Figure::Epoch => found["steps"].as_f64().unwrap_or(1.0),
        Figure::Step | Figure::Whole => 1.0,
    };
    let number = |value: &Value, unit: &str, scale: f64| {
        value.as_f64().filter(|&x| x > 0.0).map_or("–".to_owned(), |x| format!("{:.3} {unit}", x * scale))
    };
    format!(
        "| {} | {} | {} | {} | {} |",
        work.name,
        number(seconds, "s", 1.0),
        number(&found["peak_rss_bytes"], "GB", 1e-9),
        number(&found["limit"]["seconds"], "s", steps),
        work.bar
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rows_hold_the_figure_that_the_bar_is_about() {
        let found = json!({
            "steps": 3, "step_seconds": { "median": 0.5, "total": 1.6 }, "seconds": 9.0,
            "limit": { "seconds": 0.25 }, "peak_rss_bytes": 2_000_000_000u64,
        });
        let of = |figure| {
            let work = Work { name: "a", arguments: "step", figure, bar: "1 s" };
            row(&work, &found)
        };
        assert_eq!(of(Figure::Step), "| a | 0.500 s | 2.000 GB | 0.250 s | 1 s |");
        assert_eq!(of(Figure::Epoch), "| a | 1.600 s | 2.000 GB | 0.750 s | 1 s |");
        assert_eq!(of(Figure::Whole), "| a | 9.000 s | 2.000 GB | 0.250 s | 1 s |");
        let silent = Work { name: "a", arguments: "eval", figure: Figure::Whole, bar: "" };
        assert_eq!(row(&silent, &json!({ "seconds": 9.0 })), "| a | 9.000 s | – | – |  |");
    }
}
