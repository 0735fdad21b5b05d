//! What a `.inter` file may hold, and every way it can be wrong.

use proptest::prelude::*;
use recgoat_data::{Dataset, Split};

use crate::support::{SMALL, folder, refusal, triples};

fn refused(text: impl AsRef<[u8]>) -> String {
    refusal(&[("a.inter", text.as_ref())])
}

fn with_rows(rows: &str) -> String {
    format!("userID\titemID\tx_label\n{rows}")
}

#[test]
fn a_well_formed_file() {
    let dir = folder(&[("shop.inter", SMALL.as_bytes())]);
    let data = Dataset::open(dir.path()).unwrap();
    assert_eq!((data.name(), data.interactions().users(), data.interactions().items()), ("shop", 2, 3));
    let expected = [(0, 0, Split::Train), (0, 2, Split::Valid), (1, 1, Split::Train), (1, 2, Split::Test)];
    assert_eq!(triples(data.interactions()), expected);
    assert!(data.modalities().is_empty());
}

#[test]
fn columns_may_come_in_any_order_with_others_between_and_no_last_newline() {
    let text = "x_label\ttimestamp\titemID\trating\tuserID\n0\t99\t1\t4.5\t0\n2\t98\t0\t1\t0";
    let dir = folder(&[("a.inter", text.as_bytes())]);
    let data = Dataset::open(dir.path()).unwrap();
    assert_eq!(triples(data.interactions()), [(0, 0, Split::Test), (0, 1, Split::Train)]);
}

#[test]
fn no_file_and_several_files() {
    assert_eq!(refusal(&[]), "DIR: expected one .inter file, found none");
    let two = refusal(&[("a.inter", SMALL.as_bytes()), ("b.inter", SMALL.as_bytes())]);
    assert_eq!(two, "DIR: expected one .inter file, found a.inter, b.inter");
}

#[test]
fn no_folder() {
    let dir = folder(&[]);
    let missing = dir.path().join("nowhere");
    let message = Dataset::open(&missing).unwrap_err().to_string();
    assert!(message.starts_with(&format!("{}: ", missing.display())), "{message}");
}

#[test]
fn empty_file() {
    assert_eq!(refused(""), "a.inter: expected a header line and interactions, found an empty file");
}

#[test]
fn header_alone() {
    assert_eq!(refused(with_rows("")), "a.inter: expected interactions below the header, found no line");
}

#[test]
fn missing_column() {
    let expected = "a.inter:1: expected a column itemID, found `userID\\titem\\tx_label`";
    assert_eq!(refused("userID\titem\tx_label\n0\t0\t0\n"), expected);
    assert!(refused("itemID\tx_label\n0\t0\n").starts_with("a.inter:1: expected a column userID, found "));
}

#[test]
fn missing_x_label_tells_the_cure() {
    let expected = "a.inter:1: expected a column x_label (`recgoat prepare` makes such a file from raw data), \
                    found `userID\\titemID`";
    assert_eq!(refused("userID\titemID\n0\t0\n"), expected);
}

#[test]
fn repeated_column() {
    let message = refused("userID\titemID\tx_label\titemID\n0\t0\t0\t0\n");
    assert!(message.starts_with("a.inter:1: expected one column itemID, found "), "{message}");
}

#[test]
fn missing_field() {
    let message = refused(with_rows("0\t0\t0\n0\t1\n"));
    assert_eq!(message, "a.inter:3: expected 3 tab-separated columns, found 2 in `0\\t1`");
}

#[test]
fn blank_line() {
    assert!(
        refused(with_rows("0\t0\t0\n\n0\t1\t0\n")).starts_with("a.inter:3: expected 3 tab-separated columns")
    );
}

#[test]
fn non_numeric_id() {
    let message = refused(with_rows("0\t0\t0\n0\tB00X\t0\n"));
    assert_eq!(message, "a.inter:3: expected itemID, an integer from 0 to 4294967294, found `B00X`");
    assert!(refused(with_rows("0.0\t0\t0\n")).ends_with("found `0.0`"));
    assert!(refused(with_rows("\t0\t0\n")).ends_with("found ``"));
}

