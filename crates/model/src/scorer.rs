//! Scorers that trained models hand to evaluation.

use recgoat_eval::Scorer;
use recgoat_torch::{as_slice, indices};
use tch::{Device, Tensor};

/// Scores `z_u · z_i` from fixed embeddings.
#[derive(Debug)]
pub struct EmbeddingScorer {
    users: Tensor,
    items_transposed: Tensor,
}

impl EmbeddingScorer {
    /// From `users` `[users, dim]` and `items` `[items, dim]`.
    pub fn new(users: &Tensor, items: &Tensor) -> Self {
        Self { users: users.detach(), items_transposed: items.detach().tr() }
    }
}

impl Scorer for EmbeddingScorer {
    fn items(&self) -> usize {
        self.items_transposed.size()[1] as usize
    }

    fn score(&self, users: &[u32], scores: &mut [f32]) {
        let block = tch::no_grad(|| {
            let rows = self.users.index_select(0, &indices(users, self.users.device()));
            rows.matmul(&self.items_transposed).to_device(Device::Cpu).contiguous()
        });
        scores.copy_from_slice(as_slice(&block).expect("a contiguous CPU matrix of the parameters' kind"));
    }
}

/// The same scores of items for every user.
#[derive(Debug, Clone)]
pub struct ItemScorer {
    scores: Vec<f32>,
}

impl ItemScorer {
    /// From one score an item.
    pub fn new(scores: Vec<f32>) -> Self {
        Self { scores }
    }
}

impl Scorer for ItemScorer {
    fn items(&self) -> usize {
        self.scores.len()
    }

    fn score(&self, _users: &[u32], scores: &mut [f32]) {
        scores.chunks_mut(self.scores.len()).for_each(|row| row.copy_from_slice(&self.scores));
    }
}
