//! Fused sums of exponentials on CUDA, compiled at run time.
//!
//! The driver and NVRTC are loaded when a CUDA tensor first asks for them; without either, [`Kernels::of`] is `None`.

use std::sync::{Arc, Mutex, OnceLock};

use cudarc::driver::{CudaContext, CudaFunction, CudaStream, DriverError, LaunchConfig, PushKernelArg};
use tch::{Device, Kind, Tensor};

use crate::{Error, Result};

const SOURCE: &str = include_str!("kernels.cu");
/// Threads of a block that sums rows.
const THREADS: u32 = 256;
/// Columns of a block, and strides of rows in it.
const TILE: (u32, u32) = (32, 32);
/// Chunks of rows that a column's sum is divided into, so that blocks enough are in flight.
const CHUNKS: u32 = 16;

/// What was tried so far, by the index of the device.
type Devices = Vec<(usize, Option<Kernels>)>;

/// The kernels of one device.
#[derive(Clone)]
pub(super) struct Kernels {
    stream: Arc<CudaStream>,
    rows: CudaFunction,
    columns: CudaFunction,
    join: CudaFunction,
}

impl Kernels {
    /// The kernels for a contiguous matrix of `f32` on CUDA; `None` for others, and where they cannot be compiled.
    pub(super) fn of(cost: &Tensor) -> Option<Self> {
        static COMPILED: OnceLock<Mutex<Devices>> = OnceLock::new();
        let Device::Cuda(index) = cost.device() else { return None };
        if cost.kind() != Kind::Float {
            return None;
        }
        let mut compiled = COMPILED.get_or_init(Mutex::default).lock().ok()?;
        if let Some((_, kernels)) = compiled.iter().find(|(device, _)| *device == index) {
            return kernels.clone();
        }
        let kernels = Self::compile(index);
        compiled.push((index, kernels.clone()));
        kernels
    }

    fn compile(index: usize) -> Option<Self> {
        // SAFETY: these only try to open the libraries.
        let present =
            unsafe { cudarc::driver::sys::is_culib_present() && cudarc::nvrtc::sys::is_culib_present() };
        if !present {
            return None;
        }
        // The primary context is libtorch's own, and its null stream is where libtorch works unless told otherwise.
        let context = CudaContext::new(index).ok()?;
        let module = context.load_module(cudarc::nvrtc::compile_ptx(SOURCE).ok()?).ok()?;
        Some(Self {
            stream: context.default_stream(),
            rows: module.load_function("log_sum_rows").ok()?,
            columns: module.load_function("log_sum_columns").ok()?,
            join: module.load_function("join_columns").ok()?,
        })
    }

    /// `out_i = log Σ_j exp(shift_j − cost_ij/ε)`.
    pub(super) fn rows(&self, cost: &Tensor, shift: &Tensor, epsilon: f64) -> Result<Tensor> {
        let (n, m) = cost.size2().map_err(recgoat_torch::Error::from)?;
        let shift = shift.contiguous();
        let out = Tensor::empty([n], (Kind::Float, cost.device()));
        let (scale, width) = ((1.0 / epsilon) as f32, m as i32);
        let [cost, shift, target] = [cost, &shift, &out].map(address);
        let config =
            LaunchConfig { grid_dim: (n as u32, 1, 1), block_dim: (THREADS, 1, 1), shared_mem_bytes: 0 };
        let mut launch = self.stream.launch_builder(&self.rows);
        launch.arg(&cost).arg(&shift).arg(&scale).arg(&width).arg(&target);
        // SAFETY: the addresses are of contiguous f32 tensors on this device of the sizes that the kernel is told,
        // alive across the launch; libtorch frees memory in the order of the stream.
        unsafe { launch.launch(config) }.map_err(failed)?;
        Ok(out)
    }

    /// `out_j = log Σ_i exp(shift_i − cost_ij/ε)`.
    pub(super) fn columns(&self, cost: &Tensor, shift: &Tensor, epsilon: f64) -> Result<Tensor> {
        let (n, m) = cost.size2().map_err(recgoat_torch::Error::from)?;
        let shift = shift.contiguous();
        let parts = Tensor::empty([2, i64::from(CHUNKS), m], (Kind::Float, cost.device()));
        let out = Tensor::empty([m], (Kind::Float, cost.device()));
        let chunk = (n as u32).div_ceil(CHUNKS) as i32;
        let (scale, height, width, chunks) = ((1.0 / epsilon) as f32, n as i32, m as i32, CHUNKS as i32);
        let [cost, shift, tops, rests, target] =
            [cost, &shift, &parts.get(0), &parts.get(1), &out].map(address);
        let blocks = (m as u32).div_ceil(TILE.0);
        let config = LaunchConfig {
            grid_dim: (blocks, CHUNKS, 1),
            block_dim: (TILE.0, TILE.1, 1),
            shared_mem_bytes: 0,
        };
        let mut launch = self.stream.launch_builder(&self.columns);
        launch.arg(&cost).arg(&shift).arg(&scale).arg(&height).arg(&width).arg(&chunk).arg(&tops).arg(&rests);
        // SAFETY: as in `rows`; the parts are [chunks, m] each.
        unsafe { launch.launch(config) }.map_err(failed)?;
        let config = LaunchConfig::for_num_elems(m as u32);
        let mut launch = self.stream.launch_builder(&self.join);
        launch.arg(&tops).arg(&rests).arg(&chunks).arg(&width).arg(&target);
        // SAFETY: as above.
        unsafe { launch.launch(config) }.map_err(failed)?;
        Ok(out)
    }
}

/// Where a tensor's entries lie on its device.
fn address(tensor: &Tensor) -> u64 {
    tensor.data_ptr() as u64
}

fn failed(error: DriverError) -> Error {
    Error::Cuda(error.to_string())
}

#[cfg(test)]
mod tests {
    /// NVRTC needs no card. Skipped, and says so, where the library is not installed.
    #[test]
    #[allow(clippy::print_stderr, reason = "a skipped test says so")]
    fn the_source_compiles() {
        // SAFETY: only tries to open the library.
        if !unsafe { cudarc::nvrtc::sys::is_culib_present() } {
            eprintln!("skipped: NVRTC is not installed");
            return;
        }
        let ptx = cudarc::nvrtc::compile_ptx(super::SOURCE).expect("the kernels are valid CUDA").to_src();
        for name in ["log_sum_rows", "log_sum_columns", "join_columns"] {
            assert!(ptx.contains(name), "{name}");
        }
    }
}
