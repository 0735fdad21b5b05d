//! BERT without padding: the tokens of all texts lie one after another, and texts of one length attend together.

use candle_core::{Device, Result, Tensor, bail};
use candle_nn::{VarBuilder, ops};
use serde::Deserialize;

use super::gelu::BiasedGelu;

/// What `config.json` says of a BERT.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Config {
    model_type: String,
    vocab_size: usize,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    hidden_act: String,
    pub(super) max_position_embeddings: usize,
    type_vocab_size: usize,
    layer_norm_eps: f64,
    position_embedding_type: Option<String>,
}

/// The encoder of Devlin et al. (2019).
#[derive(Debug)]
pub(super) struct Bert {
    words: Tensor,
    /// Positions, with the embedding of the first kind of segment added.
    places: Tensor,
    norm: Norm,
    layers: Vec<Layer>,
    heads: usize,
}

#[derive(Debug)]
struct Layer {
    /// Queries (divided by the root of a head's width), keys and values side by side.
    attention: Dense,
    output: Dense,
    attention_norm: Norm,
    up: Dense,
    down: Dense,
    norm: Norm,
}

/// `x · weight + bias`, `weight [inputs, outputs]`.
#[derive(Debug)]
struct Dense {
    weight: Tensor,
    bias: Tensor,
}

#[derive(Debug)]
struct Norm {
    weight: Tensor,
    bias: Tensor,
    epsilon: f32,
}

impl Bert {
    pub(super) fn load(config: &Config, tensors: &VarBuilder<'_>) -> Result<Self> {
        let absolute = config.position_embedding_type.as_deref().is_none_or(|kind| kind == "absolute");
        if config.model_type != "bert" || config.hidden_act != "gelu" || !absolute {
            let Config { model_type, hidden_act, position_embedding_type, .. } = config;
            bail!(
                "expected bert with gelu and absolute positions, found {model_type}, {hidden_act}, {position_embedding_type:?}"
            );
        }
        let (hidden, heads) = (config.hidden_size, config.num_attention_heads);
        if heads == 0 || !hidden.is_multiple_of(heads) {
            bail!("expected heads that share {hidden} numbers evenly, found {heads}");
        }
        // Models saved with a head of their own have everything below `bert`.
        let root = if tensors.contains_tensor("bert.embeddings.word_embeddings.weight") {
            tensors.pp("bert")
        } else {
            tensors.clone()
        };
        let norm = |at: &VarBuilder<'_>| Norm::load(at, hidden, config.layer_norm_eps);
        let embeddings = root.pp("embeddings");
        let table = |name: &str, rows| embeddings.pp(name).get((rows, hidden), "weight");
        let kinds = table("token_type_embeddings", config.type_vocab_size)?;
        let places = table("position_embeddings", config.max_position_embeddings)?;
        let layer = |at: usize| -> Result<Layer> {
            let at = root.pp(format!("encoder.layer.{at}"));
            let (attention, inner) = (at.pp("attention"), at.pp("attention.self"));
            let part = |name: &str| Dense::load(&inner.pp(name), hidden, hidden);
            let (query, key, value) = (part("query")?, part("key")?, part("value")?);
            let scale = ((hidden / heads) as f64).sqrt().recip();
            let query = Dense { weight: (query.weight * scale)?, bias: (query.bias * scale)? };
            Ok(Layer {
                attention: Dense {
                    weight: Tensor::cat(&[query.weight, key.weight, value.weight], 1)?,
                    bias: Tensor::cat(&[query.bias, key.bias, value.bias], 0)?,
                },
                output: Dense::load(&attention.pp("output.dense"), hidden, hidden)?,
                attention_norm: norm(&attention.pp("output.LayerNorm"))?,
                up: Dense::load(&at.pp("intermediate.dense"), hidden, config.intermediate_size)?,
                down: Dense::load(&at.pp("output.dense"), config.intermediate_size, hidden)?,
                norm: norm(&at.pp("output.LayerNorm"))?,
            })
        };
        Ok(Self {
            words: table("word_embeddings", config.vocab_size)?,
            places: places.broadcast_add(&kinds.get(0)?)?,
            norm: norm(&embeddings.pp("LayerNorm"))?,
            layers: (0..config.num_hidden_layers).map(layer).collect::<Result<_>>()?,
            heads,
        })
    }

    /// The last layer `[tokens, hidden]` of all tokens, text after text. Costs least where texts of one length lie side by
    /// side.
    pub(super) fn forward(&self, texts: &[&[u32]]) -> Result<Tensor> {
        let tokens: Vec<u32> = texts.concat();
        let places: Vec<u32> = texts.iter().flat_map(|text| 0..text.len() as u32).collect();
        let index = |numbers: Vec<u32>| Tensor::new(numbers, &Device::Cpu);
        let words = self.words.index_select(&index(tokens)?, 0)?;
        let mut x = self.norm.forward(&(words + self.places.index_select(&index(places)?, 0)?)?)?;
        for layer in &self.layers {
            let mixed = layer.output.forward(&self.attend(&layer.attention.forward(&x)?, texts)?)?;
            x = layer.attention_norm.forward(&(x + mixed)?)?;
            let active = x.matmul(&layer.up.weight)?;
            active.inplace_op2(&layer.up.bias, &BiasedGelu)?;
            x = layer.norm.forward(&(x + layer.down.forward(&active)?)?)?;
        }
        Ok(x)
    }

    /// Each text's mix of values, from queries, keys and values `[tokens, 3 hidden]`.
    fn attend(&self, parts: &Tensor, texts: &[&[u32]]) -> Result<Tensor> {
        let (_, width) = parts.dims2()?;
        let (hidden, mut start) = (width / 3, 0);
        let mut mixed = Vec::new();
        for run in texts.chunk_by(|a, b| a.len() == b.len()) {
            let (count, length) = (run.len(), run[0].len());
            let split = parts
                .narrow(0, start, count * length)?
                .reshape((count, length, 3, self.heads, hidden / self.heads))?
                .permute((2, 0, 3, 1, 4))?
                .contiguous()?;
            let scores = split.get(0)?.matmul(&split.get(1)?.t()?)?;
            let values = ops::softmax_last_dim(&scores)?.matmul(&split.get(2)?)?;
            mixed.push(values.transpose(1, 2)?.reshape((count * length, hidden))?);
            start += count * length;
        }
        Tensor::cat(&mixed, 0)
    }
}

impl Dense {
    fn load(tensors: &VarBuilder<'_>, inputs: usize, outputs: usize) -> Result<Self> {
        let weight = tensors.get((outputs, inputs), "weight")?.t()?.contiguous()?;
        Ok(Self { weight, bias: tensors.get(outputs, "bias")? })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.matmul(&self.weight)?.broadcast_add(&self.bias)
    }
}

impl Norm {
    fn load(tensors: &VarBuilder<'_>, width: usize, epsilon: f64) -> Result<Self> {
        // Early checkpoints call them gamma and beta.
        let old = tensors.contains_tensor("gamma");
        let (weight, bias) = if old { ("gamma", "beta") } else { ("weight", "bias") };
        let (weight, bias) = (tensors.get(width, weight)?, tensors.get(width, bias)?);
        Ok(Self { weight, bias, epsilon: epsilon as f32 })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::layer_norm(x, &self.weight, &self.bias, self.epsilon)
    }
}
