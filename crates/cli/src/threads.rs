//! How many threads, and how they wait for each other.

use std::{env, num::NonZeroUsize, os::unix::process::CommandExt, process::Command};

use anyhow::Result;
use recgoat_torch::device::set_threads;

use crate::common::BadInput;

/// More threads than this for each core are a slip of the pen, not a wish.
const MOST_PER_CORE: usize = 8;

/// Starts with this many threads, or one a core; how many that is.
pub(crate) fn start(asked: Option<NonZeroUsize>) -> Result<usize> {
    let threads = count(asked)?;
    if threads.get() > 1 {
        wait_passively();
    }
    set_threads(threads);
    Ok(threads.get())
}

/// Starts with this many threads that each run a language model alone, or one a core; how many that is.
pub(crate) fn start_side_by_side(asked: Option<NonZeroUsize>) -> Result<usize> {
    let threads = count(asked)?;
    wait_passively();
    Ok(threads.get())
}

fn count(asked: Option<NonZeroUsize>) -> Result<NonZeroUsize> {
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let threads = asked.unwrap_or(cores);
    let most = cores.get() * MOST_PER_CORE;
    if threads.get() > most {
        return Err(BadInput(format!(
            "--threads: expected at most {most} on {cores} cores, found {threads}"
        ))
        .into());
    }
    Ok(threads)
}

/// Starts this program again with OpenMP told to sleep while it waits and candle to use no threads of its own, unless the
/// environment says otherwise.
///
/// By default both spin, and beside any other busy process two threads of OpenMP that spin were measured 30 times slower
/// than one; MiniLM on two threads of ours beside candle's spinning ones 1.6 times slower than without. The variables are
/// read when libraries are loaded, before `main`, so only a new start can set them.
fn wait_passively() {
    let wanted = [("OMP_WAIT_POLICY", "passive"), ("CANDLE_NUM_THREADS", "1")];
    let told = |name: &str| {
        env::var_os(name).is_some() || name == "OMP_WAIT_POLICY" && env::var_os("GOMP_SPINCOUNT").is_some()
    };
    let missing: Vec<_> = wanted.into_iter().filter(|(name, _)| !told(name)).collect();
    if missing.is_empty() {
        return;
    }
    if let Ok(program) = env::current_exe() {
        // Returns only when the program cannot be started; it then goes on as it is.
        let _ = Command::new(program).args(env::args_os().skip(1)).envs(missing).exec();
    }
}
