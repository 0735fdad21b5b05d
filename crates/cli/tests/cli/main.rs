//! Tests of the `recgoat` binary from end to end.
//!
//! - `commands`: help, unknown names, the fields of every JSON object, what goes to which stream
//! - `bad_data`: every way a data folder can be wrong, through `inspect` and through `train`
//! - `bad_files`: the same for logs, scores, costs and weights
//! - `bad_settings`: settings, devices, folders and experiment files that do not fit
//! - `determinism`: same seed, same bits
//! - `recovery`: kills, damaged checkpoints, changed data
//! - `learning`: trained models beat popularity where there is taste to learn
//! - `evaluation`: scores made elsewhere, masks
//! - `transport`: optimal transport against hand computation
//! - `experiment`: several models, one report
//! - `tune`: searches that continue, and runs that are compared
//! - `real_data`: published counts and numbers, where the real data are at hand
//! - `semantics`: features from raw texts, profiles, keys, endpoints that are none
//! - `support`: the scene that every test plays in
//! - `files`: data folders and arrays made on the fly

mod bad_data;
mod bad_files;
mod bad_settings;
mod commands;
mod determinism;
mod evaluation;
mod experiment;
mod files;
mod learning;
mod real_data;
mod recovery;
mod semantics;
mod support;
mod transport;
mod tune;
