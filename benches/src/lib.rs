//! What the benches share: seeded inputs of the size of the Baby data set, and how long a bench may take.
//!
//! Every bench id begins with the crate's name and carries sizes and seed. Threads are those of the environment
//! (`OMP_NUM_THREADS` for libtorch, `RAYON_NUM_THREADS` for the kernels), all cores by default.

use std::time::Duration;

use criterion::Criterion;
use rand::Rng;
use recgoat_data::{
    Dataset,
    synthetic::{SyntheticConfig, synthetic},
};
use recgoat_torch::{Purpose, Seed, init};
use tch::{Device, Tensor};

/// Seed of all inputs.
pub const SEED: u64 = 0;
/// Users of the Baby data set.
pub const USERS: usize = 19_445;
/// Items of the Baby data set.
pub const ITEMS: usize = 7_050;
/// Interactions of the Baby data set, all splits together.
pub const INTERACTIONS: usize = 160_792;
/// Features of an item in a modality.
pub const WIDTH: usize = 384;
/// Width of embeddings.
pub const DIM: usize = 64;

/// Ten samples of each bench in a second or two: enough for a median, and all benches end within minutes.
pub fn brief() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500))
}

/// What to make for a data set of Baby's size whose `modalities` have [`WIDTH`] features each.
pub fn baby_config(modalities: &[&str]) -> SyntheticConfig {
    let modalities = modalities.iter().map(|&name| (name.to_owned(), WIDTH)).collect();
    SyntheticConfig { users: USERS, items: ITEMS, interactions: INTERACTIONS, seed: SEED, modalities }
}

/// The data set of [`baby_config`].
///
/// # Panics
/// Never: the sizes can be met.
pub fn baby(modalities: &[&str]) -> Dataset {
    synthetic(&baby_config(modalities)).expect("the sizes can be met")
}

/// `count` numbers uniform on 0..1, the `index`-th such list of the seed.
pub fn uniform(count: usize, index: u64) -> Vec<f64> {
    let mut rng = Seed(SEED).stream(Purpose::Statistics, index);
    (0..count).map(|_| rng.random()).collect()
}

/// A leaf `shape` with entries from N(0, 0.1²), the `index`-th such leaf of the seed.
pub fn leaf(shape: &[i64], index: u64) -> Tensor {
    init::normal(shape, 0.1, &mut Seed(SEED).stream(Purpose::Init, index), Device::Cpu)
}
