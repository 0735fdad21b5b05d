//! From a raw interaction log to a data set folder: k-core, split, dense ids.

use std::fs::File;
use std::path::Path;

use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::folder::{Draft, check_free, write_inter, write_labels};
use crate::interactions::Split;
pub use crate::mend::mend;
use crate::raw::{self, Log, Record};
pub use crate::split::SplitRule;
use crate::split::{Event, Ratios, assign};

/// How to prepare a log.
#[derive(Debug, Clone, PartialEq)]
pub struct PrepareConfig {
    /// Keep the part in which every user and every item has at least so many interactions; 0 keeps all.
    pub kcore: usize,
    /// How to cut into train, valid and test.
    pub rule: SplitRule,
    /// Shares of train, valid and test; they add up to 1.
    pub ratios: [f64; 3],
    /// Seed of [`SplitRule::Random`].
    pub seed: u64,
}

impl Default for PrepareConfig {
    /// MMRec's form: 5-core, 80/10/10 per user in random order; seed 0.
    fn default() -> Self {
        Self { kcore: 5, rule: SplitRule::Random, ratios: [0.8, 0.1, 0.1], seed: 0 }
    }
}

/// Prepares the log `input` as a data set in the new folder `out`, and opens it.
///
/// The log is csv or tsv (by its extension) with a header: a user column (`userID`, `user_id`, `user`, …),
/// an item column, and optionally `rating` and `timestamp` or `time`; RecBole's typed names such as
/// `user_id:token` are understood. Of a pair that occurs several times the earliest record stays. The
/// k-core is iterated until nothing changes. Dense ids are given in order of first appearance;
/// `users.tsv` and `items.tsv` keep the original ones. `out` appears complete or not at all.
///
/// # Errors
/// [`Error::Line`] or [`Error::File`] when the log is malformed, lacks the timestamps that the rule needs,
/// or has an empty k-core, or when `out` is taken; [`Error::Argument`] for ratios that are no shares.
pub fn prepare(input: &Path, out: &Path, config: &PrepareConfig) -> Result<Dataset> {
    let ratios = Ratios::new(config.ratios)?;
    check_free(out)?;
    let delimiter = match input.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => b',',
        Some("tsv" | "inter") => b'\t',
        _ => return Err(Error::file(input, "a file name that ends in .csv, .tsv or .inter", "another")),
    };
    let mut log = raw::read(input, delimiter, File::open(input).map_err(Error::io(input))?)?;
    if config.rule != SplitRule::Random && log.records.iter().any(|record| record.time.is_none()) {
        return Err(Error::line(
            input,
            1,
            format!("a column timestamp or time for {:?}", config.rule),
            "none",
        ));
    }
    log.drop_repeats();
    log.keep_core(config.kcore);
    let splits = cut(&mut log, config, ratios);
    if log.records.is_empty() {
        let expected = format!("interactions left after the {}-core and the split", config.kcore);
        return Err(Error::file(input, expected, "none"));
    }
    log.renumber();
    let mut rows: Vec<(Record, Split)> = log.records.iter().copied().zip(splits).collect();
    rows.sort_by(|(a, _), (b, _)| a.user.cmp(&b.user).then(by_time(a, b)));

    let draft = Draft::new(out)?;
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    write_inter(&draft.path(&format!("{name}.inter")), &rows)?;
    for (file, id, originals) in [("users.tsv", "userID", &log.users), ("items.tsv", "itemID", &log.items)] {
        let rows = originals.iter().enumerate().map(|(id, original)| [id.to_string(), original.clone()]);
        write_labels(&draft.path(file), [id, "original"], rows)?;
    }
    draft.finish()
}

/// Splits the records and drops those of users without a train record.
fn cut(log: &mut Log, config: &PrepareConfig, ratios: Ratios) -> Vec<Split> {
    let event = |record: &Record| Event { user: record.user, time: record.time.unwrap_or_default() };
    let events: Vec<Event> = log.records.iter().map(event).collect();
    let mut splits = assign(&events, config.rule, ratios, config.seed);
    let mut trained = vec![false; log.users.len()];
    for (event, split) in events.iter().zip(&splits) {
        trained[event.user as usize] |= *split == Split::Train;
    }
    log.records.retain(|record| trained[record.user as usize]);
    let mut users = events.iter().map(|event| event.user);
    splits.retain(|_| users.next().is_some_and(|user| trained[user as usize]));
    splits
}

fn by_time(a: &Record, b: &Record) -> std::cmp::Ordering {
    a.time.unwrap_or_default().total_cmp(&b.time.unwrap_or_default())
}
