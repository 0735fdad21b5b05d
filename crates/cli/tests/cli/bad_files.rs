//! Logs, scores, costs and weights that are not what they have to be.

use npyz::Order;

use crate::{
    files::{npy, npy_in, small},
    support::{Scene, assert_says},
};

#[test]
fn logs() {
    let scene = Scene::new();
    scene.write("taken/file", b"");
    let prepare = |text: &[u8], options: &str| {
        scene.write("log.csv", text);
        scene.refused(&format!("prepare log.csv --out made {options}"))
    };
    assert_says(&prepare(b"user,thing\na,b\n", ""), "log.csv:1", "a column itemID", "`user thing`");
    assert_says(&prepare(b"user,item\na,b\nc\n", ""), "log.csv:3", "2 columns", "1");
    assert_says(&prepare(b"user,item\na,b\n,b\n", ""), "log.csv:3", "an id in column user", "nothing");
    assert_says(&prepare(b"user,item\na,\xff\n", ""), "log.csv:2", "UTF-8 text", "other bytes");
    assert_says(
        &prepare(b"user,item,rating\na,b,good\n", ""),
        "log.csv:2",
        "a number in column rating",
        "`good`",
    );
    assert_says(&prepare(b"user,item,time\na,b,nan\n", ""), "log.csv:2", "a number in column time", "`nan`");
    assert_says(&prepare(b"", ""), "log.csv:1", "a column userID", "``");
    assert_says(&prepare(b"user,item\n", ""), "log.csv", "interactions", "no interaction");
    assert_says(&prepare(b"user,item\na,b\n", ""), "log.csv", "interactions left after the 5-core", "none");
    let timeless = prepare(b"user,item\na,b\n", "--split user-time");
    assert_says(&timeless, "log.csv:1", "a column timestamp or time", "none");
    let fine = b"user,item\na,b\n";
    assert_says(&prepare(fine, "--ratios .8,.2"), "--ratios", "three shares such as .8,.1,.1", "2");
    assert_says(&prepare(fine, "--ratios .8,.1,.2"), "ratios", "add up to 1", "[0.8, 0.1, 0.2]");
    assert_says(
        &scene.refused("prepare log.csv --out taken"),
        "taken",
        "a path where nothing is yet",
        "not empty",
    );
    assert_says(
        &scene.refused("prepare log.txt --out made"),
        "log.txt",
        "ends in .csv, .tsv or .inter",
        "another",
    );
    assert_eq!(
        scene.refused("prepare none.csv --out made"),
        "none.csv: No such file or directory (os error 2)"
    );
}

#[test]
fn scores() {
    let scene = Scene::with_data(&[small()]);
    let evaluate = |scores: &[u8]| {
        scene.write("s.npy", scores);
        scene.refused("evaluate --scores s.npy --data data --threads 1")
    };
    let whole = npy(&[2, 3], &[1f32; 6]);
    assert_says(&evaluate(&npy(&[2, 2], &[1f32; 4])), "s.npy", "2 users × 3 items", "2 × 2");
    assert_says(&evaluate(&npy(&[6], &[1f32; 6])), "s.npy", "shape [rows, columns]", "shape [6]");
    assert_says(&evaluate(&npy(&[2, 3], &[1f64; 6])), "s.npy", "numpy.float32", "dtype `<f8`");
    let fortran = npy_in(Order::Fortran, &[2, 3], &[1f32; 6]);
    assert_says(&evaluate(&fortran), "s.npy", "C order", "Fortran order");
    assert_says(
        &evaluate(&whole[..whole.len() - 1]),
        "s.npy",
        "four bytes for each of 2 × 3 values",
        "23 bytes",
    );
    assert_says(&evaluate(&whole[..30]), "s.npy", "the whole header", "NUMPY");
    assert_says(&evaluate(b""), "s.npy", "a .npy file", "an empty file");
    let strange = npy(&[2, 3], &[0.0, 1.0, 2.0, 3.0, f32::NEG_INFINITY, f32::NAN]);
    assert_says(&evaluate(&strange), "s.npy", "a score in row 1 column 2", "NaN");
    scene.write("s.npy", &whole);
    let line = "evaluate --scores s.npy --data data --threads 1 --topk 0";
    assert_eq!(scene.refused(line), "ranking config: topk holds a cut-off of 0, expected at least 1");
    assert_eq!(
        scene.refused("evaluate --scores none.npy --data data"),
        "none.npy: No such file or directory (os error 2)"
    );
}

