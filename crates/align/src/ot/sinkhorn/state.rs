//! The problem as iterations see it, and the potentials they improve.

use rayon::prelude::*;

use super::LARGEST;
use crate::{
    Error, Result,
    ot::{
        Marginals, Potentials, Problem, Real,
        cost::Rows,
        kernel::logs,
        marginals::{Side, Stride},
        solution::reference_mass,
    },
};

/// Rows whose masses are in memory at once, a thread.
pub(super) const ROWS: usize = 4;
/// Largest marginal over its weight that f32 can tell from any larger one.
const LARGEST_RATIO: f64 = 1e30;
/// Entries below which a chunk is not worth handing to another thread.
const LEAST_CHUNK: usize = 1 << 14;
/// Chunks of rows; fixed, so that sums do not depend on the number of threads.
const CHUNKS: usize = 16;

/// A problem and its potentials. Weights are kept with unit mass on either side, whatever the masses are.
pub(super) struct State<'p, F> {
    pub(super) costs: Rows<'p, F>,
    pub(super) a: Vec<f64>,
    pub(super) b: Vec<f64>,
    pub(super) masses: [f64; 2],
    pub(super) sides: [Side; 2],
    marginals: Marginals,
    pub(super) f: Vec<f64>,
    pub(super) g: Vec<f64>,
    /// The potential of the mass of a partial problem.
    pub(super) mass: f64,
    /// The marginals at (`next`, `g`), over the weights, and the rows' potentials that a pass proposes.
    pub(super) next: Vec<f64>,
    pub(super) row_ratios: Vec<f64>,
    pub(super) column_ratios: Vec<f64>,
    column_logs: Vec<f64>,
    /// The least and the largest cost.
    pub(super) extent: [f64; 2],
    chunk: usize,
}

impl<'p, F: Real> State<'p, F> {
    /// Starts where no regularisation would leave the potentials of either side given the other: then every row and
    /// every column of the kernel holds a one, whatever ε is, and nothing underflows.
    pub(super) fn cold(problem: &Problem<'p, F>, epsilon: f64) -> Self {
        let (n, m) = (problem.a().len(), problem.b().len());
        let [mut a, mut b] = problem.weights();
        let masses = [&a, &b].map(|weights| weights.iter().sum::<f64>());
        a.iter_mut().for_each(|a| *a /= masses[0]);
        b.iter_mut().for_each(|b| *b /= masses[1]);
        let rows = n.div_ceil(CHUNKS).max(LEAST_CHUNK.div_ceil(m)).next_multiple_of(2 * ROWS);
        let mut state = Self {
            costs: problem.rows(),
            a,
            b,
            masses,
            sides: problem.marginals().sides(),
            marginals: problem.marginals(),
            f: vec![0.0; n],
            g: vec![0.0; m],
            mass: 0.0,
            next: vec![0.0; n],
            row_ratios: vec![0.0; n],
            column_ratios: vec![0.0; m],
            column_logs: vec![0.0; m],
            extent: [f64::INFINITY, f64::NEG_INFINITY],
            chunk: rows,
        };
        state.reset(epsilon);
        state
    }

    /// Back to the cold start.
    pub(super) fn reset(&mut self, epsilon: f64) {
        let m = self.g.len();
        let (side, costs, chunk) = (self.sides[0], &self.costs, self.chunk);
        let starts = self.f.par_chunks_mut(chunk).enumerate().map(|(at, f)| {
            let (mut buffer, mut least) = (Vec::new(), vec![F::of(f64::INFINITY); m]);
            let mut extent = [f64::INFINITY, f64::NEG_INFINITY];
            for (block, f) in f.chunks_mut(2 * ROWS).enumerate() {
                let first = at * chunk + block * 2 * ROWS;
                let rows = costs.get(first..first + f.len(), &mut buffer);
                for (f, row) in f.iter_mut().zip(rows.chunks_exact(m)) {
                    let [low, high] = F::extent(row).map(Real::wide);
                    extent = [extent[0].min(low), extent[1].max(high)];
                    *f = side.target(low, epsilon);
                    F::lessen(&mut least, row, F::of(*f));
                }
            }
            (least, extent)
        });
        let starts: Vec<(Vec<F>, [f64; 2])> = starts.collect();
        self.extent = [f64::INFINITY, f64::NEG_INFINITY];
        self.g.fill(f64::INFINITY);
        for (least, [low, high]) in starts {
            self.extent = [self.extent[0].min(low), self.extent[1].max(high)];
            self.g.iter_mut().zip(least).for_each(|(g, least)| *g = g.min(least.wide()));
        }
        let side = self.sides[1];
        self.g.iter_mut().for_each(|g| *g = side.target(*g, epsilon));
        self.mass = if matches!(self.marginals, Marginals::Partial { .. }) { self.extent[0] } else { 0.0 };
    }

