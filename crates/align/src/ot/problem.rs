//! Transport problems that have been checked.

use super::Real;
use crate::{Error, Result};

/// Two measures and the cost of moving a unit of mass from each atom of one to each of the other.
#[derive(Debug, Clone, Copy)]
pub struct Problem<'a, F> {
    a: &'a [F],
    b: &'a [F],
    cost: &'a [F],
}

impl<'a, F: Real> Problem<'a, F> {
    /// Weights `a` `[n]` and `b` `[m]`, and `cost` `[n, m]`, row-major.
    ///
    /// # Errors
    /// [`Error::Shape`] for an empty measure or lengths that do not fit, [`Error::Entry`] for a weight that is
    /// negative or not finite or a cost that is not finite, [`Error::Mass`] when the totals differ by more than
    /// rounding.
    pub fn new(a: &'a [F], b: &'a [F], cost: &'a [F]) -> Result<Self> {
        for (argument, weights) in [("a", a), ("b", b)] {
            if weights.is_empty() {
                let (expected, found) = ("at least one atom".to_owned(), "none".to_owned());
                return Err(Error::Shape { argument, expected, found });
            }
            let bad = |w: &F| !(w.wide() >= 0.0 && w.wide().is_finite());
            entry(argument, weights, bad, "a finite weight of at least 0")?;
        }
        if cost.len() != a.len() * b.len() {
            return Err(Error::Shape {
                argument: "cost",
                expected: format!("{} × {} entries", a.len(), b.len()),
                found: cost.len().to_string(),
            });
        }
        entry("cost", cost, |c| !c.wide().is_finite(), "a finite cost")?;
        let total = |weights: &[F]| weights.iter().map(|w| w.wide()).sum::<f64>();
        let (left, right) = (total(a), total(b));
        // Weights rounded to F sum to within n rounding errors of the sum meant.
        let slack = F::EPSILON * (a.len() + b.len()) as f64 * left.max(right);
        if !((left - right).abs() <= slack && left > 0.0 && left.is_finite()) {
            return Err(Error::Mass { left, right });
        }
        Ok(Self { a, b, cost })
    }

    /// Weights of the first measure, `[n]`.
    pub fn a(&self) -> &'a [F] {
        self.a
    }

    /// Weights of the second measure, `[m]`.
    pub fn b(&self) -> &'a [F] {
        self.b
    }

    /// Costs `[n, m]`, row-major.
    pub fn cost(&self) -> &'a [F] {
        self.cost
    }
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
