//! Titles and original ids.

use recgoat_data::Dataset;

use crate::support::{SMALL, folder, refusal};

const INTER: (&str, &[u8]) = ("a.inter", SMALL.as_bytes());

#[test]
fn titles_and_original_ids() {
    let items = "itemID\toriginal\ttitle\n2\tB9\t\"A \"\"quoted\"\"\ttitle\"\n0\tB7\t\n";
    let users = "userID\toriginal\n0\tann\n1\tbob\n";
    let dir = folder(&[INTER, ("items.tsv", items.as_bytes()), ("users.tsv", users.as_bytes())]);
    let data = Dataset::open(dir.path()).unwrap();
    assert_eq!(data.item_title(2), Some("A \"quoted\"\ttitle"));
    assert_eq!((data.item_title(0), data.item_title(1)), (None, None), "an empty title is none");
    assert_eq!([0, 1, 2].map(|item| data.item_label(item).into_owned()), ["B7", "1", "B9"]);
    assert_eq!([0, 1].map(|user| data.user_label(user).into_owned()), ["ann", "bob"]);
}

#[test]
fn the_column_name_is_a_title_too() {
    let dir = folder(&[INTER, ("items.tsv", b"itemID\tname\n1\tFaithless\n")]);
    let data = Dataset::open(dir.path()).unwrap();
    assert_eq!((data.item_title(1), data.item_label(1).as_ref()), (Some("Faithless"), "1"));
}

#[test]
fn without_files_the_dense_ids_speak() {
    let data = Dataset::open(folder(&[INTER]).path()).unwrap();
    assert_eq!(
        (data.item_title(0), data.item_label(2).as_ref(), data.user_label(1).as_ref()),
        (None, "2", "1")
    );
}

#[test]
fn malformed_labels() {
    let refused = |text: &[u8]| refusal(&[INTER, ("items.tsv", text)]);
    assert_eq!(refused(b"id\ttitle\n0\tx\n"), "items.tsv:1: expected a column itemID, found `id\\ttitle`");
    assert_eq!(
        refused(b"itemID\ttitle\n0\tx\n3\ty\n"),
        "items.tsv:3: expected itemID from 0 to 2, found `3`"
    );
    assert_eq!(refused(b"itemID\ttitle\n0\tx\n1\n"), "items.tsv:3: expected 2 columns, found 1");
    assert_eq!(
        refused(b"itemID\ttitle\n0\tcaf\xe9\n"),
        "items.tsv:2: expected UTF-8 text, found other bytes"
    );
}
