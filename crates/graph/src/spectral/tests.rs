//! Filters against dense eigenvectors, autograd and each other.

use proptest::prelude::*;
use tch::{Device, Kind, Tensor};

use super::*;
use crate::{Adjacency, LinearMap, Subset, subset::tests::agrees_with_whole};

/// Bipartite graphs of few nodes: isolated ones, single edges and several components among them.
fn graphs() -> impl Strategy<Value = (usize, usize, Vec<(u32, u32)>)> {
    (1usize..8, 1usize..8).prop_flat_map(|(left, right)| {
        let all: Vec<_> = (0..left as u32).flat_map(|l| (0..right as u32).map(move |r| (l, r))).collect();
        let count = all.len();
        (Just(left), Just(right), proptest::sample::subsequence(all, 0..=count))
    })
}

/// A graph of two communities of so many nodes a side, with some edges between them, and a last pair apart.
fn communities(side: u32) -> Adjacency {
    let pairs = (0..side).flat_map(move |l| (0..side).map(move |r| (l, r)));
    let mut joined: Vec<(u32, u32)> = pairs
        .filter(|&(l, r)| {
            let mixed =
                l.wrapping_mul(2_654_435_761).wrapping_add(r.wrapping_mul(40_503)).rotate_left(13) % 1000;
            mixed < if (l < side / 2) == (r < side / 2) { 30 } else { 3 }
        })
        .collect();
    joined.push((side, side));
    Adjacency::bipartite(side as usize + 1, side as usize + 1, joined).unwrap()
}

/// `g(L)` by libtorch's decomposition of the dense Laplacian: an oracle that knows nothing of sides.
fn dense(graph: &Adjacency, response: impl Fn(f64) -> f64) -> Tensor {
    let n = graph.nodes() as i64;
    let laplacian = Tensor::eye(n, (Kind::Double, Device::Cpu));
    for (value, (row, column)) in graph.matrix() {
        let _ = laplacian.get(row as i64).get(i64::from(column)).g_sub_scalar_(f64::from(*value));
    }
    let (values, vectors) = laplacian.linalg_eigh("L");
    let values = Vec::<f64>::try_from(&values).unwrap();
    let responses: Vec<f64> = values.into_iter().map(response).collect();
    (&vectors * Tensor::from_slice(&responses)).matmul(&vectors.tr()).to_kind(Kind::Float)
}

fn random(rows: usize, width: i64) -> Tensor {
    Tensor::randn([rows as i64, width], (Kind::Float, Device::Cpu))
}

fn close(left: &Tensor, right: &Tensor, tolerance: f64) -> bool {
    left.size() == right.size() && left.allclose(right, 0.0, tolerance, false)
}

