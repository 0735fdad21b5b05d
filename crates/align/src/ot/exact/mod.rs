//! Transport without entropy: the network simplex, sorting in one dimension, and assignment.
//!
//! ```
//! use recgoat_align::ot::{Problem, exact};
//!
//! let (a, b) = ([0.5, 0.5], [0.25, 0.75]);
//! let plan = exact::solve(&Problem::new(&a, &b, &[0.0, 1.0, 1.0, 0.0])?)?;
//! // A quarter of the mass moves over a distance of one, and the potentials prove that no plan is cheaper.
//! assert!((plan.value - 0.25f64).abs() < 1e-12 && (plan.dual_value - plan.value).abs() < 1e-12);
//! # Ok::<(), recgoat_align::Error>(())
//! ```

mod assignment;
mod line;
mod simplex;
mod tree;

pub use assignment::{Assignment, assignment};

use std::borrow::Cow;

use simplex::{Basis, Transportation};

use super::{Clouds, Cost, Ground, Marginals, Potentials, Problem, Real, sinkhorn::expect_sums};
use crate::{Error, Result};

/// Units that a measure is divided into; flows are whole numbers of them, so that comparisons are exact.
const UNITS: f64 = (1u64 << 50) as f64;

/// An optimal plan and its proof.
#[derive(Debug, Clone, PartialEq)]
pub struct Exact {
    /// Transport cost.
    pub value: f64,
    /// The dual objective of the potentials, which are feasible: a lower bound of the optimum.
    pub dual_value: f64,
    /// Where mass moves: at most `n + m − 1` entries of the plan, by rows.
    pub flows: Vec<Flow>,
    /// Dual potentials: `f_i + g_j + mass ≤ C_ij`, with equality where mass moves.
    pub potentials: Potentials,
    /// Pivots of the simplex; none in one dimension.
    pub pivots: usize,
}

/// An entry of a plan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flow {
    /// Atom of the first measure.
    pub row: usize,
    /// Atom of the second measure.
    pub column: usize,
    /// What moves.
    pub mass: f64,
}

impl Exact {
    /// The plan `[n, m]`, row-major.
    pub fn plan(&self) -> Vec<f64> {
        let m = self.potentials.g.len();
        let mut plan = vec![0.0; self.potentials.f.len() * m];
        for flow in &self.flows {
            plan[flow.row * m + flow.column] += flow.mass;
        }
        plan
    }
}

/// Solves a balanced or partial problem: by sorting where it is balanced on a line under a convex cost, else by the
/// network simplex on the dense matrix, which is computed where the problem holds points or a closure.
///
/// Weights are divided into 2⁵⁰ units of the measure, to which the marginals are exact. Among several optimal plans
/// the one returned depends on the order of the atoms.
///
/// # Errors
/// [`Error::Marginals`] for an unbalanced problem, [`Error::Parameter`] for costs beyond 1e150.
pub fn solve<F: Real>(problem: &Problem<'_, F>) -> Result<Exact> {
    let partial = match problem.marginals() {
        Marginals::Balanced => None,
        Marginals::Partial { mass } => Some(mass),
        found @ Marginals::Unbalanced { .. } => {
            return Err(Error::Marginals { expected: "balanced or partial ones for an exact plan", found });
        }
    };
    if let (None, Cost::Points(clouds @ Clouds { dim: 1, ground: Ground::Squared | Ground::Absolute, .. })) =
        (partial, problem.cost())
    {
        return Ok(line::solve(problem, clouds));
    }
    let table = Table::new(problem, partial);
    expect_sums(table.cost.iter().fold(0.0, |top: f64, c| top.max(c.abs())))?;
    table.solve()
}

/// The problem as a balanced one on a dense matrix. A partial problem gets an atom more on either side, which takes
/// for nothing what is not moved.
struct Table<'a> {
    cost: Cow<'a, [f64]>,
    a: Vec<f64>,
    b: Vec<f64>,
    partial: Option<f64>,
}

impl<'a> Table<'a> {
    fn new<F: Real>(problem: &Problem<'a, F>, partial: Option<f64>) -> Self {
        let [mut a, mut b] = problem.weights();
        let (n, m) = (a.len(), b.len());
        let matrix = problem.matrix();
        let Some(mass) = partial else { return Self { cost: matrix, a, b, partial } };
        let [left, right] = [&a, &b].map(|weights| weights.iter().sum::<f64>());
        a.push((right - mass).max(0.0));
        b.push((left - mass).max(0.0));
        let largest = matrix.iter().fold(0.0, |top: f64, c| top.max(c.abs()));
        let mut cost = vec![0.0; (n + 1) * (m + 1)];
        for (row, costs) in matrix.chunks_exact(m).enumerate() {
            cost[row * (m + 1)..][..m].copy_from_slice(costs);
        }
        // Dearer than any way through the other atoms, so that nothing unmoved takes it.
        cost[(n + 1) * (m + 1) - 1] = 2.0 * largest + 1.0;
        Self { cost: Cow::Owned(cost), a, b, partial }
    }

