//! Fetching the wheels with pip, which resumes or redoes what is missing and checks every SHA-256.

use super::{Flavour, VERSION};
use crate::process;
use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A wheel as pip is asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wheel {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) sha256: String,
}

impl Wheel {
    /// The wheels of a flavour, in the order of their lists.
    pub(super) fn all(flavour: Flavour) -> Vec<Self> {
        let lists: &[&str] = match flavour {
            Flavour::Cpu => &[include_str!("../../wheels/cpu.txt")],
            Flavour::Cuda => &[include_str!("../../wheels/cpu.txt"), include_str!("../../wheels/cuda.txt")],
        };
        lists.iter().flat_map(|list| list.lines()).filter_map(Self::parse).collect()
    }

    /// `name==version --hash=sha256:digest`; comments and references to other lists are not wheels.
    fn parse(line: &str) -> Option<Self> {
        let (requirement, sha256) = line.split_once(" --hash=sha256:")?;
        let (name, version) = requirement.split_once("==")?;
        Some(Self { name: name.into(), version: version.into(), sha256: sha256.trim().into() })
    }

    /// The start of its file name: a wheel's name has underscores where the package has hyphens.
    fn file_prefix(&self) -> String {
        format!("{}-{}-", self.name.replace('-', "_"), self.version)
    }
}

/// Downloads what is missing into `folder` and returns one path per wheel.
///
/// pip inherits `lock` as its stdin: should this process be killed, the lock lives as long as pip does, and
/// the next setup waits for it.
pub(super) fn wheels(root: &Path, folder: &Path, flavour: Flavour, lock: &File) -> Result<Vec<PathBuf>> {
    let temporary = folder.join("tmp");
    fs::create_dir_all(&temporary).with_context(|| format!("cannot create {}", temporary.display()))?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]);
    // The same wheels on every machine, whatever its python.
    pip.args(["--require-hashes", "--python-version", "3.11", "--implementation", "cp", "--abi", "cp311"]);
    for glibc in ["_2_28", "_2_27", "_2_25", "_2_18", "_2_17", "2014", "_2_12", "2010", "_2_5", "1"] {
        pip.args(["--platform", &format!("manylinux{glibc}_x86_64")]);
    }
    pip.arg("-r")
        .arg(root.join("xtask/wheels").join(format!("{}.txt", flavour.name())))
        .arg("-d")
        .arg(folder);
    pip.env("TMPDIR", &temporary).stdin(lock.try_clone()?).stdout(io::stderr().as_fd().try_clone_to_owned()?);
    let complaint = run_and_watch(&mut pip)?;
    if let Some(complaint) = complaint {
        bail!("{}", explain(&complaint));
    }
    Wheel::all(flavour).iter().map(|wheel| find(folder, wheel)).collect()
}

/// Runs pip with its output on our stderr; returns what it wrote to its stderr when it fails.
fn run_and_watch(pip: &mut Command) -> Result<Option<String>> {
    let mut child = pip
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{}`", process::line(pip)))?;
    let mut seen = String::new();
    if let Some(stderr) = child.stderr.take() {
        for line in BufReader::new(stderr).lines() {
            let line = line.context("cannot read what pip says")?;
            writeln!(io::stderr(), "{line}")?;
            seen.push_str(&line);
            seen.push('\n');
        }
    }
    Ok(if child.wait()?.success() { None } else { Some(seen) })
}

fn explain(complaint: &str) -> String {
    let has = |needles: &[&str]| needles.iter().any(|needle| complaint.contains(needle));
    if has(&["No space left on device"]) {
        "the disk is full: free about 2 GB, then run `cargo xtask setup` again".into()
    } else if has(&["DO NOT MATCH THE HASHES"]) {
        "a wheel differs from its pinned SHA-256: check the package index in use (pip config list), then run \
         `cargo xtask setup` again"
            .into()
    } else if has(&[
        "NewConnectionError",
        "ConnectTimeout",
        "ReadTimeout",
        "NameResolution",
        "ProxyError",
        "SSLError",
    ]) {
        "no network: pip reaches no package index; connect (or set HTTPS_PROXY), then run `cargo xtask setup` again"
            .into()
    } else {
        format!(
            "pip could not download libtorch {VERSION}, its words are above: run `cargo xtask setup` again, or set \
             LIBTORCH to a libtorch {VERSION}"
        )
    }
}

fn find(folder: &Path, wheel: &Wheel) -> Result<PathBuf> {
    let prefix = wheel.file_prefix();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_string_lossy().starts_with(&prefix) {
            return Ok(entry.path());
        }
    }
    bail!("pip left no {prefix}*.whl in {}: run `cargo xtask setup` again", folder.display());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pinned_wheel_has_a_whole_digest() {
        let (cpu, cuda) = (Wheel::all(Flavour::Cpu), Wheel::all(Flavour::Cuda));
        assert_eq!(cpu.len(), 3);
        assert_eq!(cpu[..], cuda[..3], "the CUDA list extends the CPU list");
        for wheel in &cuda {
            assert_eq!(wheel.sha256.len(), 64, "{}", wheel.name);
            assert!(wheel.sha256.bytes().all(|byte| byte.is_ascii_hexdigit()), "{}", wheel.name);
        }
        assert_eq!((cpu[0].name.as_str(), cpu[0].version.as_str()), ("torch", VERSION));
    }

    #[test]
    fn a_wheel_is_found_by_its_normalised_name() {
        let dir = tempfile::tempdir().unwrap();
        let wheel = Wheel::parse("nvidia-cuda-cupti==13.0.85 --hash=sha256:00").unwrap();
        assert!(find(dir.path(), &wheel).is_err());
        let file = dir.path().join("nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_x86_64.whl");
        fs::write(&file, "").unwrap();
        assert_eq!(find(dir.path(), &wheel).unwrap(), file);
    }

    #[test]
    fn a_failure_is_explained_with_its_cure() {
        let offline = "WARNING: Retrying (Retry(total=4)) after connection broken by 'NewConnectionError(\
                       '<pip._vendor.urllib3.connection.HTTPSConnection object>: Failed to establish a new \
                       connection: [Errno -3] Temporary failure in name resolution')'\nERROR: No matching distribution";
        assert!(explain(offline).starts_with("no network"));
        assert!(explain("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE").contains("SHA-256"));
        assert!(explain("OSError: [Errno 28] No space left on device").starts_with("the disk is full"));
        assert!(explain("ERROR: something else").contains("LIBTORCH"));
        assert!(!explain(offline).contains('\n'));
    }
}
