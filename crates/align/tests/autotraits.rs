//! What may cross threads.
//!
//! A libtorch tensor may be sent to another thread but not shared between threads: another handle to the same memory
//! may write to it. So `oat::Transport`, which holds the map and its cost as tensors, and `oat::CoordinateTransport`, which may hold
//! potentials on a device, are `Send` and not `Sync`.

use recgoat_align::{
    Error,
    ot::{Cost, Marginals, Params, Potentials, Problem, Solution, StopReason, ValidParams, exact},
};

#[test]
fn the_solver_s_types_are_send_and_sync() {
    fn check<T: Send + Sync + Unpin + 'static>() {}
    check::<Error>();
    check::<Params>();
    check::<ValidParams>();
    check::<StopReason>();
    check::<(Potentials, Marginals)>();
    fn check_borrowed<T: Send + Sync>() {}
    check_borrowed::<(Problem<'static, f32>, Problem<'static, f64>, Cost<'static, f32>)>();
    check::<(Solution, exact::Exact, exact::Assignment)>();
}

#[cfg(feature = "torch")]
#[test]
fn alignment_is_send_and_sync_but_for_tensors() {
    use recgoat_align::{
        contrast::Distinct,
        oat::{CoordinateCost, CoordinateTransport, Transport, TransportConfig},
    };

    fn check<T: Send + Sync + Unpin + 'static>() {}
    check::<CoordinateCost>();
    check::<Distinct>();
    check::<TransportConfig>();

    fn check_send<T: Send + Unpin + 'static>() {}
    check_send::<CoordinateTransport>();
    check_send::<Transport>();
}
