//! A language model behind an OpenAI-compatible `/v1/chat/completions`.

use std::io::BufRead;

use serde::{Deserialize, Serialize};

use super::{Completion, End, Generator, Prompt, Sampling};
use crate::{
    Result,
    endpoint::{Client, EndpointConfig, Problem},
};

/// Bytes of a token, more or less.
const TOKEN_BYTES: usize = 4;

/// vLLM, llama.cpp's server, Ollama, a hosted model: whatever streams OpenAI's chat completions.
#[derive(Debug)]
pub struct ChatEndpoint {
    name: String,
    client: Client,
}

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    messages: Vec<Message<'a>>,
    max_tokens: usize,
    temperature: f64,
    top_p: f64,
    frequency_penalty: f64,
    seed: u64,
    stream: bool,
    stream_options: StreamOptions,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'a str,
    content: &'a str,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<Usage>,
    error: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Choice {
    /// Of a stream.
    delta: Option<Piece>,
    /// Of a server that does not stream.
    message: Option<Piece>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Piece {
    content: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: usize,
    #[serde(default)]
    completion_tokens: usize,
}

impl ChatEndpoint {
    /// Prepares to ask; nothing is sent yet.
    ///
    /// # Errors
    /// [`crate::Error::Input`] for an address that is none, or without a model.
    pub fn new(config: EndpointConfig) -> Result<Self> {
        let name = format!("chat:{}#{}", config.url, config.model);
        Ok(Self { name, client: Client::new(config)? })
    }
}

impl Generator for ChatEndpoint {
    fn name(&self) -> &str {
        &self.name
    }

    fn count(&self, text: &str) -> usize {
        text.len().div_ceil(TOKEN_BYTES)
    }

    fn concurrency(&self) -> usize {
        self.client.config().concurrency
    }

    fn generate(&self, prompt: &Prompt, sampling: &Sampling) -> Result<Completion> {
        let messages =
            prompt.messages().map(|(role, content)| Message { role: role.name(), content }).collect();
        let Sampling { max_tokens, temperature, top_p, frequency_penalty, seed } = *sampling;
        let request = Request {
            model: &self.client.config().model,
            messages,
            max_tokens,
            temperature,
            top_p,
            frequency_penalty,
            seed,
            stream: true,
            stream_options: StreamOptions { include_usage: true },
        };
        let (mut completion, retries) = self.client.post("chat/completions", &request, read)?;
        completion.retries = retries;
        if completion.completion_tokens == 0 {
            completion.prompt_tokens = self.count(&prompt.system) + self.count(&prompt.user);
            completion.completion_tokens = self.count(&completion.text);
        }
        Ok(completion)
    }
}

/// Reads a stream of server-sent events, or one object, to its end.
fn read(body: &mut dyn BufRead) -> Result<Completion, Problem> {
    let (mut text, mut end, mut usage) = (String::new(), None, None);
    let mut line = String::new();
    loop {
        line.clear();
        let count =
            body.read_line(&mut line).map_err(|error| Problem::passing(format!("cut answer: {error}")))?;
        if count == 0 {
            break;
        }
        // Comments, empty lines and names of events say nothing; a line without `data:` is an unstreamed answer.
        let data = match line.trim() {
            "" => continue,
            line if line.starts_with(':') || line.starts_with("event:") || line.starts_with("id:") => {
                continue;
            }
            line => line.strip_prefix("data:").unwrap_or(line).trim(),
        };
        if data == "[DONE]" {
            break;
        }
        let chunk: Chunk = serde_json::from_str(data)
            .map_err(|error| Problem::passing(format!("expected JSON of a chat completion: {error}")))?;
        if let Some(error) = chunk.error {
            return Err(Problem::passing(format!("answered with an error: {error}")));
        }
        usage = chunk.usage.or(usage);
        if let Some(choice) = chunk.choices.into_iter().next() {
            let piece = choice.delta.or(choice.message).and_then(|piece| piece.content);
            text += piece.as_deref().unwrap_or_default();
            end = choice.finish_reason.or(end);
        }
    }
    let end = match end.as_deref() {
        None => return Err(Problem::passing("cut answer: the stream ended before the text did")),
        Some("length") => End::Length,
        Some("content_filter") => {
            return Err(Problem::Lasting("the server's filter withheld the text".to_owned()));
        }
        Some(_) => End::Stop,
    };
    let Usage { prompt_tokens, completion_tokens } =
        usage.unwrap_or(Usage { prompt_tokens: 0, completion_tokens: 0 });
    Ok(Completion { text, end, prompt_tokens, completion_tokens, retries: 0 })
}