#[test]
fn negative_id() {
    let message = refused(with_rows("-1\t0\t0\n"));
    assert_eq!(message, "a.inter:2: expected userID, an integer from 0 to 4294967294, found `-1`");
}

#[test]
fn absurd_user_id() {
    let message = refused(with_rows("0\t0\t0\n4000000000\t0\t0\n"));
    assert_eq!(message, "a.inter:3: expected userID below 2, the number of interactions, found 4000000000");
}

#[test]
fn absurd_item_id() {
    let message = refused(with_rows("0\t0\t0\n0\t1020\t0\n"));
    assert_eq!(message, "a.inter:3: expected itemID below 1020 (1000 + 10 × 2 distinct items), found 1020");
    let dir = folder(&[("a.inter", with_rows("0\t0\t0\n0\t1019\t0\n").as_bytes())]);
    assert_eq!(Dataset::open(dir.path()).unwrap().interactions().items(), 1020);
}

#[test]
fn id_beyond_32_and_64_bits() {
    for id in ["4294967295", "4294967296", "99999999999999999999999"] {
        let message = refused(with_rows(&format!("0\t{id}\t0\n")));
        assert!(
            message.starts_with("a.inter:2: expected itemID, an integer from 0 to 4294967294"),
            "{message}"
        );
    }
}

#[test]
fn unknown_x_label() {
    assert_eq!(refused(with_rows("0\t0\t0\n0\t1\t3\n")), "a.inter:3: expected x_label 0, 1 or 2, found `3`");
}

#[test]
fn duplicate_interaction_names_both_lines() {
    let message = refused(with_rows("0\t5\t0\n0\t1\t0\n0\t5\t2\n"));
    assert_eq!(message, "a.inter:4: expected user 0 and item 5 on one line only, found them on line 2 too");
}

#[test]
fn user_without_train_item() {
    let message = refused(with_rows("0\t0\t0\n1\t0\t2\n1\t1\t1\n"));
    assert_eq!(
        message,
        "a.inter:3: expected a line with x_label 0 for user 1 (`recgoat prepare --split given` mends that), found none in the file"
    );
}

#[test]
fn gap_in_user_ids() {
    let message = refused(with_rows("0\t0\t0\n2\t0\t0\n0\t1\t0\n"));
    assert_eq!(message, "a.inter: expected userID 0 to 2 without a gap, found no line of user 1");
}

#[test]
fn crlf() {
    let expected = "a.inter:1: expected lines that end in \\n alone (`recgoat prepare --split given` mends that), found \\r";
    assert_eq!(refused(SMALL.replace('\n', "\r\n")), expected);
    assert!(refused(with_rows("0\t0\t0\r\n")).starts_with("a.inter:2: expected lines that end in \\n alone"));
}

#[test]
fn byte_order_mark() {
    let expected = "a.inter:1: expected no byte order mark (save as plain UTF-8), found U+FEFF";
    assert_eq!(refused(format!("\u{feff}{SMALL}")), expected);
}

#[test]
fn not_utf8() {
    let message = refused(b"userID\titemID\tx_label\tnote\n0\t0\t0\tfine\n0\t1\t0\tcaf\xe9\n");
    assert_eq!(message, "a.inter:3: expected UTF-8 text, found byte 0xE9");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read(pairs in prop::collection::btree_set((0u32..20, 0u32..50), 1..80), cut in 0usize..3) {
        // Users are renumbered without gaps; every third row of a user is held out, never the first.
        let mut seen = std::collections::BTreeMap::new();
        let mut expected = Vec::new();
        let mut text = with_rows("");
        for (user, item) in pairs {
            let next = seen.len() as u32;
            let (user, count) = seen.entry(user).or_insert((next, 0));
            let split = if *count % 3 == 2 { Split::ALL[cut] } else { Split::Train };
            *count += 1;
            expected.push((*user, item, split));
            text.push_str(&format!("{user}\t{item}\t{}\n", split as usize));
        }
        expected.sort_unstable();
        let dir = folder(&[("a.inter", text.as_bytes())]);
        prop_assert_eq!(triples(Dataset::open(dir.path()).unwrap().interactions()), expected);
    }
}