proptest! {
    #[test]
    fn both_banks_are_dense_filters_with_their_gradients(
        (left, right, edges) in graphs(), bands in 1usize..5, degree in 0usize..12, width in 1i64..70,
        some in proptest::collection::vec(any::<bool>(), 14), seed in 0i64..1000,
    ) {
        tch::manual_seed(seed);
        let graph = Adjacency::bipartite(left, right, edges).unwrap();
        let n = graph.nodes();
        let filters = Partition::even(bands).filters(degree);
        let oracle: Vec<Tensor> = filters.iter().map(|f| dense(&graph, |at| f.at(at))).collect();
        let x = random(n, width).set_requires_grad(true);
        let g = random(n, width * bands as i64);
        let expected = Tensor::cat(&oracle.iter().map(|map| map.matmul(&x)).collect::<Vec<_>>(), 1);
        (&expected * &g).sum(Kind::Float).backward();
        let rows = (0..n as u32).rev().filter(|&row| some[row as usize]).collect();
        let rows = Subset::new(rows, n).unwrap();
        let pairs = Eigenpairs::of_bipartite(&graph, left, Device::Cpu).unwrap();
        let exact = EigenBank::new(pairs, bands, |band, at| filters[band].at(at));
        let fast = ChebyshevBank::new(graph, &filters, Device::Cpu).unwrap();
        for bank in [&exact as &dyn LinearMap, &fast] {
            prop_assert!(close(&bank.apply(&x).unwrap(), &expected, 1e-5));
            prop_assert!(close(&bank.vjp(&g).unwrap(), &x.grad(), 2e-5));
            agrees_with_whole(bank, &x, &g, &rows);
            let sum = bank.apply(&x).unwrap().view([n as i64, bands as i64, width]);
            prop_assert!(close(&sum.sum_dim_intlist(1, false, Kind::Float), &x, 1e-5));
        }
    }

    #[test]
    fn energy_is_that_of_the_dense_eigenvectors((left, right, edges) in graphs(), seed in 0i64..1000) {
        tch::manual_seed(seed);
        let graph = Adjacency::bipartite(left, right, edges).unwrap();
        let x = random(graph.nodes(), 3);
        let pairs = Eigenpairs::of_bipartite(&graph, left, Device::Cpu).unwrap();
        let exact = Energy::by_eigenpairs(&pairs, &x).unwrap();
        let moments = Energy::by_moments(&graph, &x, 400).unwrap();
        prop_assert!((exact.total() - moments.total()).abs() < 1e-4 * exact.total());
        for cut in [0.111, 0.503, 0.93, 1.04, 1.52] {
            let below = dense(&graph, |at| f64::from(at < cut)).matmul(&x).square().sum(Kind::Double);
            let share = below.double_value(&[]) / exact.total();
            prop_assert!((exact.below(cut) - share).abs() < 1e-4, "{cut}: {} {share}", exact.below(cut));
            // Moments see the same but for what lies within their resolution of the cut.
            let near = [-0.03, 0.03].map(|by| exact.below(cut + by));
            let found = moments.below(cut);
            prop_assert!(near[0] - 0.02 < found && found < near[1] + 0.02, "{cut}: {found} {near:?}");
        }
    }
}

/// On 2,002 nodes: the response of each band is measured at eigenvectors, and both ways agree.
#[test]
fn bands_pass_what_lies_in_them() {
    tch::manual_seed(3);
    let graph = communities(1000);
    let n = graph.nodes();
    let x = random(n, 6);
    let pairs = Eigenpairs::of_bipartite(&graph, n / 2, Device::Cpu).unwrap();
    let energy = Energy::by_eigenpairs(&pairs, &x).unwrap();
    let partition = Partition::equal_energy(&energy, 4);
    let sharp = EigenBank::new(pairs, 4, |band, at| partition.response(band, at));
    let shares = sharp.apply(&x).unwrap().view([n as i64, 4, 6]).square().sum_dim_intlist(
        &[0i64, 2][..],
        false,
        Kind::Double,
    ) / energy.total();
    // An eigenvalue holds a two-thousandth of white noise; as many of them lie near a cut as rounding joins.
    assert!(close(&shares, &Tensor::full([4], 0.25, (Kind::Double, Device::Cpu)), 2e-3), "{shares}");
    let by_moments = Partition::equal_energy(&Energy::by_moments(&graph, &x, 200).unwrap(), 4);
    for (exact, estimated) in partition.cuts().iter().zip(by_moments.cuts()) {
        assert!((exact - estimated).abs() < 0.02, "{partition:?} {by_moments:?}");
    }
    let filters = partition.filters(24);
    let pairs = Eigenpairs::of_bipartite(&graph, n / 2, Device::Cpu).unwrap();
    let (eigenvalues, [u, v]) = (pairs.eigenvalues(), pairs.vectors());
    let exact = EigenBank::new(pairs, 4, |band, at| filters[band].at(at));
    let fast = ChebyshevBank::new(graph, &filters, Device::Cpu).unwrap();
    assert!(close(&fast.apply(&x).unwrap(), &exact.apply(&x).unwrap(), 1e-5));
    for sign in [1.0, -1.0] {
        let vectors = Tensor::cat(&[&u, &(&v * sign)], 0) / 2f64.sqrt();
        let passed = fast.apply(&vectors).unwrap();
        for (band, part) in passed.chunk(4, 1).iter().enumerate() {
            let measured =
                Vec::<f64>::try_from((part * &vectors).sum_dim_intlist(0, false, Kind::Double)).unwrap();
            for (below, measured) in eigenvalues.iter().zip(measured) {
                let at = 1.0 - sign * (1.0 - below);
                assert!((measured - filters[band].at(at)).abs() < 1e-4, "{band} {at}: {measured}");
            }
        }
    }
}

