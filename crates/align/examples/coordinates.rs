//! Which coordinate of one view plays the part of which coordinate of another: a planted permutation, found by
//! transport, and what the plan becomes as its regularisation falls.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use rand::seq::SliceRandom;
use recgoat_align::{
    Result,
    oat::{CoordinateCost, CoordinateTransport, TransportConfig},
    ot::{Params, Problem},
};
use recgoat_torch::{Purpose, Seed, indices, init, to_vec};
use tch::{Device, Kind};

const ROWS: i64 = 2_000;
const DIM: usize = 16;

fn main() -> Result<()> {
    // # Two views
    // The second is the first with its coordinates in another order, under noise a third as strong.
    let seed = Seed(5);
    let draw = |deviation, index| {
        let rng = &mut seed.stream(Purpose::Init, index);
        init::normal(&[ROWS, DIM as i64], deviation, rng, Device::Cpu).detach()
    };
    let mut order: Vec<u32> = (0..DIM as u32).collect();
    order.shuffle(&mut seed.stream(Purpose::Split, 0));
    let view = draw(1.0, 0);
    let target = view.index_select(1, &indices(&order, Device::Cpu)) + draw(0.33, 1);

    // # The transport
    let mut transport =
        CoordinateTransport::new(TransportConfig { relative_epsilon: 0.15, ..TransportConfig::default() });
    let found = transport.align(&view, &target)?;
    // Target coordinate q came from view coordinate order[q]: column q of the map is largest there.
    let sources = to_vec(&found.map.argmax(0, false))?;
    let planted: Vec<f32> = order.iter().map(|&source| source as f32).collect();
    println!("planted order {order:?}\nfound in {} iterations", found.iterations);
    assert_eq!(sources, planted);

    // Moved along the map, the view lies as near to the target as the noise allows.
    let distance = |x: &tch::Tensor| (x - &target).square().mean(Kind::Float).sqrt().double_value(&[]);
    let (before, after) = (distance(&view), distance(&view.matmul(&found.map)));
    println!("root mean square distance from the target: {before:.3}, transported {after:.3}");
    assert!(after < 0.34 && before > 1.0);

    // Nothing has changed, so the potentials of the last call are the answer to this one.
    let again = transport.align(&view, &target)?;
    assert!(found.iterations > 1 && again.iterations == 1);

    // # As ε falls
    // From the independent plan to the assignment: the cost of the plan never rises, nor does its entropy, and the
    // bounds on either side prove each value.
    let cost: Vec<f64> =
        to_vec(&CoordinateCost::Squared.between(&view, &target)?)?.into_iter().map(f64::from).collect();
    let weights = [1.0 / DIM as f64; DIM];
    let problem = Problem::new(&weights, &weights, &cost)?;
    println!("{:>6}  {:>8}  {:>8}  {:>8}  iterations", "ε", "<C,P>", "entropy", "gap");
    let (mut last_value, mut last_entropy) = (f64::INFINITY, f64::INFINITY);
    for epsilon in [10.0, 3.0, 1.0, 0.3, 0.1, 0.03] {
        let solution = Params::new(epsilon).check()?.solve(&problem)?;
        let plan: Vec<f64> = solution.plan(&problem);
        let entropy = -plan.iter().filter(|&&p| p > 0.0).map(|p| p * p.ln()).sum::<f64>();
        let gap = solution.duality_gap();
        println!(
            "{epsilon:>6}  {:>8.4}  {entropy:>8.4}  {gap:>8.1e}  {}",
            solution.value, solution.iterations
        );
        assert!(solution.converged && gap.abs() < 1e-7);
        assert!(solution.value <= last_value && entropy <= last_entropy);
        (last_value, last_entropy) = (solution.value, entropy);
    }
    // A permutation of equal weights has entropy log d, the independent plan twice that.
    assert!((last_entropy - (DIM as f64).ln()).abs() < 1e-3);
    Ok(())
}
