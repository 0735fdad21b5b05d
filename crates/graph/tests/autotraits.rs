//! What may cross threads.
//!
//! A libtorch tensor may be sent to another thread but not shared between threads: another handle to the same memory
//! may write to it. So [`Propagation`] and [`SparseMap`] (whose matrices are tensors on other devices), [`Attended`] and
//! [`AttentionGradients`] are `Send` and not `Sync`. [`Attention`] holds a pattern alone and is both.

use recgoat_graph::{
    Adjacency, Attended, Attention, AttentionGradients, Error, KnnConfig, Neighbours, Pattern, Propagation,
    Similarity, SparseMap, analysis::Structure,
};

#[test]
fn graphs_are_send_and_sync() {
    fn check<T: Send + Sync + Unpin + 'static>() {}
    check::<Adjacency>();
    check::<Attention>();
    check::<Error>();
    check::<KnnConfig>();
    check::<Neighbours>();
    check::<Pattern>();
    check::<Similarity>();
    check::<Structure>();
}

#[test]
fn types_that_hold_tensors_are_send() {
    fn check<T: Send + Unpin + 'static>() {}
    check::<Attended>();
    check::<AttentionGradients>();
    check::<Propagation>();
    check::<SparseMap>();
}
