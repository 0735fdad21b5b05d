//! `cargo xtask licences`: every dependency's licence against the list in `deny.toml`.

use crate::{usage, workspace};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use spdx::{Expression, Licensee, ParseMode};
use std::fs;
use std::process::ExitCode;

const HELP: &str = "\
Evaluates the licence expression of every package against [licenses] allow in deny.toml.

Usage: cargo xtask licences

Example: cargo xtask licences";

pub(crate) fn run(args: lexopt::Parser) -> Result<ExitCode> {
    usage::without_options(args, HELP, || check().map(|()| ExitCode::SUCCESS))
}

/// Fails with the first package whose licence is not allowed, after naming them all.
pub(crate) fn check() -> Result<()> {
    let path = workspace::root().join("deny.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let allowed = allow_list(&text).with_context(|| format!("{}", path.display()))?;
    let metadata = workspace::metadata()?;
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    let refused: Vec<_> = packages.iter().filter_map(|package| refusal(package, &allowed)).collect();
    for line in &refused {
        eprintln!("{line}");
    }
    if !refused.is_empty() {
        bail!(
            "{} of {} packages have a licence that deny.toml does not allow",
            refused.len(),
            packages.len()
        );
    }
    eprintln!("{} packages have allowed licences", packages.len());
    Ok(())
}

fn allow_list(text: &str) -> Result<Vec<Licensee>> {
    let table: toml::Table = text.parse()?;
    let list = table.get("licenses").and_then(|section| section.get("allow")).and_then(toml::Value::as_array);
    let list = list.context("expected a list `allow` in [licenses]")?;
    let parse = |entry: &toml::Value| {
        let name = entry.as_str().context("expected licence names in `allow`")?;
        Licensee::parse(name).with_context(|| format!("`{name}` in `allow` is no SPDX licence"))
    };
    list.iter().map(parse).collect()
}

fn refusal(package: &Value, allowed: &[Licensee]) -> Option<String> {
    let name = package["name"].as_str().unwrap_or_default();
    let version = package["version"].as_str().unwrap_or_default();
    match package["license"].as_str() {
        None => Some(format!("{name} {version}: states no licence expression")),
        Some(licence) if is_allowed(licence, allowed) => None,
        Some(licence) => Some(format!("{name} {version}: {licence}")),
    }
}

/// The lax mode reads the old `MIT/Apache-2.0` as `MIT OR Apache-2.0`.
fn is_allowed(licence: &str, allowed: &[Licensee]) -> bool {
    Expression::parse_mode(licence, ParseMode::LAX).is_ok_and(|expression| {
        expression.evaluate(|requirement| allowed.iter().any(|licensee| licensee.satisfies(requirement)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DENY: &str = "[licenses]\nallow = [\"MIT\", \"Apache-2.0\", \"Apache-2.0 WITH LLVM-exception\"]\n";

    #[test]
    fn expressions_are_evaluated() {
        let allowed = allow_list(DENY).unwrap();
        let yes = [
            "MIT",
            "MIT OR Apache-2.0",
            "MIT/Apache-2.0",
            "GPL-3.0-only OR MIT",
            "MIT AND Apache-2.0",
            "(MIT OR GPL-3.0-only) AND Apache-2.0",
            "Apache-2.0 WITH LLVM-exception",
        ];
        let no = [
            "GPL-3.0-only",
            "MIT AND GPL-3.0-only",
            "(MIT AND GPL-3.0-only) OR BSD-3-Clause",
            "MIT WITH LLVM-exception",
            "not a licence",
            "",
        ];
        for licence in yes {
            assert!(is_allowed(licence, &allowed), "{licence}");
        }
        for licence in no {
            assert!(!is_allowed(licence, &allowed), "{licence}");
        }
    }

    #[test]
    fn a_refusal_names_the_package() {
        let allowed = allow_list(DENY).unwrap();
        let package = serde_json::json!({"name": "left-pad", "version": "1.0.0", "license": "WTFPL"});
        assert_eq!(refusal(&package, &allowed).unwrap(), "left-pad 1.0.0: WTFPL");
        let silent = serde_json::json!({"name": "left-pad", "version": "1.0.0", "license": null});
        assert!(refusal(&silent, &allowed).unwrap().contains("no licence expression"));
    }

    #[test]
    fn a_bad_list_is_an_error() {
        for text in [
            "",
            "[licenses]",
            "[licenses]\nallow = 1",
            "[licenses]\nallow = [1]",
            "[licenses]\nallow = [\"X Y\"]",
        ] {
            assert!(allow_list(text).is_err(), "{text}");
        }
    }
}
