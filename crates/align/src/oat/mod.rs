//! Distribution-level alignment: optimal adaptive transport (OAT) between the coordinates of two views.
//!
//! The atoms transported are the `dim` *coordinates* of a modality's view and of the id view, not the items: a plan
//! `T` says which coordinate of one plays the part of which coordinate of the other, and the view moves as
//! `z (d·T + Δ)`.

mod absolute;
mod released;
mod squared;

use tch::{Device, Kind, Tensor};

use crate::{
    Error, Result,
    ot::{Params, Potentials, Problem},
    tensor::settle,
};

/// How far two coordinates are apart, `C_pq = mean_i c(x_ip, y_iq)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CoordinateCost {
    /// `c(s, t) = (s − t)²`, in closed form: `O(dim²)` memory.
    #[default]
    Squared,
    /// `c(s, t) = |s − t|`, streamed over rows: `O(dim²)` memory.
    Absolute,
}

/// How the plan is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PlanSolver {
    /// To the tolerance, with a certificate: see [`crate::ot`]. On another device than the CPU a fixed number of the same
    /// iterations, there: `max_iterations` from a cold start, ten from a warm one. Nobody waits for them, and
    /// [`Transport::marginal_error`] tells how near they came.
    #[default]
    Certified,
    /// As RecGOAT's released code does, whose plan loses its mass as training goes on; no other setting applies.
    Released,
}

/// Settings of [`CoordinateTransport`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TransportConfig {
    /// The cost of a pair of coordinates.
    pub cost: CoordinateCost,
    /// Regularisation relative to the mean cost: the solver's ε is `relative_epsilon · mean(C)`.
    pub relative_epsilon: f64,
    /// Largest marginal error of the plan.
    pub tolerance: f64,
    /// Largest number of Sinkhorn iterations a call.
    pub max_iterations: usize,
    /// How the plan is found.
    pub solver: PlanSolver,
}

impl Default for TransportConfig {
    fn default() -> Self {
        Self {
            cost: CoordinateCost::Squared,
            relative_epsilon: 0.05,
            tolerance: 1e-3,
            max_iterations: 200,
            solver: PlanSolver::Certified,
        }
    }
}

/// Transport between the coordinates of views, warm-started from call to call.
///
/// Usable apart from any model: it takes two matrices and gives a map and a loss.
///
/// ```
/// use recgoat_align::oat::{CoordinateTransport, TransportConfig};
/// use tch::{Device, Kind, Tensor};
///
/// let view = Tensor::randn([200, 8], (Kind::Float, Device::Cpu)).set_requires_grad(true);
/// let target = view.detach().flip([1]);
/// let mut transport = CoordinateTransport::new(TransportConfig::default());
/// let found = transport.align(&view, &target)?;
/// // Rows of the map sum to one; the loss has a gradient; the next call starts from this one's potentials.
/// assert!((found.map.sum_dim_intlist(1, false, Kind::Float) - 1.0).abs().max().double_value(&[]) < 1e-2);
/// found.wasserstein.backward();
/// assert!(view.grad().defined() && transport.align(&view, &target)?.iterations <= found.iterations);
/// # Ok::<(), recgoat_align::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct CoordinateTransport {
    config: TransportConfig,
    warm: Option<Warm>,
}

/// What the last call found.
#[derive(Debug)]
enum Warm {
    Here(Potentials),
    /// The rows' potentials over ε, on a device.
    There(Tensor),
}

/// Iterations on a device from a warm start.
const WARM_ITERATIONS: usize = 10;

/// A plan between coordinates and what it costs.
#[derive(Debug)]
pub struct Transport {
    /// The barycentric map `d·T` `[dim, dim]`, outside the tape: each row sums to 1.
    pub map: Tensor,
    /// `<C, T>` as a scalar on the tape. By the envelope theorem the gradient at a fixed `T` is that of the
    /// transport cost itself.
    pub wasserstein: Tensor,
    /// Sinkhorn iterations taken.
    pub iterations: usize,
    /// As it was certified.
    marginal_error: Option<f64>,
}

