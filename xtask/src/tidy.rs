//! `cargo xtask tidy`: the house rules, as checks over the source tree.

mod equations;
mod layout;
mod text;
mod tree;

use crate::{tables, usage, workspace};
use anyhow::{Result, bail};
use std::fmt;
use std::process::ExitCode;
use tree::Tree;

const HELP: &str = "\
Checks the house rules and reports each violation as file:line: rule.

  every .rs file begins with a //! line and has at most 600 lines
  every crate has a README; every library crate an example and a bench
  every equation tag [eq:NAME] in code stands in docs
  no machine paths and no registry hosts
  no debugging macros, no ignored tests, no unfinished work without an issue number
  every allowed lint has a reason
  the README's table is that of the reports in docs/results/paper

Usage: cargo xtask tidy

Example: cargo xtask tidy";

/// One broken rule; `Display` gives `file:line: rule`.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Violation {
    file: String,
    line: usize,
    rule: String,
}

impl Violation {
    fn new(file: &str, line: usize, rule: impl Into<String>) -> Self {
        Self { file: file.into(), line, rule: rule.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.rule)
    }
}

pub(crate) fn run(args: lexopt::Parser) -> Result<ExitCode> {
    usage::without_options(args, HELP, || check().map(|()| ExitCode::SUCCESS))
}

/// Fails when any rule is broken, after naming every place.
pub(crate) fn check() -> Result<()> {
    let tree = Tree::read(&workspace::root())?;
    let violations = violations(&tree);
    for violation in &violations {
        eprintln!("{violation}");
    }
    if !violations.is_empty() {
        bail!("{} house rules broken", violations.len());
    }
    tables::check(&workspace::root())?;
    eprintln!("{} files keep the house rules", tree.files.len());
    Ok(())
}

fn violations(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in &tree.files {
        text::check(file, &mut found);
    }
    layout::check(tree, &mut found);
    equations::check(tree, &mut found);
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a made-up tree, reads it back, and returns what is wrong with it.
    pub(super) fn broken(files: &[(&str, &str)]) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let tree = Tree::read(dir.path()).unwrap();
        violations(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_tidy_tree_is_silent_and_ignored_folders_are_not_read() {
        let files = [
            (".gitignore", "/target\n/.libtorch\n"),
            ("target/x.rs", "fn untidy() {}"),
            (".libtorch/include/x.rs", "fn untidy() {}"),
            (".git/x.rs", "fn untidy() {}"),
            ("xtask/src/main.rs", "//! Automation.\nfn main() {}\n"),
        ];
        assert_eq!(broken(&files), [] as [&str; 0]);
    }

    #[test]
    fn violations_come_sorted_by_place() {
        let found = broken(&[("b.rs", "fn b() {}\n"), ("a.rs", "//! A.\nfn a() { dbg!(1); }\n")]);
        assert_eq!(found.len(), 2);
        assert!(found[0].starts_with("a.rs:2: ") && found[1].starts_with("b.rs:1: "), "{found:?}");
    }
}
