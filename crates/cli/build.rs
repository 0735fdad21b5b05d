//! Build script: where libtorch is, as for every crate here, and the commit that reports name.

#[path = "../torch/link.rs"]
mod link;

use std::process::Command;

fn main() {
    link::main();
    // Written to by every commit and checkout; changes after a commit show at the first build after them alone.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo:rerun-if-changed={log}");
    }
    let commit = git(&["describe", "--always", "--dirty"]).unwrap_or_else(|| "unknown".to_owned());
    println!("cargo:rustc-env=RECGOAT_COMMIT={commit}");
}

fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
