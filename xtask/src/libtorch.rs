//! libtorch for this workspace: the user's own, PyTorch's, or a copy in `.libtorch` made from wheels.

mod download;
mod install;
mod stamp;
mod tools;
mod unpack;
mod version;

use crate::{process, usage};
use anyhow::{Context, Result, bail};
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The only libtorch version that the bindings accept.
pub(crate) const VERSION: &str = "2.11.0";

/// Which libraries are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// CPU libraries only.
    Cpu,
    /// CPU and CUDA libraries.
    Cuda,
}

impl Flavour {
    fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Cpu, Self::Cuda].into_iter().find(|flavour| flavour.name() == name)
    }
}

/// A libtorch ready to be linked.
#[derive(Debug)]
pub(crate) struct Libtorch {
    /// The folder that holds `lib` and `include`.
    pub(crate) dir: PathBuf,
    /// Its version, `2.11.0`.
    pub(crate) version: String,
}

/// Finds libtorch, installing `.libtorch` when nothing else is asked for.
pub(crate) fn ensure(root: &Path, flavour: Flavour) -> Result<Libtorch> {
    tools::check_compiler()?;
    let local = root.join(".libtorch");
    match Source::choose(&local, env::var_os("LIBTORCH"), env::var_os("LIBTORCH_USE_PYTORCH"))? {
        Source::Variable(dir) => from_variable(dir, flavour),
        Source::Python => from_python(flavour),
        Source::Local => {
            install::ensure(root, &local, flavour)?;
            Ok(Libtorch { dir: local, version: VERSION.into() })
        }
    }
}

/// Where libtorch comes from.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    Variable(PathBuf),
    Python,
    Local,
}

impl Source {
    /// The cargo configuration sets `LIBTORCH` to the local copy when the user has not: only another
    /// value is the user's own.
    fn choose(local: &Path, libtorch: Option<OsString>, use_pytorch: Option<OsString>) -> Result<Self> {
        let own = libtorch.map(PathBuf::from).filter(|dir| dir != local);
        match (own, use_pytorch) {
            (Some(_), Some(_)) => Err(usage::error(
                "LIBTORCH and LIBTORCH_USE_PYTORCH are both set, which of the two is meant? unset one".into(),
            )),
            (Some(dir), None) => Ok(Self::Variable(dir)),
            (None, Some(_)) => Ok(Self::Python),
            (None, None) => Ok(Self::Local),
        }
    }
}

fn from_variable(dir: PathBuf, flavour: Flavour) -> Result<Libtorch> {
    let whose = format!("LIBTORCH={}", dir.display());
    let Some(version) = version::of_folder(&dir)? else {
        bail!(
            "{whose} holds no libtorch (no version in it): point it at the folder above lib and include, or unset it"
        );
    };
    accept(dir, version, flavour, &whose)
}

fn from_python(flavour: Flavour) -> Result<Libtorch> {
    let python = if env::var_os("VIRTUAL_ENV").is_some() { "python" } else { "python3" };
    let script = "import os, torch; print(torch.__version__); print(os.path.dirname(torch.__file__))";
    let text = process::output(Command::new(python).args(["-c", script])).with_context(|| {
        format!("LIBTORCH_USE_PYTORCH is set but {python} cannot import torch: pip install torch=={VERSION}, or unset it")
    })?;
    let mut lines = text.lines();
    let (Some(version), Some(dir)) = (lines.next(), lines.next()) else {
        bail!("{python} printed no torch version and folder");
    };
    accept(dir.into(), version.into(), flavour, &format!("the torch of {python} (LIBTORCH_USE_PYTORCH)"))
}

/// Checks a libtorch that the user chose by setting a variable.
fn accept(dir: PathBuf, version: String, flavour: Flavour, whose: &str) -> Result<Libtorch> {
    version::check(&version, whose, "install that version, or unset the variable")?;
    if flavour == Flavour::Cuda && !dir.join("lib/libtorch_cuda.so").exists() {
        bail!("{whose} has no lib/libtorch_cuda.so: take a CUDA build, or unset the variable");
    }
    Ok(Libtorch { dir, version })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(libtorch: Option<&str>, use_pytorch: Option<&str>) -> Result<Source> {
        Source::choose(Path::new("/repo/.libtorch"), libtorch.map(Into::into), use_pytorch.map(Into::into))
    }

    #[test]
    fn the_value_from_the_cargo_configuration_is_not_the_users() {
        assert_eq!(choose(Some("/repo/.libtorch"), None).unwrap(), Source::Local);
        assert_eq!(choose(Some("/repo/.libtorch/"), None).unwrap(), Source::Local);
        assert_eq!(choose(None, None).unwrap(), Source::Local);
        assert_eq!(choose(Some("/repo/.libtorch"), Some("1")).unwrap(), Source::Python);
    }

    #[test]
    fn the_users_value_wins_and_two_values_are_refused() {
        assert_eq!(choose(Some("/opt/libtorch"), None).unwrap(), Source::Variable("/opt/libtorch".into()));
        assert_eq!(choose(None, Some("1")).unwrap(), Source::Python);
        assert!(choose(Some("/opt/libtorch"), Some("1")).unwrap_err().is::<usage::Usage>());
    }
}
