//! Equation tags: what code cites, the docs state.

use super::Violation;
use super::tree::Tree;
use std::collections::BTreeSet;

/// Every `[eq:NAME]` in code has its `eq:NAME` in a Markdown file under `docs/`.
pub(super) fn check(tree: &Tree, found: &mut Vec<Violation>) {
    let docs = tree.below("docs/").filter(|file| file.is_markdown());
    let stated: BTreeSet<_> = docs.flat_map(|file| names(&file.text)).collect();
    for file in tree.files.iter().filter(|file| file.is_rust() && !file.states_rules()) {
        for (number, line) in file.lines() {
            for name in names(line).filter(|name| line.contains(&format!("[eq:{name}]"))) {
                if !stated.contains(name) {
                    found.push(Violation::new(&file.path, number, format!("equation {name} is not in docs")));
                }
            }
        }
    }
}

/// The names after each `eq:`.
fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split("eq:").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c)).unwrap_or(rest.len());
        Some(rest[..end].trim_end_matches('.')).filter(|name| !name.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::broken;

    #[test]
    fn a_tag_in_code_must_stand_in_docs() {
        let code = ("a.rs", "//! Costs.\n/// As in [eq:oat-cost] and [eq:sinkhorn].\nfn a() {}\n");
        let docs = ("docs/book/align.md", "$$ x \\tag{eq:sinkhorn} $$\nSee eq:oat-cost-streamed.\n");
        assert_eq!(broken(&[code, docs]), ["a.rs:2: equation oat-cost is not in docs"]);
        let rest = ("docs/b.md", "[eq:oat-cost]");
        assert_eq!(broken(&[code, docs, rest]), [] as [&str; 0]);
    }

    #[test]
    fn a_tag_outside_docs_does_not_count() {
        let files = [("a.rs", "//! [eq:x]\n"), ("README.md", "[eq:x]"), ("docs/x.txt", "[eq:x]")];
        assert_eq!(broken(&files), ["a.rs:1: equation x is not in docs"]);
    }
}
