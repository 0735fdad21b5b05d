//! Arbitrary bytes at `Problem` and the solver: `cargo fuzz run problem` in `crates/align`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    recgoat_align::ot::testing::from_bytes(bytes);
});
