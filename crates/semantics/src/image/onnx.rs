//! A picture model in ONNX form, run by ONNX Runtime.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
};

use ort::{environment::Environment, session::Session, value::TensorRef};

use super::{Layout, Pooling, Preprocessing};
use crate::{Error, Result, error::first_line, models};

/// Any ONNX model of one input, a batch of pictures in single precision, and at least one output.
///
/// ONNX Runtime is loaded when the first model is opened: the library named by `ORT_DYLIB_PATH`, else that of the PyPI
/// wheel `onnxruntime==1.31.1`, which is fetched once.
#[derive(Debug)]
pub struct OnnxEncoder {
    name: String,
    sessions: Vec<Mutex<Session>>,
    preprocessing: Preprocessing,
    output: usize,
    /// Pictures that the model takes at once; any number where it does not say.
    batch: Option<usize>,
}

impl OnnxEncoder {
    /// Opens a model for pictures prepared so, to run on as many threads.
    ///
    /// # Errors
    /// [`Error::Data`] when ONNX Runtime cannot be fetched, [`Error::Input`] when it cannot be loaded, or the file is no
    /// model, has another input, or lacks the output.
    pub fn open(
        path: &Path,
        preprocessing: Preprocessing,
        threads: usize,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Self> {
        let digest = models::digest(path)?;
        let environment = runtime(progress)?;
        let refuse = |expected: &str, found: String| Error::file(path, expected, found);
        let session = || -> ort::Result<Session> {
            // Pictures run side by side, each batch on one thread.
            Session::builder(&environment)?.with_intra_threads(1)?.commit_from_file(path)
        };
        let sessions: Vec<Session> = (0..threads.max(1))
            .map(|_| session())
            .collect::<ort::Result<_>>()
            .map_err(|error| refuse("an ONNX model", first_line(&error.to_string())))?;
        let model = &sessions[0];
        let [height, width] = preprocessing.size.map(i64::from);
        let expected = match preprocessing.layout {
            Layout::Nchw => [3, height, width],
            Layout::Nhwc => [height, width, 3],
        };
        let shape: Vec<i64> = match model.inputs() {
            [input] => input.dtype().tensor_shape().map(|shape| shape.to_vec()).unwrap_or_default(),
            inputs => return Err(refuse("a model of one input", format!("{}", inputs.len()))),
        };
        let fits = |(&dimension, &ours): (&i64, &i64)| dimension < 0 || dimension == ours;
        if shape.len() != 4 || !shape[1..].iter().zip(&expected).all(fits) {
            let wanted =
                format!("an input of shape [pictures, {}, {}, {}]", expected[0], expected[1], expected[2]);
            return Err(refuse(&wanted, format!("{shape:?}")));
        }
        let outputs: Vec<&str> = model.outputs().iter().map(ort::value::Outlet::name).collect();
        let wanted = &preprocessing.output;
        let output = if wanted.is_empty() { Some(0) } else { outputs.iter().position(|name| name == wanted) };
        let output = output.ok_or_else(|| refuse(&format!("an output {wanted}"), outputs.join(", ")))?;
        let batch = usize::try_from(shape[0]).ok().filter(|&batch| batch > 0);
        let settings = toml::to_string(&preprocessing).unwrap_or_default();
        let name = format!("onnx:{digest}:{settings}");
        let sessions = sessions.into_iter().map(Mutex::new).collect();
        Ok(Self { name, sessions, preprocessing, output, batch })
    }

    /// The model's digest and the preprocessing: the key of its vectors in the cache.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How pictures are prepared.
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }

    pub(super) fn threads(&self) -> usize {
        self.sessions.len()
    }

    /// The vectors of so many pictures, not normalised.
    pub(super) fn encode(&self, count: usize, mut pixels: Vec<f32>) -> Result<Vec<Vec<f32>>> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let each = pixels.len() / count;
        let at_once = self.batch.unwrap_or(count);
        // A model of a fixed batch gets pictures of zeros behind the last.
        pixels.resize(count.div_ceil(at_once) * at_once * each, 0.0);
        let mut vectors = Vec::with_capacity(count);
        for batch in pixels.chunks_exact(at_once * each) {
            self.run(at_once, batch, &mut vectors).map_err(Error::model("ONNX model"))?;
        }
        vectors.truncate(count);
        Ok(vectors)
    }

    fn run(&self, count: usize, pixels: &[f32], vectors: &mut Vec<Vec<f32>>) -> ort::Result<()> {
        let [height, width] = self.preprocessing.size.map(|side| side as usize);
        let shape = match self.preprocessing.layout {
            Layout::Nchw => [count, 3, height, width],
            Layout::Nhwc => [count, height, width, 3],
        };
        // As many threads as sessions come here: one of them is free.
        let free = self.sessions.iter().find_map(|session| session.try_lock().ok());
        let mut session =
            free.unwrap_or_else(|| self.sessions[0].lock().unwrap_or_else(PoisonError::into_inner));
        let outputs = session.run(ort::inputs![TensorRef::from_array_view((shape, pixels))?])?;
        let (shape, values) = outputs[self.output].try_extract_tensor::<f32>()?;
        if shape.first().copied() != i64::try_from(count).ok() {
            return Err(ort::Error::new(format!("expected an output of {count} rows, found {shape:?}")));
        }
        let places: usize = shape.iter().skip(2).map(|&side| side as usize).product();
        for picture in values.chunks_exact((values.len() / count).max(1)) {
            vectors.push(match self.preprocessing.pooling {
                Pooling::Flatten => picture.to_vec(),
                Pooling::Mean => {
                    let mean = |channel: &[f32]| channel.iter().sum::<f32>() / places as f32;
                    picture.chunks_exact(places.max(1)).map(mean).collect()
                }
            });
        }
        Ok(())
    }
}

/// ONNX Runtime, loaded into the process once.
fn runtime(progress: &mut dyn FnMut(&str)) -> Result<Environment> {
    static LOADED: Mutex<Option<Environment>> = Mutex::new(None);
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = &*loaded {
        return Ok(environment.clone());
    }
    let path = models::onnxruntime(progress)?;
    let refuse =
        |found: String| Error::file(&path, "the library of ONNX Runtime 1.17 or later", first_line(&found));
    let builder = ort::init_from(&path).map_err(|error| refuse(error.to_string()))?;
    let environment = builder.with_telemetry(false).build().map_err(|error| refuse(error.to_string()))?;
    Ok(loaded.insert(environment).clone())
}
