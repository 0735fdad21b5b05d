//! Eigenpairs of a bipartite graph's Laplacian, and filters made of them.

use tch::{Device, Kind, Tensor};

use crate::{
    Adjacency, Error, LinearMap, Result, Subset,
    error::{expect_rows, expect_shape},
};

/// All eigenpairs of `L = I − Â` of a bipartite graph.
///
/// `Â` holds a block `B` `[left, right]` and its transpose, so with `B = U Σ Vᵀ` the eigenvectors are `(u, ±v)/√2` to
/// eigenvalues `1 ∓ σ`, and whatever is orthogonal to all of them has eigenvalue 1 and needs no vector of its own.
/// For small graphs: `O(left · right · min(left, right))` flops, once, and `left · right` numbers.
#[derive(Debug)]
pub struct Eigenpairs {
    /// `[left, rank]` and `[right, rank]`.
    sides: [Tensor; 2],
    /// `[rank]`, not negative, falling.
    singular: Vec<f64>,
}

impl Eigenpairs {
    /// Pairs of nodes, one of each side, beyond which no decomposition is tried: half a gigabyte of them.
    pub const MOST_PAIRS: usize = 1 << 26;

    /// Of a graph whose first `left` nodes are one side.
    ///
    /// # Errors
    /// [`Error::Shape`] when an edge joins nodes of one side, or for a graph too large for it.
    pub fn of_bipartite(graph: &Adjacency, left: usize, device: Device) -> Result<Self> {
        let right = graph.nodes().saturating_sub(left);
        if left * right > Self::MOST_PAIRS || left > graph.nodes() {
            let expected = format!(
                "at most {} pairs of nodes (beyond, filters by Chebyshev's recursion)",
                Self::MOST_PAIRS
            );
            return Err(Error::Shape {
                operation: "eigenpairs",
                expected,
                found: format!("{left} × {right}"),
            });
        }
        let mut block = vec![0f64; left * right];
        for (&value, (row, column)) in graph.matrix() {
            let (row, column) = (row as usize, column as usize);
            match (row < left, column < left) {
                (true, false) => block[row * right + column - left] = f64::from(value),
                (false, true) => {}
                _ => {
                    let expected = format!("edges between the first {left} nodes and the others");
                    let found = format!("one between {row} and {column}");
                    return Err(Error::Shape { operation: "eigenpairs", expected, found });
                }
            }
        }
        let block = Tensor::from_slice(&block).view([left as i64, right as i64]);
        let (u, singular, v) = tch::no_grad(|| block.svd(true, true));
        let sides = [u, v].map(|side| side.to_kind(Kind::Float).to_device(device));
        Ok(Self { sides, singular: Vec::<f64>::try_from(&singular).map_err(recgoat_torch::Error::from)? })
    }

    /// The eigenvalues below one, rising; there is one as far above for each.
    pub fn eigenvalues(&self) -> Vec<f64> {
        self.singular.iter().map(|sigma| 1.0 - sigma).collect()
    }

    /// What the eigenvectors are made of, `[left, rank]` and `[right, rank]`: `(u, v)/√2` to each of
    /// [`Eigenpairs::eigenvalues`], `(u, −v)/√2` to the one above.
    pub fn vectors(&self) -> [Tensor; 2] {
        [0, 1].map(|side| self.sides[side].shallow_clone())
    }

    /// Number of nodes.
    pub fn nodes(&self) -> usize {
        (self.sides[0].size()[0] + self.sides[1].size()[0]) as usize
    }

    /// The energy of a signal at each eigenvalue.
    pub(super) fn energies(&self, signal: &Tensor) -> Result<Vec<(f64, f64)>> {
        let signal = signal.detach();
        let [a, b] = self.coefficients(&signal)?;
        let squared = |x: Tensor| -> Result<Vec<f64>> {
            let sums = (x.square().sum_dim_intlist(1, false, Kind::Double) * 0.5).to_device(Device::Cpu);
            Ok(Vec::<f64>::try_from(&sums).map_err(recgoat_torch::Error::from)?)
        };
        let (low, high) = (squared(&a + &b)?, squared(&a - &b)?);
        let seen: f64 = low.iter().chain(&high).sum();
        let rest = signal.square().sum(Kind::Double).double_value(&[]) - seen;
        let pairs = self.singular.iter().zip(low.iter().zip(&high));
        let points = pairs.flat_map(|(sigma, (&low, &high))| [(1.0 - sigma, low), (1.0 + sigma, high)]);
        Ok(points.chain([(1.0, rest.max(0.0))]).collect())
    }

