//! Features of users, and features added to a folder.

use std::fs;

use recgoat_data::{Dataset, Modality, Owner, add_features};

use crate::support::{SMALL, floats, folder, npy, refusal};

const INTER: (&str, &[u8]) = ("a.inter", SMALL.as_bytes());

fn matrix(rows: usize, width: usize) -> Vec<u8> {
    let values: Vec<f32> = (0..rows * width).map(|x| x as f32).collect();
    npy("<f4", "False", &format!("({rows}, {width})"), &floats(&values))
}

fn text(rows: usize) -> Modality {
    Modality::new("text", rows, 1, vec![1.0; rows], (0..rows).map(|row| row != 1).collect()).unwrap()
}

#[test]
fn features_of_users_are_no_modality_of_items() {
    let mask = npy("|u1", "False", "(2,)", &[1, 0]);
    let files: [(&str, &[u8]); 4] = [
        INTER,
        ("text_feat.npy", &matrix(3, 2)),
        ("user_text_feat.npy", &matrix(2, 4)),
        ("user_text_mask.npy", &mask),
    ];
    let data = Dataset::open(folder(&files).path()).unwrap();
    assert_eq!(data.modalities().len(), 1);
    let [profile] = data.profiles() else { panic!("{:?}", data.profiles()) };
    assert_eq!((profile.name(), profile.rows(), profile.width(), profile.missing()), ("text", 2, 4, 1));
    let without = Dataset::open(folder(&files[..2]).path()).unwrap();
    assert_ne!(data.digest(), without.digest());
    let given = without.with_profiles(vec![profile.clone()]).unwrap();
    assert_eq!(given.profiles(), data.profiles());
}

#[test]
fn a_row_for_every_user() {
    let found = refusal(&[INTER, ("user_text_feat.npy", &matrix(3, 2))]);
    assert_eq!(found, "user_text_feat.npy: expected 2 rows (one for each userID of a.inter), found 3");
    let found = refusal(&[INTER, ("user_text_mask.npy", &matrix(2, 1))]);
    assert_eq!(found, "user_text_mask.npy: expected user_text_feat.npy beside it, found none");
    let data = Dataset::open(folder(&[INTER]).path()).unwrap();
    let found = data.with_profiles(vec![text(3)]).unwrap_err().to_string();
    assert_eq!(found, "profiles text: expected 2 rows, one for each user, found 3");
}

#[test]
fn added_features_are_there_and_nothing_else_changed() {
    let dir = folder(&[INTER, ("image_feat.npy", &matrix(3, 2)), ("items.tsv", b"itemID\ttitle\n0\tx\n")]);
    let before = fs::read(dir.path().join("image_feat.npy")).unwrap();
    let data = add_features(dir.path(), None, &[(Owner::Item, &text(3))], &[("note.txt", b"made")]).unwrap();
    assert_eq!((data.modalities().len(), data.modalities()[1].missing()), (2, 1));
    assert_eq!(fs::read(dir.path().join("note.txt")).unwrap(), b"made");
    assert_eq!(fs::read(dir.path().join("image_feat.npy")).unwrap(), before);

    let out = dir.path().join("copies/one");
    let copy = add_features(dir.path(), Some(&out), &[(Owner::User, &text(2))], &[]).unwrap();
    assert_eq!((copy.modalities().len(), copy.profiles().len()), (2, 1));
    assert_eq!(copy.item_title(0), Some("x"));
    assert!(Dataset::open(dir.path()).unwrap().profiles().is_empty());
    assert!(
        add_features(dir.path(), Some(&out), &[], &[]).unwrap_err().to_string().contains("nothing is yet")
    );
}

#[test]
fn features_that_do_not_fit_leave_the_folder_as_it_was() {
    let dir = folder(&[INTER]);
    let out = dir.path().join("copy");
    for (owner, rows, expected) in
        [(Owner::Item, 2, "text: expected 3 rows"), (Owner::User, 3, "user_text: expected 2 rows")]
    {
        let message =
            |out| add_features(dir.path(), out, &[(owner, &text(rows))], &[]).unwrap_err().to_string();
        assert!(message(None).starts_with(expected), "{}", message(None));
        assert!(message(Some(out.as_path())).starts_with(expected));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
