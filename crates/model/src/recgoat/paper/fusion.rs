//! The one representation of an item from all its views.

use tch::{Device, Kind, Tensor};

use super::config::{PaperConfig, Shares};
use crate::{ParameterId, Parameters, phase::Phase};

/// `z = L2norm(Dropout(LayerNorm((1 − Σα_m) z_id + Σ α_m ẑ_m)))` with α on the simplex.
#[derive(Debug)]
pub(super) struct Fusion {
    /// One logit for the id view, then one a modality; or the shares of the modalities.
    logits: ParameterId,
    shares: Shares,
    gain: ParameterId,
    shift: ParameterId,
    dropout: f64,
}

impl Fusion {
    pub(super) fn new(
        modalities: &[&str],
        config: &PaperConfig,
        parameters: &mut Parameters,
        device: Device,
    ) -> Self {
        let options = (Kind::Float, device);
        let mut add = |name: &str, tensor: Tensor| parameters.add(name, tensor.set_requires_grad(true));
        let logits = match config.shares {
            Shares::Simplex => add("fusion.logits", Tensor::zeros([modalities.len() as i64 + 1], options)),
            Shares::Free => {
                let share = |&name: &&str| if name == "text" { 0.8f32 } else { 0.05 };
                let shares: Vec<f32> = modalities.iter().map(share).collect();
                add("fusion.shares", Tensor::from_slice(&shares).to_device(device))
            }
        };
        let gain = add("fusion.gain", Tensor::ones([config.dim as i64], options));
        let shift = add("fusion.shift", Tensor::zeros([config.dim as i64], options));
        Self { logits, shares: config.shares, gain, shift, dropout: config.fusion_dropout }
    }

    /// Fuses `id` `[items, dim]` with aligned views of the same shape.
    pub(super) fn forward(
        &self,
        parameters: &Parameters,
        id: &Tensor,
        views: &[Tensor],
        phase: &mut Phase<'_>,
    ) -> Tensor {
        let weights = match self.shares {
            Shares::Simplex => parameters.get(self.logits).softmax(0, Kind::Float).slice(0, 1, None, 1),
            Shares::Free => parameters.get(self.logits).shallow_clone(),
        };
        let mut mixed = id.shallow_clone();
        for (at, view) in views.iter().enumerate() {
            mixed = &mixed + (view - id) * weights.get(at as i64);
        }
        let [gain, shift] = [self.gain, self.shift].map(|id| parameters.get(id));
        let normed = mixed.layer_norm([mixed.size()[1]], Some(gain), Some(shift), 1e-5, false);
        recgoat_align::contrast::unit_rows(&phase.dropout(&normed, self.dropout))
    }
}
