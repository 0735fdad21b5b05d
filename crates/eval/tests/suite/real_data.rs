//! Popularity on Baby against the published numbers.

use std::path::Path;

use recgoat_data::{Dataset, Split};
use recgoat_eval::{RankingConfig, Scorer, evaluate};

/// Every user gets the items in the order of their train interactions.
struct Popularity(Vec<f32>);

impl Scorer for Popularity {
    fn items(&self) -> usize {
        self.0.len()
    }

    fn score(&self, _users: &[u32], scores: &mut [f32]) {
        for row in scores.chunks_mut(self.0.len()) {
            row.copy_from_slice(&self.0);
        }
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn popularity_on_baby() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/baby");
    if !dir.exists() {
        println!("skipped: ../shared/data is not there");
        return;
    }
    let dataset = Dataset::open(&dir).unwrap();
    let data = dataset.interactions();
    let mut popularity = vec![0.0; data.items()];
    for &item in data.split(Split::Train).items() {
        popularity[item as usize] += 1.0;
    }
    let metrics = evaluate(&Popularity(popularity), data, Split::Test, &RankingConfig::default()).unwrap();
    let published = [("recall@10", 0.0295), ("recall@20", 0.0495), ("ndcg@10", 0.0161), ("ndcg@20", 0.0212)];
    for (name, expected) in published {
        let found = metrics.mean(name).unwrap();
        assert!((found - expected).abs() < 1e-4, "{name}: {found}, published {expected}");
    }
}
