//! Filling `.libtorch`: everything happens beside it, and one rename puts it in place.

use super::stamp::Stamp;
use super::{Flavour, VERSION, download, tools, unpack, version};
use crate::process;
use anyhow::{Context, Result, bail};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Makes `local` a valid libtorch; a valid one is left alone.
pub(super) fn ensure(root: &Path, local: &Path, flavour: Flavour) -> Result<()> {
    if Stamp::vouches_for(local, flavour) {
        return Ok(());
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        bail!(
            "wheels are pinned for Linux x86_64 only: install libtorch {VERSION} yourself and set LIBTORCH to it"
        );
    }
    let lock = lock(root)?;
    let workshop = Workshop::in_root(root);
    if Stamp::vouches_for(local, flavour) {
        return Ok(());
    }
    if !Stamp::vouches_for(&workshop.partial, flavour) {
        let start = Instant::now();
        eprintln!("libtorch {VERSION} ({}) goes to {}", flavour.name(), local.display());
        tools::check_pip()?;
        let wheels = download::wheels(root, &workshop.downloads, flavour, &lock)?;
        eprintln!("unpacking {} wheels", wheels.len());
        workshop.unpack(&wheels, flavour)?;
        eprintln!("libtorch is ready after {:.0} s", start.elapsed().as_secs_f64());
    }
    workshop.publish(local)
}

/// One setup at a time. The lock is held on a file that always exists, and is gone with its last holder.
fn lock(root: &Path) -> Result<File> {
    let path = root.join("xtask/wheels/cpu.txt");
    let file = File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            eprintln!("another setup is at work; waiting for it");
            file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
        }
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("cannot lock {}", path.display()));
        }
    }
    Ok(file)
}

/// The folder where libtorch is made, on the file system where it will stay.
struct Workshop {
    dir: PathBuf,
    downloads: PathBuf,
    partial: PathBuf,
    replaced: PathBuf,
}

impl Workshop {
    fn in_root(root: &Path) -> Self {
        let dir = root.join(".libtorch-download");
        Self {
            downloads: dir.join("wheels"),
            partial: dir.join("libtorch.partial"),
            replaced: dir.join("libtorch.replaced"),
            dir,
        }
    }

    /// Unpacks into `partial`, checks it, and stamps it once everything else is on the disk.
    fn unpack(&self, wheels: &[PathBuf], flavour: Flavour) -> Result<()> {
        remove(&self.partial)?;
        for wheel in wheels {
            unpack::wheel(wheel, &self.partial, flavour)?;
        }
        if flavour == Flavour::Cpu {
            // The wheel's own libtorch.so needs the CUDA libraries.
            let script = self.partial.join("lib/libtorch.so");
            fs::write(&script, "INPUT(-ltorch_cpu)\n")
                .with_context(|| format!("cannot write {}", script.display()))?;
        }
        match version::of_folder(&self.partial)? {
            Some(found) => version::check(&found, "the unpacked wheel", "run `cargo xtask setup` again")?,
            None => bail!("the unpacked wheel states no version: run `cargo xtask setup` again"),
        }
        process::run(Command::new("sync").arg("-f").arg(&self.partial))?;
        Stamp::of(&self.partial, flavour)?.write(&self.partial)
    }

    /// Puts the finished libtorch in place and clears everything else away.
    fn publish(&self, local: &Path) -> Result<()> {
        remove(&self.replaced)?;
        match fs::rename(local, &self.replaced) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot replace {}", local.display()));
            }
            _ => {}
        }
        fs::rename(&self.partial, local).with_context(|| format!("cannot fill {}", local.display()))?;
        remove(&self.dir)
    }
}

fn remove(dir: &Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", dir.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(dir: &Path, content: &str) {
        fs::create_dir_all(dir.join("lib")).unwrap();
        fs::write(dir.join("lib/libc10.so"), content).unwrap();
    }

    fn workspace() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("xtask/wheels")).unwrap();
        fs::write(root.path().join("xtask/wheels/cpu.txt"), "").unwrap();
        root
    }

    #[test]
    fn a_finished_copy_that_was_never_put_in_place_is_adopted() {
        let root = workspace();
        let local = root.path().join(".libtorch");
        let workshop = Workshop::in_root(root.path());
        fill(&local, "old and unstamped");
        fill(&workshop.partial, "new");
        Stamp::of(&workshop.partial, Flavour::Cpu).unwrap().write(&workshop.partial).unwrap();
        ensure(root.path(), &local, Flavour::Cpu).unwrap();
        assert_eq!(fs::read_to_string(local.join("lib/libc10.so")).unwrap(), "new");
        assert!(!workshop.dir.exists());
    }

    #[test]
    fn a_cut_between_the_two_renames_is_healed() {
        let root = workspace();
        let local = root.path().join(".libtorch");
        let workshop = Workshop::in_root(root.path());
        fill(&workshop.replaced, "old");
        fill(&workshop.partial, "new");
        Stamp::of(&workshop.partial, Flavour::Cpu).unwrap().write(&workshop.partial).unwrap();
        ensure(root.path(), &local, Flavour::Cpu).unwrap();
        assert_eq!(fs::read_to_string(local.join("lib/libc10.so")).unwrap(), "new");
        assert!(!workshop.dir.exists());
    }

    #[test]
    fn a_failed_unpack_leaves_the_old_copy_alone() {
        let root = workspace();
        let local = root.path().join(".libtorch");
        let workshop = Workshop::in_root(root.path());
        fill(&local, "old");
        Stamp::of(&local, Flavour::Cpu).unwrap().write(&local).unwrap();
        fs::create_dir_all(&workshop.downloads).unwrap();
        let cut = workshop.downloads.join("cut.whl");
        fs::write(&cut, "not a zip").unwrap();
        assert!(workshop.unpack(&[cut], Flavour::Cpu).is_err());
        assert!(!Stamp::vouches_for(&workshop.partial, Flavour::Cpu));
        assert!(Stamp::vouches_for(&local, Flavour::Cpu));
    }

    #[test]
    fn a_second_setup_waits_for_the_lock() {
        let root = workspace();
        let held = lock(root.path()).unwrap();
        let other = File::open(root.path().join("xtask/wheels/cpu.txt")).unwrap();
        assert!(matches!(other.try_lock(), Err(TryLockError::WouldBlock)));
        let inherited = held.try_clone().unwrap();
        drop(held);
        assert!(matches!(other.try_lock(), Err(TryLockError::WouldBlock)), "a child's copy holds it still");
        drop(inherited);
        other.try_lock().unwrap();
    }
}
