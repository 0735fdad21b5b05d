//! One modality's branch: frozen features, projected and smoothed over their own neighbour graph.

use rand_chacha::ChaCha8Rng;
use recgoat_data::Modality;
use recgoat_graph::{Attention, KnnConfig, Pattern, Relay, on_tape};
use recgoat_torch::{init, push};
use tch::{Device, Kind, Tensor};

use super::config::PaperConfig;
use crate::{Context, ParameterId, Parameters, Result, features, phase::Phase, recgoat::holes::Holes};

/// Slope of the LeakyReLU below zero, in the attention and after it (Veličković et al. 2018).
const NEGATIVE_SLOPE: f64 = 0.2;

/// The branch of one modality.
#[derive(Debug)]
pub(super) struct Branch {
    name: String,
    /// `[items, width]`, missing rows zero.
    features: Tensor,
    /// Row numbers of the items that have features, where not all do.
    present: Option<Tensor>,
    attention: Attention,
    weight: ParameterId,
    bias: ParameterId,
    left: ParameterId,
    right: ParameterId,
    rates: Rates,
    holes: Option<Holes>,
}

/// Dropout rates of the branch's three places.
#[derive(Debug, Clone, Copy)]
struct Rates {
    features: f64,
    attention: f64,
    output: f64,
}

impl Branch {
    pub(super) fn new(
        modality: &Modality,
        config: &PaperConfig,
        neighbours: usize,
        parameters: &mut Parameters,
        rng: &mut ChaCha8Rng,
        context: &Context<'_>,
    ) -> Result<Self> {
        let device = context.device;
        let knn_config =
            KnnConfig { neighbours, similarity: config.similarity.into(), ..KnnConfig::default() };
        let near =
            context.neighbours.knn(modality.values(), modality.width(), modality.present(), &knn_config)?;
        let attention = Attention::new(Pattern::symmetrised(&near), config.heads, NEGATIVE_SLOPE as f32);
        let (width, dim, heads) = (modality.width() as i64, config.dim as i64, config.heads as i64);
        let mut add = |part: &str, tensor| parameters.add(format!("{}.{part}", modality.name()), tensor);
        let weight = add("weight", init::xavier(width, dim, rng, device));
        let bias = add("bias", Tensor::zeros([dim], (Kind::Float, device)).set_requires_grad(true));
        let left = add("attention_left", init::xavier(heads, dim / heads, rng, device));
        let right = add("attention_right", init::xavier(heads, dim / heads, rng, device));
        let features = features::tensor(modality, device)?;
        let rows: Vec<u32> = (0..).zip(modality.present()).filter(|(_, p)| **p).map(|(row, _)| row).collect();
        let present = (modality.missing() > 0).then(|| recgoat_torch::indices(&rows, device));
        let rates = Rates {
            features: config.feature_dropout,
            attention: config.attention_dropout,
            output: config.output_dropout,
        };
        let name = modality.name().to_owned();
        Ok(Self { name, features, present, attention, weight, bias, left, right, rates, holes: None })
    }

    /// The same with views for the items that have no features.
    pub(super) fn with_holes(self, holes: Option<Holes>) -> Self {
        Self { holes, ..self }
    }

    /// The modality's name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Row numbers of the nodes that have features; `None` when all have.
    pub(super) fn present(&self) -> Option<&Tensor> {
        self.present.as_ref()
    }

    /// `x = f W + b`, attended over neighbours, `LeakyReLU`, with dropout between in training, `[nodes, dim]`; a node
    /// without features takes the view of its neighbourhood where [`Branch::with_holes`] said which. A leaf.
    pub(super) fn forward<'a>(
        &'a self,
        parameters: &'a Parameters,
        relay: &mut Relay<'a>,
        phase: &mut Phase<'_>,
    ) -> Result<Tensor> {
        let device = self.features.device();
        let [weight, bias, left, right] =
            [self.weight, self.bias, self.left, self.right].map(|id| parameters.get(id));
        let projected = phase.dropout(&(self.features.matmul(weight) + bias), self.rates.features);
        let edges = [self.attention.pattern().edges() as i64, self.attention.heads() as i64];
        let mask = phase.mask(&edges, self.rates.attention, device);
        let smoothed = if device == Device::Cpu {
            let projected = relay.join(projected.contiguous());
            let x = projected.detach();
            let attended = self.attention.forward(&x, left, right, mask.as_ref())?;
            let output = attended.output.shallow_clone();
            relay.layer(&projected, &output, move |gradient| {
                let found = self.attention.vjp(&attended, (&x, left, right, mask.as_ref()), gradient)?;
                push(left, &found.left);
                push(right, &found.right);
                Ok(found.input)
            })
        } else {
            on_tape(&self.attention, &projected, left, right, mask.as_ref())
        };
        let activated = smoothed.maximum(&(&smoothed * NEGATIVE_SLOPE));
        let view = relay.join(phase.dropout(&activated, self.rates.output));
        match &self.holes {
            Some(holes) => holes.fill(&relay.gather(&view, holes.known()), relay),
            None => Ok(view),
        }
    }
}