impl Transport {
    /// `ΣT`: one, unless the solver is the released one. Waits for a device.
    pub fn mass(&self) -> f64 {
        (self.map.sum(Kind::Double) / self.map.size()[0]).double_value(&[])
    }

    /// L1 marginal error of `T`, `|T1 − 1/d|₁ + |Tᵀ1 − 1/d|₁`. Waits for a device.
    pub fn marginal_error(&self) -> f64 {
        let side =
            |axis: i64| (self.map.sum_dim_intlist(axis, false, Kind::Double) - 1.0).abs().sum(Kind::Double);
        let measured = || ((side(0) + side(1)) / self.map.size()[0]).double_value(&[]);
        self.marginal_error.unwrap_or_else(measured)
    }
}

impl CoordinateTransport {
    /// With nothing known yet.
    pub fn new(config: TransportConfig) -> Self {
        Self { config, warm: None }
    }

    /// Forgets the last potentials, so the next call starts cold.
    pub fn reset(&mut self) {
        self.warm = None;
    }

    /// The plan from the coordinates of `view` to those of `target`, both `[rows, dim]` on the tape.
    ///
    /// # Errors
    /// [`Error::Shape`] when the views differ in shape or are empty, [`Error::Entry`] when one holds NaN or infinity,
    /// [`Error::Parameter`] when the settings are out of range.
    pub fn align(&mut self, view: &Tensor, target: &Tensor) -> Result<Transport> {
        let (x, y) = (view.detach().contiguous(), target.detach().contiguous());
        let shape = x.size();
        if shape.len() != 2 || shape != y.size() || shape.contains(&0) {
            return Err(Error::Shape {
                argument: "views",
                expected: format!("two matrices of one shape, at least 1 × 1 (the first is {shape:?})"),
                found: format!("{:?}", y.size()),
            });
        }
        let cost = self.config.cost.between(&x, &y)?;
        let (plan, marginal_error, iterations) = match self.config.solver {
            PlanSolver::Certified if cost.device() == Device::Cpu => self.certified(&cost)?,
            PlanSolver::Certified => {
                let (plan, iterations) = self.resident(&cost)?;
                (plan, None, iterations)
            }
            PlanSolver::Released => (released::plan(&cost), None, 0),
        };
        let value = (&cost * &plan).sum(Kind::Double).to_kind(Kind::Float);
        let (dx, dy) = self.config.cost.gradient(&x, &y, &plan)?;
        let wasserstein = recgoat_torch::scalar_with_gradient(value, &[(view, &dx), (target, &dy)]);
        Ok(Transport { map: plan * shape[1] as f64, wasserstein, iterations, marginal_error })
    }

    /// The plan of these costs `[dim, dim]`, its marginal error and the iterations it took.
    fn certified(&mut self, cost: &Tensor) -> Result<(Tensor, Option<f64>, usize)> {
        let values = recgoat_torch::to_vec(cost)?;
        let mean = values.iter().map(|&c| f64::from(c)).sum::<f64>() / values.len() as f64;
        // Equal views cost nothing; any positive ε then leads to the same plan.
        let scale = if mean > 0.0 || mean.is_nan() { mean } else { 1.0 };
        let scaled: Vec<f32> = values.iter().map(|&c| (f64::from(c) / scale) as f32).collect();
        let dim = cost.size()[0] as usize;
        let weights = vec![1.0 / dim as f32; dim];
        let problem = Problem::new(&weights, &weights, &scaled)?;
        let params = self.params().check()?;
        // A start that a large step of training has made worse than a cold one is dropped by the solver.
        let solution = match self.warm.take() {
            Some(Warm::Here(warm)) if warm.f.len() == dim => params.solve_from(&problem, &warm)?,
            _ => params.solve(&problem)?,
        };
        let plan: Vec<f32> = solution.plan(&problem);
        let (marginal_error, iterations) = (solution.marginal_error, solution.iterations);
        self.warm = Some(Warm::Here(solution.potentials));
        let plan = recgoat_torch::from_slice(&plan, &[dim as i64, dim as i64], cost.device())?;
        Ok((plan, Some(marginal_error), iterations))
    }

