//! Encoders of text.

mod bert;
mod endpoint;

pub use bert::BertEncoder;
pub use endpoint::EmbeddingEndpoint;

use crate::{Cache, Error, Result, progress::Progress, threads};

/// What makes a vector of a text: a model on this machine, or one behind an endpoint.
pub trait TextEncoder: Sync {
    /// The model and all that its vectors depend on beside the text; a key of the cache.
    fn name(&self) -> &str;

    /// How many batches it encodes at once without becoming slower.
    fn concurrency(&self) -> usize;

    /// The best number of texts in a batch, for texts about as long as this one.
    fn batch(&self, text: &str) -> usize;

    /// Unit vectors of texts, one each, all of one width.
    ///
    /// # Errors
    /// [`Error::Endpoint`] or [`Error::Model`].
    fn encode(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>>;
}

/// Rows of a modality, one a text: a vector, or `None` where there was no text.
pub type Rows = Vec<Option<Vec<f32>>>;

/// Encodes texts side by side, in batches of about one length, and keeps each batch in the cache: cut at any moment and
/// started again, no batch is encoded twice. Texts that occur twice are encoded once; an empty text has no vector.
///
/// # Errors
/// What the encoder or the cache says; [`Error::Input`] when the widths of two vectors differ.
pub fn encode_all(
    encoder: &dyn TextEncoder,
    texts: &[String],
    cache: &Cache,
    progress: &dyn Progress,
) -> Result<Rows> {
    let name = encoder.name();
    let mut order: Vec<&str> = texts.iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
    order.sort_unstable_by_key(|text| (std::cmp::Reverse(text.len()), *text));
    order.dedup();
    let mut known = std::collections::HashMap::new();
    for &text in &order {
        if let Some(vector) = cache.vector(name, text)? {
            known.insert(text, vector);
        }
    }
    order.retain(|text| !known.contains_key(text));
    progress.begin("texts", order.len(), known.len());
    // The longest first: what is left at the end is short, and the threads end together.
    let mut batches = Vec::new();
    let mut rest = order.as_slice();
    while let Some(first) = rest.first() {
        let (batch, after) = rest.split_at(encoder.batch(first).clamp(1, rest.len()));
        batches.push(batch);
        rest = after;
    }
    let found = std::sync::Mutex::new(Vec::new());
    threads::each(&batches, encoder.concurrency(), |_, batch| -> Result<()> {
        let vectors = encoder.encode(batch)?;
        let rows: Vec<(&str, &[f32])> =
            batch.iter().copied().zip(vectors.iter().map(Vec::as_slice)).collect();
        cache.keep_vectors(name, &rows)?;
        progress.advance(batch.len());
        let mut found = found.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        found.extend(batch.iter().copied().zip(vectors));
        Ok(())
    })?;
    progress.end();
    known.extend(found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner));
    let width = known.values().next().map_or(0, Vec::len);
    if let Some(other) = known.values().find(|vector| vector.len() != width) {
        let found = format!("one of {} and one of {width}", other.len());
        return Err(Error::input(name, "vectors of one width", found));
    }
    Ok(texts.iter().map(|text| known.get(text.as_str()).cloned()).collect())
}
