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

    /// `x` `[rows, inputs]` to `[rows, outputs]`, on the tape.
    pub(crate) fn apply(&self, parameters: &Parameters, x: &Tensor) -> Tensor {
        let product = x.matmul(parameters.get(self.weight));
        self.bias.map_or_else(|| product.shallow_clone(), |bias| &product + parameters.get(bias))
    }
}
