//! Selection, metrics and statistics of a full ranking, at the size of the Baby data set.
#![allow(missing_docs, reason = "criterion_group! makes undocumented functions")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use recgoat_benches::{ITEMS, SEED, USERS, baby, brief, uniform};
use recgoat_data::Split;
use recgoat_eval::{
    RankingConfig, Scorer, evaluate,
    stats::{Resampling, bootstrap_mean, sign_flip_test},
    top_k,
};

/// Rows of scores that users share.
const ROWS: usize = 8;

/// Copies one of a few rows of random scores: as little work as a scorer can do.
struct Copied {
    rows: Vec<f32>,
}

impl Copied {
    fn new() -> Self {
        Self { rows: uniform(ROWS * ITEMS, 0).into_iter().map(|score| score as f32).collect() }
    }
}

impl Scorer for Copied {
    fn items(&self) -> usize {
        ITEMS
    }

    fn score(&self, users: &[u32], scores: &mut [f32]) {
        for (&user, row) in users.iter().zip(scores.chunks_mut(ITEMS)) {
            row.copy_from_slice(&self.rows[user as usize % ROWS * ITEMS..][..ITEMS]);
        }
    }
}

fn ranking(criterion: &mut Criterion) {
    let data = baby(&[]);
    let scorer = Copied::new();
    let mut group = criterion.benchmark_group("eval");
    group.throughput(Throughput::Elements(USERS as u64));
    group.bench_function(format!("evaluate/{USERS}x{ITEMS}/k50/seed{SEED}"), |bencher| {
        let ranking = RankingConfig::default();
        bencher.iter(|| {
            evaluate(&scorer, data.interactions(), Split::Test, &ranking).expect("a score for every item")
        });
    });
    group.throughput(Throughput::Elements(ITEMS as u64));
    group.bench_function(format!("top_k/{ITEMS}/k50/seed{SEED}"), |bencher| {
        let mut list = Vec::new();
        bencher.iter(|| top_k(black_box(&scorer.rows[..ITEMS]), &[], 50, &mut list));
    });
    group.finish();
}

fn statistics(criterion: &mut Criterion) {
    let (left, right) = (uniform(USERS, 1), uniform(USERS, 2));
    let resampling = Resampling::default();
    let mut group = criterion.benchmark_group("eval");
    group.bench_function(format!("bootstrap_mean/{USERS}/resamples10000/seed{SEED}"), |bencher| {
        bencher.iter(|| bootstrap_mean(&left, &resampling).expect("finite values"));
    });
    group.bench_function(format!("sign_flip_test/{USERS}/resamples10000/seed{SEED}"), |bencher| {
        bencher.iter(|| sign_flip_test(&left, &right, &resampling).expect("finite values"));
    });
    group.finish();
}

criterion_group! { name = benches; config = brief(); targets = ranking, statistics }
criterion_main!(benches);
