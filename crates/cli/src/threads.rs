//! How many threads, and how they wait for each other.

use std::{env, num::NonZeroUsize, os::unix::process::CommandExt, process::Command};

use anyhow::Result;
use recgoat_torch::device::set_threads;

use crate::common::BadInput;

/// More threads than this for each core are a slip of the pen, not a wish.
const MOST_PER_CORE: usize = 8;

/// Starts with this many threads, or one a core; how many that is.
pub(crate) fn start(asked: Option<NonZeroUsize>) -> Result<usize> {
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let threads = asked.unwrap_or(cores);
    let most = cores.get() * MOST_PER_CORE;
    if threads.get() > most {
        return Err(BadInput(format!(
            "--threads: expected at most {most} on {cores} cores, found {threads}"
        ))
        .into());
    }
    if threads.get() > 1 {
        wait_passively();
    }
    set_threads(threads);
    Ok(threads.get())
}

/// Starts this program again with OpenMP told to sleep while it waits, unless the environment says how to wait.
///
/// By default OpenMP's threads spin, and beside any other busy process two that spin were measured 30 times slower than
/// one. The policy is read when the library is loaded, before `main`, so only a new start can set it.
fn wait_passively() {
    const POLICY: &str = "OMP_WAIT_POLICY";
    if env::var_os(POLICY).is_some() || env::var_os("GOMP_SPINCOUNT").is_some() {
        return;
    }
    if let Ok(program) = env::current_exe() {
        // Returns only when the program cannot be started; it then goes on as it is.
        let _ = Command::new(program).args(env::args_os().skip(1)).env(POLICY, "passive").exec();
    }
}
