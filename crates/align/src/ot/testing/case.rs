//! Problems to put a solver through.

/// A balanced problem of unit mass with a dense cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Weights of the first measure, `[n]`; they sum to one.
    pub a: Vec<f64>,
    /// Weights of the second measure, `[m]`; they sum to one.
    pub b: Vec<f64>,
    /// Costs `[n, m]`, row-major.
    pub cost: Vec<f64>,
    /// Regularisation, in units of the cost.
    pub epsilon: f64,
}

/// What kind of problem [`Case::random`] makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Family {
    /// Costs from 0 to 1, weights of like size, `ε = 0.2`.
    Flat,
    /// Squared distances of points in three dimensions over their mean, `ε = 0.05`.
    Clouds,
    /// Costs from 0 to 1 and `ε = 0.005`: thousands of iterations for who does plain ones.
    Steep,
    /// About a third of the atoms weigh nothing.
    Sparse,
    /// Weights over six orders of magnitude.
    Lopsided,
    /// Costs near 1,000 with a span of 1 and `ε = 0.2`: `exp(−C/ε)` is zero everywhere.
    Offset,
    /// Uniform weights, costs 0, 1, 2 or 3 and `ε = 0.02`: many plans are optimal without regularisation.
    Ties,
}

impl Family {
    /// Every kind.
    pub const ALL: [Self; 7] =
        [Self::Flat, Self::Clouds, Self::Steep, Self::Sparse, Self::Lopsided, Self::Offset, Self::Ties];
}

impl Case {
    /// A problem of `n` by `m` atoms; the same for the same arguments on every machine.
    ///
    /// # Panics
    /// When `n` or `m` is zero.
    pub fn random(seed: u64, n: usize, m: usize, family: Family) -> Self {
        assert!(n > 0 && m > 0, "expected at least one atom on either side, found {n} and {m}");
        let mut draws = Draws::new(seed);
        let (a, b) = (measure(&mut draws, n, family), measure(&mut draws, m, family));
        let cost = match family {
            Family::Clouds => distances(&mut draws, n, m),
            Family::Offset => (0..n * m).map(|_| 1000.0 + draws.uniform()).collect(),
            Family::Ties => (0..n * m).map(|_| draws.below(4) as f64).collect(),
            Family::Flat | Family::Steep | Family::Sparse | Family::Lopsided => {
                (0..n * m).map(|_| draws.uniform()).collect()
            }
        };
        let epsilon = match family {
            Family::Flat | Family::Offset => 0.2,
            Family::Sparse => 0.1,
            Family::Clouds | Family::Lopsided => 0.05,
            Family::Ties => 0.02,
            Family::Steep => 0.005,
        };
        Self { a, b, cost, epsilon }
    }

    /// The largest cost less the least.
    pub fn span(&self) -> f64 {
        let least = self.cost.iter().copied().fold(f64::INFINITY, f64::min);
        self.cost.iter().copied().fold(f64::NEG_INFINITY, f64::max) - least
    }

    /// The largest absolute cost.
    pub fn largest(&self) -> f64 {
        self.cost.iter().map(|c| c.abs()).fold(0.0, f64::max)
    }

    /// The same with other costs, from each one's row, column and value.
    pub(super) fn with_costs(&self, cost: impl Fn(usize, usize, f64) -> f64) -> Self {
        let m = self.b.len();
        let costs = self.cost.iter().enumerate().map(|(at, &c)| cost(at / m, at % m, c));
        Self { cost: costs.collect(), ..self.clone() }
    }
}

/// Rows become columns; `m` is how many columns there were.
pub(super) fn transposed(matrix: &[f64], m: usize) -> Vec<f64> {
    let n = matrix.len() / m;
    (0..matrix.len()).map(|at| matrix[at % n * m + at / n]).collect()
}

fn measure(draws: &mut Draws, n: usize, family: Family) -> Vec<f64> {
    let mut weights: Vec<f64> = (0..n)
        .map(|_| match family {
            Family::Ties => 1.0,
            Family::Lopsided => 10f64.powf(-6.0 * draws.uniform()),
            Family::Sparse if draws.below(3) == 0 => 0.0,
            _ => 0.5 + draws.uniform(),
        })
        .collect();
    if weights.iter().all(|w| *w == 0.0) {
        weights[0] = 1.0;
    }
    let total: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|w| *w /= total);
    weights
}

fn distances(draws: &mut Draws, n: usize, m: usize) -> Vec<f64> {
    // A sum of uniform numbers is bell-shaped enough, and the same on every machine.
    let mut point = || [(); 3].map(|()| (0..4).map(|_| draws.uniform() - 0.5).sum::<f64>());
    let x: Vec<[f64; 3]> = (0..n).map(|_| point()).collect();
    let y: Vec<[f64; 3]> = (0..m).map(|_| point()).collect();
    let squared = |x: &[f64; 3], y: &[f64; 3]| x.iter().zip(y).map(|(x, y)| (x - y) * (x - y)).sum::<f64>();
    let cost: Vec<f64> = x.iter().flat_map(|x| y.iter().map(move |y| squared(x, y))).collect();
    let mean = cost.iter().sum::<f64>() / cost.len() as f64;
    cost.into_iter().map(|c| c / mean).collect()
}

/// Pseudo-random numbers (SplitMix64, Steele et al. 2014): a checker should not choose a generator for its user.
pub(super) struct Draws(u64);

impl Draws {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to less than 1.
    pub(super) fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// From 0 to less than `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// The numbers from 0 to `n − 1` in some order.
    pub(super) fn order(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        for last in (1..n).rev() {
            order.swap(last, self.below(last + 1));
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_are_balanced_repeat_and_differ() {
        for family in Family::ALL {
            let case = Case::random(3, 6, 9, family);
            assert_eq!(case, Case::random(3, 6, 9, family));
            assert_ne!(case, Case::random(4, 6, 9, family));
            for weights in [&case.a, &case.b] {
                assert!(
                    (weights.iter().sum::<f64>() - 1.0).abs() < 1e-14 && weights.iter().all(|w| *w >= 0.0)
                );
            }
            assert!(case.cost.len() == 54 && case.span() > 0.0 && case.largest() >= case.span());
        }
        assert!((0..20).any(|seed| Case::random(seed, 6, 9, Family::Sparse).a.contains(&0.0)));
    }

    #[test]
    fn orders_are_permutations_and_draws_fill_their_range() {
        let mut draws = Draws::new(1);
        let mut order = draws.order(50);
        assert_ne!(order, (0..50).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..50).collect::<Vec<_>>());
        let mean = (0..1000).map(|_| draws.uniform()).sum::<f64>() / 1000.0;
        assert!((mean - 0.5).abs() < 0.05, "{mean}");
        // The reference implementation's first number from seed zero.
        assert_eq!(Draws::new(0).next(), 0xe220_a839_7b1d_cdaf);
    }
}
