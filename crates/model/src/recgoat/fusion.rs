//! The one representation of an item from all its views.

use tch::{Device, Kind, Tensor};

use crate::{ParameterId, Parameters, phase::Phase};

/// `z = L2norm(Dropout(LayerNorm((1 − Σα_m) z_id + Σ α_m ẑ_m)))` with α on the simplex.
#[derive(Debug)]
pub(super) struct Fusion {
    /// One logit for the id view, then one a modality.
    logits: ParameterId,
    gain: ParameterId,
    shift: ParameterId,
    dropout: f64,
}

impl Fusion {
    pub(super) fn new(
        modalities: usize,
        dim: usize,
        dropout: f64,
        parameters: &mut Parameters,
        device: Device,
    ) -> Self {
        let options = (Kind::Float, device);
        let mut add = |name: &str, tensor: Tensor| parameters.add(name, tensor.set_requires_grad(true));
        let logits = add("fusion.logits", Tensor::zeros([modalities as i64 + 1], options));
        let gain = add("fusion.gain", Tensor::ones([dim as i64], options));
        let shift = add("fusion.shift", Tensor::zeros([dim as i64], options));
        Self { logits, gain, shift, dropout }
    }

    /// Fuses `id` `[items, dim]` with aligned views of the same shape.
    ///
    /// An item whose row of a view is missing (`present` lists the others) gets that view's weight on its id row.
    pub(super) fn forward(
        &self,
        parameters: &Parameters,
        id: &Tensor,
        views: &[(Tensor, Option<&Tensor>)],
        phase: &mut Phase<'_>,
    ) -> Tensor {
        let weights = parameters.get(self.logits).softmax(0, Kind::Float);
        let mut mixed = id.shallow_clone();
        for (at, (view, present)) in views.iter().enumerate() {
            let weight = weights.get(at as i64 + 1);
            mixed = match present {
                None => mixed + (view - id) * weight,
                Some(rows) => {
                    let moved = (view.index_select(0, rows) - id.index_select(0, rows)) * weight;
                    mixed.index_add(0, rows, &moved)
                }
            };
        }
        let [gain, shift] = [self.gain, self.shift].map(|id| parameters.get(id));
        let normed = mixed.layer_norm([mixed.size()[1]], Some(gain), Some(shift), 1e-5, false);
        recgoat_align::contrast::unit_rows(&phase.dropout(&normed, self.dropout))
    }
}
