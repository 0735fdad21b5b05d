//! Tensors as slices and back.

use tch::{Device, Kind, Tensor};

use crate::{Error, Result};

/// The entries of a contiguous CPU tensor of `f32`, row-major, without copying.
///
/// # Errors
/// [`Error::Form`] for any other tensor.
pub fn as_slice(tensor: &Tensor) -> Result<&[f32]> {
    check(tensor, "as_slice")?;
    if tensor.numel() == 0 {
        return Ok(&[]);
    }
    // SAFETY: checked to be f32, on the CPU and contiguous, so `numel` entries lie behind the pointer, and they
    // live as long as the borrowed tensor.
    Ok(unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast(), tensor.numel()) })
}

/// The entries of a contiguous CPU tensor of `f32`, row-major, to be changed in place.
///
/// A shallow clone of the tensor shares its memory; no slice of one may be held across this call.
///
/// # Errors
/// [`Error::Form`] for any other tensor.
pub fn as_slice_mut(tensor: &mut Tensor) -> Result<&mut [f32]> {
    check(tensor, "as_slice_mut")?;
    if tensor.numel() == 0 {
        return Ok(&mut []);
    }
    // SAFETY: as in `as_slice`; the exclusive borrow covers this handle, the documentation covers its clones.
    Ok(unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr().cast(), tensor.numel()) })
}

/// A copy of the entries of a tensor of any device and float kind.
///
/// # Errors
/// [`Error::Torch`] when libtorch cannot convert or copy it.
pub fn to_vec(tensor: &Tensor) -> Result<Vec<f32>> {
    let tensor = tensor.detach().f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?;
    Ok(as_slice(&tensor)?.to_vec())
}

/// A tensor `shape` on `device` with a copy of `values`, row-major.
///
/// # Errors
/// [`Error::Form`] when `values` does not fill `shape`.
pub fn from_slice(values: &[f32], shape: &[i64], device: Device) -> Result<Tensor> {
    if shape.iter().product::<i64>() != values.len() as i64 {
        return Err(Error::Form {
            operation: "from_slice",
            expected: format!("{} values for shape {shape:?}", shape.iter().product::<i64>()),
            found: format!("{} values", values.len()),
        });
    }
    Ok(uploaded(Tensor::from_slice(values).f_view(shape)?, device)?)
}

/// Row numbers as an index tensor `[ids]` on `device`.
pub fn indices(ids: &[u32], device: Device) -> Tensor {
    let wide: Vec<i64> = ids.iter().map(|&id| i64::from(id)).collect();
    uploaded(Tensor::from_slice(&wide), device).expect("the device of other tensors")
}

/// The tensor on `device`, without waiting for what the device has to do before.
fn uploaded(tensor: Tensor, device: Device) -> std::result::Result<Tensor, tch::TchError> {
    if device == Device::Cpu {
        return Ok(tensor);
    }
    // The driver copies from pageable memory before it returns, so the host's copy may go.
    let (non_blocking, copy) = (true, false);
    tensor.f_to_device_(device, tensor.kind(), non_blocking, copy)
}

fn check(tensor: &Tensor, operation: &'static str) -> Result<()> {
    if tensor.kind() == Kind::Float && tensor.device() == Device::Cpu && tensor.is_contiguous() {
        return Ok(());
    }
    Err(Error::Form {
        operation,
        expected: "a contiguous f32 tensor on the CPU".to_owned(),
        found: format!(
            "{:?} {:?} on {:?}{}",
            tensor.kind(),
            tensor.size(),
            tensor.device(),
            if tensor.is_contiguous() { "" } else { ", not contiguous" }
        ),
    })
}

/// The inner product of two slices of one length, sixteen sums side by side; always inlined, so that it is compiled for what
/// its caller is.
#[inline(always)]
pub fn dot(left: &[f32], right: &[f32]) -> f32 {
    const LANES: usize = 16;
    let ((left, left_rest), (right, right_rest)) = (left.as_chunks::<LANES>(), right.as_chunks::<LANES>());
    let mut sums = [0f32; LANES];
    for (left, right) in left.iter().zip(right) {
        for lane in 0..LANES {
            sums[lane] += left[lane] * right[lane];
        }
    }
    left_rest.iter().zip(right_rest).map(|(l, r)| l * r).chain(sums).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_views() {
        let mut tensor = from_slice(&[1.0, 2.0, 3.0, 4.0], &[2, 2], Device::Cpu).unwrap();
        as_slice_mut(&mut tensor).unwrap()[3] = 9.0;
        assert_eq!(tensor.double_value(&[1, 1]), 9.0);
    }

    #[test]
    fn other_forms_are_refused_with_their_form() {
        let tensor = Tensor::zeros([2, 3], (Kind::Float, Device::Cpu));
        let error = as_slice(&tensor.tr()).unwrap_err().to_string();
        assert!(error.contains("[3, 2]") && error.contains("not contiguous"), "{error}");
        assert!(as_slice(&tensor.to_kind(Kind::Double)).is_err());
        assert!(from_slice(&[0.0; 5], &[2, 3], Device::Cpu).is_err());
    }
}
