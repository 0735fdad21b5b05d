//! Log-domain iterations where the costs lie.

use tch::{Kind, Tensor};

use super::{TensorProblem, cuda};
use crate::{
    Result,
    ot::{Potentials, ValidParams},
};

/// Iterations between looks at the error, each of which waits for the device.
const LOOK: usize = 10;

/// What [`iterate`] reached.
#[derive(Debug)]
pub struct DeviceIterations {
    /// Of the rows, `[n]`, over ε.
    left: Tensor,
    /// Of the columns, `[m]`, over ε.
    right: Tensor,
    epsilon: f64,
    /// Iterations taken.
    pub iterations: usize,
    /// L1 error of the row sums relative to the mass, in the costs' precision, when it was last looked at.
    pub row_error: f64,
}

impl DeviceIterations {
    /// The potentials, on the CPU.
    ///
    /// # Errors
    /// A failure of libtorch's.
    pub fn potentials(&self) -> Result<Potentials> {
        let wide = |t: &Tensor| <f64 as super::Element>::slice(&(t.to_kind(Kind::Double) * self.epsilon));
        Ok(Potentials { f: wide(&self.left)?, g: wide(&self.right)?, mass: 0.0 })
    }
}

/// Iterates a balanced problem in the log domain on the device and in the precision of its costs, until the row sums
/// meet the tolerance or the iterations run out; `2 n m` exponentials an iteration.
///
/// On CUDA the logarithms of sums are fused kernels, compiled on first use by NVRTC and launched on the tensors' own
/// memory: a half step reads the costs once and writes a vector. Where NVRTC is missing, and on other devices,
/// libtorch's operations do the same through a temporary of the costs' size.
///
/// # Errors
/// [`crate::Error::Shape`] as [`super::solve`], or a failure of the device's.
pub fn iterate(problem: &TensorProblem<'_>, params: &ValidParams) -> Result<DeviceIterations> {
    problem.check()?;
    tch::no_grad(|| {
        let epsilon = params.epsilon();
        let cost = problem.cost.detach().contiguous();
        let (a, b) = (problem.a.detach(), problem.b.detach());
        let (log_a, log_b) = (a.log(), b.log());
        let mass = a.sum(Kind::Double).double_value(&[]);
        let sums = LogSums::new(&cost, epsilon);
        let mut right = b.zeros_like();
        let mut left = sums.rows(&(&right + &log_b))?.neg();
        let (mut iterations, mut row_error) = (0, f64::INFINITY);
        while iterations < params.max_iterations() {
            right = sums.columns(&(&left + &log_a))?.neg();
            let next = sums.rows(&(&right + &log_b))?.neg();
            iterations += 1;
            if iterations % LOOK == 0 || iterations == params.max_iterations() {
                let gaps = (&left - &next).expm1().abs() * &a;
                row_error =
                    gaps.nan_to_num(0.0, None::<f64>, None::<f64>).sum(Kind::Double).double_value(&[]) / mass;
                if row_error <= params.tolerance() {
                    break;
                }
            }
            left = next;
        }
        Ok(DeviceIterations { left, right, epsilon, iterations, row_error })
    })
}

/// Potentials over ε of equal weights, `[n]` and `[m]`, after so many iterations from the rows' potentials, `[n]`: the rows'
/// come last, so the plan's row sums are met. Nothing is measured, so nobody waits for the device.
pub(crate) fn settle(cost: &Tensor, epsilon: f64, left: Tensor, iterations: usize) -> Result<[Tensor; 2]> {
    tch::no_grad(|| {
        let log_weights = [0, 1].map(|axis| -(cost.size()[axis] as f64).ln());
        let sums = LogSums::new(cost, epsilon);
        let [mut left, mut right] = [left, Tensor::zeros([cost.size()[1]], (cost.kind(), cost.device()))];
        for _ in 0..iterations {
            right = sums.columns(&(&left + log_weights[0]))?.neg();
            left = sums.rows(&(&right + log_weights[1]))?.neg();
        }
        Ok([left, right])
    })
}

/// `log Σ exp(shift − C/ε)` along either axis of the costs.
struct LogSums<'a> {
    cost: &'a Tensor,
    epsilon: f64,
    fused: Option<cuda::Kernels>,
}

impl<'a> LogSums<'a> {
    fn new(cost: &'a Tensor, epsilon: f64) -> Self {
        Self { cost, epsilon, fused: cuda::Kernels::of(cost) }
    }

    /// Over the columns, `[n]`.
    fn rows(&self, shift: &Tensor) -> Result<Tensor> {
        match &self.fused {
            Some(kernels) => kernels.rows(self.cost, shift, self.epsilon),
            None => Ok((shift.unsqueeze(0) - self.cost / self.epsilon).logsumexp(1, false)),
        }
    }

    /// Over the rows, `[m]`.
    fn columns(&self, shift: &Tensor) -> Result<Tensor> {
        match &self.fused {
            Some(kernels) => kernels.columns(self.cost, shift, self.epsilon),
            None => Ok((shift.unsqueeze(1) - self.cost / self.epsilon).logsumexp(0, false)),
        }
    }
}