    /// Takes potentials that somebody else made.
    ///
    /// # Errors
    /// When they do not fit.
    pub(super) fn adopt(&mut self, potentials: &Potentials) -> Result<()> {
        for (argument, found, own) in
            [("potentials.f", &potentials.f, &self.f), ("potentials.g", &potentials.g, &self.g)]
        {
            if found.len() != own.len() {
                let (expected, found) = (format!("{} entries", own.len()), found.len().to_string());
                return Err(Error::Shape { argument, expected, found });
            }
            if let Some(index) = found.iter().position(|x| x.is_nan() || x.abs() > LARGEST) {
                let expected = "a potential from -1e150 to 1e150";
                return Err(Error::Entry { argument, index, expected, found: found[index] });
            }
        }
        let [left, right] = self.sides;
        self.f.iter_mut().zip(&potentials.f).for_each(|(own, &f)| *own = left.admit(f));
        self.g.iter_mut().zip(&potentials.g).for_each(|(own, &g)| *own = right.admit(g));
        let partial = matches!(self.marginals, Marginals::Partial { .. });
        self.mass = if partial && potentials.mass.abs() <= LARGEST { potentials.mass } else { 0.0 };
        Ok(())
    }

    pub(super) fn potentials(&self) -> Potentials {
        Potentials { f: self.f.clone(), g: self.g.clone(), mass: self.mass }
    }

    /// Rows of a chunk.
    pub(super) fn chunk(&self) -> usize {
        self.chunk
    }

    /// What `Σ_i a_i exp(…)` of unit masses lacks of a column's ratio.
    pub(super) fn column_scale(&self) -> f64 {
        self.masses[0] / self.masses[1]
    }

    /// What the logarithm of a kernel entry lacks when the weights have unit mass.
    pub(super) fn log_mass(&self) -> f64 {
        self.masses[1].ln()
    }

    /// The potential that a row should take: see [`Side::step`].
    pub(super) fn row_step(&self, row: usize, log_ratio: f64, epsilon: f64, stride: Stride) -> f64 {
        let now = self.f[row];
        self.sides[0].step(now, now - epsilon * log_ratio, epsilon, stride)
    }

    /// Whether a row's potential does not depend on how small its ratio is, once that is below 1e-16.
    pub(super) fn row_is_lenient(&self, row: usize, epsilon: f64) -> bool {
        match self.sides[0] {
            Side::Free => true,
            Side::AtMost => self.f[row] - epsilon * 1e-16f64.ln() >= 0.0,
            Side::Fixed | Side::Priced(_) => false,
        }
    }

    /// L1 distance of the marginals at (`next`, `g`) from what the conditions ask for, relative to the mass.
    pub(super) fn error(&self) -> f64 {
        let sum = |side: Side, weights: &[f64], potentials: &[f64], ratios: &[f64]| -> f64 {
            let terms = weights.iter().zip(potentials.iter().zip(ratios));
            // An atom that weighs nothing asks for nothing, however far off its potential is.
            terms.filter(|(w, _)| **w > 0.0).map(|(w, (&p, &r))| w * side.residual(p, r)).sum()
        };
        let rows = self.masses[0] * sum(self.sides[0], &self.a, &self.next, &self.row_ratios);
        let columns = self.masses[1] * sum(self.sides[1], &self.b, &self.g, &self.column_ratios);
        let whole = match self.marginals {
            Marginals::Partial { mass } => (self.plan_mass() - mass).abs(),
            Marginals::Balanced | Marginals::Unbalanced { .. } => 0.0,
        };
        (rows + columns + whole) / reference_mass(self.marginals, self.masses[0], self.masses[1])
    }

    /// Whether some atom's marginal is beyond any use.
    pub(super) fn overflows(&self) -> bool {
        let beyond = |weights: &[f64], ratios: &[f64]| {
            weights
                .iter()
                .zip(ratios)
                .any(|(&weight, &ratio)| weight > 0.0 && (ratio >= LARGEST_RATIO || ratio.is_nan()))
        };
        beyond(&self.a, &self.row_ratios) || beyond(&self.b, &self.column_ratios)
    }

