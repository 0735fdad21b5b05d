//! Propagation, filters, neighbours and attention, at the size of the Baby data set.
#![allow(missing_docs, reason = "criterion_group! makes undocumented functions")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use recgoat_benches::{DIM, ITEMS, SEED, USERS, WIDTH, baby, brief, leaf};
use recgoat_data::Split;
use recgoat_graph::{
    Adjacency, Attention, KnnConfig, LinearMap, Pattern, Propagation, knn,
    spectral::{ChebyshevBank, Partition},
};
use recgoat_torch::{Purpose, Seed, dropout_mask};
use tch::Device;

const LAYERS: usize = 3;
const HEADS: i64 = 8;
const NEIGHBOURS: usize = 20;
const BANDS: usize = 3;
const DEGREE: usize = 16;

fn propagation(criterion: &mut Criterion) {
    let data = baby(&[]);
    let train = data.interactions().split(Split::Train);
    let graph = Adjacency::bipartite(USERS, ITEMS, train.pairs()).expect("checked ids");
    let (nodes, entries) = (graph.nodes(), graph.entries());
    let propagation = Propagation::new(graph, LAYERS, Device::Cpu);
    let x = leaf(&[nodes as i64, DIM as i64], 0);
    let mut group = criterion.benchmark_group("graph");
    group.throughput(Throughput::Elements((LAYERS * entries * DIM) as u64));
    let id = format!("propagation/nodes{nodes}/entries{entries}/layers{LAYERS}/dim{DIM}/seed{SEED}");
    group.bench_function(id, |bencher| {
        bencher.iter(|| propagation.apply(&x).expect("a row for every node"));
    });
    group.finish();
}

fn filters(criterion: &mut Criterion) {
    let data = baby(&[]);
    let train = data.interactions().split(Split::Train);
    let graph = Adjacency::bipartite(USERS, ITEMS, train.pairs()).expect("checked ids");
    let (nodes, entries) = (graph.nodes(), graph.entries());
    let bank = ChebyshevBank::new(graph, &Partition::even(BANDS).filters(DEGREE), Device::Cpu)
        .expect("at least one filter");
    let x = leaf(&[nodes as i64, 3 * DIM as i64], 0);
    let gradient = leaf(&[nodes as i64, (3 * BANDS * DIM) as i64], 1);
    let mut group = criterion.benchmark_group("graph");
    group.throughput(Throughput::Elements((DEGREE * entries * 3 * DIM) as u64));
    let sizes =
        format!("nodes{nodes}/entries{entries}/bands{BANDS}/degree{DEGREE}/dim{}/seed{SEED}", 3 * DIM);
    group.bench_function(format!("filters/{sizes}"), |bencher| {
        bencher.iter(|| bank.apply(&x).expect("a row for every node"));
    });
    group.bench_function(format!("filters_vjp/{sizes}"), |bencher| {
        bencher.iter(|| bank.vjp(&gradient).expect("a row for every node"));
    });
    group.finish();
}

fn neighbourhoods(criterion: &mut Criterion) {
    let data = baby(&["text"]);
    let text = &data.modalities()[0];
    let config = KnnConfig { neighbours: NEIGHBOURS, ..KnnConfig::default() };
    let find = || knn(text.values(), text.width(), text.present(), &config).expect("a whole matrix");
    let mut group = criterion.benchmark_group("graph");
    group.bench_function(format!("knn/{ITEMS}x{WIDTH}/k{NEIGHBOURS}/seed{SEED}"), |bencher| {
        bencher.iter(find);
    });

    let attention = Attention::new(Pattern::symmetrised(&find()), HEADS as usize, 0.2);
    let edges = attention.pattern().edges();
    let x = leaf(&[ITEMS as i64, DIM as i64], 0);
    let [left, right] = [1, 2].map(|index| leaf(&[HEADS, DIM as i64 / HEADS], index));
    let gradient = leaf(&[ITEMS as i64, DIM as i64], 3);
    let rng = &mut Seed(SEED).stream(Purpose::Dropout, 0);
    let mask = Some(dropout_mask(&[edges as i64, HEADS], 0.1, rng, Device::Cpu));
    let sizes = format!("nodes{ITEMS}/edges{edges}/heads{HEADS}/dim{DIM}/seed{SEED}");
    let forward = || attention.forward(&x, &left, &right, mask.as_ref()).expect("fitting shapes");
    group.throughput(Throughput::Elements((edges * DIM) as u64));
    group.bench_function(format!("attention_forward/{sizes}"), |bencher| bencher.iter(forward));
    let attended = forward();
    group.bench_function(format!("attention_vjp/{sizes}"), |bencher| {
        let inputs = (&x, &left, &right, mask.as_ref());
        bencher.iter(|| attention.vjp(&attended, inputs, &gradient).expect("fitting shapes"));
    });
    group.finish();
}

criterion_group! { name = benches; config = brief(); targets = propagation, filters, neighbourhoods }
criterion_main!(benches);
