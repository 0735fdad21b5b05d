//! Language models that write.

mod chat;
mod linear;
mod llama;
mod local;
mod tokens;

pub use chat::ChatEndpoint;
pub use local::LocalGenerator;
use serde::{Deserialize, Serialize};

use crate::Result;

/// What writes a text for a prompt: a model on this machine, or one behind an endpoint.
pub trait Generator: Sync {
    /// The model and all that its answer depends on beside prompt and [`Sampling`]; a key of the cache.
    fn name(&self) -> &str;

    /// How many tokens a text costs: exactly for a model on this machine, else by four bytes a token.
    fn count(&self, text: &str) -> usize;

    /// How many prompts it answers at once without becoming slower.
    fn concurrency(&self) -> usize;

    /// Writes what follows the prompt.
    ///
    /// # Errors
    /// [`crate::Error::Endpoint`], [`crate::Error::Model`], or [`crate::Error::Input`] for a prompt that is too long.
    fn generate(&self, prompt: &Prompt, sampling: &Sampling) -> Result<Completion>;
}

/// A chat of two messages. The first, equal for many prompts, is read once by a model on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// The role and the task.
    pub system: String,
    /// What to do it with.
    pub user: String,
}

impl Prompt {
    fn messages(&self) -> impl Iterator<Item = (Role, &str)> {
        [(Role::System, self.system.as_str()), (Role::User, self.user.as_str())].into_iter()
    }
}

/// Who says a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    System,
    User,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
        }
    }
}

/// How the next token is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// Most tokens of an answer.
    pub max_tokens: usize,
    /// 0 takes the likeliest token; else logits are divided by it before one is drawn.
    pub temperature: f64,
    /// Likeliest tokens that one is drawn from, by the share of probability that they hold together.
    pub top_p: f64,
    /// Taken off a token's logit for each time that it was written, against repetition; -2 to 2.
    pub frequency_penalty: f64,
    /// Seed of the draws.
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { max_tokens: 128, temperature: 0.0, top_p: 1.0, frequency_penalty: 0.0, seed: 0 }
    }
}

/// A text and what it cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completion {
    /// What the model wrote.
    pub text: String,
    /// Why it ended.
    pub end: End,
    /// Tokens read.
    pub prompt_tokens: usize,
    /// Tokens written.
    pub completion_tokens: usize,
    /// Attempts beyond the first.
    pub retries: usize,
}

/// Why a text ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// The model ended it.
    Stop,
    /// [`Sampling::max_tokens`] were written.
    Length,
}