/// A wide enough band lets its middle through and stops what lies two transitions outside; the released bank does neither.
#[test]
fn bands_are_bands_and_the_released_filters_are_not() {
    let partition = Partition::even(3);
    let filters = partition.filters(32);
    for (band, filter) in filters.iter().enumerate() {
        let middle = [0.1, 1.0, 1.9][band];
        assert!(filter.at(middle) > 0.95, "{band}: {}", filter.at(middle));
        for other in [0.1, 1.0, 1.9].into_iter().filter(|&at| at != middle) {
            assert!(filter.at(other).abs() < 0.02, "{band} at {other}: {}", filter.at(other));
        }
    }
    let released = Series::released();
    // As measured in the authors' code, at five eigenvalues.
    let measured =
        [[1.5, 1.25, 1.0, 0.75, 0.5], [0.5, -0.1, -0.8, -0.7, 1.1], [-1.0, -0.15, 0.8, 0.95, -0.6]];
    for (filter, expected) in released.iter().zip(measured) {
        for (at, expected) in [0.0, 0.5, 1.0, 1.5, 2.0].into_iter().zip(expected) {
            assert!((filter.at(at) - expected).abs() < 1e-12, "{filter:?} at {at}");
        }
    }
    assert!(released[0].at(2.0) > 0.4 && released[1].at(0.0) > 0.4 && released[2].at(0.0) < -0.9);
}

#[test]
fn libtorch_s_own_operations_agree() {
    tch::manual_seed(5);
    let edges = [(0, 0), (0, 1), (1, 1), (2, 0), (2, 3)];
    let graph = Adjacency::bipartite(3, 4, edges).unwrap();
    let filters = Partition::even(3).filters(7);
    let local = ChebyshevBank::new(graph.clone(), &filters, Device::Cpu).unwrap();
    let remote = ChebyshevBank::beyond_the_kernel(graph, &filters);
    let (x, g) = (random(7, 5), random(7, 15));
    assert!(close(&remote.apply(&x).unwrap(), &local.apply(&x).unwrap(), 1e-6));
    assert!(close(&remote.vjp(&g).unwrap(), &local.vjp(&g).unwrap(), 1e-6));
    agrees_with_whole(&remote, &x, &g, &Subset::new(vec![6, 0], 7).unwrap());
}

#[test]
fn the_gradient_equals_central_differences() {
    tch::manual_seed(4);
    let graph = communities(12);
    let bank = ChebyshevBank::new(graph, &Partition::even(3).filters(9), Device::Cpu).unwrap();
    let (x, direction, g) = (random(26, 5), random(26, 5), random(26, 15));
    let along =
        |step: f64| (bank.apply(&(&x + &direction * step)).unwrap() * &g).sum(Kind::Double).double_value(&[]);
    let difference = (along(0.1) - along(-0.1)) / 0.2;
    let expected = (bank.vjp(&g).unwrap() * &direction).sum(Kind::Double).double_value(&[]);
    assert!((difference - expected).abs() < 1e-3 * expected.abs(), "{difference} {expected}");
}

