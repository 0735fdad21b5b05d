//! The client of embeddings against a mock server.

use recgoat_semantics::{
    Cache, Silent,
    text::{EmbeddingEndpoint, TextEncoder, encode_all},
};
use serde_json::json;
use wiremock::ResponseTemplate;

use crate::chat::Server;

fn vectors(rows: &[(usize, &[f32])]) -> ResponseTemplate {
    let rows: Vec<_> =
        rows.iter().map(|(index, vector)| json!({"index": index, "embedding": vector})).collect();
    ResponseTemplate::new(200).set_body_json(json!({ "data": rows }))
}

#[test]
fn vectors_come_in_the_order_of_texts_and_of_length_one() {
    let server = Server::start();
    server.answer(vectors(&[(1, &[0.0, 2.0]), (0, &[3.0, 4.0])]), 1);
    let encoder = EmbeddingEndpoint::new(server.config()).unwrap();
    assert_eq!(encoder.encode(&["a", "b"]).unwrap(), [vec![0.6, 0.8], vec![0.0, 1.0]]);
}

#[test]
fn answers_that_do_not_fit_end_in_a_clear_error_and_are_not_kept() {
    for (response, expected) in [
        (vectors(&[(0, &[1.0, 0.0])]), "expected 2 embeddings, found 1"),
        (vectors(&[(0, &[1.0, 0.0]), (1, &[1.0])]), "expected 2 numbers in embedding 1, found 1"),
        (vectors(&[(0, &[1.0]), (2, &[1.0])]), "expected each index below 2 once, found 2"),
        (vectors(&[(0, &[1.0]), (0, &[1.0])]), "expected each index below 2 once, found 0"),
        (vectors(&[(0, &[]), (1, &[])]), "expected 0 numbers in embedding 0, found 0"),
        (ResponseTemplate::new(200).set_body_string("{\"data\": [{\"ind"), "expected JSON of embeddings"),
        (ResponseTemplate::new(500), "answered 500"),
    ] {
        let server = Server::start();
        server.answer(response, 10);
        let encoder = EmbeddingEndpoint::new(server.config()).unwrap();
        let cache = Cache::in_memory().unwrap();
        let texts = ["a", "b"].map(str::to_owned);
        let message = encode_all(&encoder, &texts, &cache, &Silent).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
        assert_eq!(cache.vector(encoder.name(), "a").unwrap(), None);
    }
}

#[test]
fn a_width_that_changes_is_noticed() {
    let server = Server::start();
    server.answer(vectors(&[(0, &[1.0, 0.0])]), 1);
    server.answer(vectors(&[(0, &[1.0, 0.0, 0.0])]), 1);
    let encoder = EmbeddingEndpoint::new(server.config()).unwrap();
    encoder.encode(&["a"]).unwrap();
    let message = encoder.encode(&["b"]).unwrap_err().to_string();
    assert!(message.contains("expected 2 numbers in embedding 0, found 3"), "{message}");
}
