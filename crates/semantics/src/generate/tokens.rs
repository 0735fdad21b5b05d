//! Text to tokens and back, as a GGUF file says.

use candle_core::quantized::{
    gguf_file::{Content, Value},
    tokenizer::TokenizerFromGguf,
};
use minijinja::context;
use tokenizers::{
    AddedToken, Tokenizer,
    pre_tokenizers::{PreTokenizerWrapper, byte_level::ByteLevel, digits::Digits, sequence::Sequence},
};

use super::{Prompt, Role};
use crate::template::environment;

/// GGUF's mark of a token that is no text.
const CONTROL: i64 = 3;

/// The tokenizer of a model and the form of its chats.
#[derive(Debug)]
pub(super) struct Tokens {
    tokenizer: Tokenizer,
    template: String,
    control: Vec<String>,
    /// Tokens that end an answer.
    pub(super) ends: Vec<u32>,
}

impl Tokens {
    pub(super) fn read(content: &mut Content) -> Result<Self, String> {
        let text = |content: &Content, key: &str| {
            content.metadata.get(key).and_then(|value| value.to_string().ok()).cloned()
        };
        let kind = text(content, "tokenizer.ggml.pre").unwrap_or_else(|| "default".to_owned());
        if kind == "llama-bpe" {
            content.metadata.insert("tokenizer.ggml.pre".to_owned(), Value::String("llama3".to_owned()));
        }
        let mut tokenizer = Tokenizer::from_gguf(content).map_err(|error| error.to_string())?;
        // candle knows GPT-2's pieces alone, with a space before the first, which llama.cpp does not add.
        let bytes = || PreTokenizerWrapper::from(ByteLevel::new(false, true, true));
        match kind.as_str() {
            "smollm" | "starcoder" | "refact" | "command-r" => {
                let pieces = vec![Digits::new(true).into(), bytes()];
                tokenizer.with_pre_tokenizer(Some(Sequence::new(pieces)));
            }
            "default" | "gpt-2" | "gpt2" => {
                tokenizer.with_pre_tokenizer(Some(bytes()));
            }
            "llama-bpe" | "llama3" | "smaug-bpe" | "lfm2" | "qwen2" => {}
            other => {
                return Err(format!(
                    "expected tokenizer.ggml.pre smollm, gpt-2, llama-bpe or qwen2, found {other}"
                ));
            }
        }
        let list = |key: &str| content.metadata.get(key).and_then(|list| list.to_vec().ok());
        let names = list("tokenizer.ggml.tokens").ok_or("expected tokenizer.ggml.tokens, found none")?;
        let kinds = list("tokenizer.ggml.token_type").map(Vec::as_slice).unwrap_or_default();
        let is_control = |kind: &Value| {
            kind.to_i32().map(i64::from).or_else(|_| kind.to_i64()).is_ok_and(|k| k == CONTROL)
        };
        let control: Vec<String> = names
            .iter()
            .zip(kinds)
            .filter(|(_, kind)| is_control(kind))
            .filter_map(|(name, _)| name.to_string().ok().cloned())
            .collect();
        let added: Vec<AddedToken> =
            control.iter().map(|name| AddedToken::from(name.clone(), true)).collect();
        tokenizer.add_special_tokens(added).map_err(|error| error.to_string())?;
        let id = |key: &str| content.metadata.get(key).and_then(|value| value.to_u32().ok());
        let mut ends: Vec<u32> = ["tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"]
            .into_iter()
            .filter_map(id)
            .collect();
        ends.extend(
            ["<|endoftext|>", "<|im_end|>", "<|eot_id|>"].iter().filter_map(|t| tokenizer.token_to_id(t)),
        );
        let template = text(content, "tokenizer.chat_template")
            .ok_or("expected tokenizer.chat_template (an instruction model), found none")?;
        Ok(Self { tokenizer, template, control, ends })
    }

    /// The tokens of a chat that ends where the model is to go on.
    ///
    /// Names of control tokens inside a message are broken up, so that no message can end itself or begin another.
    pub(super) fn chat(&self, prompt: &Prompt) -> Result<Vec<u32>, String> {
        let messages: Vec<_> = prompt
            .messages()
            .map(|(role, text)| context! { role => Role::name(role), content => self.neutral(text) })
            .collect();
        let text = environment()
            .render_str(&self.template, context! { messages, add_generation_prompt => true, bos_token => "" })
            .map_err(|error| format!("tokenizer.chat_template: {error}"))?;
        self.encode(&text)
    }

    pub(super) fn encode(&self, text: &str) -> Result<Vec<u32>, String> {
        let encoding = self.tokenizer.encode(text, false).map_err(|error| error.to_string())?;
        Ok(encoding.get_ids().to_vec())
    }

    /// How many tokens a text has.
    pub(super) fn count(&self, text: &str) -> usize {
        self.encode(&self.neutral(text)).map_or(text.len(), |tokens| tokens.len())
    }

    pub(super) fn text(&self, tokens: &[u32]) -> Result<String, String> {
        self.tokenizer.decode(tokens, true).map_err(|error| error.to_string())
    }

    fn neutral(&self, text: &str) -> String {
        self.control.iter().filter(|name| name.chars().count() > 1).fold(text.to_owned(), |text, name| {
            let Some(first) = name.chars().next() else { return text };
            text.replace(name.as_str(), &format!("{first} {}", &name[first.len_utf8()..]))
        })
    }
}
