//! A layer with a hand-written VJP, cut out of the tape and trained by Adam from a named random stream.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use recgoat_torch::{Adam, AdamConfig, Cut, Purpose, Result, Seed, init, push};
use tch::{Device, Kind, Tensor};

const ROWS: i64 = 256;
const FEATURES: i64 = 12;
const DIM: i64 = 8;
const STEPS: usize = 300;

fn main() -> Result<()> {
    // # Data
    // Fixed features, and targets on the unit sphere that some weights reach exactly. Every random number comes from
    // a stream that is named by seed, purpose and index, so nothing else has to be remembered to draw it again.
    let seed = Seed(7);
    let draw = |rows, columns, index| {
        init::normal(&[rows, columns], 1.0, &mut seed.stream(Purpose::Init, index), Device::Cpu)
    };
    let features = draw(ROWS, FEATURES, 0).detach();
    let planted = draw(FEATURES, DIM, 1).detach();
    let (targets, _) = to_sphere(&features.matmul(&planted));

    // # The VJP is the gradient
    // Autograd sees through the same layer when it is left on the tape, and must find the same.
    let by_hand = draw(FEATURES, DIM, 2);
    let _ = loss_and_gradient(&features, &by_hand, &targets);
    let by_autograd = by_hand.detach().copy().set_requires_grad(true);
    loss(&to_sphere(&features.matmul(&by_autograd)).0, &targets).backward();
    let (ours, theirs) = (by_hand.grad(), by_autograd.grad());
    let gap = ((&ours - &theirs).norm() / theirs.norm()).double_value(&[]);
    println!("relative difference from autograd's gradient: {gap:.1e}");
    assert!(gap < 1e-5);

    // # Training
    let (losses, weights) = train(&features, &targets, draw(FEATURES, DIM, 3))?;
    for step in [0, 10, 30, 100, STEPS - 1] {
        println!("step {step:>3}  loss {:.2e}", losses[step]);
    }
    let (reached, _) = to_sphere(&features.matmul(&weights));
    let cosine = (&reached * &targets).sum_dim_intlist(-1, false, Kind::Float).min().double_value(&[]);
    println!("smallest cosine between an output and its target: {cosine:.6}");
    assert!(cosine > 0.999, "the planted weights are found up to their scale, which the layer does not see");

    // # Again
    // The same streams give the same bits.
    let (again, _) = train(&features, &targets, draw(FEATURES, DIM, 3))?;
    assert_eq!(losses, again);
    Ok(())
}

/// Trains `weights` `[features, dim]`; the loss of every step, and the weights.
fn train(features: &Tensor, targets: &Tensor, weights: Tensor) -> Result<(Vec<f64>, Tensor)> {
    let mut parameters = [weights];
    let mut adam = Adam::new(AdamConfig { learning_rate: 0.05, ..AdamConfig::default() }, &parameters);
    let mut losses = Vec::with_capacity(STEPS);
    for _ in 0..STEPS {
        losses.push(loss_and_gradient(features, &parameters[0], targets));
        adam.step(&mut parameters)?;
    }
    let [weights] = parameters;
    Ok((losses, weights.detach()))
}

/// Cuts the layer out: autograd works on both sides of it, and the VJP carries the gradient across.
fn loss_and_gradient(features: &Tensor, weights: &Tensor, targets: &Tensor) -> f64 {
    let projected = features.matmul(weights);
    let (output, lengths) = tch::no_grad(|| to_sphere(&projected));
    let output = Cut::new(&output);
    let loss = loss(output.leaf(), targets);
    loss.backward();
    push(&projected, &to_sphere_vjp(output.leaf(), &lengths, &output.gradient()));
    loss.double_value(&[])
}

/// Mean squared distance of rows.
fn loss(output: &Tensor, targets: &Tensor) -> Tensor {
    (output - targets).square().sum(Kind::Float) / ROWS as f64
}

/// The layer `y = x / |x|`, row by row, and the lengths `|x|` that its VJP takes.
fn to_sphere(x: &Tensor) -> (Tensor, Tensor) {
    let lengths = x.square().sum_dim_intlist(-1, true, Kind::Float).sqrt();
    (x / &lengths, lengths)
}

/// `g ↦ (g − (g·y) y) / |x|`: what is left of `g` along the sphere.
fn to_sphere_vjp(y: &Tensor, lengths: &Tensor, g: &Tensor) -> Tensor {
    tch::no_grad(|| {
        let along = (g * y).sum_dim_intlist(-1, true, Kind::Float);
        (g - along * y) / lengths
    })
}
