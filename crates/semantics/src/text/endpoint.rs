//! An encoder behind an OpenAI-compatible `/v1/embeddings`.

use std::{io::BufRead, sync::OnceLock};

use serde::{Deserialize, Serialize};

use super::{TextEncoder, bert::normalise};
use crate::{
    Error, Result,
    endpoint::{Client, EndpointConfig, Problem},
};

/// Texts in a request.
const BATCH: usize = 64;

/// Whatever answers OpenAI's embedding requests.
#[derive(Debug)]
pub struct EmbeddingEndpoint {
    name: String,
    client: Client,
    /// The width of the first answer, which all others must have.
    width: OnceLock<usize>,
}

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    input: &'a [&'a str],
    encoding_format: &'a str,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    index: usize,
    embedding: Vec<f32>,
}

impl EmbeddingEndpoint {
    /// Prepares to ask; nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Input`] for an address that is none, or without a model.
    pub fn new(config: EndpointConfig) -> Result<Self> {
        let name = format!("embeddings:{}#{}", config.url, config.model);
        Ok(Self { name, client: Client::new(config)?, width: OnceLock::new() })
    }

    fn check(&self, vectors: &[Vec<f32>]) -> Result<(), String> {
        for (row, vector) in vectors.iter().enumerate() {
            let width = *self.width.get_or_init(|| vector.len());
            if vector.is_empty() || vector.len() != width {
                return Err(format!("expected {width} numbers in embedding {row}, found {}", vector.len()));
            }
            if !vector.iter().all(|x| x.is_finite()) {
                return Err(format!("expected finite numbers in embedding {row}, found others"));
            }
        }
        Ok(())
    }
}

impl TextEncoder for EmbeddingEndpoint {
    fn name(&self) -> &str {
        &self.name
    }

    fn concurrency(&self) -> usize {
        self.client.config().concurrency
    }

    fn batch(&self, _: &str) -> usize {
        BATCH
    }

    fn encode(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>> {
        let request = Request { model: &self.client.config().model, input: texts, encoding_format: "float" };
        let read = |body: &mut dyn BufRead| read(body, texts.len());
        let (mut vectors, retries) = self.client.post("embeddings", &request, read)?;
        self.check(&vectors).map_err(|problem| Error::Endpoint {
            url: format!("{}/embeddings", self.client.config().url),
            problem,
            attempts: retries + 1,
        })?;
        vectors.iter_mut().for_each(|vector| normalise(vector));
        Ok(vectors)
    }
}

/// One vector a text, in the order of the texts.
fn read(body: &mut dyn BufRead, count: usize) -> Result<Vec<Vec<f32>>, Problem> {
    let answer: Answer = serde_json::from_reader(body)
        .map_err(|error| Problem::passing(format!("expected JSON of embeddings: {error}")))?;
    let mut vectors = vec![None; count];
    for row in answer.data {
        match vectors.get_mut(row.index) {
            Some(vector @ None) => *vector = Some(row.embedding),
            _ => {
                return Err(Problem::Lasting(format!(
                    "expected each index below {count} once, found {}",
                    row.index
                )));
            }
        }
    }
    let found = vectors.iter().flatten().count();
    let vectors: Option<Vec<_>> = vectors.into_iter().collect();
    vectors.ok_or_else(|| Problem::Lasting(format!("expected {count} embeddings, found {found}")))
}
