//! The hot kernels once each, on small inputs, for `cargo xtask bench guard` to count their instructions under callgrind.
//!
//! Every function whose name starts with `kernel_` is counted on its own; what it needs is made before it is called.

use std::{error::Error, hint::black_box};

use rayon::ThreadPoolBuilder;
use recgoat_align::ot::{Clouds, Ground, Params, Problem, exact};
use recgoat_benches::{SEED, uniform};
use recgoat_data::{
    Dataset, Split, TripleSampler,
    synthetic::{SyntheticConfig, synthetic},
};
use recgoat_eval::top_k;
use recgoat_graph::{Adjacency, KnnConfig, LinearMap, Propagation, Subset, knn};
use recgoat_torch::{Adam, AdamConfig, GatedSum, Purpose, Seed};
use tch::{Device, Kind, Tensor};

const DIM: usize = 64;

fn main() -> Result<(), Box<dyn Error>> {
    // On this very thread: callgrind counts the thread that calls a kernel.
    ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global()?;
    tch::set_num_threads(1);
    let data = synthetic(&SyntheticConfig {
        users: 500,
        items: 200,
        interactions: 5_000,
        seed: SEED,
        modalities: Vec::new(),
    })?;
    transport()?;
    graphs(&data)?;
    training(&data)?;
    let scores: Vec<f32> = uniform(20_000, 1).into_iter().map(|score| score as f32).collect();
    kernel_top_k(&scores);
    Ok(())
}

fn transport() -> Result<(), Box<dyn Error>> {
    let atoms = 96;
    let cost = uniform(atoms * atoms, 2);
    let weights = vec![1.0 / atoms as f64; atoms];
    let problem = Problem::new(&weights, &weights, &cost)?;
    kernel_sinkhorn(&problem);
    kernel_simplex(&problem);
    let points: Vec<f64> = uniform(atoms * 8, 3);
    let clouds = Clouds { x: &points, y: &points, dim: 8, ground: Ground::Squared };
    kernel_points(&Problem::new(&weights, &weights, clouds)?);
    Ok(())
}

fn graphs(data: &Dataset) -> Result<(), Box<dyn Error>> {
    let interactions = data.interactions();
    let pairs = interactions.split(Split::Train).pairs();
    let graph = Adjacency::bipartite(interactions.users(), interactions.items(), pairs)?;
    let nodes = graph.nodes();
    let propagation = Propagation::new(graph, 2, Device::Cpu);
    let table = Tensor::from_slice(&numbers(nodes * DIM, 4)).view([nodes as i64, DIM as i64]);
    let some = Subset::new((0..nodes as u32).step_by(5).collect(), nodes)?;
    let gradient = table.narrow(0, 0, some.rows().len() as i64).copy();
    kernel_propagation(&propagation, &table);
    kernel_propagation_vjp_at(&propagation, &gradient, &some);
    kernel_knn(&numbers(600 * 32, 5), 32);
    Ok(())
}

fn training(data: &Dataset) -> Result<(), Box<dyn Error>> {
    kernel_sampler(&TripleSampler::new(data.interactions())?);
    let leaf = || Tensor::from_slice(&numbers(300 * DIM, 6)).view([300, DIM as i64]).set_requires_grad(true);
    let views = vec![vec![leaf()], vec![leaf()]];
    let logits = Tensor::cat(&[leaf(), leaf()], 1);
    kernel_gated_sum(&GatedSum::new(views, &logits, None, 0.5), &leaf());
    let mut parameters = [leaf()];
    let mut adam = Adam::new(AdamConfig::default(), &parameters);
    parameters[0].square().sum(Kind::Float).backward();
    kernel_adam(&mut adam, &mut parameters);
    Ok(())
}

#[inline(never)]
fn kernel_sinkhorn(problem: &Problem<'_, f64>) {
    let params = Params::new(0.05).tolerance(1e-6).check().expect("in range");
    black_box(params.solve(problem).expect("a balanced problem"));
}

#[inline(never)]
fn kernel_simplex(problem: &Problem<'_, f64>) {
    black_box(exact::solve(problem).expect("a balanced problem"));
}

#[inline(never)]
fn kernel_points(problem: &Problem<'_, f64>) {
    let params = Params::new(0.1).tolerance(1e-4).check().expect("in range");
    black_box(params.solve(problem).expect("a balanced problem"));
}

#[inline(never)]
fn kernel_propagation(map: &Propagation, table: &Tensor) {
    let _ = black_box(map.apply(table).expect("a row a node"));
}

#[inline(never)]
fn kernel_propagation_vjp_at(map: &Propagation, gradient: &Tensor, rows: &Subset) {
    let _ = black_box(map.vjp_at(gradient, rows).expect("a row of the gradient for each"));
}

#[inline(never)]
fn kernel_knn(features: &[f32], width: usize) {
    let config = KnnConfig { block: 128, ..KnnConfig::default() };
    black_box(knn(features, width, &vec![true; features.len() / width], &config).expect("a whole matrix"));
}

#[inline(never)]
fn kernel_sampler(sampler: &TripleSampler) {
    black_box(sampler.epoch(&mut Seed(SEED).stream(Purpose::Sampling, 0)));
}

#[inline(never)]
fn kernel_gated_sum(sum: &GatedSum, gradient: &Tensor) {
    let _ = black_box(sum.apply().expect("plain tensors"));
    let _ = black_box(sum.vjp(gradient).expect("plain tensors"));
}

#[inline(never)]
fn kernel_adam(adam: &mut Adam, parameters: &mut [Tensor]) {
    adam.step(parameters).expect("plain tensors");
}

#[inline(never)]
fn kernel_top_k(scores: &[f32]) {
    let mut best = Vec::new();
    for k in [5, 20, 50] {
        top_k(scores, &[3, 700, 19_000], k, &mut best);
        black_box(&best);
    }
}

fn numbers(count: usize, index: u64) -> Vec<f32> {
    uniform(count, index).into_iter().map(|x| x as f32 - 0.5).collect()
}
