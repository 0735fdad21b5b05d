//! Layers cut out of the tape, with vector–Jacobian products (VJPs) written by hand.

use tch::{Device, Tensor};

use crate::{
    Result,
    slice::{as_slice, as_slice_mut, indices},
};

/// The output of a layer that autograd does not see into.
///
/// `tch` has no custom autograd function. A layer with a VJP of its own is computed without the tape, its output
/// made a leaf; the loss is built on [`Cut::leaf`], and after `backward` [`Cut::gradient`] is what the layer's
/// VJP takes. [`push`] hands the VJP's result on to what lies upstream.
///
/// ```
/// use recgoat_torch::{Cut, push};
/// use tch::{Device, Kind, Tensor};
/// // y = 3x, its VJP g ↦ 3g.
/// let x = Tensor::ones([4], (Kind::Float, Device::Cpu)).set_requires_grad(true);
/// let y = Cut::new(&tch::no_grad(|| &x * 3.0));
/// y.leaf().square().sum(Kind::Float).backward();
/// push(&x, &(y.gradient() * 3.0));
/// // d/dx (3x)² = 18x
/// assert_eq!(x.grad(), Tensor::full([4], 18.0, (Kind::Float, Device::Cpu)));
/// ```
#[derive(Debug)]
pub struct Cut {
    leaf: Tensor,
}

impl Cut {
    /// Cuts at `output`: what it was computed from is out of autograd's sight.
    pub fn new(output: &Tensor) -> Self {
        Self { leaf: output.detach().set_requires_grad(true) }
    }

    /// The output, as a leaf to build the loss on.
    pub fn leaf(&self) -> &Tensor {
        &self.leaf
    }

    /// The loss's gradient at the output, of the output's shape: zero where the loss does not depend on it.
    pub fn gradient(&self) -> Tensor {
        let gradient = self.leaf.grad();
        if gradient.defined() { gradient.contiguous() } else { self.leaf.zeros_like() }
    }
}

/// Adds `gradient` to the gradient of `upstream` and of everything that `upstream` was computed from.
///
/// # Panics
/// When the shapes differ (a VJP returns its input's shape), or nothing upstream takes a gradient.
pub fn push(upstream: &Tensor, gradient: &Tensor) {
    let gradient = gradient.detach();
    assert_eq!(upstream.size(), gradient.size(), "a VJP returns its input's shape");
    if upstream.is_leaf() {
        let _ = held_gradient(upstream).f_add_(&gradient).expect("shapes were compared above");
    } else {
        // The cheapest scalar with this gradient: no product of their size is kept.
        upstream.reshape([-1]).dot(&gradient.reshape([-1])).backward();
    }
}

/// The gradient a leaf holds, zeros where it has none yet: what is added to this tensor is added to the leaf's gradient.
///
/// # Panics
/// When the tensor is no leaf that takes a gradient.
pub fn held_gradient(leaf: &Tensor) -> Tensor {
    assert!(leaf.is_leaf() && leaf.requires_grad(), "a gradient is held by leaves alone");
    if !leaf.grad().defined() {
        // Of no row at all: the only way from here to make the tape hold a gradient, and it takes no pass over the leaf.
        leaf.reshape([-1]).narrow(0, 0, 0).sum(leaf.kind()).backward();
    }
    leaf.grad()
}

