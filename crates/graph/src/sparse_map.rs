//! A sparse matrix as a linear map of rows.

use recgoat_torch::{as_slice, as_slice_mut};
use sprs::CsMatI;
use tch::{Device, Kind, Tensor};

use crate::{
    Error, LinearMap, Result, Subset,
    error::{expect_rows, expect_shape, expect_subset},
    relay::add_to,
    spmm::{Dense, Rows, Write, spmm},
};

/// The linear map `x ↦ A x` of a sparse `A` `[rows, columns]`, with its transpose kept for the VJP.
///
/// ```
/// use recgoat_graph::{LinearMap, SparseMap};
/// use tch::{Device, Tensor};
/// // One row that averages two others.
/// let map = SparseMap::new(1, 2, [(0, 0, 0.5), (0, 1, 0.5)], Device::Cpu)?;
/// let x = Tensor::from_slice(&[1f32, 3.0]).view([2, 1]);
/// assert_eq!(map.apply(&x)?, Tensor::from_slice(&[2f32]).view([1, 1]));
/// # Ok::<(), recgoat_graph::Error>(())
/// ```
#[derive(Debug)]
pub struct SparseMap {
    forward: Half,
    backward: Half,
}

/// One direction of a map.
#[derive(Debug)]
struct Half {
    matrix: CsMatI<f32, u32, usize>,
    remote: Option<Tensor>,
}

impl SparseMap {
    /// From `(row, column, value)` entries, in any order; entries of one place are added.
    ///
    /// # Errors
    /// [`Error::Node`] for a row or column that is not there.
    pub fn new(
        rows: usize,
        columns: usize,
        entries: impl IntoIterator<Item = (u32, u32, f32)>,
        device: Device,
    ) -> Result<Self> {
        let mut triplets = sprs::TriMatI::<f32, u32>::new((rows, columns));
        for (edge, (row, column, value)) in entries.into_iter().enumerate() {
            for (node, nodes) in [(row as usize, rows), (column as usize, columns)] {
                if node >= nodes {
                    return Err(Error::Node { edge, node, nodes });
                }
            }
            triplets.add_triplet(row as usize, column as usize, value);
        }
        let matrix: CsMatI<f32, u32, usize> = triplets.to_csr();
        let transposed = matrix.transpose_view().to_csr();
        let [forward, backward] = [matrix, transposed].map(|matrix| Half::new(matrix, device));
        Ok(Self { forward, backward })
    }

    /// The block of a bipartite `Â = D^-1/2 A D^-1/2` that maps the nodes of one side, its columns, to those of the
    /// other: `1/√(deg(row) deg(column))` for each pair.
    ///
    /// # Errors
    /// [`Error::Node`] for a node that is not there.
    pub fn between_sides(
        rows: usize,
        columns: usize,
        pairs: impl IntoIterator<Item = (u32, u32)>,
        device: Device,
    ) -> Result<Self> {
        let pairs: Vec<(u32, u32)> = pairs.into_iter().collect();
        let (mut of_rows, mut of_columns) = (vec![0f64; rows], vec![0f64; columns]);
        for (edge, &(row, column)) in pairs.iter().enumerate() {
            for (degrees, node) in [(&mut of_rows, row as usize), (&mut of_columns, column as usize)] {
                let nodes = degrees.len();
                *degrees.get_mut(node).ok_or(Error::Node { edge, node, nodes })? += 1.0;
            }
        }
        let weight = |row: u32, column: u32| (of_rows[row as usize] * of_columns[column as usize]).sqrt();
        let entries = pairs.iter().map(|&(row, column)| (row, column, weight(row, column).recip() as f32));
        Self::new(rows, columns, entries, device)
    }

