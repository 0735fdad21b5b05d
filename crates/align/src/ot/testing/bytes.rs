//! Any bytes at all as a problem for our own solver: what a fuzzer feeds.

use std::ops::Range;

use super::marginal_error;
use crate::ot::{
    Clouds, Cost, Ground, Marginals, Method, Params, Potentials, Problem, Real, Relaxation, Scaling, Solution,
};

/// Most atoms of a side, and iterations of a run: a fuzzer should try many problems, not large ones.
const MOST_ATOMS: usize = 12;
const MOST_ITERATIONS: usize = 50;
/// What a recomputed marginal error may exceed the one reported by, over the mass and for each unit of the exponents.
const ROUNDING: f64 = 1e-12;

/// Makes a problem and parameters of these bytes, sound or not, and solves it in both precisions with at most 50
/// iterations, from a cold start and from potentials that are in the bytes, too. Returns how many of the four runs
/// were not refused.
///
/// # Panics
/// When a run is neither refused nor gives finite numbers, or claims convergence that its plan does not have; and
/// when the library panics, which it must not.
pub fn from_bytes(bytes: &[u8]) -> usize {
    let input = Input::read(&mut Bytes(bytes));
    input.run::<f32>() + input.run::<f64>()
}

/// Bytes until they run out, then zeros.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    /// From 0 to 1.
    fn share(&mut self) -> f64 {
        f64::from(u16::from_le_bytes([self.byte(), self.byte()])) / f64::from(u16::MAX)
    }

    /// A power of ten with an exponent from this range.
    fn power(&mut self, exponents: Range<f64>) -> f64 {
        10f64.powf(exponents.start + (exponents.end - exponents.start) * self.share())
    }

    /// Any number there is.
    fn wild(&mut self) -> f64 {
        match self.below(10) {
            0 => f64::NAN,
            1 => f64::INFINITY,
            2 => -self.share(),
            3 => f64::MIN_POSITIVE * self.share(),
            4 => f64::from(f32::MIN_POSITIVE) * self.share(),
            5 => f64::from(f32::MAX) * self.share(),
            6 => f64::MAX * self.share(),
            7 => -self.power(-20.0..20.0),
            8 => self.power(-20.0..20.0),
            _ => f64::from_bits(u64::from_le_bytes([(); 8].map(|()| self.byte()))),
        }
    }

    /// A list, most often of the numbers that `tame` makes, at times with one wild number or all wild.
    fn list(&mut self, length: usize, mut tame: impl FnMut(&mut Self) -> f64) -> Vec<f64> {
        let kind = self.byte();
        let mut list: Vec<f64> =
            (0..length).map(|_| if kind >= 248 { self.wild() } else { tame(self) }).collect();
        if (224..248).contains(&kind) && length > 0 {
            let at = self.below(length);
            list[at] = self.wild();
        }
        list
    }
}

/// A problem and parameters before anybody has checked them.
#[derive(Debug)]
struct Input {
    a: Vec<f64>,
    b: Vec<f64>,
    form: Form,
    cost: Vec<f64>,
    marginals: Marginals,
    params: Params,
    start: Potentials,
}

/// How the costs are given.
#[derive(Debug)]
enum Form {
    Dense,
    Blocks,
    Points { y: Vec<f64>, dim: usize, ground: Ground },
}

