//! Rules that cut interactions into train, valid and test.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::error::{Error, Result};
use crate::interactions::Split;

/// How interactions are cut into train, valid and test.
///
/// The rules per user hold out `h = ⌊(valid + test) · n⌋` of a user's `n` interactions,
/// `⌊h · valid / (valid + test)⌋` of them for valid and the rest for test. Below ten interactions each
/// held-out split whose ratio is not zero gets one, and below three everything is train. With 0.8, 0.1,
/// 0.1 this is the rule of MMRec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SplitRule {
    /// Per user, in random order.
    Random,
    /// Per user, in time order (timestamp, then row order): train before valid before test.
    UserTime,
    /// At two instants, the same for all users: the ratios' quantiles of all timestamps. Interactions of
    /// one instant stay together, in the later split. Users without a train interaction are dropped.
    GlobalTime,
    /// Per user in time order: the last interaction is test, the one before it valid. Below three
    /// interactions everything is train. The ratios are not used.
    LeaveOneOut,
}

/// Shares of train, valid and test; checked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ratios([f64; 3]);

/// Shares such as 0.1 + 0.2 are not exact in binary; far below one interaction in any data set.
const ROUNDING: f64 = 1e-9;

impl Ratios {
    /// MMRec's 80/10/10.
    pub(crate) const MMREC: Self = Self([0.8, 0.1, 0.1]);

    pub(crate) fn new(ratios: [f64; 3]) -> Result<Self> {
        let sum: f64 = ratios.iter().sum();
        let shares = ratios.iter().all(|share| (0.0..=1.0).contains(share));
        if shares && ratios[0] > 0.0 && (sum - 1.0).abs() <= ROUNDING {
            return Ok(Self(ratios));
        }
        let expected = "shares of train (above 0), valid and test that add up to 1";
        Err(Error::argument("ratios", expected, format!("{ratios:?}")))
    }

    /// The splits of a user's `n` interactions in order.
    pub(crate) fn splits(self, n: usize) -> impl Iterator<Item = Split> {
        labels(self.counts(n))
    }

    /// How many of a user's `n` interactions are train, valid and test.
    fn counts(self, n: usize) -> [usize; 3] {
        let [_, valid, test] = self.0;
        let share = |of: usize, ratio: f64| (of as f64 * ratio + ROUNDING) as usize;
        let (valid, test) = if n < 3 || valid + test == 0.0 {
            (0, 0)
        } else if n < 10 {
            (usize::from(valid > 0.0), usize::from(test > 0.0))
        } else {
            let held_out = share(n, valid + test).min(n - 1);
            let valid = share(held_out, valid / (valid + test));
            (valid, held_out - valid)
        };
        [n - valid - test, valid, test]
    }
}

/// One interaction as the rules see it: rows are in row order, users are dense.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Event {
    pub(crate) user: u32,
    pub(crate) time: f64,
}

/// Gives every event its split.
pub(crate) fn assign(events: &[Event], rule: SplitRule, ratios: Ratios, seed: u64) -> Vec<Split> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let counts = |n| ratios.counts(n);
    match rule {
        SplitRule::Random => per_user(events, counts, |rows| rows.shuffle(&mut rng)),
        SplitRule::UserTime => per_user(events, counts, |rows| sort_by_time(events, rows)),
        SplitRule::LeaveOneOut => {
            let last_two = |n: usize| if n < 3 { [n, 0, 0] } else { [n - 2, 1, 1] };
            per_user(events, last_two, |rows| sort_by_time(events, rows))
        }
        SplitRule::GlobalTime => by_instant(events, ratios),
    }
}

/// Cuts each user's rows, brought into order by `arrange`, into `counts(n)` train, valid and test.
fn per_user(
    events: &[Event],
    counts: impl Fn(usize) -> [usize; 3],
    mut arrange: impl FnMut(&mut [usize]),
) -> Vec<Split> {
    let mut rows: Vec<usize> = (0..events.len()).collect();
    rows.sort_by_key(|&row| events[row].user);
    let mut splits = vec![Split::Train; events.len()];
    for rows in rows.chunk_by_mut(|&a, &b| events[a].user == events[b].user) {
        arrange(rows);
        for (&row, split) in rows.iter().zip(labels(counts(rows.len()))) {
            splits[row] = split;
        }
    }
    splits
}

/// Train, valid and test in a row, as often as `counts` says.
fn labels(counts: [usize; 3]) -> impl Iterator<Item = Split> {
    Split::ALL.into_iter().zip(counts).flat_map(|(split, count)| std::iter::repeat_n(split, count))
}

fn sort_by_time(events: &[Event], rows: &mut [usize]) {
    rows.sort_by(|&a, &b| events[a].time.total_cmp(&events[b].time));
}

fn by_instant(events: &[Event], Ratios([train, valid, _]): Ratios) -> Vec<Split> {
    let mut times: Vec<f64> = events.iter().map(|event| event.time).collect();
    times.sort_by(f64::total_cmp);
    let instant = |share: f64| {
        let rank = (times.len() as f64 * share + ROUNDING) as usize;
        times.get(rank).copied().unwrap_or(f64::INFINITY)
    };
    let (first_valid, first_test) = (instant(train), instant(train + valid));
    let split = |event: &Event| match event.time {
        time if time < first_valid => Split::Train,
        time if time < first_test => Split::Valid,
        _ => Split::Test,
    };
    events.iter().map(split).collect()
}
