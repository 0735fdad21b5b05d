//! Transport solvers: entropic, exact, between points.
#![allow(missing_docs, reason = "criterion_group! makes undocumented functions")]

use criterion::{Criterion, criterion_group, criterion_main};
use recgoat_align::ot::{Clouds, Ground, Params, Problem, Real, exact};
use recgoat_benches::{SEED, brief, uniform};

const EPSILON: f64 = 0.05;

fn entropic(criterion: &mut Criterion) {
    for atoms in [64, 256, 800] {
        entropic_in::<f32>(criterion, "f32", atoms);
        entropic_in::<f64>(criterion, "f64", atoms);
    }
}

/// Costs uniform on 0..1, uniform weights, from a cold start to a marginal error of 1e-4.
fn entropic_in<F: Real>(criterion: &mut Criterion, kind: &str, atoms: usize) {
    let cost: Vec<F> = uniform(atoms * atoms, atoms as u64).into_iter().map(F::of).collect();
    let weights = vec![F::of(1.0 / atoms as f64); atoms];
    let problem = Problem::new(&weights, &weights, &cost).expect("equal masses and finite costs");
    let params = Params::new(EPSILON).tolerance(1e-4).check().expect("parameters in range");
    let id = format!("ot/sinkhorn/{atoms}x{atoms}/eps{EPSILON}/tol1e-4/{kind}/seed{SEED}");
    criterion.bench_function(&id, |bencher| {
        bencher.iter(|| params.solve(&problem).expect("ε is in range"));
    });
}

fn exactly(criterion: &mut Criterion) {
    for atoms in [128, 512] {
        let cost = uniform(atoms * atoms, atoms as u64);
        let weights = vec![1.0 / atoms as f64; atoms];
        let problem = Problem::new(&weights, &weights, &cost).expect("equal masses and finite costs");
        criterion.bench_function(&format!("ot/simplex/{atoms}x{atoms}/seed{SEED}"), |bencher| {
            bencher.iter(|| exact::solve(&problem).expect("a balanced problem"));
        });
        criterion.bench_function(&format!("ot/assignment/{atoms}x{atoms}/seed{SEED}"), |bencher| {
            bencher.iter(|| exact::assignment(&cost, atoms, atoms).expect("a square matrix"));
        });
    }
}

/// Uniform points in the unit cube of 16 dimensions.
fn points(criterion: &mut Criterion) {
    let (atoms, dim) = (2_000, 16);
    let [x, y] = [0, 1].map(|side| -> Vec<f32> {
        uniform(atoms * dim, side).into_iter().map(|point| point as f32).collect()
    });
    let weights = vec![1.0 / atoms as f32; atoms];
    let clouds = Clouds { x: &x, y: &y, dim, ground: Ground::Squared };
    let problem = Problem::new(&weights, &weights, clouds).expect("finite points");
    let params = Params::new(EPSILON).tolerance(1e-3).check().expect("parameters in range");
    criterion.bench_function(
        &format!("ot/points/{atoms}x{atoms}x{dim}/eps{EPSILON}/seed{SEED}"),
        |bencher| {
            bencher.iter(|| params.solve(&problem).expect("ε is in range"));
        },
    );
}

criterion_group! { name = benches; config = brief(); targets = entropic, exactly, points }
criterion_main!(benches);
