//! Selection and metrics of a full ranking, at the size of the Baby data set.
#![expect(missing_docs, reason = "the macros of criterion make public items")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use recgoat_data::Split;
use recgoat_data::synthetic::{SyntheticConfig, synthetic};
use recgoat_eval::stats::{Resampling, bootstrap_mean, sign_flip_test};
use recgoat_eval::{RankingConfig, Scorer, evaluate, top_k};

const USERS: usize = 19_445;
const ITEMS: usize = 7_050;
const SEED: u64 = 1;

/// Copies one of a few rows of scattered scores: as little work as a scorer can do.
struct Scattered {
    rows: Vec<f32>,
}

impl Scattered {
    fn new() -> Self {
        let scatter = |index: u32| index.wrapping_mul(0x9E37_79B1).rotate_left(13).wrapping_mul(0x85EB_CA6B);
        Self { rows: (0..(8 * ITEMS) as u32).map(|index| scatter(index) as f32).collect() }
    }
}

impl Scorer for Scattered {
    fn items(&self) -> usize {
        ITEMS
    }

    fn score(&self, users: &[u32], scores: &mut [f32]) {
        for (&user, row) in users.iter().zip(scores.chunks_mut(ITEMS)) {
            row.copy_from_slice(&self.rows[user as usize % 8 * ITEMS..][..ITEMS]);
        }
    }
}

fn ranking(criterion: &mut Criterion) {
    let config =
        SyntheticConfig { users: USERS, items: ITEMS, interactions: 160_792, seed: SEED, modalities: vec![] };
    let data = synthetic(&config).expect("the sizes can be met");
    let scorer = Scattered::new();
    let mut group = criterion.benchmark_group("eval");
    group.sample_size(10);
    group.throughput(Throughput::Elements(USERS as u64));
    group.bench_function(format!("evaluate/users={USERS}/items={ITEMS}/k=50/seed={SEED}"), |bencher| {
        bencher.iter(|| evaluate(&scorer, data.interactions(), Split::Test, &RankingConfig::default()));
    });
    group.throughput(Throughput::Elements(ITEMS as u64));
    let mut list = Vec::new();
    group.bench_function(format!("top_k/items={ITEMS}/k=50"), |bencher| {
        bencher.iter(|| top_k(black_box(&scorer.rows[..ITEMS]), &[], 50, &mut list));
    });
    group.finish();
}

fn statistics(criterion: &mut Criterion) {
    let left: Vec<f64> = (0..USERS).map(|user| (user * 7_919 % 1_000) as f64 / 1e3).collect();
    let right: Vec<f64> = (0..USERS).map(|user| (user * 6_101 % 1_000) as f64 / 1e3).collect();
    let resampling = Resampling::default();
    let mut group = criterion.benchmark_group("stats");
    group.sample_size(10);
    group.bench_function(format!("bootstrap_mean/values={USERS}/resamples=10000"), |bencher| {
        bencher.iter(|| bootstrap_mean(&left, &resampling));
    });
    group.bench_function(format!("sign_flip_test/pairs={USERS}/resamples=10000"), |bencher| {
        bencher.iter(|| sign_flip_test(&left, &right, &resampling));
    });
    group.finish();
}

criterion_group!(benches, ranking, statistics);
criterion_main!(benches);
