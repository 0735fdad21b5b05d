//! Linear maps with VJPs of their own, between stretches of libtorch's tape.

use std::ops::Range;

use recgoat_torch::{Cut, held_gradient, push, push_rows, push_span};
use tch::Tensor;

use crate::{Result, Subset, error::expect_shape};

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

    /// The image of `x` at some of its rows, `[rows, width]`: what a step needs of it is often a small part.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] when `x` or `rows` does not fit.
    fn apply_at(&self, x: &Tensor, rows: &Subset) -> Result<Tensor>;

    /// The transposed map of a gradient that is zero but at some rows of the image, where it is `gradient`
    /// `[rows, width]`.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] when `gradient` or `rows` does not fit.
    fn vjp_at(&self, gradient: &Tensor, rows: &Subset) -> Result<Tensor>;

    /// Adds [`LinearMap::vjp`], or with `rows` [`LinearMap::vjp_at`], to `sum`: in one pass where a map can.
    ///
    /// # Errors
    /// As those, and when `sum` has another shape.
    fn vjp_add(&self, gradient: &Tensor, rows: Option<&Subset>, sum: &mut Tensor) -> Result<()> {
        let found = rows.map_or_else(|| self.vjp(gradient), |rows| self.vjp_at(gradient, rows))?;
        add_to(sum, &found)
    }
}

/// Adds a gradient to a sum of its shape.
pub(crate) fn add_to(sum: &mut Tensor, gradient: &Tensor) -> Result<()> {
    expect_shape("gradient", sum, &gradient.size())?;
    let _ = tch::no_grad(|| sum.g_add_(gradient));
    Ok(())
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
    cut: Cut,
    back: Back<'a>,
}

/// Hands the gradient at a layer's output on to what lies upstream.
type Back<'a> = Box<dyn FnOnce(&Tensor) -> Result<()> + 'a>;

impl<'a> Relay<'a> {
    /// Makes a tensor of the tape a leaf.
    pub fn join(&mut self, source: Tensor) -> Tensor {
        let output = source.shallow_clone();
        self.stage(&output, move |gradient| {
            push(&source, gradient);
            Ok(())
        })
    }

    /// The image of a leaf, as a leaf.
    ///
    /// # Errors
    /// As [`LinearMap::apply`].
    ///
    /// # Panics
    /// When `x` is not a leaf.
    pub fn apply(&mut self, map: &'a dyn LinearMap, x: &Tensor) -> Result<Tensor> {
        expect_leaf(x);
        let source = x.shallow_clone();
        Ok(self
            .stage(&map.apply(x)?, move |gradient| map.vjp_add(gradient, None, &mut held_gradient(&source))))
    }

    /// Some rows of the image of a leaf, as a leaf.
    ///
    /// # Errors
    /// As [`LinearMap::apply_at`].
    ///
    /// # Panics
    /// When `x` is not a leaf.
    pub fn apply_at(&mut self, map: &'a dyn LinearMap, x: &Tensor, rows: &'a Subset) -> Result<Tensor> {
        expect_leaf(x);
        let source = x.shallow_clone();
        Ok(self.stage(&map.apply_at(x, rows)?, move |gradient| {
            map.vjp_add(gradient, Some(rows), &mut held_gradient(&source))
        }))
    }

    /// Some rows of a leaf, as a leaf. Their gradient is added where they lie; none of the table's size is made.
    ///
    /// # Panics
    /// When `x` is not a leaf, or has other than `rows.of()` rows.
    pub fn gather(&mut self, x: &Tensor, rows: &'a Subset) -> Tensor {
        expect_leaf(x);
        assert_eq!(x.size()[0], rows.of() as i64, "a subset of the rows that are there");
        let source = x.shallow_clone();
        let output = tch::no_grad(|| x.index_select(0, &rows.to_tensor(x.device())));
        self.stage(&output, move |gradient| Ok(push_rows(&source, rows.rows(), gradient)?))
    }

    /// A span of the rows of a leaf, as a leaf that shares its memory.
    ///
    /// # Panics
    /// When `x` is not a leaf, or has fewer rows.
    pub fn span(&mut self, x: &Tensor, rows: Range<usize>) -> Tensor {
        expect_leaf(x);
        let (source, first) = (x.shallow_clone(), rows.start as i64);
        self.stage(&x.detach().narrow(0, first, rows.len() as i64), move |gradient| {
            push_span(&source, first, gradient);
            Ok(())
        })
    }

    /// The output of a layer that was computed without the tape, as a leaf. `vjp` takes the gradient there and returns
    /// that at `source`, a leaf; what other inputs the layer had is its own affair.
    pub fn layer(
        &mut self,
        source: &Tensor,
        output: &Tensor,
        vjp: impl FnOnce(&Tensor) -> Result<Tensor> + 'a,
    ) -> Tensor {
        let source = source.shallow_clone();
        self.stage(output, move |gradient| {
            push(&source, &vjp(gradient)?);
            Ok(())
        })
    }

    fn stage(&mut self, output: &Tensor, back: impl FnOnce(&Tensor) -> Result<()> + 'a) -> Tensor {
        let cut = Cut::new(output);
        let leaf = cut.leaf().shallow_clone();
        self.stages.push(Stage { cut, back: Box::new(back) });
        leaf
    }

    /// Adds the gradient of a scalar to that of every parameter it was computed from.
    ///
    /// # Errors
    /// As [`LinearMap::vjp`].
    pub fn backward(self, loss: &Tensor) -> Result<()> {
        loss.backward();
        for Stage { cut, back } in self.stages.into_iter().rev() {
            back(&cut.gradient())?;
        }
        Ok(())
    }
}

fn expect_leaf(x: &Tensor) {
    assert!(x.is_leaf(), "a map in a relay starts from a leaf");
}
