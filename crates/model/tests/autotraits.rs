//! What may cross threads.
//!
//! A libtorch tensor may be sent to another thread but not shared between threads: another handle to the same memory
//! may write to it. So [`Parameters`], every model (each owns its parameters) and [`EmbeddingScorer`] are `Send` and not
//! `Sync`. `Box<dyn Recommender>` and `Box<dyn Scorer>` promise neither: the traits do not ask for it.

use recgoat_model::{
    Batch, Bpr, BprConfig, Context, EmbeddingScorer, EpochRecord, Error, FeatureSimilarity, ItemScorer,
    LightGcn, LightGcnConfig, ModelConfig, ParameterId, Parameters, Popularity, PopularityConfig, RecGoat,
    RecGoatConfig, Silent, Ssr, SsrConfig, TrainConfig, Trained,
    checkpoint::Checkpoint,
    experiment::{Place, Preset, Row},
    recgoat::{AlignConfig, TransportCost, TransportMode, paper::PaperConfig},
    run::{Outcome, RunConfig, RunFolder},
};

fn send_and_sync<T: Send + Sync + Unpin + 'static>() {}

#[test]
fn settings_are_send_and_sync() {
    send_and_sync::<(BprConfig, LightGcnConfig, PopularityConfig, RecGoatConfig, SsrConfig)>();
    send_and_sync::<(AlignConfig, FeatureSimilarity, PaperConfig, TransportCost, TransportMode)>();
    send_and_sync::<(ModelConfig, TrainConfig, RunConfig)>();
    send_and_sync::<(Place, Preset, Row)>();
}

#[test]
fn records_and_inputs_are_send_and_sync() {
    send_and_sync::<(Batch<'static>, Context<'static>, ItemScorer, ParameterId, Silent)>();
    send_and_sync::<(Checkpoint, EpochRecord, Outcome, RunFolder, Trained)>();
    send_and_sync::<Error>();
}

#[test]
fn types_that_hold_tensors_are_send() {
    fn check<T: Send + Unpin + 'static>() {}
    check::<EmbeddingScorer>();
    check::<Parameters>();
    check::<(Bpr, LightGcn, Popularity, RecGoat, Ssr)>();
}
