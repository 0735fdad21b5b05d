//! LightGCN propagation with its vector–Jacobian product.

use std::cell::RefCell;

use recgoat_torch::{as_slice, as_slice_mut};
use tch::{Device, Kind, Tensor};

use crate::{
    Adjacency, LinearMap, Result, Subset,
    error::{expect_rows, expect_shape, expect_subset},
    relay::add_to,
    spmm::{Dense, Rows, Write, spmm},
};

/// The linear map `x ↦ 1/(L+1) · Σ_{l=0..L} Âˡ x` (He et al. 2020, eq. 3–4 with α = 1/(L+1)).
///
/// Evaluated by Horner's rule, `y ← x + Ây`, so that each layer is one pass and none is kept.
///
/// ```
/// use recgoat_graph::{Adjacency, LinearMap, Propagation};
/// use tch::{Device, Kind, Tensor};
/// let graph = Adjacency::bipartite(1, 1, [(0, 0)])?;
/// let propagation = Propagation::new(graph, 1, Device::Cpu);
/// let x = Tensor::from_slice(&[1f32, 3.0]).view([2, 1]);
/// // One edge of weight 1: each node becomes the mean of itself and its neighbour.
/// assert_eq!(propagation.apply(&x)?, Tensor::full([2, 1], 2.0, (Kind::Float, Device::Cpu)));
/// # Ok::<(), recgoat_graph::Error>(())
/// ```
#[derive(Debug)]
pub struct Propagation {
    adjacency: Adjacency,
    layers: usize,
    /// The matrix where the CPU kernel cannot reach it.
    remote: Option<Tensor>,
    /// Two tables between layers, kept from call to call: fresh ones would have to be paged in every time.
    between: RefCell<[Tensor; 2]>,
}

impl Propagation {
    /// `layers` propagation steps over `adjacency`, applied to tensors of `device`.
    pub fn new(adjacency: Adjacency, layers: usize, device: Device) -> Self {
        let remote = (device != Device::Cpu).then(|| adjacency.to_tensor(device));
        Self { adjacency, layers, remote, between: no_tables() }
    }

    /// Steps over the graph.
    pub fn layers(&self) -> usize {
        self.layers
    }

    /// The graph propagated over.
    pub fn adjacency(&self) -> &Adjacency {
        &self.adjacency
    }

    /// The kernel, for at least one layer and operands whose shapes fit: `out` takes the image of `x`, of which some
    /// rows may be all there is, at some rows, if not at all.
    fn propagate(
        &self,
        (x, x_rows): (&Tensor, Option<&Subset>),
        (out, out_rows, write): (&mut Tensor, Option<&Subset>, Write),
    ) -> Result<()> {
        let x = x.detach().contiguous();
        let (matrix, width) = (Rows::of(self.adjacency.matrix()), x.size()[1]);
        let base = Dense { values: as_slice(&x)?, subset: x_rows };
        let mut between = self.between.borrow_mut();
        if self.layers > 1 && between[0].size() != [self.nodes(), width] {
            *between = [(); 2].map(|()| Tensor::empty([self.nodes(), width], (Kind::Float, Device::Cpu)));
        }
        let [now, next] = &mut *between;
        for layer in 1..self.layers {
            let source = if layer == 1 { base } else { Dense::whole(as_slice(now)?) };
            let all = (as_slice_mut(next)?, None, Write::Replace);
            spmm(matrix, source, (Some(base), 1.0), all, width as usize);
            std::mem::swap(now, next);
        }
        let source = if self.layers == 1 { base } else { Dense::whole(as_slice(now)?) };
        let scale = 1.0 / (self.layers + 1) as f32;
        spmm(matrix, source, (Some(base), scale), (as_slice_mut(out)?, out_rows, write), width as usize);
        Ok(())
    }

    /// [`Propagation::propagate`] to a tensor of its own.
    fn apply_on_cpu(
        &self,
        x: &Tensor,
        (x_rows, out_rows): (Option<&Subset>, Option<&Subset>),
    ) -> Result<Tensor> {
        if self.layers == 0 {
            return Ok(x.detach().copy());
        }
        let count = out_rows.map_or(self.nodes(), |rows| rows.rows().len() as i64);
        let mut out = Tensor::empty([count, x.size()[1]], (Kind::Float, Device::Cpu));
        self.propagate((x, x_rows), (&mut out, out_rows, Write::Replace))?;
        Ok(out)
    }

