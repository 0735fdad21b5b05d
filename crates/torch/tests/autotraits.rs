//! What may cross threads.
//!
//! A libtorch tensor may be sent to another thread but not shared between threads: another handle to the same memory
//! may write to it. So [`Adam`] and [`Cut`], which hold tensors, are `Send` and not `Sync`.

use recgoat_torch::{Adam, AdamConfig, Counter, Cut, Error, Purpose, Seed, device::DeviceChoice};

#[test]
fn plain_types_are_send_and_sync() {
    fn check<T: Send + Sync + Unpin + 'static>() {}
    check::<AdamConfig>();
    check::<Counter>();
    check::<DeviceChoice>();
    check::<Error>();
    check::<Purpose>();
    check::<Seed>();
}

#[test]
fn types_that_hold_tensors_are_send() {
    fn check<T: Send + Unpin + 'static>() {}
    check::<Adam>();
    check::<Cut>();
}
