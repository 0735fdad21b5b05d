//! Work side by side, each piece on one thread.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use rayon::{ThreadPool, ThreadPoolBuilder};

/// Runs on this thread alone: products inside do not spread over rayon's threads.
///
/// Batches side by side need no waiting for each other inside every product: 1.6 times the rate of MiniLM on two cores.
pub(crate) fn alone<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread_local! {
        static POOL: Option<ThreadPool> = ThreadPoolBuilder::new().num_threads(1).build().ok();
    }
    POOL.with(|pool| match pool {
        Some(pool) => pool.install(work),
        None => work(),
    })
}

/// Does every task, on as many threads as asked; after the first error the rest is left, and that error is returned.
pub(crate) fn each<T: Sync, E: Send>(
    tasks: &[T],
    threads: usize,
    work: impl Fn(usize, &T) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let (next, stop, failure) = (AtomicUsize::new(0), AtomicBool::new(false), Mutex::new(None));
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, tasks.len().max(1)) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(task) = tasks.get(at) else { break };
                    if let Err(error) = work(at, task) {
                        stop.store(true, Ordering::Relaxed);
                        failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                    }
                }
            });
        }
    });
    failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_is_done_once() {
        let tasks: Vec<usize> = (0..100).collect();
        let done = Mutex::new(vec![0; 100]);
        each(&tasks, 3, |at, &task| {
            assert_eq!(at, task);
            done.lock().unwrap()[task] += 1;
            Ok::<(), ()>(())
        })
        .unwrap();
        assert_eq!(done.into_inner().unwrap(), [1; 100]);
    }

    #[test]
    fn an_error_ends_the_work() {
        let tasks: Vec<usize> = (0..1000).collect();
        let done = AtomicUsize::new(0);
        let outcome = each(&tasks, 2, |_, &task| {
            done.fetch_add(1, Ordering::Relaxed);
            if task == 3 { Err(task) } else { Ok(()) }
        });
        assert_eq!(outcome, Err(3));
        assert!(done.into_inner() < 1000);
    }
}
