//! The `recgoat` binary.
fn main() {}
