//! Parameters of the entropic solver.

use super::{Potentials, Problem, Real, Solution, sinkhorn};
use crate::{Error, Result};

/// Unchecked parameters; [`Params::check`] makes them usable.
///
/// ```
/// use recgoat_align::ot::Params;
///
/// let params = Params::new(0.05).tolerance(1e-9).check()?;
/// assert_eq!(params.epsilon(), 0.05);
/// assert_eq!(Params::new(-1.0).check().unwrap_err().to_string(), "epsilon: expected a positive number, found -1");
/// # Ok::<(), recgoat_align::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Params {
    epsilon: f64,
    tolerance: f64,
    max_iterations: usize,
    method: Method,
    scaling: Scaling,
    relaxation: Relaxation,
}

/// How an iteration is computed. All give the same plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Method {
    /// `Stabilised` where the matrix fits beside a dense cost or has at most 4 million entries, else `Log`.
    #[default]
    Auto,
    /// Exponentials are taken again in every iteration: one an entry, `O(n + m)` memory, right at any ε.
    Log,
    /// The kernel `exp((f + g − C)/ε)` is kept, `4nm` bytes, and made anew when the scalings have drifted too far
    /// from the potentials in it (Schmitzer 2019): a product an entry, right at any ε.
    Stabilised,
    /// The kernel `exp(−C/ε)` is kept and never made anew: legal only where `max C/ε` is at most 80.
    Kernel,
}

/// Whether to come down to ε from a larger one.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub enum Scaling {
    /// Where the costs span more than some thousand ε.
    #[default]
    Auto,
    /// Start at ε.
    Off,
    /// Start at this multiple of ε and come down by a factor of four a stage.
    From(f64),
}

/// How far an update goes beyond the point where its side's condition is met.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub enum Relaxation {
    /// As the observed rate of convergence suggests (Young's estimate; Lehmann et al. 2022), each coordinate only as
    /// far as its part of the dual objective does not fall.
    #[default]
    Adaptive,
    /// Plain Sinkhorn.
    Off,
}

impl Params {
    /// Regularisation `epsilon`, in units of the cost; tolerance 1e-6, at most 10,000 iterations, all else automatic.
    pub fn new(epsilon: f64) -> Self {
        Self {
            epsilon,
            tolerance: 1e-6,
            max_iterations: 10_000,
            method: Method::Auto,
            scaling: Scaling::Auto,
            relaxation: Relaxation::Adaptive,
        }
    }

    /// Stops once the L1 error of the plan's marginals, relative to the mass, is at most this.
    pub fn tolerance(self, tolerance: f64) -> Self {
        Self { tolerance, ..self }
    }

    /// Stops after this many iterations, each an update of both potentials.
    pub fn max_iterations(self, max_iterations: usize) -> Self {
        Self { max_iterations, ..self }
    }

    /// How an iteration is computed.
    pub fn method(self, method: Method) -> Self {
        Self { method, ..self }
    }

    /// Whether to come down to ε from a larger one.
    pub fn scaling(self, scaling: Scaling) -> Self {
        Self { scaling, ..self }
    }

    /// How far an update goes.
    pub fn relaxation(self, relaxation: Relaxation) -> Self {
        Self { relaxation, ..self }
    }

    /// The parameters, if each is in its range.
    ///
    /// # Errors
    /// [`Error::Parameter`] naming the first that is not.
    pub fn check(self) -> Result<ValidParams> {
        let positive = |name, found: f64| {
            let fine = found > 0.0 && found.is_finite();
            if fine { Ok(()) } else { Err(Error::Parameter { name, expected: "a positive number", found }) }
        };
        positive("epsilon", self.epsilon)?;
        if self.epsilon > sinkhorn::LARGEST {
            let (name, expected) = ("epsilon", "at most 1e150, so that sums stay in f64");
            return Err(Error::Parameter { name, expected, found: self.epsilon });
        }
        positive("tolerance", self.tolerance)?;
        positive("max_iterations", self.max_iterations as f64)?;
        if let Scaling::From(found) = self.scaling
            && !(1.0..=1e12).contains(&found)
        {
            let expected = "a multiple of epsilon from 1 to 1e12";
            return Err(Error::Parameter { name: "scaling", expected, found });
        }
        Ok(ValidParams(self))
    }
}

/// Parameters that [`Params::check`] has passed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ValidParams(Params);

impl ValidParams {
    /// Solves `min <C, P> + ε KL(P | a⊗b)` under the problem's conditions on the marginals, from a cold start.
    ///
    /// Alternates `f_i ← −ε log Σ_j b_j exp((g_j − C_ij)/ε)` and the like for `g` (Sinkhorn 1967; Peyré and Cuturi
    /// 2019, eq. 4.43–4.44), both in one pass over the costs: what the rows' sums were made of is added to the
    /// columns' before it leaves the cache. Conditions other than equality change an update by a function of its
    /// result (Chizat et al. 2018). The plan is measured in f64 at the end; no other verdict is given.
    ///
    /// # Errors
    /// [`Error::Parameter`] where ε is so small beside the costs that their ratio has no digits left, and where
    /// [`Method::Kernel`] is asked for but not legal, or where the plan of a problem that asks for no mass has more of
    /// it than its type can hold.
    pub fn solve<F: Real>(&self, problem: &Problem<'_, F>) -> Result<Solution> {
        sinkhorn::solve(problem, self, None)
    }

    /// The same from potentials that are hoped to be near the answer. Unless they are the answer, they are compared
    /// with a cold start by the dual value that one iteration reaches from either, and the better one goes on.
    ///
    /// # Errors
    /// As [`ValidParams::solve`]; [`Error::Shape`] or [`Error::Entry`] for potentials of other lengths or not finite.
    pub fn solve_from<F: Real>(&self, problem: &Problem<'_, F>, warm: &Potentials) -> Result<Solution> {
        sinkhorn::solve(problem, self, Some(warm))
    }

    /// Regularisation, in units of the cost.
    pub fn epsilon(&self) -> f64 {
        self.0.epsilon
    }

    /// Largest accepted marginal error, relative to the mass.
    pub fn tolerance(&self) -> f64 {
        self.0.tolerance
    }

    /// Largest number of iterations.
    pub fn max_iterations(&self) -> usize {
        self.0.max_iterations
    }

    /// How an iteration is computed.
    pub fn method(&self) -> Method {
        self.0.method
    }

    pub(super) fn scaling(&self) -> Scaling {
        self.0.scaling
    }

    pub(super) fn relaxation(&self) -> Relaxation {
        self.0.relaxation
    }
}