    /// Divides every entry by the square root of its row's sum times that of the row its column is: the symmetric
    /// normalisation of a square matrix with non-negative entries.
    ///
    /// # Errors
    /// [`Error::Node`] for a row or column that is not there.
    pub fn normalised(
        nodes: usize,
        entries: impl IntoIterator<Item = (u32, u32, f32)>,
        device: Device,
    ) -> Result<Self> {
        let entries: Vec<(u32, u32, f32)> = entries.into_iter().collect();
        let mut sums = vec![0f64; nodes];
        for (edge, &(row, _, value)) in entries.iter().enumerate() {
            let node = row as usize;
            *sums.get_mut(node).ok_or(Error::Node { edge, node, nodes })? += f64::from(value);
        }
        let root = |node: u32| match sums.get(node as usize) {
            Some(&sum) if sum > 0.0 => sum.sqrt().recip(),
            _ => 0.0,
        };
        let scaled = entries
            .iter()
            .map(|&(row, column, value)| (row, column, (f64::from(value) * root(row) * root(column)) as f32));
        Self::new(nodes, nodes, scaled, device)
    }

    /// The matrix.
    pub fn matrix(&self) -> &CsMatI<f32, u32, usize> {
        &self.forward.matrix
    }
}

impl LinearMap for SparseMap {
    fn apply(&self, x: &Tensor) -> Result<Tensor> {
        self.forward.apply(x, (None, None))
    }

    fn vjp(&self, gradient: &Tensor) -> Result<Tensor> {
        self.backward.apply(gradient, (None, None))
    }

    fn apply_at(&self, x: &Tensor, rows: &Subset) -> Result<Tensor> {
        self.forward.apply(x, (None, Some(rows)))
    }

    fn vjp_at(&self, gradient: &Tensor, rows: &Subset) -> Result<Tensor> {
        self.backward.apply(gradient, (Some(rows), None))
    }

    fn vjp_add(&self, gradient: &Tensor, rows: Option<&Subset>, sum: &mut Tensor) -> Result<()> {
        let half = &self.backward;
        if half.remote.is_some() || !sum.is_contiguous() {
            return add_to(sum, &half.apply(gradient, (rows, None))?);
        }
        half.check(gradient, (rows, None))?;
        expect_shape("sparse map", sum, &[half.matrix.rows() as i64, gradient.size()[1]])?;
        half.multiply(gradient, (rows, None), (sum, Write::Add))
    }
}

impl Half {
    fn new(matrix: CsMatI<f32, u32, usize>, device: Device) -> Self {
        let remote = (device != Device::Cpu).then(|| crate::adjacency::csr_tensor(&matrix, device));
        Self { matrix, remote }
    }

    /// The product with `x`, of which some rows may be all there is; at some rows, if not at all.
    fn apply(&self, x: &Tensor, (x_rows, out_rows): (Option<&Subset>, Option<&Subset>)) -> Result<Tensor> {
        self.check(x, (x_rows, out_rows))?;
        if let Some(matrix) = &self.remote {
            return Ok(tch::no_grad(|| {
                let x = x.detach();
                let y =
                    matrix.matmul(&x_rows.map_or_else(|| x.shallow_clone(), |subset| subset.scattered(&x)));
                out_rows.map_or_else(|| y.shallow_clone(), |s| y.index_select(0, &s.to_tensor(y.device())))
            }));
        }
        let count = out_rows.map_or(self.matrix.rows(), |subset| subset.rows().len());
        let mut out = Tensor::empty([count as i64, x.size()[1]], (Kind::Float, Device::Cpu));
        self.multiply(x, (x_rows, out_rows), (&mut out, Write::Replace))?;
        Ok(out)
    }

    fn check(&self, x: &Tensor, (x_rows, out_rows): (Option<&Subset>, Option<&Subset>)) -> Result<()> {
        let (rows, columns) = (self.matrix.rows() as i64, self.matrix.cols() as i64);
        x_rows.map_or(Ok(()), |subset| expect_subset("sparse map", subset, columns))?;
        out_rows.map_or(Ok(()), |subset| expect_subset("sparse map", subset, rows))?;
        expect_rows("sparse map", x, x_rows.map_or(columns, |subset| subset.rows().len() as i64))
    }

