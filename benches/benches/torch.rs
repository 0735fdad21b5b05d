//! The optimiser and dropout masks, at the size of one embedding table of the Baby data set.
#![allow(missing_docs, reason = "criterion_group! makes undocumented functions")]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use recgoat_benches::{DIM, ITEMS, SEED, USERS, brief, leaf};
use recgoat_torch::{Adam, AdamConfig, Purpose, Seed, dropout_mask};
use tch::{Device, Kind};

fn optimiser(criterion: &mut Criterion) {
    let rows = USERS + ITEMS;
    let shape = [rows as i64, DIM as i64];
    let mut parameters = [leaf(&shape, 0)];
    let gradient = leaf(&shape, 1).detach();
    let mut adam = Adam::new(AdamConfig::default(), &parameters);
    (&parameters[0] * &gradient).sum(Kind::Float).backward();
    let mut held = parameters[0].grad();
    let mut group = criterion.benchmark_group("torch");
    group.throughput(Throughput::Elements((rows * DIM) as u64));
    group.bench_function(format!("adam_step/{rows}x{DIM}/seed{SEED}"), |bencher| {
        // A step clears the gradient; without a new one the moments would fade into subnormal numbers.
        let refill = || held.copy_(&gradient);
        let step = |_| adam.step(&mut parameters).expect("a parameter on the CPU");
        bencher.iter_batched(refill, step, BatchSize::PerIteration);
    });
    group.finish();
}

fn dropout(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("torch");
    group.throughput(Throughput::Elements((ITEMS * DIM) as u64));
    group.bench_function(format!("dropout_mask/{ITEMS}x{DIM}/rate0.1/seed{SEED}"), |bencher| {
        let mut rng = Seed(SEED).stream(Purpose::Dropout, 0);
        bencher.iter(|| dropout_mask(&[ITEMS as i64, DIM as i64], 0.1, &mut rng, Device::Cpu));
    });
    group.finish();
}

criterion_group! { name = benches; config = brief(); targets = optimiser, dropout }
criterion_main!(benches);