/// [`push`] of a gradient that is zero but at some rows, each named once, where it is `gradient` `[rows, width]`.
///
/// Of a leaf, and written at those rows alone.
///
/// ```
/// use recgoat_torch::push_rows;
/// use tch::{Device, Kind, Tensor};
/// let x = Tensor::zeros([3, 2], (Kind::Float, Device::Cpu)).set_requires_grad(true);
/// push_rows(&x, &[2], &Tensor::from_slice(&[1f32, 5.0]).view([1, 2]))?;
/// push_rows(&x, &[0, 2], &Tensor::from_slice(&[7f32, 0.0, 1.0, 0.0]).view([2, 2]))?;
/// assert_eq!(x.grad(), Tensor::from_slice(&[7f32, 0.0, 0.0, 0.0, 2.0, 5.0]).view([3, 2]));
/// # Ok::<(), recgoat_torch::Error>(())
/// ```
///
/// # Errors
/// [`crate::Error::Form`] when either is no `f32` matrix.
///
/// # Panics
/// When `leaf` is none, the shapes do not fit or a row is not there.
pub fn push_rows(leaf: &Tensor, rows: &[u32], gradient: &Tensor) -> Result<()> {
    let gradient = gradient.detach().contiguous();
    assert_eq!(gradient.size()[0], rows.len() as i64, "a row of the gradient for each row");
    let mut held = held_gradient(leaf);
    if held.device() != Device::Cpu || !held.is_contiguous() {
        let _ = held.f_index_add_(0, &indices(rows, held.device()), &gradient)?;
        return Ok(());
    }
    let width = held.size()[1] as usize;
    let (held, gradient) = (as_slice_mut(&mut held)?, as_slice(&gradient)?);
    for (&row, gradient) in rows.iter().zip(gradient.chunks(width)) {
        let held = &mut held[row as usize * width..][..width];
        held.iter_mut().zip(gradient).for_each(|(held, gradient)| *held += gradient);
    }
    Ok(())
}

/// [`push`] of a gradient that is zero but at the rows from `first` on, where it is `gradient` `[rows, width]`.
///
/// # Panics
/// When `leaf` is none, or the shapes do not fit.
pub fn push_span(leaf: &Tensor, first: i64, gradient: &Tensor) {
    let gradient = gradient.detach();
    let _ = held_gradient(leaf)
        .narrow(0, first, gradient.size()[0])
        .f_add_(&gradient)
        .expect("rows of one width");
}

/// A scalar of this value on the tape whose gradient at each `input` is the `gradient` beside it.
///
/// For a term of a loss whose derivative is known in closed form: what autograd sees is linear in the inputs. The value is an
/// `f32`, or a tensor of no dimension where the inputs lie.
///
/// ```
/// use recgoat_torch::scalar_with_gradient;
/// use tch::Tensor;
/// let x = Tensor::from_slice(&[2f32]).set_requires_grad(true);
/// let cube = scalar_with_gradient(8.0f32, &[(&x, &Tensor::from_slice(&[12f32]))]);
/// (&cube * 10.0).backward();
/// assert_eq!((cube.double_value(&[]), x.grad().double_value(&[0])), (8.0, 120.0));
/// ```
pub fn scalar_with_gradient(value: impl Into<Tensor>, inputs: &[(&Tensor, &Tensor)]) -> Tensor {
    let linear =
        inputs.iter().map(|(input, gradient)| input.reshape([-1]).dot(&gradient.detach().reshape([-1])));
    // A number of the host's joins tensors of a device without being waited for.
    linear.fold(value.into(), |sum, term| sum + &term - term.detach())
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;

    #[test]
    fn pushing_twice_adds() {
        let x = Tensor::ones([3], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let g = Tensor::from_slice(&[1f32, 2.0, 3.0]);
        push(&x, &g);
        push(&x, &g);
        assert_eq!(x.grad(), g * 2.0);
    }

    #[test]
    fn pushing_goes_through_what_lies_upstream() {
        let w = Tensor::full([2], 5.0, (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let x = &w * &w;
        push(&x, &Tensor::from_slice(&[1f32, -1.0]));
        assert_eq!(w.grad(), Tensor::from_slice(&[10f32, -10.0]));
    }

    #[test]
    fn an_unused_output_has_zero_gradient() {
        let cut = Cut::new(&Tensor::ones([2, 2], (Kind::Float, Device::Cpu)));
        assert_eq!(cut.gradient().abs().sum(Kind::Float).double_value(&[]), 0.0);
    }
}
