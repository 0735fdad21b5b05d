//! For whom and for which items the lists are good: cold users, and items by popularity.

use std::collections::BTreeMap;

use recgoat_data::{Interactions, Split};

use crate::error::Result;
use crate::ranking::Rankings;

/// Most train interactions of a cold user.
pub const COLD: usize = 5;

/// Names of the terciles of [`popularity_terciles`].
const TERCILES: [&str; 3] = ["tail items", "middle items", "head items"];

/// Recall at `k` over the users with at most [`COLD`] train interactions and over the others, and over the relevant
/// items of each popularity tercile; named `recall@k, cold users` and so on. A group without a member has no entry.
///
/// # Errors
/// When the lists do not reach `k`.
pub fn measure(
    rankings: &Rankings<'_>,
    interactions: &Interactions,
    k: usize,
) -> Result<BTreeMap<String, f64>> {
    rankings.check_cut_off(k)?;
    let train = interactions.split(Split::Train);
    let terciles = popularity_terciles(interactions);
    let mut groups: BTreeMap<&str, (f64, usize)> = BTreeMap::new();
    let mut add = |group: &'static str, hits: usize, relevant: usize| {
        if relevant > 0 {
            let (sum, count) = groups.entry(group).or_default();
            *sum += hits as f64 / relevant as f64;
            *count += 1;
        }
    };
    for (&user, list) in rankings.users().iter().zip(rankings.lists()) {
        let relevant = rankings.relevant(user);
        let list = &list[..list.len().min(k)];
        let hits = |of: &dyn Fn(u32) -> bool| {
            let hit = |item: &&u32| of(**item) && relevant.binary_search(item).is_ok();
            (list.iter().filter(hit).count(), relevant.iter().filter(|&&item| of(item)).count())
        };
        let (hit, all) = hits(&|_| true);
        add(if train.row(user as usize).len() <= COLD { "cold users" } else { "other users" }, hit, all);
        for (tercile, name) in TERCILES.iter().enumerate() {
            let (hit, all) = hits(&|item| terciles[item as usize] == tercile);
            add(name, hit, all);
        }
    }
    let named =
        groups.into_iter().map(|(group, (sum, count))| (format!("recall@{k}, {group}"), sum / count as f64));
    Ok(named.collect())
}

/// The tercile of each item by train interactions, 0 the least popular: equal numbers of items in each, ties by the
/// lower item id first.
pub fn popularity_terciles(interactions: &Interactions) -> Vec<usize> {
    let mut counts = vec![0usize; interactions.items()];
    interactions.split(Split::Train).items().iter().for_each(|&item| counts[item as usize] += 1);
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by_key(|&item| (counts[item], item));
    let mut terciles = vec![0; counts.len()];
    for (place, item) in order.into_iter().enumerate() {
        terciles[item] = 3 * place / counts.len();
    }
    terciles
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RankingConfig, rank};

    struct ByItem;

    impl crate::Scorer for ByItem {
        fn items(&self) -> usize {
            6
        }

        fn score(&self, _users: &[u32], scores: &mut [f32]) {
            scores.iter_mut().enumerate().for_each(|(at, score)| *score = -((at % 6) as f32));
        }
    }

    #[test]
    fn groups_are_counted_by_hand() {
        // Item 5 has most train interactions, then 4, 3, 2; items 0 and 1 have none.
        let mut train: Vec<(u32, u32)> =
            vec![(0, 2), (0, 3), (0, 4), (0, 5), (1, 3), (1, 4), (1, 5), (2, 4), (2, 5), (3, 5)];
        train.extend([(4, 1), (4, 2), (4, 3), (4, 4), (4, 5)]);
        let test = vec![(0, 0), (1, 0), (1, 2), (4, 0)];
        let interactions = Interactions::from_pairs(5, 6, &train, &[], &test).unwrap();
        assert_eq!(popularity_terciles(&interactions), [0, 0, 1, 1, 2, 2]);
        let config = RankingConfig { topk: vec![1], ..RankingConfig::default() };
        let rankings = rank(&ByItem, &interactions, Split::Test, &config).unwrap();
        let found = measure(&rankings, &interactions, 1).unwrap();
        // Lists by item id without train items: 0 for all three users.
        assert_eq!(found["recall@1, cold users"], (1.0 + 0.5 + 1.0) / 3.0);
        assert_eq!(found["recall@1, tail items"], 1.0);
        assert_eq!(found["recall@1, middle items"], 0.0);
        assert!(!found.contains_key("recall@1, head items") && !found.contains_key("recall@1, other users"));
    }
}
