//! `recgoat ot`: optimal transport between measures in files.

use std::{path::PathBuf, time::Instant};

use anyhow::Result;
use clap::ValueEnum;
use recgoat_align::{
    Error as AlignError,
    ot::{self, Marginals, Params, Problem, exact},
};
use recgoat_data::matrix::{Numbers, read_numbers, write_numbers};
use serde_json::{Value, json};

use crate::{
    common::{BadInput, Compute},
    output::Output,
};

/// Solve an optimal transport problem in f64, with entropy or exactly
#[derive(Debug, clap::Args)]
#[command(
    group = clap::ArgGroup::new("solver").required(true).args(["reg", "exact"]),
    after_help = "Examples:\n  recgoat ot --cost C.npy --reg 0.05 --plan P.npy --json\n  \
                  recgoat ot --cost C.npy --a A.npy --b B.npy --exact\n  \
                  recgoat ot --cost C.npy --reg 0.05 --rho 1\n  recgoat ot --cost C.npy --reg 0.05 --mass 0.5"
)]
pub(crate) struct Args {
    /// Costs [n, m], float32 or float64
    #[arg(long)]
    cost: PathBuf,
    /// Weights of the n rows [default: uniform]
    #[arg(long)]
    a: Option<PathBuf>,
    /// Weights of the m columns [default: uniform]
    #[arg(long)]
    b: Option<PathBuf>,
    /// Regularisation ε, in units of the cost
    #[arg(long)]
    reg: Option<f64>,
    /// No regularisation: the network simplex
    #[arg(long, conflicts_with_all = ["rho", "method", "tol", "max_iter"])]
    exact: bool,
    /// Let the marginals deviate, at this price of their KL divergence (unbalanced)
    #[arg(long, conflicts_with = "mass")]
    rho: Option<f64>,
    /// Move only this mass (partial)
    #[arg(long)]
    mass: Option<f64>,
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
    /// In the log domain: right at any ε, no memory beside the costs
    Log,
    /// A stored kernel that follows the potentials: right at any ε
    Stabilised,
    /// A stored kernel exp(−C/ε): legal where max C/ε is at most 80
    Scaling,
}

impl From<Method> for ot::Method {
    fn from(method: Method) -> Self {
        match method {
            Method::Auto => Self::Auto,
            Method::Log => Self::Log,
            Method::Stabilised => Self::Stabilised,
            Method::Scaling => Self::Kernel,
        }
    }
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
    let place = |error| args.place(error, m);
    let problem = Problem::with_marginals(&a, &b, &cost.values, args.marginals()).map_err(place)?;
    let (mut report, plan, seconds) = match args.reg {
        Some(reg) => args.entropic(&problem, reg).map_err(place)?,
        None => args.exactly(&problem).map_err(place)?,
    };
    if let (Some(path), Some(values)) = (&args.plan, plan) {
        write_numbers(path, &Numbers { shape: vec![n, m], values })?;
    }
    report["seconds"] = json!(seconds);
    args.output.print(&report)
}

/// What is printed, the plan where it is wanted, and how long the solver took.
type Solved = (Value, Option<Vec<f64>>, f64);

impl Args {
    fn marginals(&self) -> Marginals {
        match (self.rho, self.mass) {
            (Some(rho), _) => Marginals::Unbalanced { rho_a: rho, rho_b: rho },
            (None, Some(mass)) => Marginals::Partial { mass },
            (None, None) => Marginals::Balanced,
        }
    }

    fn entropic(&self, problem: &Problem<'_, f64>, reg: f64) -> recgoat_align::Result<Solved> {
        let params =
            Params::new(reg).tolerance(self.tol).max_iterations(self.max_iter).method(self.method.into());
        let params = params.check()?;
        let start = Instant::now();
        let solution = params.solve(problem)?;
        let seconds = start.elapsed().as_secs_f64();
        let method = match solution.method {
            ot::Method::Stabilised => "stabilised",
            ot::Method::Kernel => "scaling",
            _ => "log",
        };
        let report = json!({
            "method": method,
            "value": solution.value,
            "regularised_value": solution.regularised_value,
            "dual_value": solution.dual_value,
            "marginal_error": solution.marginal_error,
            "mass": solution.mass,
            "iterations": solution.iterations,
            "converged": solution.converged,
        });
        Ok((report, self.plan.as_ref().map(|_| solution.plan(problem)), seconds))
    }

    fn exactly(&self, problem: &Problem<'_, f64>) -> recgoat_align::Result<Solved> {
        let start = Instant::now();
        let solution = exact::solve(problem)?;
        let seconds = start.elapsed().as_secs_f64();
        let report = json!({
            "method": "exact",
            "value": solution.value,
            "regularised_value": solution.value,
            "dual_value": solution.dual_value,
            "marginal_error": 0.0,
            "mass": solution.flows.iter().map(|flow| flow.mass).sum::<f64>(),
            "iterations": solution.pivots,
            "converged": true,
        });
        Ok((report, self.plan.as_ref().map(|_| solution.plan()), seconds))
    }

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
            AlignError::PartialMass { most, found } => {
                format!("--mass: expected more than 0 and at most {most}, the lighter measure, found {found}")
            }
            AlignError::Parameter { name, expected, found } => {
                let place = match name {
                    "cost" => self.cost.display().to_string(),
                    "epsilon" => "--reg".to_owned(),
                    "tolerance" => "--tol".to_owned(),
                    "rho_a" | "rho_b" => "--rho".to_owned(),
                    "mass" => "--mass".to_owned(),
                    _ => "--max-iter".to_owned(),
                };
                format!("{place}: expected {expected}, found {found}")
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
