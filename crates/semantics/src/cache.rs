//! What models said before, on disk: nothing is computed or paid for twice.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{
    Error, Result,
    generate::{Completion, Prompt, Sampling},
    models,
};

/// How long a writer waits for another process's write.
const PATIENCE: Duration = Duration::from_secs(60);
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS completions (
        key BLOB PRIMARY KEY,
        model TEXT NOT NULL,
        template TEXT NOT NULL,
        prompt TEXT NOT NULL,
        sampling TEXT NOT NULL,
        completion TEXT NOT NULL,
        made_at TEXT NOT NULL
    ) WITHOUT ROWID;";

/// Vectors and completions by all that they depend on, in one SQLite file that processes may share.
///
/// Each write is a transaction of its own: a process that is killed loses what it was computing, nothing else. The table
/// `completions` is a record of which model said what, when, to which prompt.
///
/// ```
/// use recgoat_semantics::Cache;
/// let cache = Cache::in_memory()?;
/// cache.keep_vectors("some encoder", &[("a text", &[0.6, 0.8])])?;
/// assert_eq!(cache.vector("some encoder", "a text")?, Some(vec![0.6, 0.8]));
/// assert_eq!(cache.vector("another encoder", "a text")?, None);
/// # Ok::<(), recgoat_semantics::Error>(())
/// ```
#[derive(Debug)]
pub struct Cache {
    connection: Mutex<Connection>,
    path: PathBuf,
}

