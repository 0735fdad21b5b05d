//! Ranks made-up data with two scorers, tests their difference, and writes a report.
#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use std::error::Error;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use recgoat_data::synthetic::{SyntheticConfig, synthetic};
use recgoat_data::{Dataset, Interactions, Split};
use recgoat_eval::report::{CurvePoint, DatasetCard, Measured, ModelResult, Report, RunResult, compare};
use recgoat_eval::stats::Resampling;
use recgoat_eval::{PerUser, RankingConfig, Scorer, beyond, evaluate, rank};

// # Two scorers
//
// The first knows how often each item was taken. The second counts, for each pair of items, the users
// who took both, and scores an item by its pairs with what the user took.

struct Popularity(Vec<u32>);

impl Scorer for Popularity {
    fn items(&self) -> usize {
        self.0.len()
    }

    fn score(&self, _users: &[u32], scores: &mut [f32]) {
        for row in scores.chunks_mut(self.0.len()) {
            for (score, &count) in row.iter_mut().zip(&self.0) {
                *score = count as f32;
            }
        }
    }
}

struct Pairs<'a> {
    data: &'a Interactions,
    /// `[items, items]`
    counts: Vec<f32>,
}

impl<'a> Pairs<'a> {
    fn new(data: &'a Interactions) -> Self {
        Self { data, counts: vec![0.0; data.items() * data.items()] }
    }

    fn learn(&mut self, users: &[usize]) {
        for &user in users {
            let taken = self.data.split(Split::Train).row(user);
            for &a in taken {
                for &b in taken {
                    self.counts[a as usize * self.data.items() + b as usize] += 1.0;
                }
            }
        }
    }
}

impl Scorer for Pairs<'_> {
    fn items(&self) -> usize {
        self.data.items()
    }

    fn score(&self, users: &[u32], scores: &mut [f32]) {
        let items = self.items();
        for (&user, row) in users.iter().zip(scores.chunks_mut(items)) {
            row.fill(0.0);
            for &taken in self.data.split(Split::Train).row(user as usize) {
                let popularity = self.counts[taken as usize * (items + 1)].max(1.0);
                let pairs = &self.counts[taken as usize * items..][..items];
                for (score, count) in row.iter_mut().zip(pairs) {
                    *score += count / popularity;
                }
            }
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    // # Made-up data
    //
    // Users belong to taste clusters and prefer popular items of their own.
    let config = SyntheticConfig {
        users: 600,
        items: 300,
        interactions: 12_000,
        seed: 1,
        modalities: vec![("text".to_owned(), 16)],
    };
    let dataset = synthetic(&config)?;
    let data = dataset.interactions();
    let ranking = RankingConfig::default();

    // # Runs
    //
    // An epoch shows the pair counter a tenth of the users; three seeds differ in their order.
    let popularity = Popularity(item_counts(data));
    let popular = evaluate(&popularity, data, Split::Test, &ranking)?;
    let popular_run = RunResult { test: popular.means(), ..RunResult::default() };
    let mut pair_runs = Vec::new();
    let mut pair_values = Vec::new();
    for seed in 0..3 {
        let (run, values) = run_pairs(data, seed, &ranking)?;
        pair_runs.push(run);
        pair_values.push(values);
    }

    // # Comparison and report
    let popular_values = [popular];
    let pair = (
        Measured { name: "pairs", runs: &pair_values },
        Measured { name: "popularity", runs: &popular_values },
    );
    let comparisons = compare(&[pair], &["recall@20", "ndcg@20"], &Resampling::default())?;
    println!("recall@20 differs by {:.4}", comparisons[0].difference);
    let report = Report {
        title: "Pairs against popularity on made-up data".to_owned(),
        dataset: card(&dataset),
        protocol: vec![
            ("Ranking".to_owned(), "all items, train items masked".to_owned()),
            ("Cut-offs".to_owned(), format!("{:?}", ranking.topk)),
        ],
        models: vec![
            ModelResult { name: "popularity".to_owned(), settings: vec![], runs: vec![popular_run] },
            ModelResult {
                name: "pairs".to_owned(),
                settings: vec![("epochs".to_owned(), "9".to_owned())],
                runs: pair_runs,
            },
        ],
        comparisons,
        environment: vec![("recgoat-eval".to_owned(), env!("CARGO_PKG_VERSION").to_owned())],
    };
    for path in report.write(&std::env::temp_dir().join("recgoat-eval-example"))? {
        println!("{}", path.display());
    }
    Ok(())
}

fn run_pairs(
    data: &Interactions,
    seed: u64,
    ranking: &RankingConfig,
) -> Result<(RunResult, PerUser), Box<dyn Error>> {
    let mut order: Vec<usize> = (0..data.users()).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    // A tenth of the users is never shown, so the runs end apart.
    order.truncate(data.users() * 9 / 10);
    let mut scorer = Pairs::new(data);
    let mut run = RunResult { seed, epochs: 9, ..RunResult::default() };
    let mut best = 0.0;
    for (epoch, users) in (1..).zip(order.chunks(data.users() / 10)) {
        scorer.learn(users);
        let valid = evaluate(&scorer, data, Split::Valid, ranking)?;
        let recall = valid.mean("recall@20").unwrap_or(0.0);
        if recall > best {
            best = recall;
            run.best_epoch = epoch;
            run.valid = valid.means();
        }
        run.curve.push(CurvePoint { epoch, loss: None, valid: recall });
    }
    let rankings = rank(&scorer, data, Split::Test, ranking)?;
    let values = rankings.measure(&ranking.topk)?;
    run.test = values.means();
    run.test.extend(beyond::measure(&rankings, &item_counts(data), data.users(), 20)?);
    Ok((run, values))
}

fn item_counts(data: &Interactions) -> Vec<u32> {
    let mut counts = vec![0; data.items()];
    for &item in data.split(Split::Train).items() {
        counts[item as usize] += 1;
    }
    counts
}

fn card(dataset: &Dataset) -> DatasetCard {
    let data = dataset.interactions();
    let [train, valid, test] = Split::ALL.map(|split| data.split(split).len());
    DatasetCard {
        name: dataset.name().to_owned(),
        users: data.users(),
        items: data.items(),
        train,
        valid,
        test,
        density: (train + valid + test) as f64 / (data.users() * data.items()) as f64,
        modalities: vec![],
        digest: dataset.digest().to_owned(),
    }
}