#[test]
fn graphs_without_a_spectrum_to_speak_of_leave_bands_empty() {
    // No edge: all energy lies at 1. One edge: at 0 and 2.
    for (left, right, edges) in [(2, 3, vec![]), (1, 1, vec![(0, 0)])] {
        let graph = Adjacency::bipartite(left, right, edges).unwrap();
        let x = Tensor::ones([graph.nodes() as i64, 2], (Kind::Float, Device::Cpu));
        let pairs = Eigenpairs::of_bipartite(&graph, left, Device::Cpu).unwrap();
        let partition = Partition::equal_energy(&Energy::by_eigenpairs(&pairs, &x).unwrap(), 5);
        let exact = EigenBank::new(pairs, 5, |band, at| partition.response(band, at));
        let parts = exact.apply(&x).unwrap().view([-1, 5, 2]);
        let whole = parts.square().sum_dim_intlist(&[0i64, 2][..], false, Kind::Double);
        let whole = Vec::<f64>::try_from(whole).unwrap();
        assert_eq!(whole.iter().filter(|&&energy| energy > 1e-6).count(), 1, "{whole:?}");
        let estimated = Partition::equal_energy(&Energy::by_moments(&graph, &x, 32).unwrap(), 5);
        assert!(estimated.cuts().is_sorted() && estimated.cuts().iter().all(|cut| (0.0..=2.0).contains(cut)));
        let silent = Energy::by_moments(&graph, &x.zeros_like(), 8).unwrap();
        assert_eq!((silent.below(1.0), Partition::equal_energy(&silent, 4)), (0.0, Partition::even(4)));
    }
}

/// Each component has an eigenvalue 0 of its own, which rounding must not tell apart; likewise at 2.
#[test]
fn no_cut_falls_within_an_eigenvalue() {
    // Complete: 2 × 3 and 1 × 4.
    let joined = (0..2).flat_map(|l| (0..3).map(move |r| (l, r))).chain((3..7).map(|r| (2, r)));
    let graph = Adjacency::bipartite(3, 7, joined).unwrap();
    let pairs = Eigenpairs::of_bipartite(&graph, 3, Device::Cpu).unwrap();
    let roots: Vec<f32> = graph.degrees().iter().map(|&degree| (degree as f32).sqrt()).collect();
    for sign in [1.0, -1.0] {
        let signal: Vec<f32> = (0..10).map(|n| if n < 3 { roots[n] } else { sign * roots[n] }).collect();
        let signal = Tensor::from_slice(&signal).view([10, 1]);
        let partition = Partition::equal_energy(&Energy::by_eigenpairs(&pairs, &signal).unwrap(), 2);
        let at = 1.0 - f64::from(sign);
        for near in [at - 1e-7, at, at + 1e-7] {
            assert_eq!(partition.response(0, near), 1.0, "{partition:?} at {near}");
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let graph = || Adjacency::bipartite(2, 2, [(0, 0)]).unwrap();
    let error = ChebyshevBank::new(graph(), &[], Device::Cpu).unwrap_err().to_string();
    assert_eq!(error, "filters: expected at least one, found none");
    let bank = ChebyshevBank::new(graph(), &Partition::even(2).filters(3), Device::Cpu).unwrap();
    let error = bank.apply(&random(3, 2)).unwrap_err().to_string();
    assert_eq!(error, "filters: expected [4, 2], found [3, 2]");
    let error = bank.vjp(&random(4, 3)).unwrap_err().to_string();
    assert_eq!(error, "filters: expected [4, 2], found [4, 3]");
    let error = Eigenpairs::of_bipartite(&graph(), 1, Device::Cpu).map(drop);
    assert!(error.is_ok(), "the edge joins nodes 0 and 2");
    let error = Eigenpairs::of_bipartite(&graph(), 3, Device::Cpu).unwrap_err().to_string();
    assert_eq!(
        error,
        "eigenpairs: expected edges between the first 3 nodes and the others, found one between 0 and 2"
    );
    let large = Adjacency::bipartite(10_000, 10_000, [(0, 0)]).unwrap();
    let error = Eigenpairs::of_bipartite(&large, 10_000, Device::Cpu).unwrap_err().to_string();
    assert!(error.contains("by Chebyshev's recursion"), "{error}");
    assert!(Energy::by_moments(&graph(), &random(3, 2), 4).is_err());
}
