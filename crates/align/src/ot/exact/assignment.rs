//! Assignment: every row to a column of its own.

use crate::{Error, Result};

/// The cheapest assignment and its proof.
#[derive(Debug, Clone, PartialEq)]
pub struct Assignment {
    /// The column of each row, `[n]`.
    pub columns: Vec<usize>,
    /// The sum of their costs.
    pub value: f64,
    /// Potentials of the rows, `[n]`, and of the columns, `[m]`, the latter at most zero: `f_i + g_j ≤ C_ij`, with
    /// equality on the assignment, and `Σ f + Σ g` its cost.
    pub potentials: (Vec<f64>, Vec<f64>),
}

/// Assigns each of `n` rows a column of its own so that the costs `[n, m]`, `n ≤ m`, add up to least, by shortest
/// augmenting paths (Jonker and Volgenant 1987; Crouse 2016). `O(n² m)` at worst.
///
/// ```
/// let found = recgoat_align::ot::exact::assignment(&[4.0, 1.0, 4.0, 2.0, 0.0, 5.0], 2, 3)?;
/// assert_eq!((found.columns, found.value), (vec![1, 0], 3.0));
/// # Ok::<(), recgoat_align::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] unless `1 ≤ n ≤ m` and the costs fill the matrix, [`Error::Entry`] for one that is not finite.
pub fn assignment(cost: &[f64], n: usize, m: usize) -> Result<Assignment> {
    if !(1..=m).contains(&n) || n.checked_mul(m) != Some(cost.len()) {
        let expected = "n × m entries, 1 ≤ n ≤ m".to_owned();
        return Err(Error::Shape {
            argument: "cost",
            expected,
            found: format!("{} for {n} × {m}", cost.len()),
        });
    }
    if let Some(index) = cost.iter().position(|c| !c.is_finite()) {
        let expected = "a finite cost";
        return Err(Error::Entry { argument: "cost", index, expected, found: cost[index] });
    }
    let mut search =
        Search { cost, m, f: vec![0.0; n], g: vec![0.0; m], row_of: vec![None; m], column_of: vec![None; n] };
    for row in 0..n {
        search.augment(row);
    }
    let columns: Vec<usize> = search.column_of.iter().flatten().copied().collect();
    let value = columns.iter().enumerate().map(|(row, column)| cost[row * m + column]).sum();
    Ok(Assignment { columns, value, potentials: (search.f, search.g) })
}

struct Search<'a> {
    cost: &'a [f64],
    m: usize,
    f: Vec<f64>,
    g: Vec<f64>,
    row_of: Vec<Option<usize>>,
    column_of: Vec<Option<usize>>,
}

impl Search<'_> {
    /// Assigns one row more along the path of least reduced cost to a free column.
    fn augment(&mut self, start: usize) {
        let m = self.m;
        let mut distance = vec![f64::INFINITY; m];
        let mut before = vec![start; m];
        let mut open: Vec<usize> = (0..m).collect();
        let mut settled = Vec::new();
        let (mut row, mut length) = (start, 0.0);
        let end = loop {
            let mut nearest = (f64::INFINITY, 0);
            for (at, &column) in open.iter().enumerate() {
                let through = length + self.cost[row * m + column] - self.f[row] - self.g[column];
                if through < distance[column] {
                    (distance[column], before[column]) = (through, row);
                }
                let free_tie = distance[column] == nearest.0 && self.row_of[column].is_none();
                if distance[column] < nearest.0 || free_tie {
                    nearest = (distance[column], at);
                }
            }
            let column = open.swap_remove(nearest.1);
            length = nearest.0;
            match self.row_of[column] {
                None => break column,
                Some(next) => row = next,
            }
            settled.push(column);
        };
        self.f[start] += length;
        for column in settled {
            let slack = length - distance[column];
            self.g[column] -= slack;
            if let Some(row) = self.row_of[column] {
                self.f[row] += slack;
            }
        }
        let mut column = end;
        loop {
            let row = before[column];
            self.row_of[column] = Some(row);
            match self.column_of[row].replace(column) {
                Some(left) if row != start => column = left,
                _ => return,
            }
        }
    }
}
