//! The llama architecture over quantised weights, with a cache of keys and values that prompts can share.

use std::fs::File;

use candle_core::{
    DType, Device, Result, Tensor, bail,
    quantized::{QTensor, gguf_file::Content},
};
use candle_nn::{ops, rotary_emb};

use super::linear::Linear;

/// A decoder of the llama family (Touvron et al., 2023): RMS norms, rotary positions, grouped attention, gated MLP.
#[derive(Debug)]
pub(super) struct Llama {
    embedding: QTensor,
    layers: Vec<Layer>,
    norm: Tensor,
    head: Linear,
    shape: Dimensions,
}

#[derive(Debug, Clone, Copy)]
struct Dimensions {
    heads: usize,
    groups: usize,
    width: usize,
    rope: f32,
    epsilon: f32,
    context: usize,
}

#[derive(Debug)]
struct Layer {
    attention_norm: Tensor,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    mlp_norm: Tensor,
    gate: Linear,
    up: Linear,
    down: Linear,
}

/// Keys and values of the tokens read so far, with room for more.
#[derive(Debug)]
pub(super) struct State {
    /// Of each layer, `[1, groups, room, width]`.
    layers: Vec<(Tensor, Tensor)>,
    cos: Tensor,
    sin: Tensor,
    read: usize,
    room: usize,
}

impl Llama {
    pub(super) fn read(content: &Content, file: &mut File) -> Result<Self> {
        let kind = content.metadata.get("general.architecture").map(|kind| kind.to_string()).transpose()?;
        if kind.is_none_or(|kind| kind != "llama") {
            bail!("expected general.architecture llama, found {}", kind.map_or("none", String::as_str));
        }
        let number = |key: &str| {
            let value = content.metadata.get(&format!("llama.{key}"));
            value.map(|value| value.to_u32().map(|value| value as usize)).transpose()
        };
        let required = |key: &str| match number(key)? {
            Some(value) => Ok(value),
            None => bail!("expected llama.{key} in the metadata, found none"),
        };
        let real = |key: &str| content.metadata.get(&format!("llama.{key}")).and_then(|v| v.to_f32().ok());
        let heads = required("attention.head_count")?;
        let groups = number("attention.head_count_kv")?.unwrap_or(heads);
        let width = number("rope.dimension_count")?.unwrap_or(required("embedding_length")? / heads.max(1));
        if groups == 0 || heads % groups != 0 || width * heads != required("embedding_length")? {
            bail!("expected heads that share keys evenly, found {heads} heads of {width} on {groups} keys");
        }
        let shape = Dimensions {
            heads,
            groups,
            width,
            rope: real("rope.freq_base").unwrap_or(1e4),
            epsilon: real("attention.layer_norm_rms_epsilon").unwrap_or(1e-5),
            context: required("context_length")?,
        };
        let mut weights = Weights { content, file };
        let layers =
            (0..required("block_count")?).map(|at| Layer::read(&mut weights, at)).collect::<Result<_>>()?;
        let norm = weights.vector("output_norm.weight")?;
        // Models that tie the two have one table.
        let tied = !content.tensor_infos.contains_key("output.weight");
        let head = weights.linear(if tied { "token_embd.weight" } else { "output.weight" })?;
        Ok(Self { embedding: weights.tensor("token_embd.weight")?, layers, norm, head, shape })
    }

    /// The most tokens that a prompt and its answer may have together.
    pub(super) fn context(&self) -> usize {
        self.shape.context
    }

    /// A state with nothing read and room for this many tokens.
    pub(super) fn state(&self, room: usize) -> Result<State> {
        let Dimensions { groups, width, rope, .. } = self.shape;
        let empty = || Tensor::zeros((1, groups, room, width), DType::F32, &Device::Cpu);
        let layers = self.layers.iter().map(|_| Ok((empty()?, empty()?))).collect::<Result<_>>()?;
        let rates: Vec<f32> = (0..width).step_by(2).map(|i| rope.powf(-(i as f32) / width as f32)).collect();
        let angles: Vec<f32> =
            (0..room).flat_map(|at| rates.iter().map(move |rate| at as f32 * rate)).collect();
        let angles = Tensor::from_vec(angles, (room, width / 2), &Device::Cpu)?;
        Ok(State { layers, cos: angles.cos()?, sin: angles.sin()?, read: 0, room })
    }

