//! Affine layers.

use rand_chacha::ChaCha8Rng;
use recgoat_torch::init;
use tch::{Device, Kind, Tensor};

use crate::{ParameterId, Parameters};

/// The affine layer `x ↦ x W + b`, or `x W`.
#[derive(Debug)]
pub(crate) struct Dense {
    weight: ParameterId,
    bias: Option<ParameterId>,
}

impl Dense {
    /// With Glorot's uniform weight and a bias of zero, added as `<name>.weight` and `<name>.bias`.
    pub(crate) fn new(
        name: &str,
        [inputs, outputs]: [usize; 2],
        parameters: &mut Parameters,
        rng: &mut ChaCha8Rng,
        device: Device,
    ) -> Self {
        let layer = Self::without_bias(name, [inputs, outputs], parameters, rng, device);
        let bias = Tensor::zeros([outputs as i64], (Kind::Float, device)).set_requires_grad(true);
        Self { bias: Some(parameters.add(format!("{name}.bias"), bias)), ..layer }
    }

    /// The same without a bias.
    pub(crate) fn without_bias(
        name: &str,
        [inputs, outputs]: [usize; 2],
        parameters: &mut Parameters,
        rng: &mut ChaCha8Rng,
        device: Device,
    ) -> Self {
        let weight = init::xavier(inputs as i64, outputs as i64, rng, device);
        Self { weight: parameters.add(format!("{name}.weight"), weight), bias: None }
    }

    /// `x` `[rows, inputs]` to `[rows, outputs]` of `f32`, on the tape; the product is of `x`'s kind.
    pub(crate) fn apply(&self, parameters: &Parameters, x: &Tensor) -> Tensor {
        let weight = parameters.get(self.weight);
        if x.kind() != weight.kind() {
            let product = x.matmul(&weight.to_kind(x.kind())).to_kind(weight.kind());
            return self.bias.map_or_else(|| product.shallow_clone(), |bias| &product + parameters.get(bias));
        }
        self.bias.map_or_else(|| x.matmul(weight), |bias| parameters.get(bias).addmm(x, weight))
    }

    /// What several layers with biases make of `x`, side by side: `[rows, Σ outputs]`, on the tape.
    pub(crate) fn side_by_side(layers: &[&Self], parameters: &Parameters, x: &Tensor) -> Tensor {
        let weights: Vec<&Tensor> = layers.iter().map(|layer| parameters.get(layer.weight)).collect();
        let biases: Vec<&Tensor> =
            layers.iter().filter_map(|layer| layer.bias.map(|bias| parameters.get(bias))).collect();
        Tensor::cat(&biases, 0).addmm(x, &Tensor::cat(&weights, 1))
    }
}
