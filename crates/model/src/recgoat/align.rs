//! Settings of alignment, which both models share.

use recgoat_align::oat::{CoordinateCost, PlanSolver, TransportConfig};
use serde::{Deserialize, Serialize};

use crate::{
    Result,
    config::{config, expect_positive, expect_within},
};

config! {
    /// How views are aligned.
    pub struct AlignConfig {
        /// Weight of the contrast of views and ids; 0 leaves it out.
        pub contrast: f64 = 0.01,
        /// Temperature of the contrastive losses.
        pub temperature: f64 = 0.2,
        /// How a branch reaches the id coordinates: "none", "plan" (d·T), "residual" (Δ) or "plan+residual".
        pub transport: TransportMode = TransportMode::PlanAndResidual,
        /// Cost between two coordinates: "squared" or "absolute".
        pub cost: TransportCost = TransportCost::Squared,
        /// Regularisation of the plan, relative to the mean cost.
        pub epsilon: f64 = 0.05,
        /// Largest marginal error of the plan.
        pub tolerance: f64 = 1e-3,
        /// Largest number of Sinkhorn iterations a step.
        pub max_iterations: usize = 200,
        /// Weight of the transport cost in the loss; 0 leaves it out.
        pub wasserstein: f64 = 0.01,
        /// How the plan is found: "certified", or "released" (in the kernel domain, which underflows).
        pub solver: Solver = Solver::Certified,
    }
}

impl AlignConfig {
    pub(super) fn check(&self) -> Result<()> {
        expect_within("align.contrast", self.contrast, 0.0..f64::INFINITY)?;
        expect_positive("align.temperature", self.temperature)?;
        expect_within("align.epsilon", self.epsilon, 1e-6..=1e6)?;
        expect_positive("align.tolerance", self.tolerance)?;
        expect_within("align.max_iterations", self.max_iterations, 1..)?;
        expect_within("align.wasserstein", self.wasserstein, 0.0..f64::INFINITY)
    }

    /// The transport's own settings.
    pub fn transport_config(&self) -> TransportConfig {
        TransportConfig {
            cost: match self.cost {
                TransportCost::Squared => CoordinateCost::Squared,
                TransportCost::Absolute => CoordinateCost::Absolute,
            },
            relative_epsilon: self.epsilon,
            tolerance: self.tolerance,
            max_iterations: self.max_iterations,
            solver: match self.solver {
                Solver::Certified => PlanSolver::Certified,
                Solver::Released => PlanSolver::Released,
            },
        }
    }
}

/// How a branch's output is carried into the id coordinates, `ẑ = z·M`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TransportMode {
    /// `M = I`: the branch is used as it is.
    #[serde(rename = "none")]
    None,
    /// `M = d·T`.
    #[serde(rename = "plan")]
    Plan,
    /// `M = Δ`.
    #[serde(rename = "residual")]
    Residual,
    /// `M = d·T + Δ`, the paper's.
    #[serde(rename = "plan+residual")]
    PlanAndResidual,
}

impl TransportMode {
    /// Whether the plan takes part.
    pub fn has_plan(self) -> bool {
        matches!(self, Self::Plan | Self::PlanAndResidual)
    }

    /// Whether the learnable matrix takes part.
    pub fn has_residual(self) -> bool {
        matches!(self, Self::Residual | Self::PlanAndResidual)
    }
}

/// The cost between coordinates, as configurations write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransportCost {
    /// Mean squared difference (the released code).
    Squared,
    /// Mean absolute difference (the paper, 1-Wasserstein).
    Absolute,
}

/// How the plan is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Solver {
    /// [`PlanSolver::Certified`].
    Certified,
    /// [`PlanSolver::Released`].
    Released,
}
