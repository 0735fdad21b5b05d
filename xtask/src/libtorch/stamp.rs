//! The file that makes an unpacked libtorch valid: written last, read first.

use super::download::Wheel;
use super::{Flavour, VERSION};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use toml::{Table, Value};

const FILE: &str = "recgoat-libtorch.toml";

/// What a libtorch folder was made from, and what it must hold.
#[derive(Debug, PartialEq)]
pub(super) struct Stamp {
    version: String,
    flavour: Flavour,
    /// Size in bytes of each file in `lib`.
    libraries: BTreeMap<String, u64>,
}

impl Stamp {
    /// Takes stock of an unpacked libtorch.
    pub(super) fn of(dir: &Path, flavour: Flavour) -> Result<Self> {
        let mut libraries = BTreeMap::new();
        let lib = dir.join("lib");
        for entry in fs::read_dir(&lib).with_context(|| format!("cannot read {}", lib.display()))? {
            let entry = entry?;
            libraries.insert(entry.file_name().to_string_lossy().into_owned(), entry.metadata()?.len());
        }
        Ok(Self { version: VERSION.into(), flavour, libraries })
    }

    /// Writes the stamp to `dir`, durably.
    pub(super) fn write(&self, dir: &Path) -> Result<()> {
        let wheels = Wheel::all(self.flavour).into_iter().map(|wheel| {
            let file = format!("{}=={}", wheel.name, wheel.version);
            (file, Value::from(format!("sha256:{}", wheel.sha256)))
        });
        let libraries =
            self.libraries.iter().map(|(name, bytes)| (name.clone(), Value::from(bytes.cast_signed())));
        let mut table = Table::new();
        table.insert("version".into(), self.version.clone().into());
        table.insert("flavour".into(), self.flavour.name().into());
        table.insert("wheels".into(), Value::Table(wheels.collect()));
        table.insert("libraries".into(), Value::Table(libraries.collect()));
        let path = dir.join(FILE);
        let written = File::create(&path).and_then(|mut file| {
            file.write_all(table.to_string().as_bytes())?;
            file.sync_all()
        });
        written.with_context(|| format!("cannot write {}", path.display()))
    }

    /// Whether `dir` holds a whole libtorch of the pinned version that serves `wanted`; a CUDA copy serves both.
    pub(super) fn vouches_for(dir: &Path, wanted: Flavour) -> bool {
        let Some(stamp) = Self::read(dir) else { return false };
        let whole = stamp.libraries.iter().all(|(name, &bytes)| {
            fs::metadata(dir.join("lib").join(name)).is_ok_and(|metadata| metadata.len() == bytes)
        });
        whole && stamp.version == VERSION && (stamp.flavour == wanted || stamp.flavour == Flavour::Cuda)
    }

    fn read(dir: &Path) -> Option<Self> {
        let table: Table = fs::read_to_string(dir.join(FILE)).ok()?.parse().ok()?;
        let libraries = table.get("libraries")?.as_table()?.iter().map(|(name, bytes)| {
            let bytes = bytes.as_integer().and_then(|bytes| u64::try_from(bytes).ok());
            Some((name.clone(), bytes?))
        });
        Some(Self {
            version: table.get("version")?.as_str()?.into(),
            flavour: Flavour::named(table.get("flavour")?.as_str()?)?,
            libraries: libraries.collect::<Option<_>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamped(flavour: Flavour) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("lib")).unwrap();
        fs::write(dir.path().join("lib/libc10.so"), b"twelve bytes").unwrap();
        Stamp::of(dir.path(), flavour).unwrap().write(dir.path()).unwrap();
        dir
    }

    fn with_stamp_changed(from: &str, to: &str) -> bool {
        let dir = stamped(Flavour::Cpu);
        let path = dir.path().join(FILE);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(&path, text.replace(from, to)).unwrap();
        Stamp::vouches_for(dir.path(), Flavour::Cpu)
    }

    #[test]
    fn a_stamp_is_read_as_it_was_written() {
        for flavour in [Flavour::Cpu, Flavour::Cuda] {
            let dir = stamped(flavour);
            assert_eq!(Stamp::read(dir.path()), Some(Stamp::of(dir.path(), flavour).unwrap()));
        }
    }

    #[test]
    fn a_cuda_copy_serves_both_flavours_and_a_cpu_copy_one() {
        let (cpu, cuda) = (stamped(Flavour::Cpu), stamped(Flavour::Cuda));
        assert!(Stamp::vouches_for(cpu.path(), Flavour::Cpu));
        assert!(!Stamp::vouches_for(cpu.path(), Flavour::Cuda));
        assert!(Stamp::vouches_for(cuda.path(), Flavour::Cpu));
        assert!(Stamp::vouches_for(cuda.path(), Flavour::Cuda));
    }

    #[test]
    fn another_version_or_a_cut_stamp_is_invalid() {
        assert!(with_stamp_changed("version", "version"));
        assert!(!with_stamp_changed("2.11.0", "2.10.0"));
        assert!(!with_stamp_changed("version = ", "versio"));
        assert!(!with_stamp_changed("\"cpu\"", "\"rocm\""));
        assert!(!with_stamp_changed("= 12", "= -12"));
    }

    #[test]
    fn a_missing_or_cut_library_is_noticed() {
        let dir = stamped(Flavour::Cpu);
        fs::write(dir.path().join("lib/libc10.so"), b"cut").unwrap();
        assert!(!Stamp::vouches_for(dir.path(), Flavour::Cpu));
        fs::remove_file(dir.path().join("lib/libc10.so")).unwrap();
        assert!(!Stamp::vouches_for(dir.path(), Flavour::Cpu));
    }
}
