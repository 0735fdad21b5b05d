//! Pictures through ONNX Runtime, against numpy (`tests/golden/tiny_onnx.py`).

use std::{fs, path::Path, sync::Mutex};

use image::RgbImage;
use recgoat_semantics::{
    Cache, Error, Progress, Silent,
    image::{OnnxEncoder, Pooling, Preprocessing, encode_all, find},
};

use crate::fetched;

const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/tiny.onnx");
const SETTINGS: &str = "size = [8, 8]\nmean = [0.485, 0.456, 0.406]\ndeviation = [0.229, 0.224, 0.225]\n";

/// The picture that the script calls `picture(seed)`.
fn picture(seed: u64) -> RgbImage {
    let pixel = |at: u64| ((at * at * 7 + at * 31 + seed * 101) % 256) as u8;
    RgbImage::from_raw(8, 8, (0..8 * 8 * 3).map(pixel).collect()).unwrap()
}

fn encoder(settings: &str) -> Option<OnnxEncoder> {
    let preprocessing = Preprocessing::parse(settings).unwrap();
    fetched(OnnxEncoder::open(Path::new(MODEL), preprocessing, 2, &mut |_| ()))
}

/// Hears notes.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Progress for Notes {
    fn begin(&self, _: &str, _: usize, _: usize) {}

    fn advance(&self, _: usize) {}

    fn end(&self) {}

    fn note(&self, message: &str) {
        self.0.lock().unwrap().push(message.to_owned());
    }
}

#[test]
fn features_are_those_of_numpy_and_damage_leaves_a_row_missing() {
    let Some(encoder) = encoder(SETTINGS) else { return };
    let golden: Vec<Vec<f32>> = serde_json::from_str(include_str!("../golden/tiny.json")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    picture(0).save(dir.path().join("0.png")).unwrap();
    picture(1).save(dir.path().join("1.webp")).unwrap();
    picture(2).save(dir.path().join("2.png")).unwrap();
    let whole = fs::read(dir.path().join("2.png")).unwrap();
    fs::write(dir.path().join("3.jpg"), &whole[..whole.len() / 2]).unwrap();
    let names = ["2", "4", "0", "3", "", "1"].map(str::to_owned);
    let pictures = find(dir.path(), &names);
    let (cache, notes) = (Cache::in_memory().unwrap(), Notes::default());
    let rows = encode_all(&encoder, &pictures, &cache, &notes).unwrap();
    for (row, expected) in [(0, Some(2)), (1, None), (2, Some(0)), (3, None), (4, None), (5, Some(1))] {
        match expected {
            None => assert_eq!(rows[row], None),
            Some(seed) => {
                let found = rows[row].as_ref().unwrap();
                assert_eq!(found.len(), 5);
                let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-4;
                assert!(found.iter().zip(&golden[seed]).all(near), "{found:?} is not {:?}", golden[seed]);
            }
        }
    }
    let notes = notes.0.into_inner().unwrap();
    assert_eq!(notes.len(), 1);
    assert!(notes[0].contains("3.jpg: expected a whole JPEG, PNG or WebP picture, found"), "{notes:?}");
    assert_eq!(encode_all(&encoder, &pictures, &cache, &Silent).unwrap(), rows);
}

#[test]
fn the_mean_over_places_is_the_models_own() {
    // The output before the model's own pooling, pooled by us.
    let Some(own) = encoder(SETTINGS) else { return };
    let ours = encoder(&format!("{SETTINGS}output = \"active\"\npooling = \"mean\"")).unwrap();
    assert_eq!(ours.preprocessing().pooling, Pooling::Mean);
    let dir = tempfile::tempdir().unwrap();
    picture(5).save(dir.path().join("5.png")).unwrap();
    let pictures = find(dir.path(), &["5".to_owned()]);
    let rows = |encoder: &OnnxEncoder| {
        encode_all(encoder, &pictures, &Cache::in_memory().unwrap(), &Silent).unwrap().remove(0).unwrap()
    };
    assert!(rows(&own).iter().zip(rows(&ours)).all(|(a, b)| (a - b).abs() < 1e-5));
}

#[test]
fn models_that_do_not_fit_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let other = dir.path().join("other.onnx");
    fs::write(&other, "no model").unwrap();
    for (path, settings, expected) in [
        (Path::new(MODEL), "size = [9, 8]", "an input of shape [pictures, 3, 9, 8], found [-1, 3, 8, 8]"),
        (Path::new(MODEL), "size = [8, 8]\noutput = \"logits\"", "an output logits, found features, active"),
        (&other, "size = [8, 8]", "other.onnx: expected an ONNX model, found"),
    ] {
        let preprocessing = Preprocessing::parse(settings).unwrap();
        let message = match OnnxEncoder::open(path, preprocessing, 1, &mut |_| ()) {
            Err(error @ Error::Input { .. }) => error.to_string(),
            outcome => return assert!(fetched(outcome).is_none()),
        };
        assert!(message.contains(expected), "{message}");
    }
}
