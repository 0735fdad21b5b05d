//! What of a wheel becomes part of libtorch, and where it goes.

use super::Flavour;
use anyhow::{Context, Result};
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use zip::ZipArchive;

/// Unpacks the shared objects and headers of one wheel into `to/lib` and `to/include`.
pub(super) fn wheel(wheel: &Path, to: &Path, flavour: Flavour) -> Result<()> {
    let broken = || format!("{} is not a whole wheel", wheel.display());
    let file = File::open(wheel).with_context(|| format!("cannot open {}", wheel.display()))?;
    let mut archive = ZipArchive::new(BufReader::new(file)).with_context(broken)?;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).with_context(broken)?;
        let name = entry.enclosed_name().filter(|_| entry.is_file());
        let Some(target) = name.and_then(|name| destination(&name, flavour)) else { continue };
        let target = to.join(target);
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        let mut file =
            File::create(&target).with_context(|| format!("cannot create {}", target.display()))?;
        io::copy(&mut entry, &mut file).with_context(|| format!("cannot unpack {}", target.display()))?;
    }
    Ok(())
}

/// The place of a wheel's file below libtorch, or `None` for a file that is left out.
fn destination(name: &Path, flavour: Flavour) -> Option<PathBuf> {
    if let Ok(header) = name.strip_prefix("torch/include") {
        return Some(Path::new("include").join(header));
    }
    let folder = name.parent()?;
    let file = name.file_name()?.to_str()?;
    let wanted = if folder == Path::new("torch/lib") {
        is_torch_library(file, flavour)
    } else {
        folder.starts_with("nvidia") && folder.ends_with("lib") && is_nvidia_library(file, flavour)
    };
    wanted.then(|| Path::new("lib").join(file))
}

fn is_torch_library(file: &str, flavour: Flavour) -> bool {
    match flavour {
        Flavour::Cpu => {
            let kept = ["libtorch_cpu.so", "libc10.so", "libshm.so", "libtorch_global_deps.so"];
            kept.contains(&file) || (file.starts_with("libgomp") && is_shared_object(file))
        }
        Flavour::Cuda => is_shared_object(file) && file != "libtorch_python.so",
    }
}

fn is_nvidia_library(file: &str, flavour: Flavour) -> bool {
    match flavour {
        Flavour::Cpu => ["libcudart.so.13", "libcupti.so.13"].contains(&file),
        Flavour::Cuda => is_shared_object(file),
    }
}

fn is_shared_object(file: &str) -> bool {
    file.ends_with(".so") || file.contains(".so.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::io::Write;
    use zip::write::SimpleFileOptions;

    const FILES: [&str; 15] = [
        "torch/_C.cpython-311-x86_64-linux-gnu.so",
        "torch/__init__.py",
        "torch/include/ATen/ATen.h",
        "torch/include/torch/csrc/api/include/torch/all.h",
        "torch/lib/libc10.so",
        "torch/lib/libc10_cuda.so",
        "torch/lib/libgomp-98b21ff3.so.1",
        "torch/lib/libtorch.so",
        "torch/lib/libtorch_cpu.so",
        "torch/lib/libtorch_cuda.so",
        "torch/lib/libtorch_python.so",
        "torch-2.11.0.dist-info/METADATA",
        "nvidia/cu13/lib/libcudart.so.13",
        "nvidia/cu13/lib/libcublas.so.13",
        "nvidia/cu13/include/cuda.h",
    ];

    fn unpacked(names: &[&str], flavour: Flavour) -> BTreeSet<String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("made-up.whl");
        let mut writer = zip::ZipWriter::new(File::create(&path).unwrap());
        for name in names {
            writer.start_file(*name, SimpleFileOptions::default()).unwrap();
            writer.write_all(name.as_bytes()).unwrap();
        }
        writer.finish().unwrap();
        let to = dir.path().join("to");
        wheel(&path, &to, flavour).unwrap();
        let mut found = BTreeSet::new();
        let mut folders = vec![to.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.insert(path.strip_prefix(&to).unwrap().display().to_string());
                }
            }
        }
        found
    }

    #[test]
    fn the_cpu_flavour_keeps_headers_and_cpu_libraries() {
        let expected = [
            "include/ATen/ATen.h",
            "include/torch/csrc/api/include/torch/all.h",
            "lib/libc10.so",
            "lib/libcudart.so.13",
            "lib/libgomp-98b21ff3.so.1",
            "lib/libtorch_cpu.so",
        ];
        assert_eq!(unpacked(&FILES, Flavour::Cpu), expected.map(String::from).into());
    }

    #[test]
    fn the_cuda_flavour_adds_cuda_libraries_but_never_python() {
        let found = unpacked(&FILES, Flavour::Cuda);
        for added in ["lib/libc10_cuda.so", "lib/libtorch.so", "lib/libtorch_cuda.so", "lib/libcublas.so.13"]
        {
            assert!(found.contains(added), "{added}");
        }
        assert!(found.is_superset(&unpacked(&FILES, Flavour::Cpu)));
        assert!(!found.iter().any(|name| name.contains("python") || name.contains("cuda.h")));
    }

    #[test]
    fn an_entry_that_climbs_out_is_left_out() {
        let names = ["torch/include/../../../escaped.h", "torch/include/kept.h"];
        assert_eq!(unpacked(&names, Flavour::Cpu), ["include/kept.h"].map(String::from).into());
    }

    #[test]
    fn a_truncated_wheel_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cut.whl");
        fs::write(&path, b"PK\x03\x04 and then nothing").unwrap();
        let message = format!("{:#}", wheel(&path, dir.path(), Flavour::Cpu).unwrap_err());
        assert!(message.contains("cut.whl is not a whole wheel"), "{message}");
    }
}
