//! Transport problems that have been checked.

use std::borrow::Cow;

use rayon::prelude::*;

use super::{Clouds, Cost, Ground, Marginals, Real, cost::Rows};
use crate::{Error, Result};

/// Two measures, the cost of moving a unit of mass from each atom of one to each of the other, and what the plan's
/// marginals must be: `[eq:primal]` of the book.
#[derive(Debug, Clone, Copy)]
pub struct Problem<'a, F> {
    a: &'a [F],
    b: &'a [F],
    cost: Cost<'a, F>,
    marginals: Marginals,
}

impl<'a, F: Real> Problem<'a, F> {
    /// A balanced problem: weights `a` `[n]` and `b` `[m]` of equal mass; the cost is `[n, m]` where it is a slice.
    ///
    /// # Errors
    /// As [`Problem::with_marginals`].
    pub fn new(a: &'a [F], b: &'a [F], cost: impl Into<Cost<'a, F>>) -> Result<Self> {
        Self::with_marginals(a, b, cost, Marginals::Balanced)
    }

    /// A problem with other conditions on its marginals.
    ///
    /// Cost: one pass over the costs, which computes a closure's once.
    ///
    /// # Errors
    /// [`Error::Shape`] for an empty measure or lengths that do not fit, [`Error::Entry`] for a weight that is
    /// negative or not finite or a cost or coordinate that is not finite, [`Error::Mass`] for a measure without mass
    /// or, where they must be equal, masses that differ by more than rounding, [`Error::PartialMass`] and
    /// [`Error::Parameter`] for marginals out of range.
    pub fn with_marginals(
        a: &'a [F],
        b: &'a [F],
        cost: impl Into<Cost<'a, F>>,
        marginals: Marginals,
    ) -> Result<Self> {
        let cost = cost.into();
        for (argument, weights) in [("a", a), ("b", b)] {
            if weights.is_empty() {
                let (expected, found) = ("at least one atom".to_owned(), "none".to_owned());
                return Err(Error::Shape { argument, expected, found });
            }
            let bad = |w: &F| !(w.wide() >= 0.0 && w.wide().is_finite());
            entry(argument, weights, bad, "a finite weight of at least 0")?;
        }
        match cost {
            Cost::Dense(matrix) => check_matrix(matrix, a.len(), b.len())?,
            Cost::Points(clouds) => check_clouds(&clouds, a.len(), b.len())?,
            Cost::Blocks(_) => check_blocks(cost, a.len(), b.len())?,
        }
        let [left, right] = [a, b].map(|w| w.iter().map(|w| w.wide()).sum::<f64>());
        // Beyond these the product of two masses leaves f64.
        let sound = |mass: f64| (1e-150..=1e150).contains(&mass);
        if !(sound(left) && sound(right)) {
            return Err(Error::Mass { left, right });
        }
        // Weights rounded to F sum to within n rounding errors of the sum meant.
        marginals.check(left, right, F::EPSILON * (a.len() + b.len()) as f64)?;
        Ok(Self { a, b, cost, marginals })
    }

    /// Weights of the first measure, `[n]`.
    pub fn a(&self) -> &'a [F] {
        self.a
    }

    /// Weights of the second measure, `[m]`.
    pub fn b(&self) -> &'a [F] {
        self.b
    }

    /// The cost.
    pub fn cost(&self) -> Cost<'a, F> {
        self.cost
    }

    /// What the plan's marginals must be.
    pub fn marginals(&self) -> Marginals {
        self.marginals
    }

    pub(super) fn rows(&self) -> Rows<'a, F> {
        Rows::new(self.cost, self.b.len())
    }

    /// The cost matrix `[n, m]` in f64: borrowed where it lies in memory as such.
    pub(super) fn matrix(&self) -> Cow<'a, [f64]> {
        if let Cost::Dense(matrix) = self.cost
            && let Some(matrix) = F::as_f64(matrix)
        {
            return Cow::Borrowed(matrix);
        }
        let (n, m) = (self.a.len(), self.b.len());
        let (rows, mut buffer) = (self.rows(), Vec::new());
        let mut out = Vec::with_capacity(n * m);
        for row in 0..n {
            out.extend(rows.get(row..row + 1, &mut buffer).iter().map(|c| c.wide()));
        }
        Cow::Owned(out)
    }

    /// Both sides' weights in f64. Where both marginals are fixed, `b` is scaled to weigh what `a` weighs: weights
    /// rounded to F do so only to rounding, and no plan could meet both.
    pub(super) fn weights(&self) -> [Vec<f64>; 2] {
        let [a, mut b] = [self.a, self.b].map(|w| w.iter().map(|w| w.wide()).collect::<Vec<f64>>());
        if matches!(self.marginals, Marginals::Balanced) {
            let scale = a.iter().sum::<f64>() / b.iter().sum::<f64>();
            b.iter_mut().for_each(|b| *b *= scale);
        }
        [a, b]
    }
}

