//! Optimal transport between tensors, with gradients that enter the tape.
//!
//! On the CPU the solver of [`crate::ot`] runs on the tensors' own memory. On CUDA the iterations run where the costs
//! lie, and what they reach is finished and measured by the same solver; so one verdict holds everywhere.

mod cuda;
mod device;
mod unrolled;

pub(crate) use device::settle;
pub use device::{DeviceIterations, iterate};

use tch::{Device, Kind, Tensor};

use crate::{
    Error, Result,
    ot::{Marginals, Potentials, Problem, Real, Solution, ValidParams},
};

/// A problem of tensors: weights `a` `[n]` and `b` `[m]` and costs `[n, m]`, of one float kind and device.
#[derive(Debug, Clone, Copy)]
pub struct TensorProblem<'a> {
    /// Weights of the rows.
    pub a: &'a Tensor,
    /// Weights of the columns.
    pub b: &'a Tensor,
    /// Costs.
    pub cost: &'a Tensor,
    /// What is asked of the plan's marginals.
    pub marginals: Marginals,
}

/// How gradients are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Gradient {
    /// That of the regularised value at a plan that stands still (the envelope theorem): exact at the optimum, free.
    #[default]
    Envelope,
    /// Through this many iterations on the tape, from the solution's potentials: also for what is made of the plan,
    /// at `O(n m)` memory an iteration. Balanced problems only.
    Unrolled {
        /// Iterations on the tape.
        iterations: usize,
    },
}

/// What [`solve`] found.
#[derive(Debug)]
pub struct TensorSolution {
    /// Potentials, values and the certificate.
    pub solution: Solution,
    /// The plan `[n, m]`, on the problem's device: on the tape where it was unrolled.
    pub plan: Tensor,
    /// The regularised value as a scalar on the tape of costs and weights.
    pub regularised_value: Tensor,
    /// `<C, P>`: on the tape with the plan held fast, or through it where it was unrolled.
    pub value: Tensor,
}

/// Solves a problem of tensors, from potentials hoped to be near the answer where there are any.
///
/// ```
/// use recgoat_align::{ot::{Marginals, Params}, tensor::{Gradient, TensorProblem, solve}};
/// use tch::{Device, Kind, Tensor};
///
/// let weights = Tensor::full([3], 1.0 / 3.0, (Kind::Float, Device::Cpu));
/// let cost = Tensor::rand([3, 3], (Kind::Float, Device::Cpu)).set_requires_grad(true);
/// let problem = TensorProblem { a: &weights, b: &weights, cost: &cost, marginals: Marginals::Balanced };
/// let found = solve(&problem, &Params::new(0.1).check()?, None, Gradient::Envelope)?;
/// found.regularised_value.backward();
/// // By the envelope theorem the gradient at the costs is the plan.
/// assert!(cost.grad().allclose(&found.plan, 1e-6, 1e-7, false));
/// # Ok::<(), recgoat_align::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] for other shapes, kinds or devices than those of [`TensorProblem`], else as
/// [`Problem::with_marginals`] and [`ValidParams::solve_from`]; [`Error::Marginals`] for unrolling any but a balanced
/// problem.
pub fn solve(
    problem: &TensorProblem<'_>,
    params: &ValidParams,
    warm: Option<&Potentials>,
    gradient: Gradient,
) -> Result<TensorSolution> {
    let kind = problem.check()?;
    let reached = match problem.cost.device() {
        Device::Cpu => None,
        _ if warm.is_some() || problem.marginals != Marginals::Balanced => None,
        _ => Some(iterate(problem, params)?.potentials()?),
    };
    let warm = warm.or(reached.as_ref());
    let solved = match kind {
        Kind::Double => Solved::new::<f64>(problem, params, warm)?,
        _ => Solved::new::<f32>(problem, params, warm)?,
    };
    let device = problem.cost.device();
    let plan = solved.plan.to_device(device);
    let regularised_value = solved.on_tape(problem, &plan);
    let Solved { solution, .. } = solved;
    if let Gradient::Unrolled { iterations } = gradient {
        if problem.marginals != Marginals::Balanced {
            let expected = "balanced ones for an unrolled gradient";
            return Err(Error::Marginals { expected, found: problem.marginals });
        }
        let plan = unrolled::plan(problem, &solution, iterations);
        let value = (&plan * problem.cost).sum(kind);
        return Ok(TensorSolution { solution, plan, regularised_value, value });
    }
    let value = (&plan * problem.cost).sum(kind);
    Ok(TensorSolution { solution, plan, regularised_value, value })
}

