//! `recgoat ot`: entropic optimal transport between measures in files.

use std::{path::PathBuf, time::Instant};

use anyhow::Result;
use clap::ValueEnum;
use recgoat_align::{
    Error as AlignError,
    ot::{Params, Problem, solve},
};
use recgoat_data::matrix::{Numbers, read_numbers, write_numbers};
use serde_json::json;

use crate::common::{BadInput, Compute, Output};

/// Solve an entropic optimal transport problem in f64
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recgoat ot --cost C.npy --reg 0.05 --plan P.npy --json")]
pub(crate) struct Args {
    /// Costs [n, m], float32 or float64
    #[arg(long)]
    cost: PathBuf,
    /// Weights [n] of the rows [default: uniform]
    #[arg(long)]
    a: Option<PathBuf>,
    /// Weights [m] of the columns [default: uniform]
    #[arg(long)]
    b: Option<PathBuf>,
    /// Regularisation ε, in units of the cost
    #[arg(long)]
    reg: f64,
    /// How to iterate
    #[arg(long, default_value = "auto")]
    method: Method,
    /// Largest L1 error of the marginals, relative to the mass
    #[arg(long, default_value_t = 1e-6)]
    tol: f64,
    /// Largest number of iterations
    #[arg(long, default_value_t = 10_000)]
    max_iter: usize,
    /// Write the plan [n, m] here, float64
    #[arg(long)]
    plan: Option<PathBuf>,
    #[command(flatten)]
    compute: Compute,
    #[command(flatten)]
    output: Output,
}

/// Methods, as the command line names them.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Method {
    /// The best one known for the problem
    Auto,
    /// In the log domain: right at any ε
    Log,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    args.compute.start()?;
    let cost = read_numbers(&args.cost)?;
    let &[n @ 1..=usize::MAX, m @ 1..=usize::MAX] = cost.shape.as_slice() else {
        let (path, found) = (args.cost.display(), &cost.shape);
        return Err(
            BadInput(format!("{path}: expected shape [n, m], at least [1, 1], found {found:?}")).into()
        );
    };
    let a = weights(args.a.as_ref(), n)?;
    let b = weights(args.b.as_ref(), m)?;
    let problem = Problem::new(&a, &b, &cost.values).map_err(|error| args.place(error, m))?;
    let params = Params::new(args.reg).tolerance(args.tol).max_iterations(args.max_iter).check();
    let params = params.map_err(|error| args.place(error, m))?;
    let start = Instant::now();
    let solution = solve(&problem, &params, None);
    let seconds = start.elapsed().as_secs_f64();
    if let Some(path) = &args.plan {
        write_numbers(path, &Numbers { shape: vec![n, m], values: solution.plan(&problem) })?;
    }
    let method = match args.method {
        Method::Auto | Method::Log => "log",
    };
    args.output.print(&json!({
        "method": method,
        "value": solution.value,
        "regularised_value": solution.regularised_value,
        "dual_value": solution.dual_value,
        "marginal_error": solution.marginal_error,
        "iterations": solution.iterations,
        "converged": solution.converged,
        "seconds": seconds,
    }));
    Ok(())
}

impl Args {
    /// Names the file or the option that a refused argument came from.
    fn place(&self, error: AlignError, columns: usize) -> anyhow::Error {
        let source = |path: Option<&PathBuf>| {
            path.map_or_else(|| "the uniform weights".to_owned(), |path| path.display().to_string())
        };
        let message = match error {
            AlignError::Entry { argument: "cost", index, expected, found } => {
                let (path, row, column) = (self.cost.display(), index / columns, index % columns);
                format!("{path}: expected {expected} in row {row} column {column}, found {found}")
            }
            AlignError::Entry { argument, index, expected, found } => {
                let path = source(if argument == "a" { self.a.as_ref() } else { self.b.as_ref() });
                format!("{path}: expected {expected} in row {index}, found {found}")
            }
            AlignError::Mass { left, right } => {
                let [a, b] = [&self.a, &self.b].map(|path| source(path.as_ref()));
                format!("{a} and {b}: expected equal and positive total mass, found {left} and {right}")
            }
            AlignError::Parameter { name, expected, found } => {
                let option = match name {
                    "epsilon" => "--reg",
                    "tolerance" => "--tol",
                    _ => "--max-iter",
                };
                format!("{option}: expected {expected}, found {found}")
            }
            other => return other.into(),
        };
        BadInput(message).into()
    }
}

fn weights(path: Option<&PathBuf>, atoms: usize) -> Result<Vec<f64>> {
    let Some(path) = path else { return Ok(vec![1.0 / atoms as f64; atoms]) };
    let read = read_numbers(path)?;
    if read.shape != [atoms] {
        let shown = path.display();
        return Err(BadInput(format!("{shown}: expected shape [{atoms}], found {:?}", read.shape)).into());
    }
    Ok(read.values)
}