/// Entries checked together.
const CHECKED: usize = 1 << 15;

fn check_matrix<F: Real>(matrix: &[F], n: usize, m: usize) -> Result<()> {
    if n.checked_mul(m) != Some(matrix.len()) {
        let (expected, found) = (format!("{n} × {m} entries"), matrix.len().to_string());
        return Err(Error::Shape { argument: "cost", expected, found });
    }
    // Chunks are checked at the speed of memory; the search by entry is for the first that holds a culprit.
    match matrix.par_chunks(CHECKED).position_first(|costs| !F::finite(costs)) {
        Some(chunk) => {
            let start = chunk * CHECKED;
            let bad = |c: &F| !c.wide().is_finite();
            entry("cost", &matrix[start..], bad, "a finite cost").map_err(|error| error.moved(start))
        }
        None => Ok(()),
    }
}

fn check_clouds<F: Real>(clouds: &Clouds<'_, F>, n: usize, m: usize) -> Result<()> {
    let dim = clouds.dim;
    if dim == 0 {
        let (expected, found) = ("at least one coordinate".to_owned(), "none".to_owned());
        return Err(Error::Shape { argument: "dim", expected, found });
    }
    // Far enough from the largest number that a squared distance cannot overflow.
    let largest = (F::EPSILON.powi(-4) / dim as f64).sqrt();
    for (argument, points, atoms) in [("x", clouds.x, n), ("y", clouds.y, m)] {
        if atoms.checked_mul(dim) != Some(points.len()) {
            let (expected, found) = (format!("{atoms} × {dim} coordinates"), points.len().to_string());
            return Err(Error::Shape { argument, expected, found });
        }
        let bad = |x: &F| x.wide().is_nan() || x.wide().abs() > largest;
        entry(argument, points, bad, "a finite coordinate, small enough to square")?;
        if clouds.ground == Ground::Cosine {
            let zero = |point: &[F]| point.iter().all(|x| x.wide() * x.wide() == 0.0);
            if let Some(row) = points.chunks_exact(dim).position(zero) {
                let expected = "a vector with a direction, for a cosine";
                return Err(Error::Entry { argument, index: row * dim, expected, found: 0.0 });
            }
        }
    }
    Ok(())
}

fn check_blocks<F: Real>(cost: Cost<'_, F>, n: usize, m: usize) -> Result<()> {
    let rows = Rows::new(cost, m);
    let mut buffer = Vec::new();
    for row in 0..n {
        let costs = rows.get(row..row + 1, &mut buffer);
        if let Some(column) = costs.iter().position(|c| !c.wide().is_finite()) {
            let (index, found) = (row * m + column, costs[column].wide());
            return Err(Error::Entry { argument: "cost", index, expected: "a finite cost", found });
        }
    }
    Ok(())
}

fn entry<F: Real>(
    argument: &'static str,
    values: &[F],
    bad: impl Fn(&F) -> bool,
    expected: &'static str,
) -> Result<()> {
    match values.iter().position(bad) {
        Some(index) => Err(Error::Entry { argument, index, expected, found: values[index].wide() }),
        None => Ok(()),
    }
}
