//! What a query is closest to, by the meaning of texts: MiniLM, fetched once, on six films.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use recgoat_semantics::{
    Cache, Silent,
    text::{BertEncoder, TextEncoder, encode_all},
};

const FILMS: [&str; 6] = [
    "Toy Story (1995). Toys live happily in a boy's room until a space ranger arrives.",
    "Heat (1995). A detective hunts a crew of professional thieves in Los Angeles.",
    "Babe (1995). A pig raised by sheepdogs learns to herd sheep.",
    "GoldenEye (1995). A secret agent must stop a satellite weapon.",
    "Sense and Sensibility (1995). Two sisters look for love in Georgian England.",
    "Seven (1995). Two detectives track a killer who uses the deadly sins as motives.",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let encoder = BertEncoder::minilm(1, &mut |step| println!("{step}"))?;

    // # Encode
    // The cache makes a second run free; `Cache::of_user()` would keep it.
    let texts = FILMS.map(str::to_owned);
    let rows = encode_all(&encoder, &texts, &Cache::in_memory()?, &Silent)?;

    // # Compare
    // Vectors have length one: a product is a cosine.
    let query = encoder.encode(&["a crime thriller about the police"])?.remove(0);
    let cosine = |row: &[f32]| query.iter().zip(row).map(|(a, b)| a * b).sum::<f32>();
    let mut ranked: Vec<(f32, &str)> =
        rows.iter().zip(FILMS).filter_map(|(row, film)| Some((cosine(row.as_ref()?), film))).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (cosine, film) in ranked {
        println!("{cosine:.3}  {film}");
    }
    Ok(())
}
