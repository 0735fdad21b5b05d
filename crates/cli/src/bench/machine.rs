//! What the machine can do at most: the ceilings that costs are held against.

use std::time::Instant;

use anyhow::Result;
use serde_json::json;
use tch::{Device, Kind, Tensor};

use super::median;
use crate::{common::Compute, output::Output};

/// Rows and columns of the matrices that are multiplied: large enough for the best rate, small enough for a second.
const SIDE: i64 = 2048;

/// Numbers copied, many times what caches hold of a core.
const COPIED: i64 = 32 << 20;

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: recgoat bench machine --threads 2 --json")]
pub(super) struct Args {
    #[command(flatten)]
    compute: Compute,
    #[command(flatten)]
    output: Output,
}

/// Measured ceilings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ceilings {
    /// Of matrix products in `f32`.
    pub(super) flops_per_second: f64,
    /// Read and written by a copy.
    pub(super) bytes_per_second: f64,
}

impl Ceilings {
    /// Medians of a few seconds' work.
    pub(super) fn measure(device: Device) -> Self {
        let seconds = |work: &mut dyn FnMut()| {
            let timed = (0..7).map(|_| {
                let start = Instant::now();
                work();
                synchronise(device);
                start.elapsed().as_secs_f64()
            });
            median(timed.collect())
        };
        let _tapeless = tch::no_grad_guard();
        let table = |shape: &[i64]| Tensor::rand(shape, (Kind::Float, device));
        let (left, right, out) = (table(&[SIDE; 2]), table(&[SIDE; 2]), table(&[SIDE; 2]));
        let products = seconds(&mut || drop(left.f_mm_out(&out, &right)));
        let (source, mut target) = (table(&[COPIED]), table(&[COPIED]));
        let copies = seconds(&mut || target.copy_(&source));
        Self {
            flops_per_second: 2.0 * (SIDE as f64).powi(3) / products,
            bytes_per_second: 8.0 * COPIED as f64 / copies,
        }
    }
}

/// Waits for a device that works on its own.
pub(super) fn synchronise(device: Device) {
    if let Device::Cuda(index) = device {
        tch::Cuda::synchronize(index as i64);
    }
}

pub(super) fn run(args: &Args) -> Result<()> {
    let (device, threads) = args.compute.start()?;
    let Ceilings { flops_per_second, bytes_per_second } = Ceilings::measure(device);
    args.output.print(&json!({
        "flops_per_second": flops_per_second,
        "bytes_per_second": bytes_per_second,
        "device": recgoat_torch::device::name(device),
        "threads": threads,
    }))
}
