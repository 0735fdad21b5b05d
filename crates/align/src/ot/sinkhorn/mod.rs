//! Sinkhorn's algorithm: which iterations to run, at which ε, and when to stop.

mod certificate;
mod log;
mod relaxation;
mod state;
mod stored;

use certificate::{Certificate, certify};
use log::LogPass;
use relaxation::{Factor, Probe};
use state::State;
use stored::{Kernel, Store};

use super::{
    Method, Potentials, Problem, Real, Scaling, Solution, StopReason, ValidParams, marginals::Stride,
};
use crate::{Error, Result};

/// Entries up to which a kernel is kept where the costs are not in memory.
const MOST_KEPT: usize = 1 << 22;
/// Error below which a kernel in f32 says nothing.
const SINGLE_FLOOR: f64 = 3e-7;
/// Span of the costs, in ε, from which a cold start comes down from larger ε.
const LONG_WAY: f64 = 2e3;
/// Span of the costs, in ε, where it then begins.
const FIRST_SPAN: f64 = 1e2;
/// Marginal error at which it goes on to the next ε.
const STAGE_TOLERANCE: f64 = 0.02;
/// Most iterations at one of the larger ε.
const STAGE_ITERATIONS: usize = 200;
/// Largest `max C/ε` for a bare kernel: `exp(−80)` is the last round number that f32 holds with all its digits.
const BARE_LIMIT: f64 = 80.0;
/// Largest ratio of a cost to ε: beyond it f64 holds no digit of their quotient's exponential.
const RATIO_LIMIT: f64 = 1e14;
/// Mass or value that rounds to no number of f64, its exponential being cut off below the largest one.
const OVERFLOW: f64 = 1e300;
/// Largest cost.
pub(super) const LARGEST: f64 = 1e150;
/// Iterations without a better error after which rounding is to blame, where the error is small enough for that.
const IDLE: usize = 50;

/// `Ok` for a largest cost whose multiples f64 can hold.
pub(super) fn expect_sums(largest: f64) -> Result<()> {
    if largest <= LARGEST {
        return Ok(());
    }
    let expected = "costs of at most 1e150, whose sums f64 can hold";
    Err(Error::Parameter { name: "cost", expected, found: largest })
}

/// See [`ValidParams::solve`].
pub(super) fn solve<F: Real>(
    problem: &Problem<'_, F>,
    params: &ValidParams,
    warm: Option<&Potentials>,
) -> Result<Solution> {
    let epsilon = params.epsilon();
    let state = State::cold(problem, epsilon);
    let size = state.extent[0].abs().max(state.extent[1].abs());
    expect_sums(size)?;
    let largest = size / epsilon;
    if !(largest <= RATIO_LIMIT && 1.0 / epsilon < f64::MAX) {
        let expected = "at least 1e-14 of the largest cost";
        return Err(Error::Parameter { name: "epsilon", expected, found: epsilon });
    }
    if params.method() == Method::Kernel && largest > BARE_LIMIT {
        let expected = "at least 1/80 of the largest cost for the bare kernel";
        return Err(Error::Parameter { name: "epsilon", expected, found: epsilon });
    }
    let mut run = Run { state, params, largest, iterations: 0, log: None, single: None, start: Start::Far };
    match warm {
        Some(warm) => run.choose_start(warm)?,
        None => run.descend(),
    }
    run.finish()
}

struct Run<'a, 'p, F> {
    state: State<'p, F>,
    params: &'a ValidParams,
    /// The largest cost over ε.
    largest: f64,
    iterations: usize,
    log: Option<LogPass<F>>,
    single: Option<Kernel<f32>>,
    start: Start,
}

/// Whether iterations in f32 can bring the start any nearer.
#[derive(Clone, Copy, PartialEq)]
enum Start {
    Far,
    BelowSingle,
}

/// When to stop iterating, and at which ε to iterate.
struct Goal {
    epsilon: f64,
    tolerance: f64,
    /// Iterations in all, earlier stages included.
    most: usize,
}

