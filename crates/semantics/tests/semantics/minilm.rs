//! MiniLM against Python's transformers (`tests/golden/minilm.py`).

use recgoat_semantics::{
    Cache, Silent,
    text::{BertEncoder, TextEncoder, encode_all},
};
use serde::Deserialize;

use crate::fetched;

#[derive(Deserialize)]
struct Golden {
    text: String,
    vector: Vec<f32>,
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn vectors_and_cosines_are_those_of_transformers() {
    let Some(encoder) = fetched(BertEncoder::minilm(1, &mut |_| ())) else { return };
    let golden: Vec<Golden> = serde_json::from_str(include_str!("../golden/minilm.json")).unwrap();
    let texts: Vec<&str> = golden.iter().map(|row| row.text.as_str()).collect();
    // Alone and beside texts of other lengths: padding must not be seen.
    let together = encoder.encode(&texts).unwrap();
    let alone: Vec<Vec<f32>> = texts.iter().map(|text| encoder.encode(&[text]).unwrap().remove(0)).collect();
    for found in [&together, &alone] {
        for (a, row) in found.iter().zip(&golden) {
            assert_eq!(a.len(), 384);
            let worst = a.iter().zip(&row.vector).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-3, "{:?} is off by {worst}", row.text);
            for (b, other) in found.iter().zip(&golden) {
                let off = (cosine(a, b) - cosine(&row.vector, &other.vector)).abs();
                assert!(off < 1e-3, "{:?} and {:?} are off by {off}", row.text, other.text);
            }
        }
    }
}

#[test]
fn the_hardest_texts_keep_their_rows() {
    let Some(encoder) = fetched(BertEncoder::minilm(2, &mut |_| ())) else { return };
    let cache = Cache::in_memory().unwrap();
    let long = "100 kB of text. ".repeat(6400);
    let texts = ["", "a", &long, "\u{1}\u{2}", "👍👍", "שלום עולם", "a", ""].map(str::to_owned);
    let rows = encode_all(&encoder, &texts, &cache, &Silent).unwrap();
    let there: Vec<bool> = rows.iter().map(Option::is_some).collect();
    assert_eq!(there, [false, true, true, true, true, true, true, false]);
    assert_eq!(rows[1], rows[6]);
    for row in rows.iter().flatten() {
        assert!((cosine(row, row) - 1.0).abs() < 1e-5);
    }
    // From the cache they are the same.
    assert_eq!(encode_all(&encoder, &texts, &cache, &Silent).unwrap(), rows);
}

#[test]
fn a_folder_that_is_no_encoder_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let message = || BertEncoder::open(dir.path(), 1).unwrap_err().to_string();
    assert!(message().contains("config.json: No such file"), "{}", message());
    std::fs::write(dir.path().join("config.json"), "{}").unwrap();
    assert!(
        message().contains("config.json: expected the settings of a BERT encoder, found missing field"),
        "{}",
        message()
    );
}