    fn solve(self) -> Result<Exact> {
        let (n, m) = (self.a.len(), self.b.len());
        let (rows, columns) = (positive(&self.a), positive(&self.b));
        let [supply, demand] = units([pick(&self.a, &rows), pick(&self.b, &columns)]);
        let unit = self.a.iter().sum::<f64>() / supply.iter().sum::<i64>() as f64;
        let cost = if (rows.len(), columns.len()) == (n, m) {
            Cow::Borrowed(&*self.cost)
        } else {
            let row_entries = |&row: &usize| columns.iter().map(move |column| row * m + column);
            Cow::Owned(rows.iter().flat_map(row_entries).map(|at| self.cost[at]).collect())
        };
        let Basis { arcs, g, pivots } = Transportation { cost: &cost, supply, demand }.solve()?;
        let mut flows: Vec<Flow> = arcs
            .iter()
            .map(|arc| Flow {
                row: rows[arc.row],
                column: columns[arc.column],
                mass: arc.units as f64 * unit,
            })
            .collect();
        flows.sort_by_key(|flow| (flow.row, flow.column));
        // Atoms without weight take the potential that the others leave them; then rows that of all columns, which
        // makes the potentials feasible to the last digit.
        let f = self.feasible(&rows, &columns, &g);
        Ok(self.finish(flows, f.0, f.1, pivots))
    }

    /// Potentials of all atoms from those of some columns.
    fn feasible(&self, rows: &[usize], columns: &[usize], known: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let m = self.b.len();
        let mut g = vec![f64::NEG_INFINITY; m];
        columns.iter().zip(known).for_each(|(&column, &potential)| g[column] = potential);
        let least = |row: usize, g: &[f64]| {
            let gaps = self.cost[row * m..][..m].iter().zip(g).map(|(c, g)| c - g);
            gaps.fold(f64::INFINITY, f64::min)
        };
        if columns.len() < m {
            let f: Vec<f64> = rows.iter().map(|&row| least(row, &g)).collect();
            for column in (0..m).filter(|&column| g[column].is_infinite()).collect::<Vec<_>>() {
                let gaps = rows.iter().zip(&f).map(|(row, f)| self.cost[row * m + column] - f);
                g[column] = gaps.fold(f64::INFINITY, f64::min);
            }
        }
        let f = (0..self.a.len()).map(|row| least(row, &g)).collect();
        (f, g)
    }

    fn finish(&self, mut flows: Vec<Flow>, mut f: Vec<f64>, mut g: Vec<f64>, pivots: usize) -> Exact {
        let m = self.b.len();
        let value = flows.iter().map(|flow| flow.mass * self.cost[flow.row * m + flow.column]).sum();
        let dual_value = dot(&self.a, &f) + dot(&self.b, &g);
        let mut mass = 0.0;
        if self.partial.is_some()
            && let (Some(row), Some(column)) = (f.pop(), g.pop())
        {
            flows.retain(|flow| flow.row < f.len() && flow.column < g.len());
            // The added atoms' potentials at zero, by shifts that no cost sees: what is left over is the mass's.
            mass = -(row + column);
            f.iter_mut().for_each(|f| *f += column);
            g.iter_mut().for_each(|g| *g += row);
        }
        Exact { value, dual_value, flows, potentials: Potentials { f, g, mass }, pivots }
    }
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(l, r)| l * r).sum()
}

/// The atoms that weigh at least a unit.
fn positive(weights: &[f64]) -> Vec<usize> {
    let least = weights.iter().sum::<f64>() / UNITS;
    (0..weights.len()).filter(|&atom| weights[atom] > least).collect()
}

fn pick(weights: &[f64], atoms: &[usize]) -> Vec<f64> {
    atoms.iter().map(|&atom| weights[atom]).collect()
}

/// Either side's weights in units. Rounding can leave the totals apart by a unit an atom; the largest atom of the
/// lighter side takes that.
fn units(sides: [Vec<f64>; 2]) -> [Vec<i64>; 2] {
    let mut units = sides.map(|weights| {
        let scale = UNITS / weights.iter().sum::<f64>();
        weights.iter().map(|weight| (weight * scale).round().max(1.0) as i64).collect::<Vec<i64>>()
    });
    let totals = [0, 1].map(|side: usize| units[side].iter().sum::<i64>());
    let lighter = usize::from(totals[1] < totals[0]);
    if let Some(largest) = units[lighter].iter_mut().max() {
        *largest += (totals[0] - totals[1]).abs();
    }
    units
}