/// Whether a stored kernel follows the potentials.
#[derive(Clone, Copy, PartialEq)]
enum Keep {
    Renewed,
    Bare,
}

impl<F: Real> Run<'_, '_, F> {
    /// Starts from `warm` or cold, whichever reaches the higher dual value with one iteration.
    fn choose_start(&mut self, warm: &Potentials) -> Result<()> {
        let epsilon = self.params.epsilon();
        let cold = self.state.potentials();
        self.state.adopt(warm)?;
        self.log_pass(epsilon, Stride::PLAIN);
        let error = self.state.error();
        if error <= SINGLE_FLOOR {
            self.start = Start::BelowSingle;
        }
        if error <= self.params.tolerance() {
            return Ok(());
        }
        // Beyond the range of F the dual value says nothing.
        let reached = if self.state.overflows() { f64::NEG_INFINITY } else { self.state.dual(epsilon) };
        self.state.adopt(&cold)?;
        self.log_pass(epsilon, Stride::PLAIN);
        if reached >= self.state.dual(epsilon) {
            return self.state.adopt(warm);
        }
        self.start = Start::Far;
        self.descend();
        Ok(())
    }

    /// Comes down to ε from larger ones where that is shorter, as the parameters say.
    fn descend(&mut self) {
        let epsilon = self.params.epsilon();
        let span = (self.state.extent[1] - self.state.extent[0]) / epsilon;
        let mut multiple = match self.params.scaling() {
            Scaling::From(multiple) => multiple,
            Scaling::Auto if span > LONG_WAY => span / FIRST_SPAN,
            Scaling::Auto | Scaling::Off => 1.0,
        };
        // One iteration is kept for ε itself: potentials of a larger one are no answer, whatever the limit is.
        let limit = self.params.max_iterations() - 1;
        while multiple > 1.0 && self.iterations < limit {
            let most = limit.min(self.iterations + STAGE_ITERATIONS);
            let goal = Goal { epsilon: epsilon * multiple, tolerance: STAGE_TOLERANCE, most };
            match self.method() {
                Method::Log => self.log_stage(&goal),
                _ if self.state.bears_single() => self.single_stage(&goal, Keep::Renewed),
                _ => self.double_stage(&goal, Keep::Renewed),
            };
            multiple /= 4.0;
        }
    }

    /// Iterates at the ε asked for until done, and measures what that gave.
    fn finish(mut self) -> Result<Solution> {
        let (epsilon, most) = (self.params.epsilon(), self.params.max_iterations());
        let tolerance = 0.9 * self.params.tolerance();
        let goal = |tolerance| Goal { epsilon, tolerance, most };
        let method = self.method();
        if method == Method::Log {
            let stop = self.log_stage(&goal(tolerance));
            return self.certify(method, stop);
        }
        let keep = if method == Method::Kernel { Keep::Bare } else { Keep::Renewed };
        // Iterations in f32 lead to the same potentials; only the last digits want f64.
        let beyond = self.params.tolerance() < SINGLE_FLOOR && self.start == Start::BelowSingle;
        if self.state.bears_single() && !beyond {
            let stop = self.single_stage(&goal(tolerance.max(SINGLE_FLOOR)), keep);
            let found = self.certify(method, stop)?;
            if found.converged || stop == StopReason::IterationLimit {
                return Ok(found);
            }
        }
        self.single = None;
        let stop = self.double_stage(&goal(tolerance), keep);
        self.certify(method, stop)
    }

    /// The method, chosen where the parameters leave it open.
    fn method(&self) -> Method {
        let entries = self.state.f.len() * self.state.g.len();
        match self.params.method() {
            Method::Auto if self.state.costs.in_memory() || entries <= MOST_KEPT => Method::Stabilised,
            Method::Auto => Method::Log,
            method => method,
        }
    }

    fn log_pass(&mut self, epsilon: f64, stride: Stride) {
        let pass = self.log.get_or_insert_with(|| LogPass::new(&self.state));
        pass.run(&mut self.state, epsilon, stride);
    }