    fn apply_remotely(&self, matrix: &Tensor, x: &Tensor) -> Tensor {
        let mut y = x.detach();
        for _ in 0..self.layers {
            y = matrix.matmul(&y) + x;
        }
        y / (self.layers + 1) as f64
    }

    fn nodes(&self) -> i64 {
        self.adjacency.nodes() as i64
    }
}

fn no_tables() -> RefCell<[Tensor; 2]> {
    RefCell::new([(); 2].map(|()| Tensor::empty([0, 0], (Kind::Float, Device::Cpu))))
}

impl LinearMap for Propagation {
    /// The map applied to `x` `[nodes, width]`, outside the tape.
    ///
    /// Cost: `2 · layers · entries · width` flops.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] when `x` has another number of rows.
    fn apply(&self, x: &Tensor) -> Result<Tensor> {
        expect_rows("propagation", x, self.nodes())?;
        tch::no_grad(|| match &self.remote {
            None => self.apply_on_cpu(x, (None, None)),
            Some(matrix) => Ok(self.apply_remotely(matrix, x)),
        })
    }

    /// The vector–Jacobian product: `Â` is symmetric, so the map is its own transpose.
    ///
    /// # Errors
    /// As [`LinearMap::apply`].
    fn vjp(&self, gradient: &Tensor) -> Result<Tensor> {
        self.apply(gradient)
    }

    /// The last layer is computed at `rows` alone.
    fn apply_at(&self, x: &Tensor, rows: &Subset) -> Result<Tensor> {
        if self.remote.is_some() || self.layers == 0 {
            return Ok(self.apply(x)?.index_select(0, &rows.to_tensor(x.device())));
        }
        expect_rows("propagation", x, self.nodes())?;
        expect_subset("propagation", rows, self.nodes())?;
        tch::no_grad(|| self.apply_on_cpu(x, (None, Some(rows))))
    }

    /// The first layer meets `rows` alone.
    fn vjp_at(&self, gradient: &Tensor, rows: &Subset) -> Result<Tensor> {
        expect_subset("propagation", rows, self.nodes())?;
        expect_rows("propagation", gradient, rows.rows().len() as i64)?;
        if self.remote.is_some() || self.layers == 0 {
            return self.vjp(&rows.scattered(gradient));
        }
        tch::no_grad(|| self.apply_on_cpu(gradient, (Some(rows), None)))
    }

    fn vjp_add(&self, gradient: &Tensor, rows: Option<&Subset>, sum: &mut Tensor) -> Result<()> {
        if self.remote.is_some() || self.layers == 0 || !sum.is_contiguous() {
            return add_to(
                sum,
                &rows.map_or_else(|| self.vjp(gradient), |rows| self.vjp_at(gradient, rows))?,
            );
        }
        rows.map_or(Ok(()), |rows| expect_subset("propagation", rows, self.nodes()))?;
        expect_rows("propagation", gradient, rows.map_or(self.nodes(), |rows| rows.rows().len() as i64))?;
        expect_shape("propagation", sum, &[self.nodes(), gradient.size()[1]])?;
        self.propagate((gradient, rows), (sum, None, Write::Add))
    }
}

