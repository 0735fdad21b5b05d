//! A model's named parameters.

use recgoat_torch::{as_slice_mut, from_slice, to_vec};
use tch::Tensor;

use crate::Result;

/// Which of a model's parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParameterId(usize);

/// The parameters of a model: leaves of the tape, in the order they were added.
#[derive(Debug, Default)]
pub struct Parameters {
    names: Vec<String>,
    tensors: Vec<Tensor>,
}

impl Parameters {
    /// Adds a leaf that requires a gradient.
    pub fn add(&mut self, name: impl Into<String>, tensor: Tensor) -> ParameterId {
        self.names.push(name.into());
        self.tensors.push(tensor);
        ParameterId(self.tensors.len() - 1)
    }

    /// The parameter itself.
    pub fn get(&self, id: ParameterId) -> &Tensor {
        &self.tensors[id.0]
    }

    /// Names, in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Tensors, in order.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// Tensors, in order, for an optimiser.
    pub fn tensors_mut(&mut self) -> &mut [Tensor] {
        &mut self.tensors
    }

    /// Number of trained values.
    pub fn count(&self) -> usize {
        self.tensors.iter().map(Tensor::numel).sum()
    }

    /// The least or the largest value of a tensor whose square is not finite in single precision, if there is one:
    /// scores are products.
    pub(crate) fn outgrown(&self) -> Option<f64> {
        let filled = self.tensors.iter().filter(|tensor| tensor.numel() > 0).map(Tensor::detach);
        let mut ends =
            filled.flat_map(|tensor| [tensor.min(), tensor.max()]).map(|end| end.double_value(&[]));
        ends.find(|&end| !(end as f32).powi(2).is_finite())
    }

    /// A copy of all values, row-major, in order.
    ///
    /// # Errors
    /// A failure of libtorch's.
    pub fn values(&self) -> Result<Vec<Vec<f32>>> {
        Ok(self.tensors.iter().map(to_vec).collect::<recgoat_torch::Result<_>>()?)
    }

    /// Overwrites all values in place with those of [`Parameters::values`].
    ///
    /// # Errors
    /// [`recgoat_torch::Error::Form`] when a length does not fit.
    pub fn set_values(&mut self, values: &[Vec<f32>]) -> Result<()> {
        for (tensor, values) in self.tensors.iter_mut().zip(values) {
            let shape = tensor.size();
            if tensor.device() == tch::Device::Cpu && tensor.numel() == values.len() {
                as_slice_mut(tensor)?.copy_from_slice(values);
            } else {
                let fresh = from_slice(values, &shape, tensor.device())?;
                tch::no_grad(|| tensor.copy_(&fresh));
            }
        }
        Ok(())
    }
}