    /// The plan of these costs `[dim, dim]` by iterations where they lie, and how many those were.
    fn resident(&mut self, cost: &Tensor) -> Result<(Tensor, usize)> {
        let params = self.params().check()?;
        let (dim, epsilon) = (cost.size()[0], params.epsilon());
        let scaled = cost / cost.mean(Kind::Float).clamp_min(f64::from(f32::MIN_POSITIVE));
        let (start, iterations) = match self.warm.take() {
            Some(Warm::There(left)) if left.size() == [dim] => {
                (left, WARM_ITERATIONS.min(params.max_iterations()))
            }
            _ => (Tensor::zeros([dim], (Kind::Float, cost.device())), params.max_iterations()),
        };
        let [left, right] = settle(&scaled, epsilon, start, iterations)?;
        let exponents = left.unsqueeze(1) + &right - scaled / epsilon;
        self.warm = Some(Warm::There(left));
        Ok((exponents.exp() / (dim * dim), iterations))
    }

    fn params(&self) -> Params {
        let TransportConfig { relative_epsilon, tolerance, max_iterations, .. } = self.config;
        Params::new(relative_epsilon).tolerance(tolerance).max_iterations(max_iterations)
    }
}

impl CoordinateCost {
    /// `C` `[dim, dim]` between the columns of `x` and of `y`, both `[rows, dim]`, outside the tape.
    ///
    /// # Errors
    /// A failure of libtorch's.
    pub fn between(self, x: &Tensor, y: &Tensor) -> Result<Tensor> {
        match self {
            Self::Squared => Ok(tch::no_grad(|| squared::cost(x, y))),
            Self::Absolute if x.device() != Device::Cpu => Ok(tch::no_grad(|| absolute::cost_there(x, y))),
            Self::Absolute => on_cpu(x, y, absolute::cost),
        }
    }

    /// Gradients of `<C, weights>` at `x` and at `y` for fixed `weights` `[dim, dim]`, outside the tape.
    ///
    /// # Errors
    /// A failure of libtorch's.
    pub fn gradient(self, x: &Tensor, y: &Tensor, weights: &Tensor) -> Result<(Tensor, Tensor)> {
        match self {
            Self::Squared => Ok(tch::no_grad(|| squared::gradient(x, y, weights))),
            Self::Absolute if x.device() != Device::Cpu => Ok(tch::no_grad(|| {
                let there = absolute::gradient_there;
                (there(x, y, weights), there(y, x, &weights.tr()))
            })),
            Self::Absolute => {
                let weights = recgoat_torch::to_vec(weights)?;
                let dx = on_cpu(x, y, |x, y, dim| absolute::gradient(x, y, &weights, dim))?;
                let flipped = absolute::transpose(&weights, x.size()[1] as usize);
                Ok((dx, on_cpu(y, x, |y, x, dim| absolute::gradient(y, x, &flipped, dim))?))
            }
        }
    }
}

/// Runs a kernel on slices of two matrices of one shape; its result has their number of columns.
fn on_cpu(x: &Tensor, y: &Tensor, kernel: impl Fn(&[f32], &[f32], usize) -> Vec<f32>) -> Result<Tensor> {
    let dim = x.size()[1];
    let (a, b) = (x.detach().contiguous(), y.detach().contiguous());
    let out = kernel(recgoat_torch::as_slice(&a)?, recgoat_torch::as_slice(&b)?, dim as usize);
    Ok(recgoat_torch::from_slice(&out, &[out.len() as i64 / dim, dim], Device::Cpu)?)
}

#[cfg(test)]
mod tests;
