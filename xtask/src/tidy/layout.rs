//! What each crate must have beside its code.

use super::Violation;
use super::tree::Tree;
use std::collections::BTreeSet;

/// Every crate under `crates/` has a README; every library there has an example and a bench. A program's
/// examples are those of its help, and its benches are commands.
pub(super) fn check(tree: &Tree, found: &mut Vec<Violation>) {
    let manifests = tree.below("crates/").filter_map(|file| {
        let name = file.path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml")?;
        (!name.contains('/')).then_some(name)
    });
    let paths: BTreeSet<_> = tree.files.iter().map(|file| file.path.as_str()).collect();
    let has = |prefix: &str| paths.iter().any(|path| path.starts_with(prefix) && path.ends_with(".rs"));
    for name in manifests {
        let folder = format!("crates/{name}");
        let mut demands =
            vec![("README.md".to_owned(), paths.contains(format!("{folder}/README.md").as_str()))];
        if paths.contains(format!("{folder}/src/lib.rs").as_str()) {
            demands.push(("an example in examples/".into(), has(&format!("{folder}/examples/"))));
            let bench = format!("benches/benches/{name}");
            demands.push((format!("a bench {bench}*.rs"), has(&bench)));
        }
        let missing = demands.into_iter().filter(|(_, met)| !met);
        let manifest = format!("{folder}/Cargo.toml");
        found.extend(missing.map(|(what, _)| Violation::new(&manifest, 1, format!("crate without {what}"))));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::broken;

    const WHOLE: [(&str, &str); 5] = [
        ("crates/data/Cargo.toml", ""),
        ("crates/data/README.md", ""),
        ("crates/data/src/lib.rs", "//! Data.\n"),
        ("crates/data/examples/split.rs", "//! Splits.\n"),
        ("benches/benches/data_split.rs", "//! Times splits.\n"),
    ];

    fn without(path: &str) -> Vec<String> {
        let files: Vec<_> = WHOLE.into_iter().filter(|(name, _)| *name != path).collect();
        assert_eq!(files.len(), WHOLE.len() - 1);
        broken(&files)
    }

    #[test]
    fn a_library_needs_readme_example_and_bench() {
        assert_eq!(broken(&WHOLE), [] as [&str; 0]);
        assert_eq!(without("crates/data/README.md"), ["crates/data/Cargo.toml:1: crate without README.md"]);
        let example = "crates/data/Cargo.toml:1: crate without an example in examples/";
        assert_eq!(without("crates/data/examples/split.rs"), [example]);
        let bench = "crates/data/Cargo.toml:1: crate without a bench benches/benches/data*.rs";
        assert_eq!(without("benches/benches/data_split.rs"), [bench]);
    }

    #[test]
    fn a_program_needs_a_readme_only() {
        let program = [("crates/cli/Cargo.toml", ""), ("crates/cli/src/main.rs", "//! Program.\n")];
        assert_eq!(broken(&program), ["crates/cli/Cargo.toml:1: crate without README.md"]);
    }
}
