//! Every way a data folder can be wrong: `inspect` and `train` say the same, on one line, and write nothing.

use npyz::Order;

use crate::{
    files::{SMALL, npy, npy_in, small},
    support::{Scene, assert_says},
};

type Files = Vec<(&'static str, Vec<u8>)>;

/// Both commands that open a data folder refuse this one, naming `place`, what was `expected` and what was `found`.
#[track_caller]
fn refused(files: &Files, place: &str, expected: &str, found: &str) {
    let scene = Scene::with_data(files);
    let message = scene.refused("inspect --data data --json");
    assert_says(&message, place, expected, found);
    assert_eq!(scene.refused("train --data data --model lightgcn --out run --threads 1"), message);
}

/// [`SMALL`] with one piece of text replaced.
fn edited(from: &str, to: &str) -> Files {
    assert!(SMALL.contains(from));
    vec![("d.inter", SMALL.replacen(from, to, 1).into())]
}

fn with(name: &'static str, bytes: Vec<u8>) -> Files {
    vec![small(), (name, bytes)]
}

fn with_features(bytes: Vec<u8>) -> Files {
    with("text_feat.npy", bytes)
}

#[test]
fn columns() {
    refused(&edited("userID\titemID", "userID\titem"), "data/d.inter:1", "a column itemID", "userID");
    refused(&edited("\tx_label", ""), "data/d.inter:1", "a column x_label", "userID");
    refused(&edited("itemID", "userID"), "data/d.inter:1", "one column userID", "userID");
    refused(&edited("0\t2\t1", "0\t2"), "data/d.inter:3", "3 tab-separated columns", "2 in `0");
}

#[test]
fn ids_and_labels() {
    let user = "userID, an integer from 0 to 4294967294";
    let item = "itemID, an integer from 0 to 4294967294";
    refused(&edited("0\t2\t1", "Ann\t2\t1"), "data/d.inter:3", user, "`Ann`");
    refused(&edited("0\t2\t1", "-1\t2\t1"), "data/d.inter:3", user, "`-1`");
    refused(&edited("0\t2\t1", "0\t99999999999\t1"), "data/d.inter:3", item, "`99999999999`");
    refused(&edited("0\t2\t1", "0\t2\t3"), "data/d.inter:3", "x_label 0, 1 or 2", "`3`");
}

#[test]
fn ids_that_would_allocate_gigabytes() {
    let most = "itemID below 1040";
    refused(&edited("0\t2\t1", "0\t4294967294\t1"), "data/d.inter:3", most, "4294967294");
    let most = "userID below 4, the number of interactions";
    refused(&edited("1\t1\t0", "4294967294\t1\t0"), "data/d.inter:4", most, "4294967294");
    refused(&edited("1\t1\t0", "3\t1\t0"), "data/d.inter:5", "a line with x_label 0 for user 1", "none");
    refused(&edited("1\t1\t0\n1\t2\t2", "2\t1\t0\n2\t2\t2"), "data/d.inter", "without a gap", "user 1");
}

#[test]
fn interactions() {
    let line = "user 0 and item 2 on one line only";
    refused(&edited("1\t2\t2", "0\t2\t2"), "data/d.inter:5", line, "line 3 too");
    let line = "a line with x_label 0 for user 1";
    refused(&edited("1\t1\t0", "1\t1\t1"), "data/d.inter:4", line, "none in the file");
}

#[test]
fn text() {
    refused(&vec![("d.inter", Vec::new())], "data/d.inter", "a header line", "an empty file");
    let header = SMALL.lines().next().unwrap();
    refused(&vec![("d.inter", header.into())], "data/d.inter", "interactions", "no line");
    refused(&edited("0\t2\t1\n", "0\t2\t1\r\n"), "data/d.inter:3", "prepare --split given", "\\r");
    let marked = format!("\u{feff}{SMALL}");
    refused(&vec![("d.inter", marked.into())], "data/d.inter:1", "no byte order mark", "U+FEFF");
    let latin = [SMALL.as_bytes(), b"1\t\xff\t0\n"].concat();
    refused(&vec![("d.inter", latin)], "data/d.inter:6", "UTF-8 text", "byte 0xFF");
    refused(&vec![("notes.txt", SMALL.into())], "data", "one .inter file", "none");
    refused(&with("e.inter", SMALL.into()), "data", "one .inter file", "d.inter, e.inter");
    let labels = b"itemID\ttitle\n9\tNine\n".to_vec();
    refused(&with("items.tsv", labels), "data/items.tsv:2", "itemID from 0 to 2", "`9`");
}

#[test]
fn feature_values() {
    let file = "data/text_feat.npy";
    let holding = |bad: f32| with_features(npy(&[3, 2], &[1.0, 2.0, 3.0, bad, 5.0, 6.0]));
    refused(&holding(f32::NAN), file, "finite numbers in row 1", "NaN in column 1");
    refused(&holding(f32::INFINITY), file, "finite numbers in row 1", "inf in column 1");
}

#[test]
fn feature_forms() {
    let file = "data/text_feat.npy";
    refused(&with_features(npy(&[2, 2], &[1f32; 4])), file, "at least 3 rows", "2");
    refused(&with_features(npy(&[6], &[1f32; 6])), file, "shape [items, width]", "shape [6]");
    refused(&with_features(npy(&[3, 2], &[1f64; 6])), file, "numpy.float32", "dtype `<f8`");
    let fortran = npy_in(Order::Fortran, &[3, 2], &[1f32; 6]);
    refused(&with_features(fortran), file, "C order (numpy.ascontiguousarray)", "Fortran order");
    let mut more = with_features(npy(&[3, 2], &[1f32; 6]));
    more.push(("image_feat.npy", npy(&[4, 2], &[1f32; 8])));
    refused(&more, file, "4 rows as in image_feat.npy", "3");
}

#[test]
fn feature_files() {
    let file = "data/text_feat.npy";
    let whole = npy(&[3, 2], &[1f32; 6]);
    let cut = whole[..whole.len() - 1].to_vec();
    refused(&with_features(cut), file, "24 bytes of data for shape [3, 2]", "23 bytes");
    refused(&with_features(whole[..40].to_vec()), file, "the whole header of a .npy file", "NUMPY");
    refused(&with_features(Vec::new()), file, "a .npy file", "an empty file");
    refused(&with_features(b"1.0,2.0\n".to_vec()), file, "the whole header of a .npy file", "`1.0,2.0");
}

#[test]
fn masks() {
    let file = "data/text_mask.npy";
    let masked = |mask| vec![small(), ("text_feat.npy", npy(&[3, 2], &[1f32; 6])), ("text_mask.npy", mask)];
    refused(&masked(npy(&[2], &[1u8; 2])), file, "shape [3]", "shape [2]");
    refused(&masked(npy(&[3], &[0u8, 1, 2])), file, "0 or 1 in row 2", "2");
    refused(&masked(npy(&[3], &[1f32; 3])), file, "numpy.uint8", "dtype `<f4`");
    refused(&with("text_mask.npy", npy(&[3], &[1u8; 3])), file, "text_feat.npy beside it", "none");
}

#[test]
fn a_folder_that_is_not_there_is_named_once() {
    let scene = Scene::new();
    for line in ["inspect --data nowhere", "train --data nowhere --model bpr --out run"] {
        assert_eq!(scene.refused(line), "nowhere: No such file or directory (os error 2)");
    }
}
