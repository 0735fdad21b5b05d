//! Presets that name other presets, one a data set.

use super::Plan;
use crate::{process, usage};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One data set of a matrix.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Set {
    /// The name of its preset, and of its folder of results.
    pub(super) name: String,
    pub(super) preset: PathBuf,
    /// Its data on this machine, where a folder was given.
    folder: Option<PathBuf>,
}

/// The sets of a plan whose preset is a matrix; none where it is an experiment.
pub(super) fn sets(plan: &Plan) -> Result<Option<Vec<Set>>> {
    let table = read(&plan.preset)?;
    let Some(names) = table.get("sets") else { return Ok(None) };
    let wrong = |reason: String| usage::error(format!("{}: {reason}", plan.preset.display()));
    let names = names.as_array().filter(|names| !names.is_empty());
    let names = names.ok_or_else(|| wrong("sets: expected a list of preset files".to_owned()))?;
    let beside = plan.preset.parent().unwrap_or(Path::new("."));
    let mut sets = Vec::new();
    for name in names {
        let file = name.as_str().ok_or_else(|| wrong(format!("sets: expected a file name, found {name}")))?;
        let preset = beside.join(file);
        let dataset = read(&preset)?.get("dataset").and_then(|name| name.as_str().map(str::to_owned));
        let dataset = dataset.ok_or_else(|| wrong(format!("{file}: expected a dataset, found none")))?;
        let folder = plan.data.as_ref().map(|data| data.join(&dataset));
        if let Some(missing) = folder.as_ref().filter(|folder| !folder.is_dir()) {
            return Err(usage::error(format!(
                "{}: expected the folder of {dataset}, found none; --data is the folder above it",
                missing.display()
            )));
        }
        let name = preset.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        sets.push(Set { name, preset, folder });
    }
    Ok(Some(sets))
}

impl Set {
    /// The data to use: what is there, or a mended copy in a folder of its own below `out`, made each time, where recgoat
    /// refuses that.
    pub(super) fn data(&self, program: &Path, out: &Path) -> Result<Option<PathBuf>> {
        let Some(folder) = &self.folder else { return Ok(None) };
        if process::succeeds(Command::new(program).arg("inspect").arg("--data").arg(folder)) {
            return Ok(Some(folder.clone()));
        }
        let mended = out.join("mended").join(&self.name);
        if mended.is_dir() {
            if mended.canonicalize()? == folder.canonicalize()? {
                let shown = folder.display();
                return Err(usage::error(format!(
                    "{shown}: expected data, found a mended copy of it; name its source"
                )));
            }
            fs::remove_dir_all(&mended).with_context(|| format!("cannot remove {}", mended.display()))?;
        }
        let mut prepare = Command::new(program);
        process::run(prepare.arg("prepare").arg(folder).args(["--split", "given", "--out"]).arg(&mended))?;
        Ok(Some(mended))
    }
}

fn read(preset: &Path) -> Result<toml::Table> {
    let text = fs::read_to_string(preset).with_context(|| format!("cannot read {}", preset.display()))?;
    text.parse().map_err(|error| usage::error(format!("{}: {error}", preset.display()).replace('\n', " ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(preset: &str, data: Option<&str>, there: &[&str]) -> (tempfile::TempDir, Plan) {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("m.toml"), preset).unwrap();
        fs::create_dir(root.path().join("sets")).unwrap();
        for set in ["one", "two"] {
            fs::write(root.path().join(format!("sets/{set}.toml")), format!("dataset = \"{set}\"\n"))
                .unwrap();
        }
        there.iter().for_each(|name| fs::create_dir_all(root.path().join("data").join(name)).unwrap());
        let plan = Plan {
            preset: root.path().join("m.toml"),
            data: data.map(|data| root.path().join(data)),
            out: root.path().join("out"),
            flavour: crate::libtorch::Flavour::Cpu,
            passed_on: Vec::new(),
        };
        (root, plan)
    }

    #[test]
    fn a_matrix_names_its_sets_in_order() {
        let (root, plan) = plan("sets = ['sets/two.toml', 'sets/one.toml']", Some("data"), &["one", "two"]);
        let sets = sets(&plan).unwrap().unwrap();
        assert_eq!(sets.iter().map(|set| &*set.name).collect::<Vec<_>>(), ["two", "one"]);
        assert_eq!(sets[1].folder, Some(root.path().join("data/one")));
    }

    #[test]
    fn an_experiment_is_none() {
        let (_root, plan) = plan("title = 'an experiment'", None, &[]);
        assert_eq!(sets(&plan).unwrap(), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_mended_copy_follows_its_source() {
        use std::os::unix::fs::PermissionsExt;
        let (root, plan) = plan("sets = ['sets/one.toml']", Some("data"), &["one"]);
        // Refuses to inspect, and copies where it is to prepare.
        let program = root.path().join("program");
        fs::write(&program, "#!/bin/sh\n[ $1 = prepare ] && mkdir -p ${6%/*} && cp -r $2 $6\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let set = sets(&plan).unwrap().unwrap().remove(0);
        for text in ["first", "second"] {
            fs::write(root.path().join("data/one/one.inter"), text).unwrap();
            let mended = set.data(&program, &plan.out).unwrap().unwrap();
            assert_eq!(mended, plan.out.join("mended/one"));
            assert_eq!(fs::read_to_string(mended.join("one.inter")).unwrap(), text);
        }
    }

    /// Data may lie below the folder of results, and are nobody's to remove.
    #[test]
    fn data_are_never_replaced_by_their_copy() {
        let (root, plan) = plan("sets = ['sets/one.toml']", Some("data"), &["one"]);
        let refused = Path::new("false");
        let data = root.path().join("data/one");
        let set = sets(&plan).unwrap().unwrap().remove(0);
        assert!(set.data(refused, root.path()).is_err() && data.is_dir());
        let copy = root.path().join("mended/one");
        fs::create_dir_all(&copy).unwrap();
        let set = Set { folder: Some(copy.clone()), ..set };
        let error = set.data(refused, root.path()).unwrap_err();
        assert!(error.is::<usage::Usage>() && copy.is_dir(), "{error}");
    }

    #[test]
    fn what_is_wrong_is_named_before_anything_runs() {
        let message = |preset: &str, there: &[&str]| {
            let (root, plan) = plan(preset, Some("data"), there);
            let error = sets(&plan).unwrap_err();
            error.to_string().replace(&format!("{}/", root.path().display()), "")
        };
        assert_eq!(message("sets = []", &[]), "m.toml: sets: expected a list of preset files");
        assert!(message("sets = ['no.toml']", &[]).contains("cannot read no.toml"));
        assert_eq!(
            message("sets = ['sets/one.toml', 'sets/two.toml']", &["one"]),
            "data/two: expected the folder of two, found none; --data is the folder above it"
        );
    }
}
