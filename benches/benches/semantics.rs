//! Texts of items, the cache, and one batch of MiniLM, which is fetched at the first run.
#![allow(missing_docs, reason = "criterion_group! makes undocumented functions")]

use std::fmt::Write as _;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use recgoat_benches::{ITEMS, brief};
use recgoat_data::Table;
use recgoat_semantics::{
    Cache, Template,
    text::{BertEncoder, TextEncoder},
};

/// Titles of the length of a shop's.
fn title(item: usize) -> String {
    format!("Baby Monitor {item} with Night Vision, Two Way Talk and Lullabies")
}

fn texts(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("items.tsv");
    let mut rows = "itemID\ttitle\tyear\tgenres\n".to_owned();
    (0..ITEMS).for_each(|item| writeln!(rows, "{item}\t{}\t1995\tA|B", title(item)).expect("memory"));
    std::fs::write(&path, rows).expect("a disk");
    let (table, template) = (Table::read(&path, "itemID", ITEMS).expect("a table"), Template::text());
    let mut group = criterion.benchmark_group("semantics");
    group.throughput(Throughput::Elements(ITEMS as u64));
    group.bench_function(format!("item_texts/{ITEMS}"), |bencher| {
        bencher.iter(|| template.item_texts(&table, ITEMS).expect("a template"));
    });
    group.finish();
}

fn cache(criterion: &mut Criterion) {
    const BATCH: usize = 64;
    let titles: Vec<String> = (0..BATCH).map(title).collect();
    let vector = vec![0.5f32; 384];
    let rows: Vec<(&str, &[f32])> = titles.iter().map(|title| (title.as_str(), vector.as_slice())).collect();
    let cache = Cache::in_memory().expect("memory");
    let mut group = criterion.benchmark_group("semantics");
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function(format!("keep_vectors/{BATCH}x384"), |bencher| {
        bencher.iter(|| cache.keep_vectors("bench", &rows).expect("memory"));
    });
    group.bench_function(format!("vector/{BATCH}x384"), |bencher| {
        bencher
            .iter(|| titles.iter().filter_map(|title| cache.vector("bench", title).expect("memory")).count());
    });
    group.finish();
}

fn encode(criterion: &mut Criterion) {
    const BATCH: usize = 32;
    let encoder = BertEncoder::minilm(1, &mut |_| ()).expect("pip can fetch MiniLM");
    let titles: Vec<String> = (0..BATCH).map(title).collect();
    let texts: Vec<&str> = titles.iter().map(String::as_str).collect();
    let mut group = criterion.benchmark_group("semantics");
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function(format!("minilm/{BATCH}"), |bencher| {
        bencher.iter(|| encoder.encode(&texts).expect("a model"));
    });
    group.finish();
}

criterion_group! { name = benches; config = brief(); targets = texts, cache, encode }
criterion_main!(benches);
