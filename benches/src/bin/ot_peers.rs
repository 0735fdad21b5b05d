//! Our side of the comparison with transport solvers in Python: one case a call, one JSON line on stdout.
//!
//! `benches/peers/transport.py` writes the inputs, times the peers and calls this between them.
#![allow(clippy::print_stdout, reason = "a program's result goes to stdout")]

use std::{error::Error, fs, path::Path, time::Instant};

use rand::{Rng, SeedableRng};
use recgoat_align::{
    oat::{CoordinateCost, CoordinateTransport, TransportConfig},
    ot::{Clouds, Ground, Method, Params, Potentials, Problem, Relaxation, exact},
};
use recgoat_benches::{ITEMS, leaf};
use recgoat_data::matrix::read_numbers;

/// Runs of a case, after one that is not counted; the median is reported.
const RUNS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["entropic", cost, epsilon, tolerance, kind @ ("f32" | "f64")] => {
            let params = Params::new(epsilon.parse()?).tolerance(tolerance.parse()?).max_iterations(100_000);
            entropic(Path::new(cost), params, kind)
        }
        ["log", cost, epsilon, iterations] => {
            let params = Params::new(epsilon.parse()?).tolerance(1e-300).max_iterations(iterations.parse()?);
            entropic(Path::new(cost), params.method(Method::Log).relaxation(Relaxation::Off), "f32")
        }
        ["exact", cost] => exactly(Path::new(cost)),
        ["points", atoms, epsilon] => points(atoms.parse()?, epsilon.parse()?),
        ["oat", dim] => coordinates(dim.parse()?),
        other => Err(format!("unknown case {other:?}; see benches/peers/transport.py").into()),
    }
}

/// From the costs in memory to a plan in memory, as the peers do.
fn entropic(path: &Path, params: Params, kind: &str) -> Result<(), Box<dyn Error>> {
    let cost = read_numbers(path)?.values;
    let params = params.check()?;
    let n = cost.len().isqrt();
    let narrow: Vec<f32> = cost.iter().map(|&c| c as f32).collect();
    let (weights, single) = (vec![1.0 / n as f64; n], vec![1.0 / n as f32; n]);
    let (seconds, solution) = median(|| {
        if kind == "f32" {
            let problem = Problem::new(&single, &single, &narrow)?;
            let solution = params.solve(&problem)?;
            std::hint::black_box(solution.plan(&problem));
            Ok(solution)
        } else {
            let problem = Problem::new(&weights, &weights, &cost)?;
            let solution = params.solve(&problem)?;
            std::hint::black_box(solution.plan(&problem));
            Ok(solution)
        }
    })?;
    let (value, error, iterations) = (solution.value, solution.marginal_error, solution.iterations);
    println!(
        "{{\"seconds\":{seconds},\"value\":{value},\"marginal_error\":{error},\"iterations\":{iterations}}}"
    );
    Ok(())
}

fn exactly(path: &Path) -> Result<(), Box<dyn Error>> {
    let cost = read_numbers(path)?.values;
    let n = cost.len().isqrt();
    let weights = vec![1.0 / n as f64; n];
    let (seconds, found) = median(|| {
        let found = exact::solve(&Problem::new(&weights, &weights, &cost)?)?;
        std::hint::black_box(found.plan());
        Ok(found)
    })?;
    let (value, gap, pivots) = (found.value, found.value - found.dual_value, found.pivots);
    println!("{{\"seconds\":{seconds},\"value\":{value},\"gap\":{gap},\"iterations\":{pivots}}}");
    Ok(())
}

/// Gaussian clouds in 16 dimensions, squared cost over its mean, as the peers' matrices.
fn points(atoms: usize, epsilon: f64) -> Result<(), Box<dyn Error>> {
    const DIM: usize = 16;
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
    let mut normal = |shift: f64| -> Vec<f32> {
        // The sum of twelve uniform numbers, near enough to a normal one to cost.
        (0..atoms * DIM)
            .map(|_| ((0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0 + shift) as f32)
            .collect()
    };
    let (mut x, mut y) = (normal(0.0), normal(0.5));
    // The mean of |x − y|² over both clouds is 2 · 16 + 16 · 0.5².
    let scale = (1.0f32 / (2.0 * 16.0 + 16.0 * 0.25)).sqrt();
    x.iter_mut().chain(&mut y).for_each(|point| *point *= scale);
    let weights = vec![1.0 / atoms as f32; atoms];
    let clouds = Clouds { x: &x, y: &y, dim: DIM, ground: Ground::Squared };
    let start = Instant::now();
    let problem = Problem::new(&weights, &weights, clouds)?;
    let solution = Params::new(epsilon).tolerance(1e-3).check()?.solve(&problem)?;
    let seconds = start.elapsed().as_secs_f64();
    let (value, error, iterations) = (solution.value, solution.marginal_error, solution.iterations);
    let peak = peak_bytes()? / 1_000_000;
    println!(
        "{{\"seconds\":{seconds},\"value\":{value},\"marginal_error\":{error},\"iterations\":{iterations},\
         \"peak_megabytes\":{peak}}}"
    );
    Ok(())
}

/// A warm call of the coordinate transport between steps of training, and the plan alone within it.
fn coordinates(dim: usize) -> Result<(), Box<dyn Error>> {
    let shape = [ITEMS as i64, dim as i64];
    let [view, target, step] = [0, 1, 4].map(|at| leaf(&shape, at).detach());
    // Coordinates of different means, so that there is something to transport.
    let [view, target] =
        [(view, 2), (target, 3)].map(|(view, at)| view + leaf(&[1, dim as i64], at).detach());
    let mut transport = CoordinateTransport::new(TransportConfig::default());
    transport.align(&view, &target)?;
    // A large step: the view moves by a tenth of its entries.
    let moved = &view + step * 0.1;
    let (whole, _) = median(|| Ok(transport.align(&moved, &target)?))?;
    let costs = |view| -> Result<Vec<f32>, Box<dyn Error>> {
        let cost = CoordinateCost::Squared.between(view, &target)?;
        let mean = cost.mean(tch::Kind::Double).double_value(&[]);
        Ok(recgoat_torch::to_vec(&(cost / mean))?)
    };
    let (before, after) = (costs(&view)?, costs(&moved)?);
    let weights = vec![1.0 / dim as f32; dim];
    let params = Params::new(TransportConfig::default().relative_epsilon).tolerance(1e-3).check()?;
    let warm: Potentials = params.solve(&Problem::new(&weights, &weights, &before)?)?.potentials;
    let (seconds, solution) = median(|| {
        let problem = Problem::new(&weights, &weights, &after)?;
        let solution = params.solve_from(&problem, &warm)?;
        std::hint::black_box(solution.plan(&problem));
        Ok(solution)
    })?;
    let (error, iterations) = (solution.marginal_error, solution.iterations);
    println!(
        "{{\"seconds\":{seconds},\"with_costs_and_gradient\":{whole},\"marginal_error\":{error},\
         \"iterations\":{iterations}}}"
    );
    Ok(())
}

/// The median time of some runs, and the last one's result.
fn median<T>(mut run: impl FnMut() -> Result<T, Box<dyn Error>>) -> Result<(f64, T), Box<dyn Error>> {
    let mut result = run()?;
    let mut times = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let start = Instant::now();
        result = run()?;
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok((times[RUNS / 2], result))
}

/// The process's peak resident memory.
fn peak_bytes() -> Result<usize, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM in the status")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<usize>()? * 1024)
}