    /// Reads tokens into the state; the logits `[vocabulary]` of what follows the last.
    pub(super) fn forward(&self, tokens: &[u32], state: &mut State) -> Result<Tensor> {
        let count = tokens.len();
        if count == 0 || state.read + count > state.room {
            bail!("expected 1 to {} tokens, found {count}", state.room - state.read);
        }
        let mask = (count > 1).then(|| causal(count, state.read)).transpose()?;
        let mut x = self.embedding.embedding(&Tensor::new(tokens, &Device::Cpu)?.unsqueeze(0)?)?;
        for (layer, at) in self.layers.iter().zip(0..) {
            let normed = ops::rms_norm(&x, &layer.attention_norm, self.shape.epsilon)?;
            x = (x + self.attend(layer, &normed, state, at, mask.as_ref())?)?;
            let normed = ops::rms_norm(&x, &layer.mlp_norm, self.shape.epsilon)?;
            let gated = (layer.gate.forward(&normed)?.silu()? * layer.up.forward(&normed)?)?;
            x = (x + layer.down.forward(&gated)?)?;
        }
        state.read += count;
        let last = ops::rms_norm(&x.narrow(1, count - 1, 1)?.contiguous()?, &self.norm, self.shape.epsilon)?;
        self.head.forward(&last)?.flatten_all()
    }

    fn attend(
        &self,
        layer: &Layer,
        x: &Tensor,
        state: &State,
        at: usize,
        mask: Option<&Tensor>,
    ) -> Result<Tensor> {
        let Dimensions { heads, groups, width, .. } = self.shape;
        let (_, count, hidden) = x.dims3()?;
        let split = |y: Tensor, heads| y.reshape((1, count, heads, width))?.transpose(1, 2)?.contiguous();
        let (cos, sin) = (state.cos.narrow(0, state.read, count)?, state.sin.narrow(0, state.read, count)?);
        let query = rotary_emb::rope_i(&split(layer.query.forward(x)?, heads)?, &cos, &sin)?;
        let key = rotary_emb::rope_i(&split(layer.key.forward(x)?, groups)?, &cos, &sin)?;
        let value = split(layer.value.forward(x)?, groups)?;
        let (keys, values) = &state.layers[at];
        keys.slice_set(&key, 2, state.read)?;
        values.slice_set(&value, 2, state.read)?;
        let length = state.read + count;
        let (keys, values) = (keys.narrow(2, 0, length)?, values.narrow(2, 0, length)?);
        // The heads of a group lie side by side: one product for all of them.
        let grouped = (query.reshape((1, groups, heads / groups * count, width))? / (width as f64).sqrt())?;
        let mut scores = grouped.matmul(&keys.t()?)?;
        if let Some(mask) = mask {
            scores = scores.reshape((1, heads, count, length))?.broadcast_add(mask)?;
            scores = scores.reshape((1, groups, heads / groups * count, length))?;
        }
        let mixed = ops::softmax_last_dim(&scores)?.matmul(&values.contiguous()?)?;
        let mixed = mixed.reshape((1, heads, count, width))?.transpose(1, 2)?.reshape((1, count, hidden))?;
        layer.output.forward(&mixed)
    }
}

impl State {
    /// A copy of the first `read` tokens, with room for this many in all.
    pub(super) fn fork(&self, model: &Llama, read: usize, room: usize) -> Result<Self> {
        let mut fork = model.state(room)?;
        if read > 0 {
            for ((keys, values), (from_keys, from_values)) in fork.layers.iter().zip(&self.layers) {
                keys.slice_set(&from_keys.narrow(2, 0, read)?.contiguous()?, 2, 0)?;
                values.slice_set(&from_values.narrow(2, 0, read)?.contiguous()?, 2, 0)?;
            }
        }
        fork.read = read;
        Ok(fork)
    }
}

impl Layer {
    fn read(weights: &mut Weights<'_>, at: usize) -> Result<Self> {
        let mut linear = |name: &str| weights.linear(&format!("blk.{at}.{name}.weight"));
        let (query, key, value) = (linear("attn_q")?, linear("attn_k")?, linear("attn_v")?);
        let (output, gate) = (linear("attn_output")?, linear("ffn_gate")?);
        let (up, down) = (linear("ffn_up")?, linear("ffn_down")?);
        let mut norm = |name: &str| weights.vector(&format!("blk.{at}.{name}.weight"));
        let (attention_norm, mlp_norm) = (norm("attn_norm")?, norm("ffn_norm")?);
        Ok(Self { attention_norm, query, key, value, output, mlp_norm, gate, up, down })
    }
}

/// The tensors of a file by name.
struct Weights<'a> {
    content: &'a Content,
    file: &'a mut File,
}

impl Weights<'_> {
    fn tensor(&mut self, name: &str) -> Result<QTensor> {
        self.content.tensor(self.file, name, &Device::Cpu)
    }

    fn linear(&mut self, name: &str) -> Result<Linear> {
        Linear::new(self.tensor(name)?)
    }

    fn vector(&mut self, name: &str) -> Result<Tensor> {
        self.tensor(name)?.dequantize(&Device::Cpu)
    }
}

/// `[count, read + count]`: zero for what a token may see, minus infinity for what comes after it.
fn causal(count: usize, read: usize) -> Result<Tensor> {
    let seen = |row: usize, column: usize| if column <= read + row { 0.0 } else { f32::NEG_INFINITY };
    let values: Vec<f32> =
        (0..count).flat_map(|row| (0..read + count).map(move |column| seen(row, column))).collect();
    Tensor::from_vec(values, (count, read + count), &Device::Cpu)
}
