//! What is asked of a plan's marginals, and what that makes of an update of its potentials.

use crate::{Error, Result};

/// What the marginals of a plan `P` must be.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub enum Marginals {
    /// `P1 = a` and `Pᵀ1 = b`; both measures weigh the same.
    #[default]
    Balanced,
    /// Deviations are paid for: `+ rho_a KL(P1 | a) + rho_b KL(Pᵀ1 | b)` (Chizat et al. 2018). Infinity holds a side
    /// fast, which makes the problem semi-relaxed; zero lets it go.
    Unbalanced {
        /// Price of deviations from `a`, in units of the cost.
        rho_a: f64,
        /// Price of deviations from `b`, in units of the cost.
        rho_b: f64,
    },
    /// `P1 ≤ a`, `Pᵀ1 ≤ b` and `ΣP = mass`.
    Partial {
        /// The mass to move, at most what either measure weighs.
        mass: f64,
    },
}

impl Marginals {
    /// `Ok` when a problem whose measures weigh `left` and `right` can have such marginals.
    pub(super) fn check(self, left: f64, right: f64, slack: f64) -> Result<()> {
        match self {
            Self::Balanced => {
                let equal = (left - right).abs() <= slack * left.max(right);
                if equal { Ok(()) } else { Err(Error::Mass { left, right }) }
            }
            Self::Unbalanced { rho_a, rho_b } => {
                for (name, found) in [("rho_a", rho_a), ("rho_b", rho_b)] {
                    if !((0.0..=1e150).contains(&found) || found == f64::INFINITY) {
                        let expected = "a price from 0 to 1e150, or infinity";
                        return Err(Error::Parameter { name, expected, found });
                    }
                }
                if rho_a.is_infinite() && rho_b.is_infinite() {
                    return Self::Balanced.check(left, right, slack);
                }
                Ok(())
            }
            Self::Partial { mass } => {
                let most = left.min(right);
                if !(mass > 0.0 && mass <= most * (1.0 + slack)) {
                    return Err(Error::PartialMass { most, found: mass });
                }
                if mass < 1e-150 {
                    let expected = "at least 1e-150, whose products f64 can hold";
                    return Err(Error::Parameter { name: "mass", expected, found: mass });
                }
                Ok(())
            }
        }
    }

    /// The same for the problem with its sides exchanged.
    pub fn swapped(self) -> Self {
        match self {
            Self::Unbalanced { rho_a, rho_b } => Self::Unbalanced { rho_a: rho_b, rho_b: rho_a },
            same => same,
        }
    }

    /// The conditions on either side.
    pub(super) fn sides(self) -> [Side; 2] {
        match self {
            Self::Balanced => [Side::Fixed; 2],
            Self::Unbalanced { rho_a, rho_b } => [rho_a, rho_b].map(|rho| match rho {
                f64::INFINITY => Side::Fixed,
                0.0 => Side::Free,
                rho => Side::Priced(rho),
            }),
            Self::Partial { .. } => [Side::AtMost; 2],
        }
    }
}

/// The condition on one side. Its functions are per unit of weight; `ratio` is the plan's marginal over the weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Side {
    /// The marginal is the weight.
    Fixed,
    /// `ρ KL(marginal | weight)` is paid.
    Priced(f64),
    /// Anything goes.
    Free,
    /// The marginal is at most the weight.
    AtMost,
}

impl Side {
    /// The potential that meets the condition when `fitting` would make the marginal the weight: `[eq:update]`.
    pub(super) fn target(self, fitting: f64, epsilon: f64) -> f64 {
        match self {
            Self::Fixed => fitting,
            Self::Priced(rho) => fitting * (rho / (rho + epsilon)),
            Self::Free => 0.0,
            Self::AtMost => fitting.min(0.0),
        }
    }

    /// The nearest potential that the dual problem allows.
    pub(super) fn admit(self, potential: f64) -> f64 {
        match self {
            Self::Fixed | Self::Priced(_) => potential,
            Self::Free => 0.0,
            Self::AtMost => potential.min(0.0),
        }
    }

    /// Its term of the dual objective.
    pub(super) fn dual(self, potential: f64) -> f64 {
        match self {
            Self::Fixed | Self::AtMost => potential,
            Self::Priced(rho) => -rho * (-potential / rho).exp_m1(),
            Self::Free => 0.0,
        }
    }

