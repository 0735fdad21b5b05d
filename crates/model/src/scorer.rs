//! Scorers that trained models hand to evaluation.

use recgoat_eval::Scorer;
use recgoat_torch::indices;
use tch::{Device, Kind, Tensor};

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
        assert_eq!(scores.len(), users.len() * self.items(), "a row of scores for each user");
        let shape = [users.len() as i64, self.items_transposed.size()[1]];
        tch::no_grad(|| {
            let rows = self.users.index_select(0, &indices(users, self.users.device()));
            if self.users.device() == Device::Cpu {
                // SAFETY: the buffer holds `users × items` floats by the trait's contract, and the tensor that
                // borrows it is gone before this function returns.
                let out = unsafe {
                    let bytes = scores.as_mut_ptr().cast();
                    Tensor::from_blob(bytes, &shape, &[shape[1], 1], Kind::Float, Device::Cpu)
                };
                let _ = rows.matmul_out(&out, &self.items_transposed);
            } else {
                let block = rows.matmul(&self.items_transposed).to_device(Device::Cpu);
                block.copy_data(scores, scores.len());
            }
        });
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
