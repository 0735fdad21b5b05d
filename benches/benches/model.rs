//! Whole training steps (forward, backward, update) and scoring, at the size of the Baby data set.
#![allow(missing_docs, reason = "criterion_group! makes undocumented functions")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use recgoat_benches::{DIM, INTERACTIONS, ITEMS, SEED, USERS, WIDTH, baby, brief};
use recgoat_data::{Dataset, TripleSampler};
use recgoat_graph::NeighbourCache;
use recgoat_model::{Batch, Context, ModelConfig};
use recgoat_torch::{Adam, AdamConfig, Purpose, Seed};
use tch::Device;

fn steps(criterion: &mut Criterion) {
    let data = baby(&["image", "text"]);
    step(criterion, &data, "lightgcn", 2048);
    step(criterion, &data, "recgoat", 4096);
    step(criterion, &data, "ssr", 2048);
}

/// The model's default settings, with every modality the data has.
fn step(criterion: &mut Criterion, data: &Dataset, name: &str, size: usize) {
    let seed = Seed(SEED);
    let config = ModelConfig::named(name).expect("a known model");
    let mut model = config
        .build(&Context { dataset: data, seed, device: Device::Cpu, neighbours: &NeighbourCache::none() })
        .expect("data with features");
    let mut adam = Adam::new(AdamConfig::default(), model.parameters().tensors());
    let sampler = TripleSampler::new(data.interactions()).expect("nobody has every item");
    let triples = sampler.epoch(&mut seed.stream(Purpose::Sampling, 0));
    let batch = Batch {
        users: &triples.users[..size],
        positives: &triples.positives[..size],
        negatives: &triples.negatives[..size],
    };
    let sizes = format!("{USERS}x{ITEMS}x{INTERACTIONS}/features2x{WIDTH}/dim{DIM}");
    let mut group = criterion.benchmark_group("model");
    group.throughput(Throughput::Elements(size as u64));
    group.bench_function(format!("{name}_step/{sizes}/batch{size}/seed{SEED}"), |bencher| {
        let mut randomness = seed.stream(Purpose::Dropout, 0);
        bencher.iter(|| {
            let loss = model.step(&batch, &mut randomness).expect("fitting shapes");
            adam.step(model.parameters_mut().tensors_mut()).expect("parameters on the CPU");
            loss
        });
    });
    group.throughput(Throughput::Elements(USERS as u64));
    group.bench_function(format!("{name}_scorer/{sizes}/seed{SEED}"), |bencher| {
        bencher.iter(|| drop(model.scorer().expect("fitting shapes")));
    });
    group.finish();
}

criterion_group! { name = benches; config = brief(); targets = steps }
criterion_main!(benches);