    /// Its term of the primal objective, where the condition is not a constraint.
    pub(super) fn primal(self, ratio: f64) -> f64 {
        match self {
            Self::Priced(rho) if ratio > 0.0 => rho * (ratio * ratio.ln() - ratio + 1.0),
            Self::Priced(rho) => rho,
            Self::Fixed | Self::Free | Self::AtMost => 0.0,
        }
    }

    /// How far a ratio is from what the potential asks for.
    pub(super) fn residual(self, potential: f64, ratio: f64) -> f64 {
        match self {
            Self::Fixed => (ratio - 1.0).abs(),
            Self::Priced(rho) => (ratio - (-potential / rho).exp()).abs(),
            Self::Free => 0.0,
            Self::AtMost if potential < 0.0 => (ratio - 1.0).abs(),
            Self::AtMost => (ratio - 1.0).max(0.0),
        }
    }

    /// The potential after an update by `stride`: beyond the target where the dual objective does not fall.
    ///
    /// The dual is a sum over the coordinates of one side, so a test a coordinate keeps the whole from falling (the
    /// safeguard of Thibault et al. 2021, made local).
    pub(super) fn step(self, now: f64, fitting: f64, epsilon: f64, stride: Stride) -> f64 {
        let target = self.target(fitting, epsilon);
        let may = match self {
            Self::Fixed => true,
            Self::Priced(rho) => rho >= epsilon,
            Self::Free | Self::AtMost => false,
        };
        let gap = target - now;
        if may && gap < stride.reach * epsilon { now + stride.factor * gap } else { target }
    }
}

/// How far beyond its target an update goes, and up to which distance from it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stride {
    factor: f64,
    reach: f64,
}

impl Stride {
    /// To the target and no further.
    pub(super) const PLAIN: Self = Self { factor: 1.0, reach: f64::INFINITY };

    /// By this factor, from 1 to less than 2.
    ///
    /// With `x` the way to the target over ε and `ω` the factor, a fixed side's dual changes by the multiple
    /// `ωx − exp((ω−1)x) + exp(−x)` of its weight, `[eq:gain]`: positive for negative `x`, and for positive `x` up to a root,
    /// which is the reach. For a priced side with `ρ ≥ ε` the dual gains where a fixed side's does.
    pub(super) fn new(factor: f64) -> Self {
        if factor <= 1.0 {
            return Self::PLAIN;
        }
        let gain = |x: f64| factor * x - ((factor - 1.0) * x).exp() + (-x).exp();
        // The cubic Taylor polynomial's root lies near; the gain is positive before the true one.
        let beyond = factor - 1.0;
        let mut low = 0.0;
        let mut high = 3.0 * (1.0 - beyond * beyond) / (1.0 + beyond.powi(3));
        while gain(high) > 0.0 && high < 50.0 {
            (low, high) = (high, 2.0 * high);
        }
        for _ in 0..30 {
            let middle = 0.5 * (low + high);
            if gain(middle) > 0.0 { low = middle } else { high = middle }
        }
        Self { factor, reach: low }
    }

    /// How far beyond its target an update goes: 1 is to the target.
    pub(super) fn factor(self) -> f64 {
        self.factor
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn targets_are_where_the_dual_is_largest(
            now in -3f64..3.0, ratio in 0.01f64..5.0, epsilon in 0.05f64..2.0, rho in 0.05f64..10.0,
            relaxation in 1f64..2.0,
        ) {
            let fitting = now - epsilon * ratio.ln();
            for side in [Side::Fixed, Side::Priced(rho)] {
                let gain = |new: f64| side.dual(new) - epsilon * ratio * ((new - now) / epsilon).exp();
                let target = side.target(fitting, epsilon);
                prop_assert!(gain(target) >= gain(target + 1e-3) && gain(target) >= gain(target - 1e-3));
                let stepped = side.step(now, fitting, epsilon, Stride::new(relaxation));
                prop_assert!(gain(stepped) >= gain(now) - 1e-12);
                // At the target the marginal is what the potential asks for.
                let there = ratio * ((target - now) / epsilon).exp();
                prop_assert!(side.residual(target, there) < 1e-9 * there.max(1.0));
            }
        }
    }
}
