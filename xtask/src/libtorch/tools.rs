//! The programs that the machine must have: a C++ compiler, and python3 with pip.

use crate::process;
use anyhow::{Result, bail};
use std::env;
use std::process::Command;

/// The bindings are C++: the compiler that the `cc` crate will call must start.
pub(super) fn check_compiler() -> Result<()> {
    let chosen = env::var("CXX").ok().filter(|value| !value.trim().is_empty());
    // CXX may hold a wrapper and flags: `ccache g++`.
    let program = chosen.as_deref().and_then(|value| value.split_whitespace().next());
    if starts(program.unwrap_or("c++")) {
        return Ok(());
    }
    if let Some(program) = program {
        bail!("the C++ compiler of CXX={program} does not start: correct or unset CXX");
    }
    if let Some(other) = ["g++", "clang++"].into_iter().find(|name| starts(name)) {
        bail!("no C++ compiler `c++`, but `{other}` is there: export CXX={other}");
    }
    bail!(
        "no C++ compiler: install one (Debian, Ubuntu: apt-get install g++; Fedora: dnf install gcc-c++), or set CXX"
    );
}

/// The wheels are fetched by pip.
pub(super) fn check_pip() -> Result<()> {
    if !starts("python3") {
        bail!(
            "no python3, which fetches libtorch: install it (Debian, Ubuntu: apt-get install python3 python3-pip), \
             or set LIBTORCH to a libtorch {}",
            super::VERSION
        );
    }
    if !process::succeeds(Command::new("python3").args(["-m", "pip", "--version"])) {
        bail!(
            "python3 has no pip: install it (Debian, Ubuntu: apt-get install python3-pip; else python3 -m ensurepip)"
        );
    }
    Ok(())
}

fn starts(program: &str) -> bool {
    process::succeeds(Command::new(program).arg("--version"))
}
