//! The transportation problem by the network simplex.

use rayon::prelude::*;

use super::tree::{Arc, Tree};
use crate::{
    Result,
    ot::{
        Params, Problem,
        kernel::{RowKernels, least_reduced},
    },
};

/// Reduced costs that count as negative, relative to the largest cost.
const PRECISION: f64 = 1e-14;
/// Regularisation of the potentials that the first tree is made from, relative to the span of the costs.
const START_EPSILON: f64 = 0.002;
/// Iterations spent on them.
const START_ITERATIONS: usize = 60;
/// Share of a row's mass in the entropic plan from which an arc is a candidate: it may enter the first tree, and is
/// priced before all others are.
const CANDIDATE: f64 = 1e-5;
/// Rows priced for one pivot, the best of which is taken.
const BLOCK: usize = 4;

/// A balanced problem in whole units: costs `[rows, columns]`, all weights positive, equal totals.
pub(super) struct Transportation<'a> {
    pub(super) cost: &'a [f64],
    pub(super) supply: Vec<i64>,
    pub(super) demand: Vec<i64>,
}

/// An optimal basis.
pub(super) struct Basis {
    pub(super) arcs: Vec<Arc>,
    pub(super) g: Vec<f64>,
    pub(super) pivots: usize,
}

impl Transportation<'_> {
    /// Starts from a tree that an entropic plan suggests, pivots on the plan's candidates until none of them has a
    /// negative reduced cost, then on all arcs.
    ///
    /// Cost: `O(nm)` to find the candidates and for every sweep over all arcs; between those a pivot costs its cycle,
    /// a subtree, and the candidates of a few rows.
    pub(super) fn solve(&self) -> Result<Basis> {
        let (n, m) = (self.supply.len(), self.demand.len());
        let [low, high] = self.extent();
        let precision = PRECISION * low.abs().max(high.abs()) * (n + m) as f64;
        let (f, g) = self.near_potentials()?;
        let candidates = self.candidates(&f, &g);
        let arcs = self.near_plan(&candidates, &g);
        let negated: Vec<f64> = f.iter().map(|f| -f).collect();
        let mut tree = Tree::new(n, m, &arcs, &negated);
        let mut pivots = 0;
        loop {
            pivots += pivot_all(&mut tree, n, precision, |tree, row| {
                let potentials = tree.column_potentials();
                let mut best = (f64::INFINITY, 0, 0.0);
                for candidate in &candidates[row] {
                    let reduced = candidate.cost - potentials[candidate.column as usize];
                    if reduced < best.0 {
                        best = (reduced, candidate.column as usize, candidate.cost);
                    }
                }
                best
            });
            let found = pivot_all(&mut tree, n, precision, |tree, row| {
                let costs = &self.cost[row * m..][..m];
                let (reduced, column) = least_reduced(costs, tree.column_potentials());
                (reduced, column, costs[column])
            });
            pivots += found;
            if found == 0 {
                return Ok(Basis {
                    arcs: tree.arcs().collect(),
                    g: tree.column_potentials().to_vec(),
                    pivots,
                });
            }
            // The rounding errors of many pivots are taken out before the verdict.
            tree.refresh();
        }
    }

    fn extent(&self) -> [f64; 2] {
        f64::extent(self.cost)
    }

    /// Potentials near the optimal ones, from a few iterations with entropy.
    fn near_potentials(&self) -> Result<(Vec<f64>, Vec<f64>)> {
        let [low, high] = self.extent();
        if high - low <= f64::EPSILON * high.abs().max(low.abs()) {
            return Ok((vec![low; self.supply.len()], vec![0.0; self.demand.len()]));
        }
        let weights = |units: &[i64]| -> Vec<f64> { units.iter().map(|&u| u as f64).collect() };
        let (a, b) = (weights(&self.supply), weights(&self.demand));
        let params =
            Params::new(START_EPSILON * (high - low)).tolerance(1e-2).max_iterations(START_ITERATIONS);
        let solution = params.check()?.solve(&Problem::new(&a, &b, self.cost)?)?;
        // The plan is a·b·exp((f + g − C)/ε); the entropy's part of the potentials belongs to neither cost nor plan.
        let scale = solution.epsilon() * a.iter().sum::<f64>().ln();
        let f = solution.potentials.f.iter().map(|f| f + scale).collect();
        Ok((f, solution.potentials.g))
    }

    /// The arcs of each row that carry mass in the plan of the potentials, the largest share of it first.
    fn candidates(&self, f: &[f64], g: &[f64]) -> Vec<Vec<Candidate>> {
        let m = self.demand.len();
        let [low, high] = self.extent();
        let epsilon = START_EPSILON * (high - low);
        let total = self.demand.iter().sum::<i64>() as f64;
        // A share is b_j exp((f_i + g_j − C_ij)/ε): compared by its logarithm times ε.
        let right: Vec<f64> =
            g.iter().zip(&self.demand).map(|(g, &units)| g + epsilon * (units as f64 / total).ln()).collect();
        let limit = epsilon * CANDIDATE.ln();
        let row = |(row, &left): (usize, &f64)| -> Vec<Candidate> {
            let costs = self.cost[row * m..][..m].iter().zip(&right).enumerate();
            let shares = costs.map(|(column, (&cost, right))| Candidate {
                share: left + right - cost,
                column: column as u32,
                cost,
            });
            shares.filter(|candidate| candidate.share > limit).collect()
        };
        f.par_iter().enumerate().map(row).collect()
    }

    /// A feasible plan on a forest: the candidates with the largest shares first, then what is cheapest.
    fn near_plan(&self, candidates: &[Vec<Candidate>], g: &[f64]) -> Vec<Arc> {
        let (n, m) = (self.supply.len(), self.demand.len());
        let offers = candidates.iter().enumerate();
        let mut offers: Vec<(f64, u32, u32)> = offers
            .flat_map(|(row, candidates)| candidates.iter().map(move |c| (c.share, row as u32, c.column)))
            .collect();
        offers.par_sort_unstable_by(|x, y| y.0.total_cmp(&x.0).then((x.1, x.2).cmp(&(y.1, y.2))));
        let mut ship =
            Shipping { supply: self.supply.clone(), demand: self.demand.clone(), arcs: Vec::new() };
        for (_, row, column) in offers {
            ship.most(row as usize, column as usize, self.cost[row as usize * m + column as usize]);
        }
        let mut open: Vec<usize> = (0..m).filter(|&column| ship.demand[column] > 0).collect();
        for row in 0..n {
            while ship.supply[row] > 0 {
                let reduced = |column: &usize| self.cost[row * m + column] - g[*column];
                let cheapest = open.iter().copied().min_by(|x, y| reduced(x).total_cmp(&reduced(y)));
                let Some(column) = cheapest else { break };
                ship.most(row, column, self.cost[row * m + column]);
                open.retain(|&column| ship.demand[column] > 0);
            }
        }
        ship.arcs
    }
}

