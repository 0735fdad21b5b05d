//! How far beyond their targets updates go.

use crate::ot::{Relaxation, marginals::Stride};

/// Over-relaxation chosen from the rate at which the error falls.
///
/// Near the answer an iteration with factor `ω`, `[eq:relaxation]`, multiplies the error by `λ`, where
/// `(λ + ω − 1)² = λ ω² θ²` and `θ²` is plain Sinkhorn's rate; the best factor is `2/(1 + √(1 − θ²))`, `[eq:omega]`
/// (Young 1954; Lehmann et al. 2022). A fixed factor of 1.8 was measured to diverge.
pub(super) struct Factor {
    stride: Stride,
    adaptive: bool,
    /// Iterations since the factor changed, and the error when its first effects had passed.
    since: u32,
    start: f64,
}

/// The largest factor; two would not converge at all.
const LARGEST: f64 = 1.99;

impl Factor {
    pub(super) fn new(relaxation: Relaxation) -> Self {
        Self {
            stride: Stride::PLAIN,
            adaptive: relaxation == Relaxation::Adaptive,
            since: 0,
            start: f64::NAN,
        }
    }

    /// The stride of the next iteration.
    pub(super) fn get(&self) -> Stride {
        self.stride
    }

    /// Takes note of the error after an iteration.
    pub(super) fn observe(&mut self, error: f64) {
        if !self.adaptive || error == 0.0 {
            return;
        }
        // What a change of the factor stirs up dies down by `ω − 1` an iteration.
        let omega = self.stride.factor();
        let settled = (2.0 / (2.0 - omega)) as u32;
        let window = 1 + settled;
        self.since += 1;
        if self.since <= settled {
            self.start = error;
        }
        if self.since < settled + window {
            return;
        }
        let rate = (error / self.start).powf(1.0 / f64::from(window));
        let beyond = omega - 1.0;
        let better = if rate >= 1.0 {
            // Too far, or still on the way to where the theory holds.
            1.0 + 0.5 * beyond
        } else if rate > beyond {
            let plain = ((rate + beyond).powi(2) / (rate * omega.powi(2))).min(1.0);
            2.0 / (1.0 + (1.0 - plain).sqrt())
        } else {
            omega
        };
        self.stride = Stride::new(better.clamp(1.0, LARGEST));
        self.since = 0;
    }

    /// Starts the observation anew, after iterations that were not made with the factor.
    pub(super) fn restart(&mut self) {
        self.since = 0;
    }
}

/// When to look at what plain updates would make of the error.
///
/// Beyond their targets the marginals are further off than a plain update of either side leaves them: by the slow
/// modes' share, and in f32 by rounding that a factor near two amplifies.
pub(super) struct Probe {
    since: u32,
    distance: u32,
}

/// Error, in tolerances, below which a look is worth two plain updates.
const NEAR: f64 = 30.0;

impl Probe {
    pub(super) fn new() -> Self {
        Self { since: 0, distance: 5 }
    }

    /// Whether the next updates should be plain ones, after an iteration of this stride that left this error.
    pub(super) fn due(&mut self, stride: Stride, error: f64, tolerance: f64) -> bool {
        self.since += 1;
        let due = stride != Stride::PLAIN && error <= NEAR * tolerance && self.since >= self.distance;
        if due {
            (self.since, self.distance) = (0, self.distance * 3 / 2 + 1);
        }
        due
    }
}