    /// `Uᵀ x` and `Vᵀ x` of the two sides of a signal, `[rank, width]`.
    fn coefficients(&self, signal: &Tensor) -> Result<[Tensor; 2]> {
        expect_rows("eigenpairs", signal, self.nodes() as i64)?;
        let left = self.sides[0].size()[0];
        let parts = [(0, left), (left, self.nodes() as i64 - left)];
        let mut found = self
            .sides
            .iter()
            .zip(parts)
            .map(|(side, (first, count))| side.tr().matmul(&signal.narrow(0, first, count)));
        Ok([found.next(), found.next()].map(|part| part.expect("two sides")))
    }
}

/// Filters of any response side by side, `x ↦ (g_1(L) x, …, g_M(L) x)`, by eigenpairs.
///
/// Images and gradients are those of [`super::ChebyshevBank`].
#[derive(Debug)]
pub struct EigenBank {
    pairs: Eigenpairs,
    filters: Vec<Spread>,
}

/// A response at all eigenvalues.
#[derive(Debug)]
struct Spread {
    /// At eigenvalue 1.
    middle: f64,
    /// `[rank, 1]`: the mean at `1 − σ` and `1 + σ`, less that at 1; and half the difference.
    even: Tensor,
    odd: Tensor,
}

impl EigenBank {
    /// Of so many filters; `response(filter, λ)` is what each lets through.
    pub fn new(pairs: Eigenpairs, filters: usize, response: impl Fn(usize, f64) -> f64) -> Self {
        let device = pairs.sides[0].device();
        let column = |values: Vec<f64>| {
            Tensor::from_slice(&values).to_kind(Kind::Float).to_device(device).view([-1, 1])
        };
        let spread = |filter: usize| {
            let middle = response(filter, 1.0);
            let ends =
                || pairs.singular.iter().map(|s| (response(filter, 1.0 - s), response(filter, 1.0 + s)));
            Spread {
                middle,
                even: column(ends().map(|(low, high)| 0.5 * (low + high) - middle).collect()),
                odd: column(ends().map(|(low, high)| 0.5 * (low - high)).collect()),
            }
        };
        let filters = (0..filters).map(spread).collect();
        Self { pairs, filters }
    }

    /// `g(L) x` from the coefficients of `x`.
    fn filtered(&self, spread: &Spread, x: &Tensor, [a, b]: &[Tensor; 2]) -> Tensor {
        let Spread { middle, even, odd } = spread;
        let [left, right] = &self.pairs.sides;
        let halves = [left.matmul(&(a * even + b * odd)), right.matmul(&(b * even + a * odd))];
        Tensor::cat(&halves, 0) + x * *middle
    }
}

impl LinearMap for EigenBank {
    fn apply(&self, x: &Tensor) -> Result<Tensor> {
        tch::no_grad(|| {
            let x = x.detach();
            let coefficients = self.pairs.coefficients(&x)?;
            let parts: Vec<Tensor> =
                self.filters.iter().map(|filter| self.filtered(filter, &x, &coefficients)).collect();
            Ok(Tensor::cat(&parts, 1))
        })
    }

    /// Every filter is symmetric: the sum of each applied to its own part.
    fn vjp(&self, gradient: &Tensor) -> Result<Tensor> {
        tch::no_grad(|| {
            let filters = self.filters.len() as i64;
            let width = gradient.size().get(1).copied().unwrap_or(0) / filters;
            expect_shape("filters", gradient, &[self.pairs.nodes() as i64, width * filters])?;
            let mut sum = Tensor::zeros([gradient.size()[0], width], (Kind::Float, gradient.device()));
            for (at, filter) in (0..).zip(&self.filters) {
                let part = gradient.detach().narrow(1, at * width, width);
                sum += self.filtered(filter, &part, &self.pairs.coefficients(&part)?);
            }
            Ok(sum)
        })
    }

    fn apply_at(&self, x: &Tensor, rows: &Subset) -> Result<Tensor> {
        Ok(self.apply(x)?.index_select(0, &rows.to_tensor(x.device())))
    }

    fn vjp_at(&self, gradient: &Tensor, rows: &Subset) -> Result<Tensor> {
        expect_rows("filters", gradient, rows.rows().len() as i64)?;
        self.vjp(&rows.scattered(gradient))
    }
}
