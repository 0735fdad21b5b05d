//! `cargo xtask tables`: the README's table from the reports in docs/results.

use crate::reproduce::{self, read};
use crate::{usage, workspace};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;
use std::process::ExitCode;

const HELP: &str = "\
Writes the README's table of models and data sets from the reports in docs/results/paper, in the order of the sets of
presets/paper.toml; a set without a report there has no column.

Usage: cargo xtask tables

Example: cargo xtask tables";

const BEGIN: &str = "<!-- cargo xtask tables -->\n";
const END: &str = "<!-- end of tables -->\n";

pub(crate) fn run(args: lexopt::Parser) -> Result<ExitCode> {
    usage::without_options(args, HELP, || {
        let readme = workspace::root().join("README.md");
        let text = renewed(&workspace::root())?;
        fs::write(&readme, text).with_context(|| format!("cannot write {}", readme.display()))?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Fails when the README's table is not that of the reports.
pub(crate) fn check(root: &Path) -> Result<()> {
    let readme = root.join("README.md");
    let text = fs::read_to_string(&readme).with_context(|| format!("cannot read {}", readme.display()))?;
    if renewed(root)? != text {
        bail!("README.md: its table is not that of docs/results/paper; run cargo xtask tables");
    }
    Ok(())
}

/// The README with the table as the reports have it.
fn renewed(root: &Path) -> Result<String> {
    let readme = root.join("README.md");
    let text = fs::read_to_string(&readme).with_context(|| format!("cannot read {}", readme.display()))?;
    let preset = root.join("presets/paper.toml");
    let sets = fs::read_to_string(&preset).with_context(|| format!("cannot read {}", preset.display()))?;
    let sets: toml::Table = sets.parse().with_context(|| format!("{} is no preset", preset.display()))?;
    let sets =
        sets.get("sets").and_then(|sets| sets.as_array()).context("presets/paper.toml names no sets")?;
    let folder = root.join("docs/results/paper");
    let named = sets.iter().filter_map(|set| Path::new(set.as_str()?).file_stem());
    let named: Vec<_> = named.map(|name| folder.join(name).with_extension("json")).collect();
    for entry in folder.read_dir().with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") && !named.contains(&path) {
            bail!("{}: expected its set in presets/paper.toml, found none", path.display());
        }
    }
    let reports = named.iter().filter(|report| report.is_file()).map(|report| read(report));
    let table = reproduce::table(&reports.collect::<Result<Vec<_>>>()?);
    let parts = text.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = parts.with_context(|| format!("README.md: expected {BEGIN:?} and {END:?}"))?;
    Ok(format!("{before}{BEGIN}\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_between_the_marks_is_that_of_the_reports() {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("README.md", &format!("# T\n{BEGIN}old\n{END}rest\n"));
        write("presets/paper.toml", "sets = ['paper/one.toml']");
        let report = r#"{ "dataset": { "name": "one" }, "models": [
            { "name": "A", "runs": [{ "test": { "recall@20": 0.5, "ndcg@20": 0.25 } }] }], "comparisons": [] }"#;
        write("docs/results/paper/one.json", report);
        let text = renewed(root.path()).unwrap();
        assert!(text.starts_with("# T\n") && text.ends_with("rest\n") && !text.contains("old"));
        assert!(text.contains("| A | **0.5000** · **0.2500** |"), "{text}");
        assert!(check(root.path()).unwrap_err().to_string().contains("run cargo xtask tables"));
        write("README.md", &text);
        check(root.path()).unwrap();
        write("docs/results/paper/two.json", report);
        assert!(check(root.path()).unwrap_err().to_string().contains("two.json: expected its set"));
    }
}