/// Compares the kernel with dense algebra, and the VJP with autograd and central differences.
#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn graph() -> impl Strategy<Value = (usize, usize, Vec<(u32, u32)>)> {
        (1usize..7, 1usize..7).prop_flat_map(|(left, right)| {
            let all: Vec<_> = (0..left as u32).flat_map(|l| (0..right as u32).map(move |r| (l, r))).collect();
            let count = all.len();
            (Just(left), Just(right), proptest::sample::subsequence(all, 0..=count))
        })
    }

    fn dense(p: &Propagation, x: &Tensor) -> Tensor {
        let n = p.adjacency.nodes() as i64;
        let a = Tensor::zeros([n, n], (Kind::Float, Device::Cpu));
        for (value, (row, column)) in p.adjacency.matrix() {
            let _ = a.get(row as i64).get(i64::from(column)).fill_(f64::from(*value));
        }
        let mut power = x.shallow_clone();
        let mut sum = x.shallow_clone();
        for _ in 0..p.layers {
            power = a.matmul(&power);
            sum = &sum + &power;
        }
        sum / (p.layers + 1) as f64
    }

    proptest! {
        #[test]
        fn equals_dense_algebra_and_its_autograd(
            (left, right, edges) in graph(), layers in 0usize..4, width in 1i64..70, seed in 0i64..1000,
            some in proptest::collection::vec(any::<bool>(), 12),
        ) {
            tch::manual_seed(seed);
            let p = Propagation::new(Adjacency::bipartite(left, right, edges).unwrap(), layers, Device::Cpu);
            let n = (left + right) as i64;
            let x = Tensor::randn([n, width], (Kind::Float, Device::Cpu)).set_requires_grad(true);
            let g = Tensor::randn([n, width], (Kind::Float, Device::Cpu));
            let expected = dense(&p, &x);
            prop_assert!(p.apply(&x).unwrap().allclose(&expected, 1e-5, 1e-6, false));
            (expected * &g).sum(Kind::Float).backward();
            prop_assert!(p.vjp(&g).unwrap().allclose(&x.grad(), 1e-5, 1e-6, false));
            let rows = (0..n as u32).rev().filter(|&row| some[row as usize]).collect();
            crate::subset::tests::agrees_with_whole(&p, &x, &g, &Subset::new(rows, n as usize).unwrap());
        }
    }

    #[test]
    fn the_vjp_equals_central_differences() {
        let edges = [(0, 0), (0, 1), (1, 1), (2, 0), (2, 3)];
        let p = Propagation::new(Adjacency::bipartite(3, 4, edges).unwrap(), 3, Device::Cpu);
        tch::manual_seed(4);
        let [x, g, direction] = [(); 3].map(|()| Tensor::randn([7, 5], (Kind::Float, Device::Cpu)));
        let along = |step: f64| {
            (p.apply(&(&x + &direction * step)).unwrap() * &g).sum(Kind::Double).double_value(&[])
        };
        let difference = (along(0.1) - along(-0.1)) / 0.2;
        let expected = (p.vjp(&g).unwrap() * &direction).sum(Kind::Double).double_value(&[]);
        assert!((difference - expected).abs() < 1e-2 * expected.abs(), "{difference} {expected}");
    }

    #[test]
    fn the_sparse_tensor_path_agrees() {
        let edges = [(0, 0), (0, 1), (1, 1), (2, 0), (2, 3)];
        let make = || Adjacency::bipartite(3, 4, edges).unwrap();
        let local = Propagation::new(make(), 3, Device::Cpu);
        let matrix = make().to_tensor(Device::Cpu);
        let remote = Propagation { adjacency: make(), layers: 3, remote: Some(matrix), between: no_tables() };
        let x = Tensor::randn([7, 20], (Kind::Float, Device::Cpu));
        assert!(local.apply(&x).unwrap().allclose(&remote.apply(&x).unwrap(), 1e-6, 1e-6, false));
        let rows = Subset::new(vec![5, 0, 2], 7).unwrap();
        crate::subset::tests::agrees_with_whole(&remote, &x, &x, &rows);
    }

    #[test]
    fn a_wrong_number_of_rows_is_refused() {
        let p = Propagation::new(Adjacency::bipartite(1, 1, [(0, 0)]).unwrap(), 2, Device::Cpu);
        let error = p.apply(&Tensor::zeros([3, 4], (Kind::Float, Device::Cpu))).unwrap_err();
        assert_eq!(error.to_string(), "propagation: expected [2, 4], found [3, 4]");
        let (rows, x) = (Subset::new(vec![0], 3).unwrap(), Tensor::zeros([2, 4], (Kind::Float, Device::Cpu)));
        let error = p.apply_at(&x, &rows).unwrap_err();
        assert_eq!(error.to_string(), "propagation: expected a subset of 2 rows, found one of 3");
        let rows = Subset::new(vec![0], 2).unwrap();
        assert_eq!(
            p.vjp_at(&x, &rows).unwrap_err().to_string(),
            "propagation: expected [1, 4], found [2, 4]"
        );
    }
}