#[test]
fn scores_of_data_without_the_split() {
    let scene = Scene::with_data(&[("d.inter", b"userID\titemID\tx_label\n0\t0\t0\n0\t1\t1\n".to_vec())]);
    scene.write("s.npy", npy(&[1, 2], &[1f32; 2]));
    let message = scene.refused("evaluate --scores s.npy --data data --threads 1");
    assert_eq!(message, "no user has an interaction in the test split, expected at least one");
    scene.json("evaluate --scores s.npy --data data --threads 1 --split valid");
}

#[test]
fn costs_and_weights() {
    let scene = Scene::new();
    let cost = |values: &[f64]| scene.write("c.npy", npy(&[2, 2], values));
    let weights = |values: &[f64]| scene.write("a.npy", npy(&[values.len() as u64], values));
    let ot = |options: &str| scene.refused(&format!("ot --cost c.npy --plan p.npy --threads 1 {options}"));
    cost(&[0.0, 1.0, f64::NAN, 0.0]);
    assert_says(&ot("--reg 1"), "c.npy", "a finite cost in row 1 column 0", "NaN");
    cost(&[0.0, f64::INFINITY, 1.0, 0.0]);
    assert_says(&ot("--reg 1"), "c.npy", "a finite cost in row 0 column 1", "inf");
    cost(&[0.0, 1.0, 1.0, 0.0]);
    weights(&[1.5, -0.5]);
    assert_says(&ot("--reg 1 --a a.npy"), "a.npy", "a finite weight of at least 0 in row 1", "-0.5");
    assert_says(&ot("--reg 1 --b a.npy"), "a.npy", "a finite weight of at least 0 in row 1", "-0.5");
    weights(&[0.5, 0.6]);
    let sides = "a.npy and the uniform weights";
    assert_says(&ot("--reg 1 --a a.npy"), sides, "equal and positive total mass", "1.1 and 1");
    weights(&[0.0, 0.0]);
    assert_says(&ot("--reg 1 --a a.npy --b a.npy"), "a.npy and a.npy", "positive total mass", "0 and 0");
    weights(&[1.0]);
    assert_says(&ot("--reg 1 --a a.npy"), "a.npy", "shape [2]", "[1]");
    for (options, place, found) in [
        ("--reg 0", "--reg", "0"),
        ("--reg=-0.1", "--reg", "-0.1"),
        ("--reg nan", "--reg", "NaN"),
        ("--reg 1 --tol 0", "--tol", "0"),
        ("--reg 1 --max-iter 0", "--max-iter", "0"),
    ] {
        assert_says(&ot(options), place, "a positive number", found);
    }
}

#[test]
fn costs_that_are_no_matrix() {
    let scene = Scene::new();
    let ot = |bytes: &[u8]| {
        scene.write("c.npy", bytes);
        scene.refused("ot --cost c.npy --reg 1 --threads 1")
    };
    let whole = npy(&[2, 2], &[1f64; 4]);
    assert_says(&ot(&npy(&[4], &[1f64; 4])), "c.npy", "shape [n, m]", "[4]");
    assert_says(&ot(&npy::<f64>(&[0, 3], &[])), "c.npy", "at least [1, 1]", "[0, 3]");
    assert_says(&ot(&npy(&[2, 2], &[1i64; 4])), "c.npy", "numpy.float64", "dtype `<i8`");
    assert_says(&ot(&npy_in(Order::Fortran, &[2, 2], &[1f64; 4])), "c.npy", "C order", "Fortran order");
    assert_says(&ot(&whole[..whole.len() - 8]), "c.npy", "32 bytes of data", "24 bytes");
    assert_says(&ot(b""), "c.npy", "a .npy file", "an empty file");
    assert_eq!(
        scene.refused("ot --cost none.npy --reg 1 --threads 1"),
        "none.npy: No such file or directory (os error 2)"
    );
    scene.write("c.npy", &whole);
    let message = scene.refused("ot --cost c.npy --reg 1 --plan nowhere/p.npy --threads 1");
    assert_eq!(message, "nowhere/p.npy: No such file or directory (os error 2)");
}
