//! Counts and numbers that are published or measured elsewhere, on the real data where they are at hand.

use serde_json::json;

use crate::support::{Scene, real};

#[test]
fn counts() {
    for (name, users, items, splits) in [
        ("baby", 19_445, 7_050, [118_551, 20_559, 21_682]),
        ("lastfm", 1_858, 1_425, [44_327, 4_799, 7_219]),
        ("ml100k", 943, 1_682, [80_367, 9_596, 10_037]),
    ] {
        let Some(data) = real(name) else { return };
        let found = Scene::new().json(&format!("inspect --data {}", data.display()));
        assert_eq!((&found["users"], &found["items"]), (&users.into(), &items.into()), "{name}");
        let [train, valid, test] = splits;
        assert_eq!(found["interactions"], json!({ "train": train, "valid": valid, "test": test }), "{name}");
        if name == "baby" {
            // Titles are known for 3,416 of the items.
            let text = json!([{ "name": "text", "width": 384, "missing_rows": items - 3_416 }]);
            assert_eq!(found["modalities"], text);
        }
    }
}

/// Popularity on Baby's test split, measured with other code.
#[test]
fn popularity_on_baby() {
    let Some(data) = real("baby") else { return };
    let scene = Scene::new();
    scene.json(&format!("train --data {} --model popularity --out run --threads 1", data.display()));
    let measured = scene.json("evaluate --run run --threads 1");
    for (metric, published) in
        [("recall@10", 0.0295), ("recall@20", 0.0495), ("ndcg@10", 0.0161), ("ndcg@20", 0.0212)]
    {
        let found = measured["metrics"][metric].as_f64().unwrap();
        assert!((found - published).abs() < 5e-5, "{metric}: {found}, published {published}");
    }
}