impl TensorProblem<'_> {
    /// The kind of all tensors, whose shapes and devices fit.
    fn check(&self) -> Result<Kind> {
        let kind = self.cost.kind();
        let shape = self.cost.size();
        let fits = |weights: &Tensor, axis: usize| {
            weights.size() == [shape[axis]]
                && weights.kind() == kind
                && weights.device() == self.cost.device()
        };
        let fine = shape.len() == 2
            && matches!(kind, Kind::Float | Kind::Double)
            && fits(self.a, 0)
            && fits(self.b, 1);
        if fine {
            return Ok(kind);
        }
        let form =
            |tensor: &Tensor| format!("{:?} {:?} on {:?}", tensor.kind(), tensor.size(), tensor.device());
        Err(Error::Shape {
            argument: "tensors",
            expected: "a [n], b [m] and cost [n, m], all Float or all Double, on one device".to_owned(),
            found: format!("a {}, b {}, cost {}", form(self.a), form(self.b), form(self.cost)),
        })
    }
}

/// A solution and what its gradient is made of, on the CPU.
struct Solved {
    solution: Solution,
    plan: Tensor,
    a: Vec<f64>,
    b: Vec<f64>,
}

impl Solved {
    fn new<F: Real + Element>(
        problem: &TensorProblem<'_>,
        params: &ValidParams,
        warm: Option<&Potentials>,
    ) -> Result<Self> {
        let [a, b, cost] = [problem.a, problem.b, problem.cost].map(|t| F::slice(&t.detach()));
        let (a, b, cost) = (a?, b?, cost?);
        let checked = Problem::with_marginals(&a, &b, &cost, problem.marginals)?;
        let solution = match warm {
            Some(warm) => params.solve_from(&checked, warm)?,
            None => params.solve(&checked)?,
        };
        let plan = F::tensor(&solution.plan(&checked), &problem.cost.size())?;
        let (a, b) = solution.weight_gradients(&checked);
        Ok(Self { solution, plan, a, b })
    }

    /// The regularised value with the envelope gradients at costs and weights.
    fn on_tape(&self, problem: &TensorProblem<'_>, plan: &Tensor) -> Tensor {
        let like = |values: &[f64], weights: &Tensor| {
            Tensor::from_slice(values).to_kind(weights.kind()).to_device(weights.device())
        };
        let (a, b) = (like(&self.a, problem.a), like(&self.b, problem.b));
        let inputs = [(problem.cost, plan), (problem.a, &a), (problem.b, &b)];
        let value = Tensor::from(self.solution.dual_value).to_kind(problem.cost.kind());
        recgoat_torch::scalar_with_gradient(value, &inputs)
    }
}

/// Numbers that tensors and slices share.
trait Element: Sized {
    fn slice(tensor: &Tensor) -> Result<Vec<Self>>;
    fn tensor(values: &[Self], shape: &[i64]) -> Result<Tensor>;
}

macro_rules! element {
    ($type:ident) => {
        impl Element for $type {
            fn slice(tensor: &Tensor) -> Result<Vec<Self>> {
                let flat =
                    tensor.f_to_device(Device::Cpu).and_then(|t| t.f_contiguous()).and_then(|t| t.f_view(-1));
                let values = flat.and_then(|flat| Vec::<Self>::try_from(&flat));
                Ok(values.map_err(recgoat_torch::Error::from)?)
            }

            fn tensor(values: &[Self], shape: &[i64]) -> Result<Tensor> {
                Ok(Tensor::from_slice(values).f_view(shape).map_err(recgoat_torch::Error::from)?)
            }
        }
    };
}

element!(f32);
element!(f64);

#[cfg(test)]
mod tests;
