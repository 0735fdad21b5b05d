//! Training or evaluation.

use rand_chacha::ChaCha8Rng;
use recgoat_torch::Dropout;
use tch::{Device, Tensor};

/// Training, with the randomness of its dropout, or evaluation, without any.
#[derive(Debug)]
pub(crate) enum Phase<'a> {
    Train(&'a mut ChaCha8Rng),
    Evaluate,
}

impl Phase<'_> {
    /// A dropout mask of so many entries for tensors on `device` in training, nothing in evaluation or at rate 0.
    pub(crate) fn draw(&mut self, count: usize, rate: f64, device: Device) -> Option<Dropout> {
        match self {
            Self::Train(rng) if rate > 0.0 => Some(Dropout::draw(count, rate, *rng, device)),
            _ => None,
        }
    }

    /// A dropout mask in training, nothing in evaluation or at rate 0.
    pub(crate) fn mask(&mut self, shape: &[i64], rate: f64, device: Device) -> Option<Tensor> {
        let count = shape.iter().product::<i64>() as usize;
        self.draw(count, rate, device).map(|dropout| dropout.mask(shape, device))
    }

    /// `x` with dropout in training, `x` itself in evaluation.
    pub(crate) fn dropout(&mut self, x: &Tensor, rate: f64) -> Tensor {
        self.mask(&x.size(), rate, x.device()).map_or_else(|| x.shallow_clone(), |mask| x * mask)
    }
}
