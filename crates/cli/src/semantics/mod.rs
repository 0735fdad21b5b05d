//! Commands that make features of raw texts, pictures and histories.

pub(crate) mod copy;
pub(crate) mod embed;
pub(crate) mod profile;

use std::{
    num::{NonZeroU32, NonZeroUsize},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Result;
use recgoat_semantics::{
    Cache, EndpointConfig, Key,
    text::{BertEncoder, EmbeddingEndpoint, TextEncoder},
};

use crate::{common::BadInput, output::say};

/// Where models are asked and what they said is kept.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Models {
    /// Encoder of texts: minilm, a sentence-transformers folder, or an OpenAI-compatible endpoint as
    /// http://HOST/v1#MODEL
    #[arg(long, default_value = "minilm")]
    encoder: String,
    /// What models said before [default: recgoat/semantics.sqlite in the user's cache folder]
    #[arg(long, value_name = "FILE")]
    cache: Option<PathBuf>,
    /// Models run side by side on this machine [default: one a core]
    #[arg(long)]
    threads: Option<NonZeroUsize>,
    /// Environment variable that holds the key of endpoints
    #[arg(long, value_name = "NAME")]
    key_variable: Option<String>,
    /// Requests to an endpoint under way at once
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    concurrency: u16,
    /// Most requests to an endpoint in a minute
    #[arg(long)]
    per_minute: Option<NonZeroU32>,
    /// Seconds that a request may take, its answer included
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=86400))]
    timeout: u64,
    /// Attempts beyond the first, for what may pass
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(..=20))]
    retries: u8,
}

impl Models {
    pub(crate) fn threads(&self) -> Result<usize> {
        crate::threads::start_side_by_side(self.threads)
    }

    fn cache(&self) -> Result<Cache> {
        Ok(match &self.cache {
            Some(path) => Cache::open(path)?,
            None => Cache::of_user()?,
        })
    }

    pub(crate) fn encoder(&self, threads: usize) -> Result<Box<dyn TextEncoder>> {
        if let Some(endpoint) = self.endpoint(&self.encoder)? {
            return Ok(Box::new(EmbeddingEndpoint::new(endpoint)?));
        }
        Ok(Box::new(match self.encoder.as_str() {
            "minilm" => BertEncoder::minilm(threads, &mut say)?,
            path if Path::new(path).is_dir() => BertEncoder::open(Path::new(path), threads)?,
            other => return Err(unknown("--encoder", "minilm, a folder, or http://HOST/v1#MODEL", other)),
        }))
    }

    /// The endpoint that `http://HOST/v1#MODEL` names; `None` for what is no address.
    fn endpoint(&self, name: &str) -> Result<Option<EndpointConfig>> {
        if !name.starts_with("http://") && !name.starts_with("https://") {
            return Ok(None);
        }
        let (url, model) = name.split_once('#').unwrap_or((name, ""));
        let key = self.key_variable.as_deref().map(Key::from_environment).transpose()?;
        Ok(Some(EndpointConfig {
            key,
            concurrency: self.concurrency.into(),
            per_minute: self.per_minute,
            timeout: Duration::from_secs(self.timeout),
            retries: self.retries.into(),
            ..EndpointConfig::new(url, model)
        }))
    }
}

fn unknown(option: &str, expected: &str, found: &str) -> anyhow::Error {
    BadInput(format!("{option}: expected {expected}, found {found:?}")).into()
}
