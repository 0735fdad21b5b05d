//! Wheels of PyPI as carriers of data and models: downloaded by pip, checked by SHA-256, read as archives.

use std::ffi::OsStr;
use std::fs;
use std::io::{Cursor, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};
use zip::ZipArchive;

use crate::error::{Error, Result};

/// One file of PyPI, by name and content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PinnedWheel {
    /// What pip is asked for: `name==version`.
    pub requirement: &'static str,
    /// The name of the file that pip writes.
    pub file_name: &'static str,
    /// SHA-256 in hexadecimal.
    pub sha256: &'static str,
}

impl PinnedWheel {
    /// Has `python3 -m pip` download the wheel, checks it and opens it. `progress` is told each step before it begins.
    ///
    /// # Errors
    /// [`Error::Fetch`] when Python, pip or the network is missing, [`Error::File`] when the download is another file.
    pub fn fetch(&self, progress: &mut dyn FnMut(&str)) -> Result<Wheel> {
        let temporary = tempfile::tempdir().map_err(Error::io(&std::env::temp_dir()))?;
        progress(&format!("downloading {}", self.requirement));
        let path = self.download(OsStr::new("python3"), temporary.path())?;
        progress("checking its SHA-256");
        self.open(&path)
    }

    /// Has `python -m pip` download the wheel into `dir`.
    fn download(&self, python: &OsStr, dir: &Path) -> Result<PathBuf> {
        let fetch_error = |problem: String, cure: &str| Err(Error::Fetch { problem, cure: cure.to_owned() });
        let output = Command::new(python)
            .args(["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"])
            .args(["--disable-pip-version-check", "--retries", "2", "--dest"])
            .arg(dir)
            .args(self.platform())
            .arg(self.requirement)
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
        let wheel = dir.join(self.file_name);
        if !output.status.success() || !wheel.exists() {
            let last = complaint.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no message").trim();
            let cure = "check the network, or pip's index settings, and try again";
            return fetch_error(format!("pip could not download {} ({last})", self.requirement), cure);
        }
        Ok(wheel)
    }

    /// A wheel with code of one platform is asked for as such, whatever Python runs pip.
    fn platform(&self) -> Vec<String> {
        let mut tags = self.file_name.trim_end_matches(".whl").rsplit('-');
        let (platforms, abi, python) = (tags.next(), tags.next(), tags.next());
        let (Some(platforms), Some(abi), Some(python)) = (platforms, abi, python) else { return Vec::new() };
        if platforms == "any" {
            return Vec::new();
        }
        let version = python.trim_start_matches("cp").replacen('3', "3.", 1);
        let mut options = ["--implementation", "cp", "--abi", abi, "--python-version", &version]
            .map(str::to_owned)
            .to_vec();
        for platform in platforms.split('.') {
            options.extend(["--platform".to_owned(), platform.to_owned()]);
        }
        options
    }

    /// Reads a downloaded wheel and checks its SHA-256.
    fn open(&self, path: &Path) -> Result<Wheel> {
        let bytes = fs::read(path).map_err(Error::io(path))?;
        let found = format!("{:x}", Sha256::digest(&bytes));
        if found != self.sha256 {
            return Err(Error::file(path, format!("SHA-256 {}", self.sha256), found));
        }
        let archive = ZipArchive::new(Cursor::new(bytes))
            .map_err(|error| Error::file(path, "a zip archive", error.to_string()))?;
        Ok(Wheel { path: path.to_owned(), archive })
    }
}

/// A wheel whose content is what it has to be.
#[derive(Debug)]
pub struct Wheel {
    path: PathBuf,
    archive: ZipArchive<Cursor<Vec<u8>>>,
}

impl Wheel {
    /// The bytes of the file of this name inside.
    ///
    /// # Errors
    /// [`Error::File`] when there is none, [`Error::Io`] when it cannot be unpacked.
    pub fn read(&mut self, name: &str) -> Result<Vec<u8>> {
        let path = self.path_of(name);
        let mut file =
            self.archive.by_name(name).map_err(|error| Error::file(&path, "a file", error.to_string()))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(Error::io(&path))?;
        Ok(bytes)
    }

    /// The path to name in errors about a file inside.
    pub(crate) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::fetch::movielens::RECBOLE;

    /// A stand-in for python3 that runs this shell script, and what [`PinnedWheel::download`] says to it.
    fn complaint(script: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let python = dir.path().join("python3");
        fs::write(&python, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).unwrap();
        RECBOLE.download(python.as_os_str(), dir.path()).unwrap_err().to_string()
    }

    #[test]
    fn without_python() {
        let message =
            RECBOLE.download(OsStr::new("/nowhere/python3"), Path::new(".")).unwrap_err().to_string();
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
        let path = dir.path().join(RECBOLE.file_name);
        fs::write(&path, "").unwrap();
        let message = RECBOLE.open(&path).err().unwrap().to_string();
        // SHA-256 of nothing, from FIPS 180-4 test vectors.
        let found = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(
            message,
            format!("{}: expected SHA-256 {}, found {found}", path.display(), RECBOLE.sha256)
        );
    }
}
