//! Downloads the wheel that carries MovieLens-100K and reads files out of it.

use std::ffi::OsStr;
use std::fs;
use std::io::{Cursor, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};
use zip::ZipArchive;

use crate::error::{Error, Result};

/// What pip is asked for.
pub(crate) const REQUIREMENT: &str = "recbole==1.2.1";
const FILE_NAME: &str = "recbole-1.2.1-py3-none-any.whl";
const SHA256: &str = "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407";

/// Has `python -m pip` download the wheel into `dir`.
pub(crate) fn download(python: &OsStr, dir: &Path) -> Result<PathBuf> {
    let fetch_error = |problem: String, cure: &str| Err(Error::Fetch { problem, cure: cure.to_owned() });
    let output = Command::new(python)
        .args(["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"])
        .args(["--disable-pip-version-check", "--retries", "2", "--dest"])
        .arg(dir)
        .arg(REQUIREMENT)
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return fetch_error(
                "python3 was not found".into(),
                "install Python 3 with pip and put it on PATH",
            );
        }
        Err(error) => return fetch_error(format!("python3 did not start ({error})"), "repair Python 3"),
    };
    let complaint = String::from_utf8_lossy(&output.stderr);
    if complaint.contains("No module named pip") {
        return fetch_error(
            "python3 has no pip".into(),
            "install it, for example with `python3 -m ensurepip`",
        );
    }
    let wheel = dir.join(FILE_NAME);
    if !output.status.success() || !wheel.exists() {
        let last = complaint.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no message").trim();
        let cure = "check the network, or pip's index settings, and try again";
        return fetch_error(format!("pip could not download {REQUIREMENT} ({last})"), cure);
    }
    Ok(wheel)
}

/// A wheel whose content is what it has to be.
pub(crate) struct Wheel {
    path: PathBuf,
    archive: ZipArchive<Cursor<Vec<u8>>>,
}

impl Wheel {
    /// Reads a downloaded wheel and checks its SHA-256.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).map_err(Error::io(path))?;
        let found = format!("{:x}", Sha256::digest(&bytes));
        if found != SHA256 {
            return Err(Error::file(path, format!("SHA-256 {SHA256}"), found));
        }
        let archive = ZipArchive::new(Cursor::new(bytes))
            .map_err(|error| Error::file(path, "a zip archive", error.to_string()))?;
        Ok(Self { path: path.to_owned(), archive })
    }

    /// The text of one file of the data set, and the path to name in errors about it.
    pub(crate) fn text(&mut self, extension: &str) -> Result<(PathBuf, String)> {
        let name = format!("recbole/dataset_example/ml-100k/ml-100k.{extension}");
        let path = self.path.join(&name);
        let mut file =
            self.archive.by_name(&name).map_err(|error| Error::file(&path, "a file", error.to_string()))?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(Error::io(&path))?;
        Ok((path, text))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A stand-in for python3 that runs this shell script, and what [`download`] says to it.
    fn complaint(script: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let python = dir.path().join("python3");
        fs::write(&python, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).unwrap();
        download(python.as_os_str(), dir.path()).unwrap_err().to_string()
    }

    #[test]
    fn without_python() {
        let message = download(OsStr::new("/nowhere/python3"), Path::new(".")).unwrap_err().to_string();
        assert_eq!(message, "python3 was not found; install Python 3 with pip and put it on PATH");
    }

    #[test]
    fn without_pip() {
        let message = complaint("echo 'python3: No module named pip' >&2; exit 1");
        assert_eq!(message, "python3 has no pip; install it, for example with `python3 -m ensurepip`");
    }

    #[test]
    fn without_network() {
        let message =
            complaint("echo 'WARNING: retrying' >&2; echo 'ERROR: No matching distribution' >&2; exit 1");
        let expected = "pip could not download recbole==1.2.1 (ERROR: No matching distribution); \
                        check the network, or pip's index settings, and try again";
        assert_eq!(message, expected);
    }

    #[test]
    fn a_download_that_left_no_file() {
        assert!(complaint("exit 0").starts_with("pip could not download recbole==1.2.1 (no message); "));
    }

    #[test]
    fn a_damaged_wheel() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE_NAME);
        fs::write(&path, "").unwrap();
        let message = Wheel::open(&path).err().unwrap().to_string();
        // SHA-256 of nothing, from FIPS 180-4 test vectors.
        let found = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(message, format!("{}: expected SHA-256 {SHA256}, found {found}", path.display()));
    }
}
