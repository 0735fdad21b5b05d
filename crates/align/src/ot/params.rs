//! Parameters of the entropic solver.

use crate::{Error, Result};

/// Unchecked parameters; [`Params::check`] makes them usable.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Params {
    epsilon: f64,
    tolerance: f64,
    max_iterations: usize,
}

impl Params {
    /// Regularisation `epsilon`, in units of the cost; tolerance 1e-6, at most 10,000 iterations.
    pub fn new(epsilon: f64) -> Self {
        Self { epsilon, tolerance: 1e-6, max_iterations: 10_000 }
    }

    /// Stops once the L1 error of the plan's marginals, relative to the total mass, is at most this.
    pub fn tolerance(self, tolerance: f64) -> Self {
        Self { tolerance, ..self }
    }

    /// Stops after this many iterations, each an update of both potentials.
    pub fn max_iterations(self, max_iterations: usize) -> Self {
        Self { max_iterations, ..self }
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
        positive("tolerance", self.tolerance)?;
        positive("max_iterations", self.max_iterations as f64)?;
        Ok(ValidParams(self))
    }
}

/// Parameters that [`Params::check`] has passed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ValidParams(Params);

impl ValidParams {
    /// Regularisation, in units of the cost.
    pub fn epsilon(&self) -> f64 {
        self.0.epsilon
    }

    /// Largest accepted marginal error, relative to the total mass.
    pub fn tolerance(&self) -> f64 {
        self.0.tolerance
    }

    /// Largest number of iterations.
    pub fn max_iterations(&self) -> usize {
        self.0.max_iterations
    }
}