    fn log_stage(&mut self, goal: &Goal) -> StopReason {
        let floor = 8.0 * F::EPSILON * self.largest.max(8.0);
        self.iterate(goal, floor, |run, stride| run.log_pass(goal.epsilon, stride))
    }

    fn single_stage(&mut self, goal: &Goal, keep: Keep) -> StopReason {
        let mut kernel = match self.single.take() {
            Some(mut kernel) => {
                kernel.rebuild(&self.state, goal.epsilon, keep);
                kernel
            }
            None => Kernel::new(&self.state, goal.epsilon, keep),
        };
        let stop = self.stored_stage(&mut kernel, goal, keep);
        self.single = Some(kernel);
        stop
    }

    fn double_stage(&mut self, goal: &Goal, keep: Keep) -> StopReason {
        let mut kernel = Kernel::<f64>::new(&self.state, goal.epsilon, keep);
        self.stored_stage(&mut kernel, goal, keep)
    }

    fn stored_stage<S: Store>(&mut self, kernel: &mut Kernel<S>, goal: &Goal, keep: Keep) -> StopReason {
        let epsilon = goal.epsilon;
        let floor = 64.0 * S::EPSILON + 8.0 * f64::EPSILON * self.largest;
        let mut stale = false;
        self.iterate(goal, floor, |run, stride| {
            if stale || keep == Keep::Renewed && kernel.drifted(&run.state, epsilon) {
                kernel.rebuild(&run.state, epsilon, Keep::Renewed);
            }
            stale = !kernel.run(&mut run.state, epsilon, stride);
            if stale {
                run.log_pass(epsilon, stride);
            }
        })
    }

    /// Passes until the goal is reached; the last update is a plain one of the columns, which meets their condition.
    fn iterate(&mut self, goal: &Goal, floor: f64, mut pass: impl FnMut(&mut Self, Stride)) -> StopReason {
        let (mut factor, mut probe) = (Factor::new(self.params.relaxation()), Probe::new());
        let mut stride = factor.get();
        let (mut best, mut idle) = (f64::INFINITY, 0);
        while self.iterations < goal.most {
            pass(self, stride);
            self.iterations += 1;
            let error = self.state.error();
            idle = if error < 0.99 * best { 0 } else { idle + 1 };
            best = best.min(error);
            let stop = if error <= goal.tolerance {
                StopReason::Converged
            } else if idle >= IDLE && best <= floor {
                StopReason::Precision
            } else {
                StopReason::IterationLimit
            };
            if stop != StopReason::IterationLimit || self.iterations == goal.most {
                self.state.update(goal.epsilon, Stride::PLAIN);
                return stop;
            }
            if probe.due(stride, error, goal.tolerance) {
                factor.restart();
                stride = Stride::PLAIN;
            } else {
                factor.observe(error);
                stride = factor.get();
            }
            self.state.update(goal.epsilon, stride);
        }
        StopReason::IterationLimit
    }

    fn certify(&mut self, method: Method, stop: StopReason) -> Result<Solution> {
        let certificate = certify(&mut self.state, self.params.epsilon());
        let Certificate { value, regularised_value, dual_value, marginal_error, mass } = certificate;
        let held = F::of(mass).wide().is_finite();
        if !held
            || [value, regularised_value, dual_value, mass].iter().any(|x| x.abs() >= OVERFLOW || x.is_nan())
        {
            let expected =
                "a plan whose mass its type can hold, by a larger epsilon or other units of the weights";
            return Err(Error::Parameter { name: "mass", expected, found: f64::INFINITY });
        }
        let converged = marginal_error <= self.params.tolerance();
        let stop = match stop {
            _ if converged => StopReason::Converged,
            StopReason::Converged => StopReason::Precision,
            other => other,
        };
        Ok(Solution {
            potentials: self.state.potentials(),
            value,
            regularised_value,
            dual_value,
            marginal_error,
            mass,
            iterations: self.iterations,
            method,
            converged,
            stop,
            epsilon: self.params.epsilon(),
        })
    }
}