/// An arc that an optimal plan may use.
struct Candidate {
    share: f64,
    column: u32,
    cost: f64,
}

/// Pivots, a few rows at a time in turn, until no row has an arc of negative reduced cost; returns how often.
///
/// `price` gives a row's least reduced cost, but for the row's potential, and the column and cost of that arc.
fn pivot_all(
    tree: &mut Tree,
    rows: usize,
    precision: f64,
    price: impl Fn(&Tree, usize) -> (f64, usize, f64),
) -> usize {
    let (mut pivots, mut row, mut idle) = (0, 0, 0);
    while idle < rows {
        let mut best = (-precision, 0, 0, 0.0);
        for _ in 0..BLOCK {
            let (reduced, column, cost) = price(tree, row);
            let reduced = reduced + tree.row_potentials()[row];
            if reduced < best.0 {
                best = (reduced, row, column, cost);
            }
            row = if row + 1 == rows { 0 } else { row + 1 };
        }
        idle += BLOCK;
        if best.0 < -precision {
            tree.pivot(best.1, best.2, best.3);
            (pivots, idle) = (pivots + 1, 0);
        }
    }
    pivots
}

struct Shipping {
    supply: Vec<i64>,
    demand: Vec<i64>,
    arcs: Vec<Arc>,
}

impl Shipping {
    /// Ships as much as either side has left; that exhausts one, so arcs never close a cycle.
    fn most(&mut self, row: usize, column: usize, cost: f64) {
        let units = self.supply[row].min(self.demand[column]);
        if units > 0 {
            self.supply[row] -= units;
            self.demand[column] -= units;
            self.arcs.push(Arc { row, column, units, cost });
        }
    }
}
