//! From a raw log to a folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use recgoat_data::prepare::{PrepareConfig, SplitRule, mend, prepare};
use recgoat_data::{Dataset, Split};
use tempfile::TempDir;

use crate::support::{folder, npy, triples};

const RULES: [SplitRule; 4] =
    [SplitRule::Random, SplitRule::UserTime, SplitRule::GlobalTime, SplitRule::LeaveOneOut];

fn config(rule: SplitRule) -> PrepareConfig {
    PrepareConfig { kcore: 0, rule, ..PrepareConfig::default() }
}

/// A log, where to put what is made of it, and the folder that holds both.
fn log(name: &str, text: impl AsRef<[u8]>) -> (PathBuf, PathBuf, TempDir) {
    let dir = folder(&[(name, text.as_ref())]);
    (dir.path().join(name), dir.path().join("out"), dir)
}

fn prepared(name: &str, text: impl AsRef<[u8]>, config: &PrepareConfig) -> Dataset {
    let (input, out, _dir) = log(name, text);
    prepare(&input, &out, config).unwrap()
}

fn refused(name: &str, text: impl AsRef<[u8]>, config: &PrepareConfig) -> String {
    let (input, out, dir) = log(name, text);
    let message = prepare(&input, &out, config).unwrap_err().to_string();
    assert!(!message.contains('\n'), "not one line: {message}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "something was written");
    message.replace(&format!("{}/", dir.path().display()), "")
}

/// Original user, original item and split of every interaction.
fn originals(data: &Dataset) -> BTreeSet<(String, String, Split)> {
    let name = |(user, item, split)| {
        (data.user_label(user as usize).into_owned(), data.item_label(item as usize).into_owned(), split)
    };
    triples(data.interactions()).into_iter().map(name).collect()
}

/// Up to 150 records of few users and items, so that pairs and instants repeat.
fn records() -> impl Strategy<Value = Vec<(u32, u32, i64)>> {
    prop::collection::vec((0u32..12, 0u32..15, 0i64..40), 1..150)
}

fn csv(records: &[(u32, u32, i64)]) -> String {
    records.iter().fold(String::from("user_id,item_id,timestamp\n"), |mut text, (user, item, time)| {
        writeln!(text, "u{user},i{item},{time}").unwrap();
        text
    })
}

/// The distinct pairs with their earliest time and the first row that has it.
fn distinct(records: &[(u32, u32, i64)]) -> BTreeMap<(u32, u32), (i64, usize)> {
    let mut pairs = BTreeMap::new();
    for (row, &(user, item, time)) in records.iter().enumerate() {
        let earliest = pairs.entry((user, item)).or_insert((time, row));
        *earliest = (time, row).min(*earliest);
    }
    pairs
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn splits_partition_the_distinct_pairs(records in records(), rule in prop::sample::select(RULES.to_vec())) {
        let pairs = distinct(&records);
        let (input, out, _dir) = log("log.csv", csv(&records));
        let data = match prepare(&input, &out, &config(rule)) {
            // All events at one instant leave no train part.
            Err(error) if rule == SplitRule::GlobalTime => {
                prop_assert!(error.to_string().contains("interactions left"), "{error}");
                return Ok(());
            }
            other => other.unwrap(),
        };
        let found: BTreeSet<_> = originals(&data).into_iter().map(|(user, item, _)| (user, item)).collect();
        prop_assert_eq!(found.len(), triples(data.interactions()).len());
        let mut expected: BTreeSet<_> = pairs.keys().map(|(u, i)| (format!("u{u}"), format!("i{i}"))).collect();
        if rule == SplitRule::GlobalTime {
            let users: BTreeSet<_> = found.iter().map(|(user, _)| user.clone()).collect();
            expected.retain(|(user, _)| users.contains(user));
        }
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn per_user_counts_are_those_of_mmrec(records in records(), timed: bool) {
        let rule = if timed { SplitRule::UserTime } else { SplitRule::Random };
        let data = prepared("log.csv", csv(&records), &config(rule));
        for user in 0..data.interactions().users() {
            let found = Split::ALL.map(|split| data.interactions().split(split).row(user).len());
            let n: usize = found.iter().sum();
            let expected = match n {
                0..3 => [n, 0, 0],
                3..10 => [n - 2, 1, 1],
                // int(0.2 * n) is n / 5 in whole numbers.
                _ => [n - n / 5, n / 5 / 2, n / 5 - n / 5 / 2],
            };
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn time_rules_never_put_a_later_event_into_an_earlier_split(
        records in records(),
        rule in prop::sample::select(RULES[1..].to_vec()),
    ) {
        let pairs = distinct(&records);
        let (input, out, _dir) = log("log.csv", csv(&records));
        let Ok(data) = prepare(&input, &out, &config(rule)) else { return Ok(()) };
        let mut latest = BTreeMap::<_, BTreeMap<Split, _>>::new();
        let mut earliest = latest.clone();
        for (user, item, split) in originals(&data) {
            let number = |name: &str| name[1..].parse::<u32>().unwrap();
            let at = pairs[&(number(&user), number(&item))];
            // One instant of all users is one event to the global rule; else ties go by row.
            let (group, at) = if rule == SplitRule::GlobalTime { (String::new(), (at.0, 0)) } else { (user, at) };
            let last = latest.entry(group.clone()).or_default().entry(split).or_insert(at);
            *last = at.max(*last);
            let first = earliest.entry(group).or_default().entry(split).or_insert(at);
            *first = at.min(*first);
        }
        for (group, latest) in &latest {
            for (split, last) in latest {
                for (later, first) in earliest[group].range((std::ops::Bound::Excluded(split), std::ops::Bound::Unbounded)) {
                    prop_assert!(last < first, "{group}: {split:?} ends at {last:?}, {later:?} begins at {first:?}");
                }
            }
        }
    }

    #[test]
    fn the_core_is_a_fixed_point_and_the_largest(records in records(), kcore in 2usize..5) {
        let (input, out, _dir) = log("log.csv", csv(&records));
        let result = prepare(&input, &out, &PrepareConfig { kcore, ..config(SplitRule::Random) });
        // Peeling one vertex at a time in any order ends in the same, largest core.
        let mut core: BTreeSet<(u32, u32)> = distinct(&records).into_keys().collect();
        while let Some(&(user, item)) = core.iter().find(|(user, item)| {
            core.iter().filter(|(u, _)| u == user).count() < kcore
                || core.iter().filter(|(_, i)| i == item).count() < kcore
        }) {
            core.remove(&(user, item));
        }
        match result {
            Ok(data) => {
                let found: BTreeSet<_> = originals(&data).into_iter().map(|(u, i, _)| (u, i)).collect();
                let expected: BTreeSet<_> = core.iter().map(|(u, i)| (format!("u{u}"), format!("i{i}"))).collect();
                prop_assert_eq!(found, expected);
            }
            Err(error) => {
                prop_assert!(core.is_empty(), "{error}");
                prop_assert!(error.to_string().contains("interactions left"), "{error}");
            }
        }
    }
}

#[test]
fn ids_come_in_order_of_first_appearance_and_originals_stay() {
    let text = "user\titem\trating\nzoe\tx y\t4.5\nadam\t\"a\tb\"\t1\nzoe\t\"a\tb\"\t3\n";
    let (input, out, _dir) = log("log.tsv", text);
    let data = prepare(&input, &out, &config(SplitRule::Random)).unwrap();
    assert_eq!(
        (data.name(), data.user_label(0).as_ref(), data.user_label(1).as_ref()),
        ("out", "zoe", "adam")
    );
    assert_eq!((data.item_label(0).as_ref(), data.item_label(1).as_ref()), ("x y", "a\tb"));
    let expected = "userID\titemID\trating\tx_label\n0\t0\t4.5\t0\n0\t1\t3\t0\n1\t1\t1\t0\n";
    assert_eq!(fs::read_to_string(out.join("out.inter")).unwrap(), expected);
    assert_eq!(fs::read_to_string(out.join("users.tsv")).unwrap(), "userID\toriginal\n0\tzoe\n1\tadam\n");
    assert_eq!(Dataset::open(&out).unwrap().digest(), data.digest());
}

#[test]
fn typed_names_crlf_and_bom_are_understood() {
    let text =
        "\u{feff}user_id:token\titem_id:token\trating:float\ttimestamp:float\r\n1\t7\t3\t881250949\r\n";
    let data = prepared("log.inter", text, &config(SplitRule::UserTime));
    assert_eq!((data.user_label(0).as_ref(), data.item_label(0).as_ref()), ("1", "7"));
}

#[test]
fn of_a_repeated_pair_the_earliest_record_stays() {
    // Item a was seen at 9 and at 1: the record at 1 stays, so a is the oldest of the three.
    let text = "user,item,time\nu,a,9\nu,b,5\nu,c,7\nu,a,1\n";
    let expected = [("a", Split::Train), ("b", Split::Valid), ("c", Split::Test)];
    let expected = expected.map(|(item, split)| ("u".to_owned(), item.to_owned(), split));
    for rule in [SplitRule::UserTime, SplitRule::LeaveOneOut] {
        assert_eq!(originals(&prepared("log.csv", text, &config(rule))), BTreeSet::from(expected.clone()));
    }
}

#[test]
fn ten_interactions_in_time_order() {
    // n = 10: h = 2, one valid, one test; ties in time go by row.
    let text: String = (0..10).map(|row| format!("u,{},{}\n", row, row / 2)).collect();
    let data = prepared("log.csv", format!("user,item,time\n{text}"), &config(SplitRule::UserTime));
    assert_eq!(data.interactions().split(Split::Valid).row(0), [8]);
    assert_eq!(data.interactions().split(Split::Test).row(0), [9]);
}

#[test]
fn other_ratios() {
    let text: String = (0..20).map(|row| format!("u,{row},{row}\n")).collect();
    let counts = |ratios| {
        let config = PrepareConfig { ratios, ..config(SplitRule::UserTime) };
        let data = prepared("log.csv", format!("user,item,time\n{text}"), &config);
        Split::ALL.map(|split| data.interactions().split(split).len())
    };
    assert_eq!(counts([0.7, 0.1, 0.2]), [14, 2, 4]);
    assert_eq!(counts([0.5, 0.25, 0.25]), [10, 5, 5]);
    assert_eq!(counts([0.9, 0.0, 0.1]), [18, 0, 2]);
    assert_eq!(counts([0.85, 0.15, 0.0]), [17, 3, 0]);
    assert_eq!(counts([1.0, 0.0, 0.0]), [20, 0, 0]);
}

#[test]
fn two_instants_cut_the_global_rule() {
    // Ten events at 0, 0, …, 9: train before time 8, valid at 8, test at 9. User late has no train item.
    let text = "user,item,time\na,0,0\na,1,1\nb,0,2\nb,1,3\na,2,4\nb,2,5\na,3,6\nb,3,7\na,4,8\nlate,0,9\n";
    let data = prepared("log.csv", text, &config(SplitRule::GlobalTime));
    let counts = Split::ALL.map(|split| data.interactions().split(split).len());
    assert_eq!(
        (data.interactions().users(), counts),
        (2, [8, 1, 0]),
        "the test event was of the dropped user"
    );
}

#[test]
fn the_seed_decides_the_random_rule_and_nothing_else_does() {
    let records: Vec<_> = (0..200).map(|row| (row % 5, row / 5, 0)).collect();
    let digest =
        |seed| prepared("log.csv", csv(&records), &PrepareConfig { seed, ..config(SplitRule::Random) });
    assert_eq!(digest(1).digest(), digest(1).digest());
    assert_ne!(digest(1).digest(), digest(2).digest());
}

#[test]
fn malformed_logs() {
    let random = &config(SplitRule::Random);
    let refused = |text: &[u8]| refused("log.csv", text, random);
    assert_eq!(refused(b""), "log.csv:1: expected a column userID, user_id or user, found ``");
    assert_eq!(
        refused(b"user,thing\na,b\n"),
        "log.csv:1: expected a column itemID, item_id or item, found `user thing`"
    );
    assert_eq!(
        refused(b"user,item\n"),
        "log.csv: expected a header line and interactions, found no interaction"
    );
    assert_eq!(refused(b"user,item\na,x\na\n"), "log.csv:3: expected 2 columns, found 1");
    assert_eq!(refused(b"user,item\na,x\n,y\n"), "log.csv:3: expected an id in column user, found nothing");
    assert_eq!(refused(b"user,item\na,x\nb,caf\xe9\n"), "log.csv:3: expected UTF-8 text, found other bytes");
    assert_eq!(
        refused(b"user,item,rating\na,x,good\n"),
        "log.csv:2: expected a number in column rating, found `good`"
    );
    assert_eq!(
        refused(b"user,item,timestamp\na,x,nan\n"),
        "log.csv:2: expected a number in column timestamp, found `nan`"
    );
}

#[test]
fn time_rules_need_timestamps() {
    for rule in &RULES[1..] {
        let message = refused("log.csv", "user,item\na,x\n", &config(*rule));
        let expected = format!("log.csv:1: expected a column timestamp or time for {rule:?}, found none");
        assert_eq!(message, expected);
    }
}

#[test]
fn nothing_left() {
    let message = refused("log.csv", "user,item\na,x\nb,y\n", &PrepareConfig::default());
    assert_eq!(message, "log.csv: expected interactions left after the 5-core and the split, found none");
}

#[test]
fn unknown_extension_and_missing_file() {
    let random = &config(SplitRule::Random);
    let expected = "log.dat: expected a file name that ends in .csv, .tsv or .inter, found another";
    assert_eq!(refused("log.dat", "user,item\n", random), expected);
    let dir = folder(&[]);
    let message =
        prepare(&dir.path().join("no.csv"), &dir.path().join("out"), random).unwrap_err().to_string();
    assert!(message.contains("no.csv: "), "{message}");
}

#[test]
fn ratios_that_are_no_shares() {
    for ratios in [[0.8, 0.1, 0.2], [0.0, 0.5, 0.5], [1.2, -0.1, -0.1], [f64::NAN, 0.1, 0.1]] {
        let message =
            refused("log.csv", "user,item\na,x\n", &PrepareConfig { ratios, ..PrepareConfig::default() });
        let expected = "ratios: expected shares of train (above 0), valid and test that add up to 1, found ";
        assert!(message.starts_with(expected), "{message}");
    }
}

#[test]
fn an_output_that_is_taken_is_left_alone() {
    let (input, _, dir) = log("log.csv", "user,item\na,x\n");
    let message = prepare(&input, dir.path(), &config(SplitRule::Random)).unwrap_err().to_string();
    assert!(message.contains("expected a path where nothing is yet"), "{message}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    let empty = dir.path().join("empty");
    fs::create_dir(&empty).unwrap();
    assert!(prepare(&input, &empty, &config(SplitRule::Random)).is_ok(), "an empty folder is free");
}

#[test]
fn a_folder_is_mended_where_no_choice_is_to_be_made() {
    // User 0 has no train line; line ends are those of another system; user 2's item is beyond all others.
    let inter = "userID\titemID\trating\tx_label\r\n0\t0\t1\t1\r\n1\t2\t4\t0\r\n1\t0\t1\t2\r\n2\t1\t5\t0\r\n";
    let users = "userID\toriginal\ttitle\r\n0\tann\t\r\n2\tcat\t\"C\tT\"\r\n1\tbob\t\r\n";
    let features = npy("<f4", "False", "(3, 1)", &[1f32, 2.0, 3.0].map(f32::to_le_bytes).concat());
    let mask = npy("|u1", "False", "(3,)", &[1, 1, 0]);
    let dir = folder(&[
        ("user_age_feat.npy", &features),
        ("user_age_mask.npy", &mask),
        ("a.inter", inter.as_bytes()),
        ("users.tsv", users.as_bytes()),
        ("text_feat.npy", &features),
        ("notes.txt", b"of no use"),
    ]);
    assert!(Dataset::open(dir.path()).is_err());
    let out = dir.path().join("out");
    let mended = mend(dir.path(), &out).unwrap();
    let expected = [(0, 0, Split::Test), (0, 2, Split::Train), (1, 1, Split::Train)];
    assert_eq!(triples(mended.interactions()), expected);
    assert_eq!((&*mended.user_label(0), &*mended.user_label(1)), ("bob", "cat"));
    assert_eq!(mended.modalities()[0].values(), [1.0, 2.0, 3.0]);
    let ages = &mended.profiles()[0];
    assert_eq!((ages.values(), ages.present()), (&[2.0, 0.0][..], &[true, false][..]));
    assert_eq!(fs::read_dir(&out).unwrap().count(), 5);
    let again = mend(&out, &dir.path().join("again")).unwrap();
    assert_eq!(again.digest(), mended.digest(), "what is whole stays as it is");
}

#[test]
fn users_that_are_renumbered_keep_their_old_ids_as_labels() {
    let dir = folder(&[("a.inter", b"userID\titemID\tx_label\n0\t0\t1\n1\t0\t0\n")]);
    let mended = mend(dir.path(), &dir.path().join("out")).unwrap();
    assert_eq!((mended.interactions().users(), &*mended.user_label(0)), (1, "1"));
}

#[test]
fn what_cannot_be_mended_is_named_and_nothing_is_left_behind() {
    let message = |inter: &str| {
        let dir = folder(&[("a.inter", inter.as_bytes())]);
        let message = mend(dir.path(), &dir.path().join("out")).unwrap_err().to_string();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "something was written");
        message
    };
    assert!(
        message("userID\titemID\tx_label\n0\t0\t1\n")
            .contains("interactions below the header, found no line")
    );
    assert!(message("userID\titemID\tx_label\n0\t0\t0\n0\t0\t0\n").contains("on one line only"));
    assert!(message("userID\titemID\tx_label\n0\tx\t0\n").contains("a.inter:2: expected itemID"));
    // No cure is promised that does not help.
    assert!(message("userID\titemID\tx_label\n0\t0\r\t0\n").contains("lines that end in \\n alone, found"));
}
