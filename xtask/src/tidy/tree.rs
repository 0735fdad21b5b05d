//! The text files of the workspace, in memory.

use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

/// Every text file that git would track.
pub(super) struct Tree {
    pub(super) files: Vec<SourceFile>,
}

/// A text file; its path is relative to the root, with `/` between the parts.
pub(super) struct SourceFile {
    pub(super) path: String,
    pub(super) text: String,
}

impl Tree {
    /// Reads `root`, leaving out `.git`, the entries `/name` of its `.gitignore`, and files that are not UTF-8.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let ignore = fs::read_to_string(root.join(".gitignore")).unwrap_or_default();
        let entries = ignore.lines().filter_map(|line| line.trim().strip_prefix('/'));
        let mut ignored: Vec<_> = entries.map(|entry| entry.trim_end_matches('/').to_owned()).collect();
        ignored.push(".git".into());
        let mut tree = Self { files: Vec::new() };
        tree.add_folder(root, "", &ignored)?;
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    /// The files below a folder, given as `folder/`.
    pub(super) fn below<'a>(&'a self, folder: &str) -> impl Iterator<Item = &'a SourceFile> {
        self.files.iter().filter(move |file| file.path.starts_with(folder))
    }

    fn add_folder(&mut self, folder: &Path, prefix: &str, ignored: &[String]) -> Result<()> {
        for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let entry = entry?;
            let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if ignored.contains(&path) {
                continue;
            }
            let kind = entry.file_type()?;
            if kind.is_dir() {
                self.add_folder(&entry.path(), &format!("{path}/"), ignored)?;
            } else if kind.is_file() {
                let bytes = fs::read(entry.path()).with_context(|| format!("cannot read {path}"))?;
                if let Ok(text) = String::from_utf8(bytes) {
                    self.files.push(SourceFile { path, text });
                }
            }
        }
        Ok(())
    }
}

impl SourceFile {
    pub(super) fn is_rust(&self) -> bool {
        self.has_extension("rs")
    }

    pub(super) fn is_markdown(&self) -> bool {
        self.has_extension("md")
    }

    /// Whether this is part of the house rules, or of the book's renderer, which must spell out what they look for.
    pub(super) fn states_rules(&self) -> bool {
        ["xtask/src/tidy", "xtask/src/book"].iter().any(|folder| self.path.starts_with(folder))
    }

    /// The lines, numbered from 1.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    fn has_extension(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|found| found == extension)
    }
}
