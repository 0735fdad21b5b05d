//! Two planted groups of nodes, found again by propagation, by nearest neighbours and by attention.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use rand::Rng;
use recgoat_graph::{
    Adjacency, Attention, KnnConfig, LinearMap, Pattern, Propagation, Result, analysis, knn,
};
use recgoat_torch::{Purpose, Seed, from_slice, init, to_vec};
use tch::{Device, Kind, Tensor};

/// Nodes of each side; the even ones are one group, the odd ones the other. As the first side is even, that holds for
/// the numbers of all nodes together too.
const LEFT: usize = 120;
const RIGHT: usize = 80;
const LAYERS: usize = 6;
const DIM: usize = 16;

fn main() -> Result<()> {
    // # A bipartite graph
    // Edges are twenty times as likely within a group as between groups.
    let seed = Seed(3);
    let mut rng = seed.stream(Purpose::Sampling, 0);
    let all = (0..LEFT as u32).flat_map(|l| (0..RIGHT as u32).map(move |r| (l, r)));
    let edges: Vec<_> =
        all.filter(|(l, r)| rng.random_bool(if l % 2 == r % 2 { 0.2 } else { 0.01 })).collect();
    let graph = Adjacency::bipartite(LEFT, RIGHT, edges)?;
    let found = analysis::structure(&graph);
    println!("{} nodes, {} entries, {found:?}", graph.nodes(), graph.entries());
    assert!(found.bipartite && found.isolated == 0);

    // # Propagation
    // The roots of the degrees are an eigenvector of the normalised adjacency, with eigenvalue 1, so any number of
    // layers leaves them as they are.
    let offsets = graph.matrix().indptr();
    let roots: Vec<f32> =
        offsets.raw_storage().windows(2).map(|row| ((row[1] - row[0]) as f32).sqrt()).collect();
    let nodes = graph.nodes() as i64;
    let roots = from_slice(&roots, &[nodes, 1], Device::Cpu)?;
    let propagation = Propagation::new(graph, LAYERS, Device::Cpu);
    assert!(propagation.apply(&roots)?.allclose(&roots, 1e-5, 1e-6, false));

    // It spreads what is known: from one node of each group, over walks of up to `LAYERS` edges, to nearly all others.
    let marks = Tensor::zeros([nodes, 2], (Kind::Float, Device::Cpu));
    for group in 0..2 {
        let _ = marks.get(group).get(group).fill_(1.0);
    }
    let told = propagation.apply(&marks)?.argmax(1, false);
    let parity = Tensor::arange(nodes, (Kind::Int64, Device::Cpu)).remainder(2);
    let right = told.eq_tensor(&parity).to_kind(Kind::Float).mean(Kind::Float).double_value(&[]);
    println!("two nodes tell the group of {:.1} % of all", 100.0 * right);
    assert!(right > 0.95);

    // # Nearest neighbours
    // Features of the right side: the centre of the node's group plus noise as large as the centre.
    let mut rng = seed.stream(Purpose::Init, 1);
    let centres = init::normal(&[2, DIM as i64], 1.0, &mut rng, Device::Cpu).detach();
    let noise = init::normal(&[RIGHT as i64, DIM as i64], 1.0, &mut rng, Device::Cpu).detach();
    let groups = Tensor::arange(RIGHT as i64, (Kind::Int64, Device::Cpu)).remainder(2);
    let features = centres.index_select(0, &groups) + noise;
    let config = KnnConfig { neighbours: 5, ..KnnConfig::default() };
    let near = knn(&to_vec(&features)?, DIM, &[true; RIGHT], &config)?;
    let own = |node: usize| near.of(node).iter().filter(|&&other| other as usize % 2 == node % 2).count();
    let share = (0..RIGHT).map(own).sum::<usize>() as f64 / (RIGHT * config.neighbours) as f64;
    println!("{:.0} % of the nearest neighbours are of the node's own group", 100.0 * share);
    assert!(share > 0.9);

    // # Attention
    // Weights of a node's incoming edges add up to 1, so equal inputs stay what they are ...
    let heads = 4;
    let attention = Attention::new(Pattern::symmetrised(&near), heads, 0.2);
    let vector = |index| {
        let shape = [heads as i64, (DIM / heads) as i64];
        init::normal(&shape, 0.3, &mut seed.stream(Purpose::Init, index), Device::Cpu).detach()
    };
    let (left, right) = (vector(2), vector(3));
    let ones = Tensor::ones([RIGHT as i64, DIM as i64], (Kind::Float, Device::Cpu));
    assert!(attention.forward(&ones, &left, &right, None)?.output.allclose(&ones, 1e-5, 1e-6, false));

    // ... and of different inputs each node gets a mean over neighbours, in which their noise cancels.
    let attended = attention.forward(&features, &left, &right, None)?.output;
    let error =
        |x: &Tensor| (x - centres.index_select(0, &groups)).square().mean(Kind::Float).double_value(&[]);
    let (before, after) = (error(&features), error(&attended));
    println!("mean squared distance from the group's centre: {before:.2}, attended {after:.2}");
    assert!(after < 0.5 * before);
    Ok(())
}
