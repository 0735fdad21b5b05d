//! The one thing this crate asks of a model: scores.

/// Scores of a block of users against every item.
///
/// Higher is better; only the order within a row matters. A score may be infinite or NaN: NaN ranks
/// last (see [`top_k`](crate::top_k)).
pub trait Scorer {
    /// Number of items, the length of a row of scores.
    fn items(&self) -> usize;

    /// Writes the scores of `users` to `scores`.
    ///
    /// A user's scores must not depend on which other users are in the block: the evaluation is
    /// bit-identical for every block size only then.
    ///
    /// # Shapes
    /// `scores`: `[users.len(), items]`, row-major; whatever it held before is overwritten.
    fn score(&self, users: &[u32], scores: &mut [f32]);
}
