//! What moving a unit of mass costs: a matrix, a function of points, or a closure.

use std::{fmt, ops::Range};

use super::Real;

/// Fills `out` `[rows, columns]`, row-major, with the costs of these rows and columns.
pub type CostFn<'a, F> = dyn Fn(Range<usize>, Range<usize>, &mut [F]) + Sync + 'a;

/// The cost of moving a unit of mass from each atom of one measure to each of another.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Cost<'a, F> {
    /// A matrix `[n, m]`, row-major.
    Dense(&'a [F]),
    /// A function of points; the matrix never exists.
    Points(Clouds<'a, F>),
    /// A closure that computes blocks of the matrix when they are needed; the matrix never exists. It must return
    /// the same costs for the same block every time.
    Blocks(&'a CostFn<'a, F>),
}

/// The points of two measures.
#[derive(Debug, Clone, Copy)]
pub struct Clouds<'a, F> {
    /// Points of the first measure, `[n, dim]`, row-major.
    pub x: &'a [F],
    /// Points of the second measure, `[m, dim]`, row-major.
    pub y: &'a [F],
    /// Coordinates of a point.
    pub dim: usize,
    /// The cost of a pair of points.
    pub ground: Ground,
}

/// The cost of a pair of points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Ground {
    /// `Σ_k (x_k − y_k)²`.
    #[default]
    Squared,
    /// `Σ_k |x_k − y_k|`.
    Absolute,
    /// `1 − <x, y> / (|x| |y|)`.
    Cosine,
}

impl<'a, F> From<&'a [F]> for Cost<'a, F> {
    fn from(matrix: &'a [F]) -> Self {
        Self::Dense(matrix)
    }
}

impl<'a, F> From<&'a Vec<F>> for Cost<'a, F> {
    fn from(matrix: &'a Vec<F>) -> Self {
        Self::Dense(matrix)
    }
}

impl<'a, F, const N: usize> From<&'a [F; N]> for Cost<'a, F> {
    fn from(matrix: &'a [F; N]) -> Self {
        Self::Dense(matrix)
    }
}

impl<'a, F> From<Clouds<'a, F>> for Cost<'a, F> {
    fn from(clouds: Clouds<'a, F>) -> Self {
        Self::Points(clouds)
    }
}

impl<F> fmt::Debug for Cost<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dense(matrix) => write!(f, "Dense({} entries)", matrix.len()),
            Self::Points(clouds) => write!(f, "Points({:?} in {} dimensions)", clouds.ground, clouds.dim),
            Self::Blocks(_) => f.write_str("Blocks"),
        }
    }
}

/// Rows of points costed together: what they share of the other cloud is read once.
const POINT_ROWS: usize = 8;

/// A cost made ready for passes over its rows.
pub(super) enum Rows<'a, F> {
    Dense { matrix: &'a [F], m: usize },
    Points { x: Vec<F>, columns: Vec<F>, dim: usize, m: usize, ground: Ground },
    Blocks { costs: &'a CostFn<'a, F>, m: usize },
}

impl<'a, F: Real> Rows<'a, F> {
    /// `m` is the number of columns; clouds are copied once, `O(n + m)`.
    pub(super) fn new(cost: Cost<'a, F>, m: usize) -> Self {
        match cost {
            Cost::Dense(matrix) => Self::Dense { matrix, m },
            Cost::Blocks(costs) => Self::Blocks { costs, m },
            Cost::Points(Clouds { x, y, dim, ground }) => {
                let ready = |points: &[F]| match ground {
                    Ground::Cosine => unit(points, dim),
                    Ground::Squared | Ground::Absolute => points.to_vec(),
                };
                let (x, y) = (ready(x), ready(y));
                let columns = (0..dim * m).map(|at| y[(at % m) * dim + at / m]).collect();
                Self::Points { x, columns, dim, m, ground }
            }
        }
    }

    /// Whether the costs are a matrix in memory.
    pub(super) fn in_memory(&self) -> bool {
        matches!(self, Self::Dense { .. })
    }

    /// How many rows are best asked for at once.
    pub(super) fn block(&self) -> usize {
        match self {
            Self::Dense { .. } => usize::MAX,
            Self::Points { .. } | Self::Blocks { .. } => POINT_ROWS,
        }
    }

    /// The costs of these rows, `[rows, m]`: borrowed where they lie in memory, else computed into `buffer`.
    pub(super) fn get<'b>(&'b self, rows: Range<usize>, buffer: &'b mut Vec<F>) -> &'b [F] {
        match self {
            Self::Dense { matrix, m } => &matrix[rows.start * m..rows.end * m],
            Self::Points { x, columns, dim, m, ground } => {
                buffer.resize(rows.len() * m, F::default());
                let points = &x[rows.start * dim..rows.end * dim];
                ground.kernel()(points, columns, *m, buffer);
                buffer
            }
            Self::Blocks { costs, m } => {
                buffer.resize(rows.len() * m, F::default());
                costs(rows, 0..*m, buffer);
                buffer
            }
        }
    }

    /// The costs of one column, `[n]`.
    pub(super) fn column(&self, n: usize, column: usize) -> Vec<F> {
        match self {
            Self::Dense { matrix, m } => (0..n).map(|row| matrix[row * m + column]).collect(),
            Self::Points { x, columns, dim, m, ground } => {
                let point: Vec<F> = (0..*dim).map(|k| columns[k * m + column]).collect();
                let mut out = vec![F::default(); n];
                ground.kernel()(x, &point, 1, &mut out);
                out
            }
            Self::Blocks { costs, .. } => {
                let mut out = vec![F::default(); n];
                costs(0..n, column..column + 1, &mut out);
                out
            }
        }
    }
}

impl Ground {
    /// The kernel of this cost; the cosine's wants points of unit length.
    fn kernel<F: Real>(self) -> fn(&[F], &[F], usize, &mut [F]) {
        match self {
            Self::Squared => F::squared,
            Self::Absolute => F::absolute,
            Self::Cosine => F::cosine,
        }
    }
}

/// Every row divided by its length.
fn unit<F: Real>(points: &[F], dim: usize) -> Vec<F> {
    let mut out = Vec::with_capacity(points.len());
    for point in points.chunks_exact(dim) {
        let length = point.iter().map(|p| p.wide() * p.wide()).sum::<f64>().sqrt();
        out.extend(point.iter().map(|p| F::of(p.wide() / length)));
    }
    out
}
