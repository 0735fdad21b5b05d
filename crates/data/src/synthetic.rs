//! Made-up data with the two properties that matter for testing and timing: power-law degrees and
//! planted taste.

use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use rustc_hash::FxHashSet;

use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::interactions::{Interactions, Row};
use crate::modality::Modality;
use crate::split::Ratios;

/// What to make.
#[derive(Debug, Clone, PartialEq)]
pub struct SyntheticConfig {
    /// Number of users, at least 1.
    pub users: usize,
    /// Number of items, at least 2.
    pub items: usize,
    /// Number of interactions, all splits together: from `users` to `users × (items − 1)`.
    pub interactions: usize,
    /// Same seed, same data.
    pub seed: u64,
    /// Name and width of each modality.
    pub modalities: Vec<(String, usize)>,
}

/// Share of a user's interactions that fall into the user's own taste cluster.
const LOYALTY: f64 = 0.8;
/// Exponents of the power laws `(rank + 1)^-x` of user activity and item popularity.
const ACTIVITY: f64 = 0.5;
const POPULARITY: f64 = 0.75;
/// Standard deviation of features around their cluster's centre, whose entries have 1.
const NOISE: f64 = 0.5;

/// Makes a data set: users and items belong to taste clusters, users prefer popular items of their own
/// cluster, and an item's features are its cluster's centre plus noise. Splits follow the 80/10/10 rule
/// per user, in random order.
///
/// # Errors
/// [`Error::Argument`] when the sizes cannot be met.
///
/// ```
/// use recgoat_data::Split;
/// use recgoat_data::synthetic::{SyntheticConfig, synthetic};
/// let modalities = vec![("text".to_owned(), 8)];
/// let data = synthetic(&SyntheticConfig { users: 20, items: 30, interactions: 200, seed: 1, modalities })?;
/// let total: usize = Split::ALL.map(|split| data.interactions().split(split).len()).iter().sum();
/// assert_eq!(total, 200);
/// assert_eq!(data.modalities()[0].values().len(), 30 * 8);
/// # Ok::<(), recgoat_data::Error>(())
/// ```
pub fn synthetic(config: &SyntheticConfig) -> Result<Dataset> {
    let &SyntheticConfig { users, items, interactions, seed, .. } = config;
    if users == 0 || items < 2 || users.max(items) >= u32::MAX as usize {
        let found = format!("{users} users and {items} items");
        return Err(Error::argument("synthetic", "at least 1 user and 2 items, below 2³² − 1", found));
    }
    let most = users.saturating_mul(items - 1);
    if !(users..=most).contains(&interactions) {
        let expected = format!("from {users} to {most} interactions");
        return Err(Error::argument("synthetic", expected, interactions.to_string()));
    }
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let clusters = (items / 50).clamp(2, 32);
    let cluster_of: Vec<usize> = (0..items).map(|_| rng.random_range(0..clusters)).collect();
    let catalogue = Catalogue::new(&cluster_of, clusters, rng);
    let mut rows = Vec::with_capacity(interactions);
    let mut degrees = degrees(users, items - 1, interactions);
    degrees.shuffle(rng);
    for (user, degree) in degrees.into_iter().enumerate() {
        let cluster = rng.random_range(0..clusters);
        let mut chosen = catalogue.choose(cluster, degree, rng);
        chosen.shuffle(rng);
        let splits = Ratios::MMREC.splits(degree);
        rows.extend(chosen.into_iter().zip(splits).map(|(item, split)| Row {
            user: user as u32,
            item,
            split,
        }));
    }
    let modalities = config.modalities.iter().map(|(name, width)| {
        let values = features(&cluster_of, clusters, *width, rng);
        Modality::new(name, items, *width, values, vec![true; items])
    });
    let modalities = modalities.collect::<Result<_>>()?;
    Dataset::from_parts("synthetic", Interactions::from_rows(users, items, &rows), modalities)
}

/// Power-law degrees from 1 to `most` that add up to `total`.
fn degrees(users: usize, most: usize, total: usize) -> Vec<usize> {
    let weights: Vec<f64> = (0..users).map(|rank| power_law(rank, ACTIVITY)).collect();
    let spare = (total - users) as f64 / weights.iter().sum::<f64>();
    let mut degrees: Vec<usize> = weights.iter().map(|w| most.min(1 + (spare * w) as usize)).collect();
    let mut missing = total - degrees.iter().sum::<usize>();
    while missing > 0 {
        for degree in degrees.iter_mut().filter(|degree| **degree < most).take(missing) {
            *degree += 1;
            missing -= 1;
        }
    }
    degrees
}

fn power_law(rank: usize, exponent: f64) -> f64 {
    (rank as f64 + 1.0).powf(-exponent)
}

/// Items in order of popularity, as a whole and by cluster.
struct Catalogue {
    everything: Shelf,
    clusters: Vec<Shelf>,
}

impl Catalogue {
    fn new(cluster_of: &[usize], clusters: usize, rng: &mut ChaCha8Rng) -> Self {
        let mut order: Vec<u32> = (0..cluster_of.len() as u32).collect();
        order.shuffle(rng);
        let of =
            |cluster| order.iter().copied().filter(|&item| cluster_of[item as usize] == cluster).collect();
        Self { clusters: (0..clusters).map(of).map(Shelf::new).collect(), everything: Shelf::new(order) }
    }

    /// `count` different items, most of them from one cluster.
    fn choose(&self, cluster: usize, count: usize, rng: &mut ChaCha8Rng) -> Vec<u32> {
        const TRIES: usize = 64;
        let mut chosen = Vec::with_capacity(count);
        let mut seen = FxHashSet::default();
        while chosen.len() < count {
            let mut draw = || {
                let own = if rng.random_bool(LOYALTY) { self.clusters[cluster].draw(rng) } else { None };
                own.or_else(|| self.everything.draw(rng)).filter(|&item| seen.insert(item))
            };
            match (0..TRIES).find_map(|_| draw()) {
                Some(item) => chosen.push(item),
                None => break,
            }
        }
        if chosen.len() < count {
            // Drawing stalls: nearly everything popular is taken, so any other items make up the number.
            let everything = self.everything.items.iter().copied();
            let mut rest: Vec<u32> = everything.filter(|item| !seen.contains(item)).collect();
            rest.shuffle(rng);
            chosen.extend(rest.into_iter().take(count - chosen.len()));
        }
        chosen
    }
}

/// Items to draw from, the first the most popular.
struct Shelf {
    items: Vec<u32>,
    /// None where there is no item.
    popularity: Option<WeightedIndex<f64>>,
}

impl Shelf {
    fn new(items: Vec<u32>) -> Self {
        let popularity = WeightedIndex::new((0..items.len()).map(|rank| power_law(rank, POPULARITY))).ok();
        Self { items, popularity }
    }

    fn draw(&self, rng: &mut ChaCha8Rng) -> Option<u32> {
        self.popularity.as_ref().map(|popularity| self.items[popularity.sample(rng)])
    }
}

/// Features `[items, width]`: the cluster's centre plus noise.
fn features(cluster_of: &[usize], clusters: usize, width: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let mut normal = || -> f64 { StandardNormal.sample(rng) };
    let centres: Vec<f64> = (0..clusters * width).map(|_| normal()).collect();
    let centre = |cluster: usize| &centres[cluster * width..(cluster + 1) * width];
    let entries = cluster_of.iter().flat_map(|&cluster| centre(cluster));
    entries.map(|entry| (entry + NOISE * normal()) as f32).collect()
}
