//! Transport on a line: sorting.

use super::{Exact, Flow};
use crate::ot::{Clouds, Ground, Potentials, Problem, Real};

/// Matches the quantiles of either side, which is optimal for a convex cost of the difference (Santambrogio 2015,
/// theorem 2.9). `O(n log n + m log m)`.
pub(super) fn solve<F: Real>(problem: &Problem<'_, F>, clouds: Clouds<'_, F>) -> Exact {
    let Clouds { x, y, ground, .. } = clouds;
    let [a, b] = problem.weights();
    let [x, y] = [x, y].map(|points| points.iter().map(|p| p.wide()).collect::<Vec<f64>>());
    let cost = |row: usize, column: usize| {
        let gap = x[row] - y[column];
        if ground == Ground::Squared { gap * gap } else { gap.abs() }
    };
    let (rows, columns) = (sorted(&x), sorted(&y));
    let (mut f, mut g) = (vec![0.0; x.len()], vec![0.0; y.len()]);
    let mut flows = Vec::with_capacity(x.len() + y.len());
    let (mut i, mut j) = (0, 0);
    let (mut supply, mut demand) = (a[rows[0]], b[columns[0]]);
    g[columns[0]] = cost(rows[0], columns[0]);
    // Potentials are equal to the cost along the staircase, which one step at a time connects all atoms.
    loop {
        let (row, column) = (rows[i], columns[j]);
        let last = (i + 1 == rows.len(), j + 1 == columns.len());
        let mass = match last {
            (true, true) => supply.max(demand),
            (true, false) => demand,
            (false, true) => supply,
            (false, false) => supply.min(demand),
        };
        if mass > 0.0 {
            flows.push(Flow { row, column, mass });
        }
        if last == (true, true) {
            break;
        }
        if !last.0 && (last.1 || supply <= demand) {
            demand -= supply;
            i += 1;
            supply = a[rows[i]];
            f[rows[i]] = cost(rows[i], column) - g[column];
        } else {
            supply -= demand;
            j += 1;
            demand = b[columns[j]];
            g[columns[j]] = cost(row, columns[j]) - f[row];
        }
    }
    flows.sort_by_key(|flow| (flow.row, flow.column));
    let value = flows.iter().map(|flow| flow.mass * cost(flow.row, flow.column)).sum();
    let dual = |weights: &[f64], potentials: &[f64]| -> f64 {
        weights.iter().zip(potentials).map(|(w, p)| w * p).sum()
    };
    let dual_value = dual(&a, &f) + dual(&b, &g);
    Exact { value, dual_value, flows, potentials: Potentials { f, g, mass: 0.0 }, pivots: 0 }
}

fn sorted(points: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by(|&i, &j| points[i].total_cmp(&points[j]));
    order
}