impl Input {
    fn read(bytes: &mut Bytes<'_>) -> Self {
        // No more than one in 16 measures is empty, no more than one in 16 lists too long.
        let [n, m] = [(); 2].map(|()| match bytes.byte() {
            240.. => 0,
            byte => 1 + usize::from(byte) % MOST_ATOMS,
        });
        let extra = usize::from(bytes.byte() >= 240);
        let weight = |bytes: &mut Bytes<'_>| match bytes.byte() {
            byte if byte % 8 == 0 => 0.0,
            byte if byte % 8 == 1 => bytes.power(-12.0..3.0),
            _ => bytes.share(),
        };
        let mut a = bytes.list(n, weight);
        let mut b = bytes.list(m, weight);
        let (left, right): (f64, f64) = (a.iter().sum(), b.iter().sum());
        if bytes.byte() < 240 && left > 0.0 && right > 0.0 {
            let scale = match bytes.below(8) {
                0 => bytes.power(-20.0..20.0),
                _ => 1.0,
            };
            a.iter_mut().for_each(|a| *a *= scale / left);
            b.iter_mut().for_each(|b| *b *= scale / right);
        }
        let size = match bytes.below(8) {
            0 => bytes.power(-30.0..30.0),
            1 => bytes.wild(),
            2 | 3 => bytes.power(-6.0..6.0),
            _ => 1.0,
        };
        let dim = bytes.below(4);
        let ground = [Ground::Squared, Ground::Absolute, Ground::Cosine][bytes.below(3)];
        let coordinates = |bytes: &mut Bytes<'_>, atoms: usize| {
            bytes.list(atoms * dim + extra, |bytes| size * (2.0 * bytes.share() - 1.0))
        };
        let (form, cost) = match bytes.below(4) {
            0 => {
                let (x, y) = (coordinates(bytes, n), coordinates(bytes, m));
                (Form::Points { y, dim, ground }, x)
            }
            kind => {
                let offset = if bytes.below(4) == 0 { size * bytes.power(0.0..4.0) } else { 0.0 };
                let cost = bytes.list(n * m + extra, |bytes| size * bytes.share() + offset);
                (if kind == 1 { Form::Blocks } else { Form::Dense }, cost)
            }
        };
        let number = |bytes: &mut Bytes<'_>| if bytes.byte() >= 224 { bytes.wild() } else { bytes.share() };
        let marginals = match bytes.below(6) {
            0..3 => Marginals::Balanced,
            3 => Marginals::Partial { mass: number(bytes) * a.iter().sum::<f64>() },
            _ => {
                let [rho_a, rho_b] = [(); 2].map(|()| match bytes.below(5) {
                    0 => f64::INFINITY,
                    1 => 0.0,
                    2 => size * bytes.power(-6.0..6.0),
                    _ => size * number(bytes),
                });
                Marginals::Unbalanced { rho_a, rho_b }
            }
        };
        let params = parameters(bytes, size);
        let [f, g] = [n, m].map(|atoms| {
            bytes.list(
                atoms + extra,
                |bytes| if size.is_finite() { size * bytes.share() } else { bytes.share() },
            )
        });
        Self { a, b, form, cost, marginals, params, start: Potentials { f, g, mass: bytes.share() } }
    }

    fn run<F: Real>(&self) -> usize {
        let rounded = |values: &[f64]| values.iter().map(|&x| F::of(x)).collect::<Vec<F>>();
        let (a, b, costs) = (rounded(&self.a), rounded(&self.b), rounded(&self.cost));
        let m = b.len();
        let block = |rows: Range<usize>, columns: Range<usize>, out: &mut [F]| {
            let places = rows.flat_map(|row| columns.clone().map(move |column| row * m + column));
            out.iter_mut().zip(places).for_each(|(out, at)| *out = costs[at]);
        };
        let y;
        let cost = match self.form {
            Form::Dense => Cost::Dense(&costs),
            Form::Blocks => Cost::Blocks(&block),
            Form::Points { y: ref points, dim, ground } => {
                y = rounded(points);
                Cost::Points(Clouds { x: &costs, y: &y, dim, ground })
            }
        };
        let problem = match Problem::with_marginals(&a, &b, cost, self.marginals) {
            Ok(problem) => problem,
            Err(error) => return refused(&error),
        };
        let params = match self.params.check() {
            Ok(params) => params,
            Err(error) => return refused(&error),
        };
        let tolerance = params.tolerance();
        let mut solved = 0;
        for answer in [params.solve(&problem), params.solve_from(&problem, &self.start)] {
            match answer {
                Ok(solution) => {
                    self.inspect(&problem, &solution, tolerance);
                    solved += 1;
                }
                Err(error) => solved += refused(&error),
            }
        }
        solved
    }

    fn inspect<F: Real>(&self, problem: &Problem<'_, F>, solution: &Solution, tolerance: f64) {
        let numbers = [
            solution.value,
            solution.regularised_value,
            solution.dual_value,
            solution.marginal_error,
            solution.mass,
            solution.potentials.mass,
        ];
        let potentials = solution.potentials.f.iter().chain(&solution.potentials.g);
        let finite = numbers.iter().chain(potentials).all(|x| x.is_finite());
        assert!(finite, "expected finite numbers of {self:?}, found {solution:?}");
        let plan = solution.plan(problem);
        let sound = plan.iter().all(|p| p.wide().is_finite() && p.wide() >= 0.0);
        assert!(sound, "expected finite masses of at least 0 of {self:?}, found {plan:?}");
        assert!(solution.iterations <= MOST_ITERATIONS, "{} iterations of {self:?}", solution.iterations);
        let measured = marginal_error(problem, solution);
        let honest = measured <= tolerance * (1.0 + 1e-9) + ROUNDING;
        assert!(
            !solution.converged || honest,
            "converged at an error of {measured} of {self:?}: {solution:?}"
        );
    }
}

fn parameters(bytes: &mut Bytes<'_>, size: f64) -> Params {
    let epsilon = match bytes.below(16) {
        0 => bytes.wild(),
        1 => size * bytes.power(-16.0..16.0),
        _ => size * bytes.power(-5.0..1.0),
    };
    let tolerance = if bytes.byte() >= 240 { bytes.wild() } else { bytes.power(-14.0..0.0) };
    let scaling = match bytes.below(5) {
        0 => Scaling::Off,
        1 => Scaling::From(bytes.power(0.0..4.0)),
        2 if bytes.below(8) == 0 => Scaling::From(bytes.wild()),
        _ => Scaling::Auto,
    };
    Params::new(epsilon)
        .tolerance(tolerance)
        .max_iterations(bytes.below(MOST_ITERATIONS + 1))
        .method([Method::Auto, Method::Log, Method::Stabilised, Method::Kernel][bytes.below(4)])
        .scaling(scaling)
        .relaxation([Relaxation::Adaptive, Relaxation::Off][bytes.below(2)])
}

/// An error says where and what; returns the number of runs solved.
fn refused(error: &crate::Error) -> usize {
    let message = error.to_string();
    assert!(message.contains(": expected ") && message.contains(", found "), "{message}");
    0
}
