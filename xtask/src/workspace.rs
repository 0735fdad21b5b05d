//! Where the workspace is, and what cargo knows about it.

use crate::process;
use anyhow::{Context, Result};
use serde_json::Value;
use std::env;
use std::path::PathBuf;
use std::process::Command;

/// The workspace root: the folder above this package.
pub(crate) fn root() -> PathBuf {
    let package =
        env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    package.parent().map_or_else(|| package.clone(), PathBuf::from)
}

/// The cargo that started this program, at the workspace root.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// `cargo metadata`, dependencies included.
pub(crate) fn metadata() -> Result<Value> {
    let text = process::output(cargo().args(["metadata", "--format-version", "1", "--locked"]))?;
    serde_json::from_str(&text).context("cargo metadata is not JSON")
}

/// The build folder, wherever the user's configuration puts it.
pub(crate) fn target_dir() -> Result<PathBuf> {
    let text = process::output(cargo().args(["metadata", "--format-version", "1", "--no-deps"]))?;
    let metadata: Value = serde_json::from_str(&text).context("cargo metadata is not JSON")?;
    let folder = metadata["target_directory"].as_str().context("cargo metadata names no target_directory")?;
    Ok(folder.into())
}
