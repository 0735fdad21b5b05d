//! `cargo xtask reproduce`: from a fresh clone to the report.

mod matrix;
mod table;

use crate::libtorch::{self, Flavour};
use crate::{process, usage, workspace};
use anyhow::{Context, Result};
use lexopt::prelude::*;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

const HELP: &str = "\
Builds recgoat, fetches or finds the data, trains, evaluates, and writes report.{json,md,html}.

A preset with `sets = [...]` is a matrix: each of the presets it names runs in turn, and the models of all are put into
one table, tables.md. Runs that are finished are read again: a matrix that was cut goes on where it was. Data that
recgoat refuses are mended into OUT/mended.

Usage: cargo xtask reproduce [OPTIONS]

Options:
  --preset NAME|FILE  a preset of presets/ by name, or a file of your own [default: quick]
  --data DIR          data already on this machine; of a matrix, the folder with a folder a data set
  --device D          cpu, cuda, cuda:N or auto
  --threads N         threads inside one operation
  --out DIR           where the report goes [default: reports/NAME at the workspace root]

Example: cargo xtask reproduce --preset paper --data downloads";

pub(crate) use table::{read, table};

/// What one reproduction is asked to do.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    preset: PathBuf,
    data: Option<PathBuf>,
    out: PathBuf,
    /// The libtorch that the device needs.
    flavour: Flavour,
    /// Options passed on as they are.
    passed_on: Vec<OsString>,
}

pub(crate) fn run(args: lexopt::Parser) -> Result<ExitCode> {
    let root = workspace::root();
    let Some(plan) = Plan::parse(args, &root)? else { return usage::help(HELP) };
    let sets = matrix::sets(&plan)?;
    timed("setup", || libtorch::ensure(&root, plan.flavour))?;
    timed("build", || process::run(workspace::cargo().args(["build", "--release", "--package", "recgoat"])))?;
    let program = workspace::target_dir()?.join("release/recgoat");
    let Some(sets) = sets else {
        return experiment(&program, &plan.preset, plan.data.as_deref(), &plan.out, &plan.passed_on);
    };
    for set in &sets {
        let data = set.data(&program, &plan.out)?;
        let out = plan.out.join(&set.name);
        let code = experiment(&program, &set.preset, data.as_deref(), &out, &plan.passed_on)?;
        if code != ExitCode::SUCCESS {
            return Ok(code);
        }
    }
    let reports = sets.iter().map(|set| read(&plan.out.join(&set.name).join("report.json")));
    let text = table(&reports.collect::<Result<Vec<_>>>()?);
    let file = plan.out.join("tables.md");
    std::fs::write(&file, &text).with_context(|| format!("cannot write {}", file.display()))?;
    println!("{text}\n{}", file.display());
    Ok(ExitCode::SUCCESS)
}

/// Runs one preset to its report.
fn experiment(
    program: &Path,
    preset: &Path,
    data: Option<&Path>,
    out: &Path,
    passed_on: &[OsString],
) -> Result<ExitCode> {
    let mut experiment = Command::new(program);
    experiment.arg("experiment").arg("--preset").arg(preset).args(passed_on).arg("--out").arg(out);
    if let Some(data) = data {
        experiment.arg("--data").arg(data);
    }
    let status = timed("experiment", || {
        experiment.status().with_context(|| format!("cannot start {}", program.display()))
    })?;
    if status.success() {
        println!("{}", out.join("report.html").display());
    }
    // A signal has no exit code of its own.
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

impl Plan {
    /// `None` when help is asked for.
    fn parse(mut args: lexopt::Parser, root: &Path) -> Result<Option<Self>> {
        let (mut preset, mut data, mut out) = ("quick".to_owned(), None, None);
        let (mut flavour, mut passed_on) = (Flavour::Cpu, Vec::new());
        while let Some(arg) = args.next()? {
            match arg {
                Long("preset") => preset = args.value()?.string()?,
                Long("out") => out = Some(PathBuf::from(args.value()?)),
                Long("data") => data = Some(PathBuf::from(args.value()?)),
                Long("device") => {
                    let device = args.value()?;
                    flavour = if device.to_string_lossy().starts_with("cuda") {
                        Flavour::Cuda
                    } else {
                        Flavour::Cpu
                    };
                    passed_on.extend(["--device".into(), device]);
                }
                Long("threads") => passed_on.extend(["--threads".into(), args.value()?]),
                Short('h') | Long("help") => return Ok(None),
                other => return Err(other.unexpected().into()),
            }
        }
        let preset = find_preset(&preset, root)?;
        let name = preset.file_stem().unwrap_or(preset.as_os_str());
        let out = out.unwrap_or_else(|| root.join("reports").join(name));
        Ok(Some(Self { preset, data, out, flavour, passed_on }))
    }
}

fn find_preset(preset: &str, root: &Path) -> Result<PathBuf> {
    let folder = root.join("presets");
    let named = folder.join(format!("{preset}.toml"));
    if !preset.contains(['/', '.']) && named.is_file() {
        return Ok(named);
    }
    let file = PathBuf::from(preset);
    if file.is_file() {
        return Ok(file);
    }
    let entries = folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
    let toml = entries.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    let mut known: Vec<_> =
        toml.filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned())).collect();
    known.sort();
    Err(usage::error(format!("no preset `{preset}`: expected a file, or one of {}", known.join(", "))))
}

fn timed<T>(stage: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    let result = work()?;
    eprintln!("{stage}: {:.1} s", start.elapsed().as_secs_f64());
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn root() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("presets")).unwrap();
        for name in ["quick", "paper"] {
            fs::write(root.path().join(format!("presets/{name}.toml")), "").unwrap();
        }
        root
    }

    #[test]
    fn the_quick_preset_is_the_default() {
        let root = root();
        let plan = Plan::parse(lexopt::Parser::from_args([] as [&str; 0]), root.path()).unwrap().unwrap();
        assert_eq!(plan.preset, root.path().join("presets/quick.toml"));
        assert_eq!(plan.out, root.path().join("reports/quick"));
        assert!(plan.passed_on.is_empty());
        assert_eq!(plan.flavour, Flavour::Cpu);
    }

    #[test]
    fn options_are_passed_on_and_out_is_kept() {
        let root = root();
        let own = root.path().join("own.toml");
        fs::write(&own, "").unwrap();
        let args = ["--device=cpu", "--preset", own.to_str().unwrap(), "--data", "my data", "--out", "here"];
        let plan = Plan::parse(lexopt::Parser::from_args(args), root.path()).unwrap().unwrap();
        assert_eq!(plan.preset, own);
        assert_eq!(plan.out, Path::new("here"));
        assert_eq!(plan.data.as_deref(), Some(Path::new("my data")));
        assert_eq!(plan.passed_on, ["--device", "cpu"].map(OsString::from));
    }

    #[test]
    fn a_card_needs_its_own_libtorch() {
        let root = root();
        let plan =
            Plan::parse(lexopt::Parser::from_args(["--device", "cuda:1"]), root.path()).unwrap().unwrap();
        assert_eq!(plan.flavour, Flavour::Cuda);
    }

    #[test]
    fn an_unknown_preset_lists_the_known_ones() {
        let root = root();
        let args = lexopt::Parser::from_args(["--preset", "fast"]);
        let error = Plan::parse(args, root.path()).unwrap_err();
        assert_eq!(error.to_string(), "no preset `fast`: expected a file, or one of paper, quick");
        assert!(error.is::<usage::Usage>());
    }
}