impl Cache {
    /// Opens or makes the file.
    ///
    /// # Errors
    /// [`Error::Cache`] when it is no cache or cannot be written, [`Error::Io`] when its folder cannot be made.
    pub fn open(path: &Path) -> Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
        }
        Self::prepare(path, Connection::open(path))
    }

    /// `recgoat/semantics.sqlite` in the user's cache folder.
    ///
    /// # Errors
    /// As [`Self::open`]; [`Error::Input`] where there is no such folder.
    pub fn of_user() -> Result<Self> {
        Self::open(&models::cache_folder()?.join("semantics.sqlite"))
    }

    /// Forgets everything at the end.
    ///
    /// # Errors
    /// [`Error::Cache`] when SQLite has no memory.
    pub fn in_memory() -> Result<Self> {
        Self::prepare(Path::new(":memory:"), Connection::open_in_memory())
    }

    fn prepare(path: &Path, connection: rusqlite::Result<Connection>) -> Result<Self> {
        let prepared = connection.and_then(|connection| {
            connection.busy_timeout(PATIENCE)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "NORMAL")?;
            connection.execute_batch(SCHEMA)?;
            Ok(connection)
        });
        let connection = prepared.map_err(failure(path))?;
        Ok(Self { connection: Mutex::new(connection), path: path.to_owned() })
    }

    /// The vector of a text, where this encoder made it before.
    ///
    /// # Errors
    /// [`Error::Cache`] when the file cannot be read.
    pub fn vector(&self, encoder: &str, text: &str) -> Result<Option<Vec<f32>>> {
        let found =
            self.lock().prepare_cached("SELECT vector FROM vectors WHERE key = ?1").and_then(|mut query| {
                query.query_row([key(&("vector", encoder, text))], |row| row.get::<_, Vec<u8>>(0)).optional()
            });
        let bytes = found.map_err(failure(&self.path))?;
        Ok(bytes.map(|bytes| bytes.as_chunks().0.iter().map(|&number| f32::from_le_bytes(number)).collect()))
    }

    /// Keeps the vectors of texts, all or none.
    ///
    /// # Errors
    /// [`Error::Cache`] when the file cannot be written.
    pub fn keep_vectors(&self, encoder: &str, vectors: &[(&str, &[f32])]) -> Result<()> {
        let mut connection = self.lock();
        let mut attempt = || {
            let transaction = connection.transaction()?;
            for (text, vector) in vectors {
                let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
                transaction
                    .prepare_cached("INSERT OR REPLACE INTO vectors VALUES (?1, ?2)")?
                    .execute(params![key(&("vector", encoder, text)), bytes])?;
            }
            transaction.commit()
        };
        attempt().map_err(failure(&self.path))
    }

    /// What a model said before to this prompt, of this version of a template, under these settings.
    ///
    /// # Errors
    /// [`Error::Cache`] when the file cannot be read.
    pub fn completion(
        &self,
        model: &str,
        template: &str,
        prompt: &Prompt,
        sampling: &Sampling,
    ) -> Result<Option<Completion>> {
        let key = key(&("completion", model, template, prompt, sampling));
        let found = self
            .lock()
            .prepare_cached("SELECT completion FROM completions WHERE key = ?1")
            .and_then(|mut query| query.query_row([key], |row| row.get::<_, String>(0)).optional());
        // An entry of another version's form is as good as none.
        Ok(found.map_err(failure(&self.path))?.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Keeps what a model said.
    ///
    /// # Errors
    /// [`Error::Cache`] when the file cannot be written.
    pub fn keep_completion(
        &self,
        model: &str,
        template: &str,
        prompt: &Prompt,
        sampling: &Sampling,
        completion: &Completion,
    ) -> Result<()> {
        let key = key(&("completion", model, template, prompt, sampling));
        let row = params![key, model, template, json(prompt), json(sampling), json(completion)];
        let kept = self
            .lock()
            .prepare_cached(
                "INSERT OR REPLACE INTO completions VALUES (?1, ?2, ?3, ?4, ?5, ?6, datetime('now'))",
            )
            .and_then(|mut insert| insert.execute(row));
        kept.map(|_| ()).map_err(failure(&self.path))
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failure(path: &Path) -> impl FnOnce(rusqlite::Error) -> Error {
    let path = path.to_owned();
    move |error| Error::Cache { path, problem: error.to_string() }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn key(value: &impl Serialize) -> Vec<u8> {
    Sha256::digest(json(value)).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::End;

    fn said(text: &str) -> Completion {
        let text = text.to_owned();
        Completion { text, end: End::Stop, prompt_tokens: 3, completion_tokens: 1, retries: 0 }
    }

    #[test]
    fn a_completion_belongs_to_all_that_it_came_from() {
        let cache = Cache::in_memory().unwrap();
        let prompt = Prompt { system: "s".into(), user: "u".into() };
        let sampling = Sampling::default();
        cache.keep_completion("m", "t", &prompt, &sampling, &said("yes")).unwrap();
        let found = |model, template, prompt: &Prompt, sampling: &Sampling| {
            cache.completion(model, template, prompt, sampling).unwrap()
        };
        assert_eq!(found("m", "t", &prompt, &sampling), Some(said("yes")));
        assert_eq!(found("n", "t", &prompt, &sampling), None);
        assert_eq!(found("m", "t2", &prompt, &sampling), None);
        assert_eq!(found("m", "t", &Prompt { user: "v".into(), ..prompt.clone() }, &sampling), None);
        assert_eq!(found("m", "t", &prompt, &Sampling { seed: 1, ..sampling }), None);
        // Where one part ends and the next begins is part of the key.
        assert_eq!(found("mt", "", &prompt, &sampling), None);
    }

    #[test]
    fn two_processes_share_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/cache.sqlite");
        let (one, other) = (Cache::open(&path).unwrap(), Cache::open(&path).unwrap());
        one.keep_vectors("e", &[("text", &[1.0, -2.5])]).unwrap();
        assert_eq!(other.vector("e", "text").unwrap(), Some(vec![1.0, -2.5]));
    }

    #[test]
    fn a_file_that_is_no_cache_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notes.txt");
        std::fs::write(&path, "these are notes, not a database".repeat(50)).unwrap();
        let message = Cache::open(&path).unwrap_err().to_string();
        assert!(message.contains("notes.txt: file is not a database"), "{message}");
    }
}
