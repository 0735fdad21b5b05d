//! What feature and mask files may hold, and every way they can be wrong.

use std::fs;

use recgoat_data::{Dataset, FeatureFile, Modality};

use crate::support::{SMALL, floats, folder, npy, refusal};

const INTER: (&str, &[u8]) = ("a.inter", SMALL.as_bytes());

fn features(rows: usize, width: usize) -> Vec<u8> {
    let values: Vec<f32> = (0..rows * width).map(|x| x as f32).collect();
    npy("<f4", "False", &format!("({rows}, {width})"), &floats(&values))
}

fn refused(bytes: &[u8]) -> String {
    refusal(&[INTER, ("text_feat.npy", bytes)])
}

fn refused_mask(bytes: &[u8]) -> String {
    refusal(&[INTER, ("text_feat.npy", &features(3, 2)), ("text_mask.npy", bytes)])
}

#[test]
fn features_sorted_by_name_with_their_masks() {
    let mask = npy("|u1", "False", "(4,)", &[1, 0, 1, 1]);
    let files: [(&str, &[u8]); 5] = [
        INTER,
        ("text_feat.npy", &features(4, 2)),
        ("image_feat.npy", &features(4, 1)),
        ("image_mask.npy", &mask),
        ("link_ok.npy", b"not a mask, and not read"),
    ];
    let data = Dataset::open(folder(&files).path()).unwrap();
    assert_eq!(data.interactions().items(), 4, "the feature rows tell how many items there are");
    let [image, text] = data.modalities() else { panic!("{:?}", data.modalities()) };
    assert_eq!((image.name(), image.rows(), image.width(), image.missing()), ("image", 4, 1, 1));
    assert_eq!(image.values(), [0.0, 0.0, 2.0, 3.0], "what a missing row holds is zero");
    assert_eq!(image.present(), [true, false, true, true]);
    assert_eq!((text.name(), text.width(), text.missing()), ("text", 2, 0));
    assert_eq!(text.values(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
}

#[test]
fn a_file_written_by_an_independent_library() {
    use npyz::WriterBuilder;
    let dir = folder(&[INTER]);
    let file = fs::File::create(dir.path().join("text_feat.npy")).unwrap();
    let mut writer =
        npyz::WriteOptions::new().default_dtype().shape(&[3, 2]).writer(file).begin_nd().unwrap();
    writer.extend([0.5f32, 1.5, -2.0, f32::MIN_POSITIVE, f32::MAX, 0.0]).unwrap();
    writer.finish().unwrap();
    let data = Dataset::open(dir.path()).unwrap();
    assert_eq!(data.modalities()[0].values(), [0.5, 1.5, -2.0, f32::MIN_POSITIVE, f32::MAX, 0.0]);
}

#[test]
fn half_precision_takes_half_the_space() {
    // 1, -2, 0.5, 65504 (the largest), 2⁻²⁴ (the smallest), 0: bits by IEEE 754.
    let numbers = [0x3c00u16, 0xc000, 0x3800, 0x7bff, 0x0001, 0x0000];
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    let dir = folder(&[INTER, ("text_feat.npy", &npy("<f2", "False", "(3, 2)", &bytes))]);
    let values = [1.0, -2.0, 0.5, 65504.0, 2f32.powi(-24), 0.0];
    assert_eq!(Dataset::open(dir.path()).unwrap().modalities()[0].values(), values);
    let file = FeatureFile::open(&dir.path().join("text_feat.npy")).unwrap();
    let mut row = [0.0; 2];
    file.read(2, &mut row);
    assert_eq!((file.rows(), file.width(), row), (3, 2, [2f32.powi(-24), 0.0]));
}

#[test]
fn a_mapped_file_holds_what_a_read_one_does() {
    let dir = folder(&[
        INTER,
        ("text_feat.npy", &features(5, 3)),
        ("empty.npy", b""),
        ("none.npy", &features(0, 3)),
    ]);
    let file = FeatureFile::open(&dir.path().join("text_feat.npy")).unwrap();
    let whole = Dataset::open(dir.path()).unwrap();
    let mut row = [0.0; 3];
    for (at, expected) in whole.modalities()[0].values().chunks(3).enumerate() {
        file.read(at, &mut row);
        assert_eq!(row, expected);
    }
    let refused = |name: &str| FeatureFile::open(&dir.path().join(name)).unwrap_err().to_string();
    assert!(refused("empty.npy").ends_with("empty.npy: expected a .npy file, found an empty file"));
    assert!(refused("a.inter").contains("expected the whole header of a .npy file"));
    assert!(refused("none.npy").ends_with("expected at least one row and one column, found shape [0, 3]"));
    assert!(refused("absent.npy").contains("absent.npy: "));
}

#[test]
fn bool_masks_count_too() {
    let mask = npy("|b1", "False", "(3,)", &[0, 1, 0]);
    let dir = folder(&[INTER, ("text_feat.npy", &features(3, 2)), ("text_mask.npy", &mask)]);
    assert_eq!(Dataset::open(dir.path()).unwrap().modalities()[0].missing(), 2);
}

#[test]
fn nan_and_infinity() {
    for (value, name) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
        let bytes = npy("<f4", "False", "(3, 2)", &floats(&[0.0, 0.0, 0.0, 0.0, 0.0, value]));
        let expected = format!("text_feat.npy: expected finite numbers in row 2, found {name} in column 1");
        assert_eq!(refused(&bytes), expected);
    }
}

#[test]
fn nan_in_a_missing_row_is_no_matter() {
    let bytes = npy("<f4", "False", "(3, 1)", &floats(&[1.0, f32::NAN, 2.0]));
    let mask = npy("|u1", "False", "(3,)", &[1, 0, 1]);
    let dir = folder(&[INTER, ("text_feat.npy", &bytes), ("text_mask.npy", &mask)]);
    assert_eq!(Dataset::open(dir.path()).unwrap().modalities()[0].values(), [1.0, 0.0, 2.0]);
}

#[test]
fn too_few_rows() {
    let expected = "text_feat.npy: expected at least 3 rows (one for each itemID of a.inter), found 2";
    assert_eq!(refused(&features(2, 2)), expected);
}

#[test]
fn rows_that_differ_between_modalities() {
    let message = refusal(&[INTER, ("audio_feat.npy", &features(4, 1)), ("text_feat.npy", &features(3, 1))]);
    assert_eq!(message, "text_feat.npy: expected 4 rows as in audio_feat.npy, found 3");
}

#[test]
fn wrong_dtype() {
    for descr in ["<f8", ">f2", ">f4", "<i4", "|O"] {
        let message = refused(&npy(descr, "False", "(3, 2)", &[0; 48]));
        let kinds = "dtype <f4 (numpy.float32) or <f2 (numpy.float16)";
        assert_eq!(message, format!("text_feat.npy: expected {kinds}, found dtype `{descr}`"));
    }
    let message = refused_mask(&npy("<f4", "False", "(3,)", &[0; 12]));
    let expected = "text_mask.npy: expected dtype |u1 (numpy.uint8) or |b1 (numpy.bool_), found dtype `<f4`";
    assert_eq!(message, expected);
}

#[test]
fn fortran_order() {
    let message = refused(&npy("<f4", "True", "(3, 2)", &[0; 24]));
    assert_eq!(message, "text_feat.npy: expected C order (numpy.ascontiguousarray), found Fortran order");
}

#[test]
fn wrong_number_of_axes() {
    let message = refused(&npy("<f4", "False", "(6,)", &[0; 24]));
    assert_eq!(message, "text_feat.npy: expected shape [items, width], found shape [6]");
    let message = refused_mask(&npy("|u1", "False", "(3, 1)", &[0; 3]));
    assert_eq!(message, "text_mask.npy: expected shape [3], found shape [3, 1]");
}

#[test]
fn no_columns() {
    let message = refused(&npy("<f4", "False", "(3, 0)", &[]));
    assert_eq!(message, "text_feat.npy: expected at least one row and one column, found shape [3, 0]");
}

#[test]
fn truncated_data() {
    let whole = features(3, 2);
    let message = refused(&whole[..whole.len() - 1]);
    assert_eq!(message, "text_feat.npy: expected 24 bytes of data for shape [3, 2], found 23 bytes");
}

#[test]
fn data_left_over() {
    let mut bytes = features(3, 2);
    bytes.push(0);
    assert_eq!(refused(&bytes), "text_feat.npy: expected 24 bytes of data for shape [3, 2], found 25 bytes");
}

#[test]
fn truncated_header() {
    for length in 1..10 {
        let message = refused(&features(3, 2)[..length]);
        let expected = "text_feat.npy: expected the whole header of a .npy file, version 1 to 3, found ";
        assert!(message.starts_with(expected), "{message}");
    }
}

#[test]
fn empty_feature_file() {
    assert_eq!(refused(&[]), "text_feat.npy: expected a .npy file, found an empty file");
}

#[test]
fn another_format() {
    let message = refused(b"PK\x03\x04 a zip archive");
    assert!(message.starts_with("text_feat.npy: expected the whole header of a .npy file"), "{message}");
}

#[test]
fn shape_that_overflows() {
    let message = refused(&npy("<f4", "False", "(4294967296, 4294967296)", &[0; 8]));
    assert!(message.starts_with("text_feat.npy: expected a shape that fits in memory"), "{message}");
}

#[test]
fn mask_of_another_length() {
    let message = refused_mask(&npy("|u1", "False", "(2,)", &[1, 1]));
    assert_eq!(message, "text_mask.npy: expected shape [3], found shape [2]");
}

#[test]
fn mask_that_is_not_0_or_1() {
    let message = refused_mask(&npy("|u1", "False", "(3,)", &[1, 1, 255]));
    assert_eq!(message, "text_mask.npy: expected 0 or 1 in row 2, found 255");
}

#[test]
fn mask_without_features() {
    let message = refusal(&[INTER, ("tetx_mask.npy", &npy("|u1", "False", "(3,)", &[1; 3]))]);
    assert_eq!(message, "tetx_mask.npy: expected tetx_feat.npy beside it, found none");
}

#[test]
fn the_digest_covers_what_is_used_and_nothing_else() {
    let mask = npy("|u1", "False", "(3,)", &[1, 1, 1]);
    let text = features(3, 2);
    let base: Vec<(&str, &[u8])> = vec![INTER, ("text_feat.npy", &text), ("text_mask.npy", &mask)];
    let digest = |files: &[(&str, &[u8])]| Dataset::open(folder(files).path()).unwrap().digest().to_owned();
    let with = |extra: (&'static str, &'static [u8])| [base.as_slice(), &[extra]].concat();
    let original = digest(&base);
    assert_eq!(original.len(), 64);
    assert_eq!(original, digest(&with(("README.md", b"read by people"))));
    assert_ne!(original, digest(&base[..2]), "a mask is used");
    let renamed = [("b.inter", INTER.1), base[1], base[2]];
    assert_ne!(original, digest(&renamed), "names count");
    let moved = SMALL.replace("1\t2\t2", "1\t2\t1");
    assert_ne!(original, digest(&[("a.inter", moved.as_bytes()), base[1], base[2]]), "contents count");
}

#[test]
fn bad_parts_in_memory() {
    let refused = |rows, width, values: usize, mask: usize| {
        Modality::new("text", rows, width, vec![0.0; values], vec![true; mask]).unwrap_err().to_string()
    };
    assert_eq!(refused(3, 2, 5, 3), "modality text: expected values of shape [3, 2], found 5 values");
    assert_eq!(refused(3, 2, 6, 2), "modality text: expected a mask of 3 rows, found 2 rows");
    assert_eq!(
        refused(0, 2, 0, 0),
        "modality text: expected at least one row and one column, found shape [0, 2]"
    );
    assert!(refused(usize::MAX, 2, 6, 3).starts_with("modality text: expected values of shape"));
    let nan = Modality::new("text", 1, 1, vec![f32::NAN], vec![true]).unwrap_err().to_string();
    assert_eq!(nan, "modality text: expected finite numbers in row 0, found NaN in column 0");
}
