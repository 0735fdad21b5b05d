//! Where in the spectrum a signal's energy lies.

use recgoat_torch::to_vec;
use tch::Tensor;

use super::{
    Eigenpairs,
    recursion::{Recursion, Space},
    series::{jackson, parity},
};
use crate::{Adjacency, Result, error::expect_rows};

/// Eigenvalues nearer to each other than this are one: entries of the matrix are of single precision.
const ROUNDING: f64 = 1e-6;

/// The distribution of a signal's energy `|x|² = Σ_j |φ_jᵀ x|²` over the eigenvalues of the Laplacian; of a signal of
/// several columns, of all of them together.
#[derive(Debug, Clone, PartialEq)]
pub struct Energy {
    total: f64,
    shape: Shape,
}

#[derive(Debug, Clone, PartialEq)]
enum Shape {
    /// `<x, T_k(L − I) x> / |x|²`, damped by Jackson's kernel.
    Moments(Vec<f64>),
    /// Eigenvalues in order, and the share of energy up to each, itself included.
    Points(Vec<(f64, f64)>),
}

impl Energy {
    /// Of `signal` `[nodes, width]`, from so many moments of its distribution (at least one), by the kernel polynomial
    /// method (Weisse et al. 2006): `moments / 2` products with the graph, no eigenvalue, and what is sharp `π / moments`
    /// wide.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] for another number of rows.
    pub fn by_moments(graph: &Adjacency, signal: &Tensor, moments: usize) -> Result<Self> {
        expect_rows("energy", signal, graph.nodes() as i64)?;
        let width = signal.size()[1] as usize;
        let mut space = Space::default();
        let mut recursion = Recursion::new(graph.matrix(), width, &mut space);
        recursion.now.copy_from_slice(&to_vec(&signal.detach())?);
        let total = dot(recursion.now, recursion.now);
        let mut found = vec![total];
        // T_{2k} = 2 T_k² − 1 and T_{2k+1} = 2 T_k T_{k+1} − T_1: every product gives two moments.
        recursion.start();
        let first = dot(recursion.now, recursion.before);
        found.push(first);
        while found.len() < moments {
            found.push(2.0 * dot(recursion.now, recursion.now) - total);
            recursion.advance();
            found.push(2.0 * dot(recursion.now, recursion.before) - first);
        }
        let degree = found.len() - 1;
        // Found for Â, which is −(L − I).
        let damped = found.iter().enumerate().map(|(k, m)| parity(k) * m / total * jackson(k, degree));
        Ok(Self { total, shape: Shape::Moments(damped.collect()) })
    }

    /// Of `signal` `[nodes, width]`, exactly.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] for another number of rows.
    pub fn by_eigenpairs(pairs: &Eigenpairs, signal: &Tensor) -> Result<Self> {
        let mut points = pairs.energies(signal)?;
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let total: f64 = points.iter().map(|point| point.1).sum();
        let mut sum = 0.0;
        for (_, energy) in &mut points {
            sum += *energy;
            *energy = sum / total;
        }
        Ok(Self { total, shape: Shape::Points(points) })
    }

    /// All of it, `|x|²`.
    pub fn total(&self) -> f64 {
        self.total
    }

    /// The share below an eigenvalue, between 0 and 1; 0 for a signal without energy.
    pub fn below(&self, eigenvalue: f64) -> f64 {
        if self.total <= 0.0 {
            return 0.0;
        }
        match &self.shape {
            Shape::Moments(moments) => {
                let angle = (eigenvalue.clamp(0.0, 2.0) - 1.0).acos();
                let terms = moments.iter().enumerate().skip(1);
                let sum: f64 = terms.map(|(k, m)| m * (k as f64 * angle).sin() / k as f64).sum();
                (1.0 - angle / std::f64::consts::PI - 2.0 / std::f64::consts::PI * sum).clamp(0.0, 1.0)
            }
            Shape::Points(points) => {
                let count = points.partition_point(|point| point.0 < eigenvalue);
                count.checked_sub(1).map_or(0.0, |last| points[last].1)
            }
        }
    }

    /// The least eigenvalue below which this share lies, as nearly as the spectrum allows; nothing for a signal without
    /// energy.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        if !(self.total > 0.0 && self.total.is_finite()) {
            return None;
        }
        Some(match &self.shape {
            Shape::Moments(_) => {
                // 60 halvings: to the last bit.
                let (mut low, mut high) = (0.0, 2.0);
                for _ in 0..60 {
                    let middle = 0.5 * (low + high);
                    if self.below(middle) < share { low = middle } else { high = middle }
                }
                high
            }
            Shape::Points(points) => {
                let at = points.partition_point(|point| point.1 < share - 1e-9);
                let here = points.get(at).map_or(2.0, |point| point.0);
                // Between this eigenvalue and the next that differs by more than the rounding of the matrix.
                let next = points[at.min(points.len())..].iter().find(|point| point.0 > here + ROUNDING);
                next.map_or(2.0 + ROUNDING, |point| 0.5 * (here + point.0))
            }
        })
    }
}

fn dot(left: &[f32], right: &[f32]) -> f64 {
    left.iter().zip(right).map(|(&l, &r)| f64::from(l) * f64::from(r)).sum()
}
