//! Reading and checking a libtorch's version.

use super::VERSION;
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::{env, fs, io};

/// The version of the libtorch in `dir`, or `None` where no known file states one.
pub(super) fn of_folder(dir: &Path) -> Result<Option<String>> {
    if let Some(text) = read(&dir.join("build-version"))? {
        return Ok(Some(text.trim().to_owned()));
    }
    for header in ["torch/headeronly/version.h", "torch/csrc/api/include/torch/version.h"] {
        if let Some(version) = read(&dir.join("include").join(header))?.as_deref().and_then(of_header) {
            return Ok(Some(version));
        }
    }
    Ok(None)
}

/// Refuses any version but the pinned one; `+cpu` and the like do not count. torch-sys makes the same check
/// and honours the same variable.
pub(super) fn check(version: &str, whose: &str, cure: &str) -> Result<()> {
    let number = version.split('+').next().unwrap_or_default();
    if number != VERSION && env::var_os("LIBTORCH_BYPASS_VERSION_CHECK").is_none() {
        bail!("{whose} is libtorch {version}, expected {VERSION}: {cure}");
    }
    Ok(())
}

fn of_header(text: &str) -> Option<String> {
    let part = |name: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("#define ")?.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.trim().parse::<u32>().ok())
    };
    let [major, minor, patch] =
        ["MAJOR", "MINOR", "PATCH"].map(|name| part(&format!("TORCH_VERSION_{name}")));
    Some(format!("{}.{}.{}", major?, minor?, patch?))
}

fn read(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "#pragma once\n#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 11\n\n\
                          #define TORCH_VERSION_PATCH 0\n#define TORCH_VERSION \\\n  \"2.11.0\"\n";

    #[test]
    fn a_header_states_the_version_in_three_parts() {
        assert_eq!(of_header(HEADER).as_deref(), Some("2.11.0"));
        assert_eq!(of_header("#define TORCH_VERSION_MAJOR 2\n"), None);
        assert_eq!(of_header(&HEADER.replace("11", "eleven")), None);
    }

    #[test]
    fn a_folder_states_its_version_in_a_file_or_a_header() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(of_folder(dir.path()).unwrap(), None);
        let header = dir.path().join("include/torch/headeronly/version.h");
        fs::create_dir_all(header.parent().unwrap()).unwrap();
        fs::write(header, HEADER).unwrap();
        assert_eq!(of_folder(dir.path()).unwrap().as_deref(), Some("2.11.0"));
        fs::write(dir.path().join("build-version"), "2.9.1+cpu\n").unwrap();
        assert_eq!(of_folder(dir.path()).unwrap().as_deref(), Some("2.9.1+cpu"));
    }

    #[test]
    fn only_the_pinned_version_passes() {
        assert!(check("2.11.0", "x", "y").is_ok());
        assert!(check("2.11.0+cu130", "x", "y").is_ok());
        for other in ["2.11.1", "2.1.0", "2.110.0", "12.11.0", ""] {
            assert!(check(other, "x", "y").is_err(), "{other}");
        }
        let message = check("2.9.1+cpu", "LIBTORCH=/opt", "unset it").unwrap_err().to_string();
        assert_eq!(message, "LIBTORCH=/opt is libtorch 2.9.1+cpu, expected 2.11.0: unset it");
    }
}
