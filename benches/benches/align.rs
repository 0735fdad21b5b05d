//! Transport between coordinates and contrastive losses.
#![allow(missing_docs, reason = "criterion_group! makes undocumented functions")]

use criterion::{Criterion, criterion_group, criterion_main};
use recgoat_align::{
    contrast::{between_views, info_nce},
    oat::{CoordinateTransport, TransportConfig},
};
use recgoat_benches::{DIM, ITEMS, SEED, brief, leaf};

/// Interactions of a batch.
const BATCH: i64 = 4_096;
/// Distinct items in such a batch of Baby.
const DISTINCT: i64 = 2_390;
const TEMPERATURE: f64 = 0.2;
fn coordinates(criterion: &mut Criterion) {
    let shape = [ITEMS as i64, DIM as i64];
    // Coordinates of different means, so that there is something to transport and a cold start takes iterations.
    let [view, target] = [0, 1].map(|side| (leaf(&shape, side) + leaf(&[1, DIM as i64], side + 2)).detach());
    let config = TransportConfig::default();
    let mut group = criterion.benchmark_group("align");
    let sizes = format!("{ITEMS}x{DIM}/eps{}/seed{SEED}", config.relative_epsilon);
    let mut transport = CoordinateTransport::new(config);
    group.bench_function(format!("oat_cold/{sizes}"), |bencher| {
        bencher.iter(|| {
            transport.reset();
            transport.align(&view, &target).expect("views of one shape")
        });
    });
    group.bench_function(format!("oat_warm/{sizes}"), |bencher| {
        bencher.iter(|| transport.align(&view, &target).expect("views of one shape"));
    });
    group.finish();
}

/// Forward and backward.
fn contrast(criterion: &mut Criterion) {
    let dim = DIM as i64;
    let [mut users, mut left, mut right] =
        [(BATCH, 0), (DISTINCT, 1), (DISTINCT, 2)].map(|(rows, index)| leaf(&[rows, dim], index));
    let targets: Vec<u32> = (0..BATCH).map(|row| (row % DISTINCT) as u32).collect();
    let mut group = criterion.benchmark_group("align");
    group.bench_function(format!("between_views/{DISTINCT}x{DIM}/seed{SEED}"), |bencher| {
        bencher.iter(|| {
            left.zero_grad();
            right.zero_grad();
            between_views(&left, &right, TEMPERATURE).expect("views of one shape").backward();
        });
    });
    group.bench_function(format!("info_nce/{BATCH}x{DISTINCT}x{DIM}/seed{SEED}"), |bencher| {
        bencher.iter(|| {
            users.zero_grad();
            left.zero_grad();
            info_nce(&users, &left, &targets, TEMPERATURE).expect("targets among the rows").backward();
        });
    });
    group.finish();
}

criterion_group! { name = benches; config = brief(); targets = coordinates, contrast }
criterion_main!(benches);
