//! Making data and drawing training triples, at the size of the Baby data set.
#![allow(missing_docs, reason = "criterion_group! makes undocumented functions")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use recgoat_benches::{INTERACTIONS, ITEMS, SEED, USERS, baby, baby_config, brief};
use recgoat_data::{Split, TripleSampler, synthetic::synthetic};
use recgoat_torch::{Purpose, Seed};

fn making(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("data");
    group.throughput(Throughput::Elements(INTERACTIONS as u64));
    let config = baby_config(&[]);
    group.bench_function(format!("synthetic/{USERS}x{ITEMS}x{INTERACTIONS}/seed{SEED}"), |bencher| {
        bencher.iter(|| synthetic(&config).expect("the sizes can be met"));
    });
    group.finish();
}

fn sampling(criterion: &mut Criterion) {
    let data = baby(&[]);
    let train = data.interactions().split(Split::Train).len();
    let sampler = TripleSampler::new(data.interactions()).expect("nobody has every item");
    let mut group = criterion.benchmark_group("data");
    group.throughput(Throughput::Elements(train as u64));
    group.bench_function(format!("sampler_new/{USERS}x{ITEMS}x{train}/seed{SEED}"), |bencher| {
        bencher.iter(|| TripleSampler::new(data.interactions()).expect("nobody has every item"));
    });
    group.bench_function(format!("sampler_epoch/{USERS}x{ITEMS}x{train}/seed{SEED}"), |bencher| {
        let mut rng = Seed(SEED).stream(Purpose::Sampling, 0);
        bencher.iter(|| sampler.epoch(&mut rng));
    });
    group.finish();
}

criterion_group! { name = benches; config = brief(); targets = making, sampling }
criterion_main!(benches);