    /// The dual objective at (`next`, `g`).
    pub(super) fn dual(&self, epsilon: f64) -> f64 {
        let sum = |side: Side, weights: &[f64], potentials: &[f64]| -> f64 {
            let atoms = weights.iter().zip(potentials).filter(|(w, _)| **w > 0.0);
            atoms.map(|(w, &p)| w * side.dual(p)).sum()
        };
        let [left, right] = self.masses;
        let whole = match self.marginals {
            Marginals::Partial { mass } => mass * self.mass,
            Marginals::Balanced | Marginals::Unbalanced { .. } => 0.0,
        };
        left * sum(self.sides[0], &self.a, &self.next)
            + right * sum(self.sides[1], &self.b, &self.g)
            + whole
            + epsilon * (left * right - self.plan_mass())
    }

    /// Takes the rows' proposal and updates the columns from their ratios; with this stride.
    pub(super) fn update(&mut self, epsilon: f64, stride: Stride) {
        std::mem::swap(&mut self.f, &mut self.next);
        let side = self.sides[1];
        logs(&self.column_ratios, &mut self.column_logs);
        if let Marginals::Partial { mass } = self.marginals {
            let mut free: Vec<f64> = Vec::with_capacity(self.g.len());
            free.extend(self.g.iter().zip(&self.column_logs).map(|(g, log)| g - epsilon * log + self.mass));
            self.mass = mass_potential(&free, &self.b, mass / self.masses[1], epsilon);
            self.g.iter_mut().zip(free).for_each(|(g, free)| *g = (free - self.mass).min(0.0));
        } else {
            for (g, log) in self.g.iter_mut().zip(&self.column_logs) {
                *g = side.step(*g, *g - epsilon * log, epsilon, stride);
            }
        }
    }

    /// Whether sums of a kernel in f32 lead to the right potentials. The potential of a partial problem's mass hangs on
    /// atoms that are too far for it.
    pub(super) fn bears_single(&self) -> bool {
        !matches!(self.marginals, Marginals::Partial { .. })
    }

    /// The mass that the plan must have, where the conditions say.
    pub(super) fn wanted_mass(&self) -> Option<f64> {
        match self.marginals {
            Marginals::Partial { mass } => Some(mass),
            Marginals::Balanced => Some(self.masses[0]),
            Marginals::Unbalanced { .. } => None,
        }
    }

    /// `ΣP` at (`next`, `g`).
    pub(super) fn plan_mass(&self) -> f64 {
        let rows = self.a.iter().zip(&self.row_ratios).filter(|(a, _)| **a > 0.0);
        self.masses[0] * rows.map(|(a, r)| a * r).sum::<f64>()
    }
}

/// The `λ` with `Σ_j weights_j exp(min(λ − free_j, 0)/ε) = mass`, `[eq:mass]`: the potential of the mass given that
/// every column takes at most its weight.
///
/// The sum grows with `λ`, and between two neighbours of the sorted `free` it is a constant plus a multiple of
/// `exp(λ/ε)`.
fn mass_potential(free: &[f64], weights: &[f64], mass: f64, epsilon: f64) -> f64 {
    let mut order: Vec<usize> = (0..free.len()).filter(|&j| weights[j] > 0.0).collect();
    order.sort_by(|&i, &j| free[i].total_cmp(&free[j]));
    // log Σ weights exp(−free/ε) over the columns from each on, from the last.
    let mut tails = vec![f64::NEG_INFINITY; order.len() + 1];
    for (at, &j) in order.iter().enumerate().rev() {
        let term = weights[j].ln() - free[j] / epsilon;
        let top = tails[at + 1].max(term);
        tails[at] = top + ((tails[at + 1] - top).exp() + (term - top).exp()).ln();
    }
    let mut full = 0.0;
    for (at, &j) in order.iter().enumerate() {
        let rest = mass - full;
        if rest <= 0.0 {
            return free[j];
        }
        let level = epsilon * (rest.ln() - tails[at]);
        if level <= free[j] {
            return level;
        }
        full += weights[j];
    }
    order.last().map_or(0.0, |&j| free[j])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::mass_potential;

    proptest! {
        #[test]
        fn the_potential_of_the_mass_is_where_the_mass_is_met(
            columns in proptest::collection::vec((-2f64..2.0, 0.01f64..1.0), 1..20), share in 0.01f64..0.99,
            epsilon in 0.01f64..1.0,
        ) {
            let (free, weights): (Vec<f64>, Vec<f64>) = columns.into_iter().unzip();
            let mass = share * weights.iter().sum::<f64>();
            let level = mass_potential(&free, &weights, mass, epsilon);
            let met: f64 = free.iter().zip(&weights).map(|(t, w)| w * ((level - t).min(0.0) / epsilon).exp()).sum();
            prop_assert!((met - mass).abs() < 1e-9, "{met} {mass}");
        }
    }
}
