//! The scene that every test plays in: a temporary folder, and the binary run inside it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::Duration,
};

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;
use tempfile::TempDir;

/// A command that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// A temporary folder that commands run in: paths on their command lines are relative to it.
pub(crate) struct Scene(TempDir);

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With the files of a data folder in `data/`.
    pub(crate) fn with_data(files: &[(&str, Vec<u8>)]) -> Self {
        let scene = Self::new();
        files.iter().for_each(|(name, bytes)| scene.write(&format!("data/{name}"), bytes));
        scene
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Runs `recgoat` with these words as arguments.
    pub(crate) fn run(&self, line: &str) -> Outcome {
        self.run_words(&line.split_whitespace().collect::<Vec<_>>())
    }

    pub(crate) fn run_words(&self, words: &[&str]) -> Outcome {
        // A policy that is told spares the program a second start.
        self.run_with(words, &[("OMP_NUM_THREADS", "1"), ("OMP_WAIT_POLICY", "passive")])
    }

    /// Runs `recgoat` with these variables and no other that would change what it does.
    pub(crate) fn run_with(&self, words: &[&str], variables: &[(&str, &str)]) -> Outcome {
        let mut command = assert_cmd::Command::new(cargo_bin!("recgoat"));
        for name in ["OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "RUST_BACKTRACE"] {
            command.env_remove(name);
        }
        command.args(words).current_dir(self.0.path()).envs(variables.iter().copied());
        let output = command.timeout(PATIENCE).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
        Outcome { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Starts `recgoat` to be killed.
    pub(crate) fn spawn(&self, line: &str) -> Child {
        std::process::Command::new(cargo_bin!("recgoat"))
            .args(line.split_whitespace())
            .current_dir(self.0.path())
            .env("OMP_NUM_THREADS", "1")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Runs `recgoat` with outputs that nobody reads any more; gives its exit code.
    pub(crate) fn run_unheard(&self, line: &str) -> Option<i32> {
        let closed = || std::io::pipe().unwrap().1;
        std::process::Command::new(cargo_bin!("recgoat"))
            .args(line.split_whitespace())
            .current_dir(self.0.path())
            .env("OMP_NUM_THREADS", "1")
            .stdout(closed())
            .stderr(closed())
            .status()
            .unwrap()
            .code()
    }

    /// Runs a command that must succeed, and gives what it printed.
    pub(crate) fn done(&self, line: &str) -> String {
        let outcome = self.run(line);
        assert_eq!(outcome.code, Some(0), "{line}: {}", outcome.stderr);
        outcome.stdout
    }

    /// Runs a command with `--json`; stdout must be exactly one JSON object on one line.
    pub(crate) fn json(&self, line: &str) -> Value {
        let stdout = self.done(&format!("{line} --json"));
        let object = stdout.strip_suffix('\n').expect("a line");
        assert!(!object.contains('\n') && object.starts_with('{'), "{line}: {stdout}");
        serde_json::from_str(object).unwrap_or_else(|error| panic!("{line}: {error} in {stdout}"))
    }

    /// Runs a command that must refuse its input: exit code 2, one line on stderr, nothing on stdout, nothing
    /// written. Gives the line without `recgoat: `.
    pub(crate) fn refused(&self, line: &str) -> String {
        let before = self.contents();
        let outcome = self.run(line);
        assert_eq!(outcome.code, Some(2), "{line}: {outcome:?}");
        assert_eq!(outcome.stdout, "", "{line}");
        let message = outcome.stderr.strip_suffix('\n').expect("a line");
        assert!(!message.contains('\n'), "{line}: not one line: {message}");
        assert!(self.contents() == before, "{line}: wrote {:?}", self.changed_since(&before));
        let told = message.strip_prefix("recgoat: ");
        told.unwrap_or_else(|| panic!("{line}: {message}")).to_owned()
    }

    /// Every file and folder, with what it holds.
    fn contents(&self) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.0.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                found.insert(path.clone(), (!path.is_dir()).then(|| fs::read(&path).unwrap()));
                folders.extend(path.is_dir().then_some(path));
            }
        }
        found
    }

    fn changed_since(&self, before: &BTreeMap<PathBuf, Option<Vec<u8>>>) -> Vec<PathBuf> {
        let after = self.contents();
        let changed = after.into_iter().filter(|(path, bytes)| before.get(path) != Some(bytes));
        changed.map(|(path, _)| path).collect()
    }
}

/// Whether the object holds fields of these names.
#[track_caller]
pub(crate) fn assert_fields(object: &Value, names: &[&str]) {
    for name in names {
        assert!(!object[name].is_null(), "no field {name} in {object}");
    }
}

/// A message names `place` first, then says what was `expected` and what was `found`.
#[track_caller]
pub(crate) fn assert_says(message: &str, place: &str, expected: &str, found: &str) {
    let parts = message.strip_prefix(place).and_then(|rest| rest.strip_prefix(": expected "));
    let (left, right) = parts.and_then(|rest| rest.rsplit_once(", found ")).unwrap_or_else(|| {
        panic!("not `{place}: expected …, found …`: {message}");
    });
    assert!(left.contains(expected) && right.contains(found), "{message}");
}

/// A folder of the real data, or, said aloud, none.
pub(crate) fn real(name: &str) -> Option<PathBuf> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if data.is_dir() {
        return Some(data.join(name));
    }
    skip("../shared/data is not there");
    None
}

/// Says why a test does not run.
#[expect(clippy::print_stderr, reason = "a skipped test has to say so")]
pub(crate) fn skip(reason: &str) {
    eprintln!("skipped: {reason}");
}
