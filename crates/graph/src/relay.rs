//! Linear maps with VJPs of their own, between stretches of libtorch's tape.

use recgoat_torch::{Cut, push};
use tch::Tensor;

use crate::Result;

/// A linear map of the rows of a tensor, computed without the tape.
pub trait LinearMap {
    /// The image of `x`.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] when `x` does not fit.
    fn apply(&self, x: &Tensor) -> Result<Tensor>;

    /// The transposed map of a gradient at the image.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] when `gradient` does not fit.
    fn vjp(&self, gradient: &Tensor) -> Result<Tensor>;
}

/// The tape of one step in which linear maps alternate with what libtorch differentiates.
///
/// [`Relay::apply`] maps a leaf (a parameter, or what `apply` and [`Relay::join`] returned) and returns a new leaf to
/// build on. A tensor that libtorch computed is made a leaf by `join`, which takes it: everything downstream is built
/// on the leaf, so that no stretch of the tape is walked twice. [`Relay::backward`] walks the stretches from the loss
/// back.
///
/// ```
/// use recgoat_graph::{Relay, SparseMap};
/// use tch::{Device, Kind, Tensor};
/// let double = SparseMap::new(1, 1, [(0, 0, 2.0)], Device::Cpu)?;
/// let x = Tensor::full([1, 1], 3.0, (Kind::Float, Device::Cpu)).set_requires_grad(true);
/// // d/dx (2x)² · 2 = 16x, in two stretches.
/// let mut relay = Relay::default();
/// let square = relay.apply(&double, &x)?.square();
/// let square = relay.join(square);
/// let loss = relay.apply(&double, &square)?.sum(Kind::Float);
/// relay.backward(&loss)?;
/// assert_eq!(x.grad().double_value(&[0, 0]), 48.0);
/// # Ok::<(), recgoat_graph::Error>(())
/// ```
#[derive(Default)]
pub struct Relay<'a> {
    stages: Vec<Stage<'a>>,
}

struct Stage<'a> {
    source: Tensor,
    vjp: Option<Vjp<'a>>,
    cut: Cut,
}

/// From the gradient at a layer's output to that at its source.
type Vjp<'a> = Box<dyn FnOnce(&Tensor) -> Result<Tensor> + 'a>;

impl<'a> Relay<'a> {
    /// Makes a tensor of the tape a leaf.
    pub fn join(&mut self, source: Tensor) -> Tensor {
        let output = source.shallow_clone();
        self.push(source, &output, None)
    }

    /// The image of a leaf, as a leaf.
    ///
    /// # Errors
    /// As [`LinearMap::apply`].
    ///
    /// # Panics
    /// When `x` is not a leaf.
    pub fn apply(&mut self, map: &'a dyn LinearMap, x: &Tensor) -> Result<Tensor> {
        assert!(x.is_leaf(), "a map in a relay starts from a leaf");
        Ok(self.layer(x, &map.apply(x)?, |gradient| map.vjp(gradient)))
    }

    /// The output of a layer that was computed without the tape, as a leaf. `vjp` takes the gradient there and returns
    /// that at `source`, a leaf; what other inputs the layer had is its own affair.
    pub fn layer(
        &mut self,
        source: &Tensor,
        output: &Tensor,
        vjp: impl FnOnce(&Tensor) -> Result<Tensor> + 'a,
    ) -> Tensor {
        self.push(source.shallow_clone(), output, Some(Box::new(vjp)))
    }

    fn push(&mut self, source: Tensor, output: &Tensor, vjp: Option<Vjp<'a>>) -> Tensor {
        let cut = Cut::new(output);
        let leaf = cut.leaf().shallow_clone();
        self.stages.push(Stage { source, vjp, cut });
        leaf
    }

    /// Adds the gradient of a scalar to that of every parameter it was computed from.
    ///
    /// # Errors
    /// As [`LinearMap::vjp`].
    pub fn backward(self, loss: &Tensor) -> Result<()> {
        loss.backward();
        for Stage { source, vjp, cut } in self.stages.into_iter().rev() {
            let gradient = cut.gradient();
            push(&source, &vjp.map_or(Ok(gradient.shallow_clone()), |vjp| vjp(&gradient))?);
        }
        Ok(())
    }
}