    /// The kernel, on operands whose shapes fit.
    fn multiply(
        &self,
        x: &Tensor,
        (x_rows, out_rows): (Option<&Subset>, Option<&Subset>),
        (out, write): (&mut Tensor, Write),
    ) -> Result<()> {
        let x = x.detach().contiguous();
        let (source, width) = (Dense { values: as_slice(&x)?, subset: x_rows }, x.size()[1] as usize);
        let out = (as_slice_mut(out)?, out_rows, write);
        spmm(Rows::of(&self.matrix), source, (None, 1.0), out, width);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::subset::tests::agrees_with_whole;

    proptest! {
        #[test]
        fn equals_dense_algebra_and_its_transpose(
            entries in proptest::collection::vec((0u32..5, 0u32..7, -1f32..1.0), 0..30), width in 1i64..40,
            some in proptest::collection::vec(any::<bool>(), 5),
        ) {
            let map = SparseMap::new(5, 7, entries.clone(), Device::Cpu).unwrap();
            let mut dense = vec![0f32; 35];
            entries.iter().for_each(|&(row, column, value)| dense[row as usize * 7 + column as usize] += value);
            let dense = Tensor::from_slice(&dense).view([5, 7]);
            tch::manual_seed(3);
            let x = Tensor::randn([7, width], (Kind::Float, Device::Cpu));
            let g = Tensor::randn([5, width], (Kind::Float, Device::Cpu));
            prop_assert!(map.apply(&x).unwrap().allclose(&dense.matmul(&x), 1e-5, 1e-6, false));
            prop_assert!(map.vjp(&g).unwrap().allclose(&dense.tr().matmul(&g), 1e-5, 1e-6, false));
            let rows = Subset::new((0..5).filter(|&row| some[row as usize]).collect(), 5).unwrap();
            agrees_with_whole(&map, &x, &g, &rows);
            // Where no kernel reaches, libtorch's sparse product does the same.
            let remote = |half: &Half| Half {
                remote: Some(crate::adjacency::csr_tensor(&half.matrix, Device::Cpu)),
                matrix: half.matrix.clone(),
            };
            let remote = SparseMap { forward: remote(&map.forward), backward: remote(&map.backward) };
            agrees_with_whole(&remote, &x, &g, &rows);
        }
    }

    #[test]
    fn blocks_and_normalisations_are_their_definition() {
        let block = SparseMap::between_sides(2, 2, [(0, 0), (0, 1), (1, 1)], Device::Cpu).unwrap();
        assert_eq!(block.matrix().get(0, 1), Some(&0.5));
        let square = SparseMap::normalised(3, [(0, 0, 1.0), (0, 1, 3.0), (1, 0, 9.0)], Device::Cpu).unwrap();
        assert_eq!(square.matrix().get(0, 0), Some(&0.25));
        assert_eq!(square.matrix().get(0, 1), Some(&0.5));
        assert_eq!(square.matrix().get(1, 0), Some(&1.5));
        assert_eq!(square.matrix().outer_view(2).unwrap().nnz(), 0);
    }

    #[test]
    fn bad_entries_and_shapes_are_named() {
        let error = SparseMap::new(2, 3, [(0, 0, 1.0), (1, 3, 1.0)], Device::Cpu).unwrap_err().to_string();
        assert_eq!(error, "edge 1: expected nodes below 3, found 3");
        let error = SparseMap::between_sides(2, 3, [(2, 0)], Device::Cpu).unwrap_err().to_string();
        assert_eq!(error, "edge 0: expected nodes below 2, found 2");
        let map = SparseMap::new(2, 3, [], Device::Cpu).unwrap();
        let error = map.apply(&Tensor::zeros([2, 4], (Kind::Float, Device::Cpu))).unwrap_err().to_string();
        assert_eq!(error, "sparse map: expected [3, 4], found [2, 4]");
    }
}
