//! `cargo xtask tables`: tables of documents from the reports in docs/results.

use crate::reproduce::{self, read};
use crate::{usage, workspace};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;
use std::process::ExitCode;

const HELP: &str = "\
Writes the tables of models and data sets in README.md, from the reports in docs/results/paper, and in
docs/results/README.md, from those in docs/results/ablation, in the order of the sets of presets/paper.toml and
presets/ablation.toml; a set without a report there has no column.

Usage: cargo xtask tables

Example: cargo xtask tables";

/// Documents with a table each, and the matrix of presets that it is of.
const TABLES: [(&str, &str); 2] = [("README.md", "paper"), ("docs/results/README.md", "ablation")];

const BEGIN: &str = "<!-- cargo xtask tables -->\n";
const END: &str = "<!-- end of tables -->\n";

pub(crate) fn run(args: lexopt::Parser) -> Result<ExitCode> {
    usage::without_options(args, HELP, || {
        let root = workspace::root();
        for (document, matrix) in TABLES {
            let text = renewed(&root, document, matrix)?;
            fs::write(root.join(document), text).with_context(|| format!("cannot write {document}"))?;
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Fails when a document's table is not that of the reports.
pub(crate) fn check(root: &Path) -> Result<()> {
    for (document, matrix) in TABLES {
        if renewed(root, document, matrix)? != text(root, document)? {
            bail!("{document}: its table is not that of docs/results/{matrix}; run cargo xtask tables");
        }
    }
    Ok(())
}

/// A document with the table as the reports have it.
fn renewed(root: &Path, document: &str, matrix: &str) -> Result<String> {
    let preset = format!("presets/{matrix}.toml");
    let sets: toml::Table = text(root, &preset)?.parse().with_context(|| format!("{preset} is no preset"))?;
    let sets = sets.get("sets").and_then(|sets| sets.as_array());
    let sets = sets.with_context(|| format!("{preset} names no sets"))?;
    let folder = root.join("docs/results").join(matrix);
    let named = sets.iter().filter_map(|set| Path::new(set.as_str()?).file_stem());
    let named: Vec<_> = named.map(|name| folder.join(name).with_extension("json")).collect();
    for entry in folder.read_dir().with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") && !named.contains(&path) {
            bail!("{}: expected its set in {preset}, found none", path.display());
        }
    }
    let reports = named.iter().filter(|report| report.is_file()).map(|report| read(report));
    let table = reproduce::table(&reports.collect::<Result<Vec<_>>>()?);
    let old = text(root, document)?;
    let parts = old.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = parts.with_context(|| format!("{document}: expected {BEGIN:?} and {END:?}"))?;
    Ok(format!("{before}{BEGIN}\n{table}\n{END}{after}"))
}

fn text(root: &Path, file: &str) -> Result<String> {
    fs::read_to_string(root.join(file)).with_context(|| format!("cannot read {file}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_between_the_marks_are_those_of_the_reports() {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let report = r#"{ "dataset": { "name": "one" }, "models": [
            { "name": "A", "runs": [{ "test": { "recall@20": 0.5, "ndcg@20": 0.25 } }] }], "comparisons": [] }"#;
        for (document, matrix) in TABLES {
            write(document, &format!("# T\n{BEGIN}old\n{END}rest\n"));
            write(&format!("presets/{matrix}.toml"), "sets = ['one.toml']");
            write(&format!("docs/results/{matrix}/one.json"), report);
        }
        for (document, matrix) in TABLES {
            let error = check(root.path()).unwrap_err().to_string();
            assert!(error.starts_with(document) && error.contains("run cargo xtask tables"), "{error}");
            let text = renewed(root.path(), document, matrix).unwrap();
            assert!(text.starts_with("# T\n") && text.ends_with("rest\n") && !text.contains("old"));
            assert!(text.contains("| A | **0.5000** · **0.2500** |"), "{text}");
            write(document, &text);
        }
        check(root.path()).unwrap();
        write("docs/results/paper/two.json", report);
        assert!(check(root.path()).unwrap_err().to_string().contains("two.json: expected its set"));
    }
}
