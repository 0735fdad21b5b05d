//! Build script shared by every crate that links libtorch: its tests, examples, benches and binaries find
//! the library without an environment variable, wherever the checkout and its `.libtorch` are moved together.

#![allow(clippy::print_stdout, reason = "a build script talks to cargo on stdout")]

use std::env;

pub(crate) fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    // `torch-sys` tells its direct dependents where libtorch is; `recgoat-torch` passes the word on to its own.
    let known = ["DEP_TCH_LIBTORCH_LIB", "DEP_RECGOAT_TORCH_LIBTORCH_LIB"];
    let Some(lib) = known.iter().find_map(|name| env::var(name).ok()) else { return };
    if env::var("CARGO_PKG_NAME").as_deref() == Ok("recgoat-torch") {
        println!("cargo:libtorch_lib={lib}");
    }
    let depths = ["$ORIGIN/../../.libtorch/lib", "$ORIGIN/../../../.libtorch/lib", lib.as_str()];
    for path in depths {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{path}");
    }
}
