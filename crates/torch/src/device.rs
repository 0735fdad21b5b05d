//! Start-up of libtorch: which device computes, on how many threads.

use std::{fmt, num::NonZeroUsize, str::FromStr, sync::Once};

use tch::{Cuda, Device};

use crate::{Error, Result};

/// The device a user asks for; [`DeviceChoice::resolve`] turns it into one that is there.
///
/// ```
/// use recgoat_torch::device::DeviceChoice;
/// let choice: DeviceChoice = "cuda:1".parse()?;
/// assert_eq!(choice, DeviceChoice::Cuda(1));
/// assert!("gpu".parse::<DeviceChoice>().is_err());
/// # Ok::<(), recgoat_torch::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// The first CUDA device where there is one, else the CPU.
    Auto,
    /// The CPU.
    #[default]
    Cpu,
    /// The CUDA device of this index.
    Cuda(usize),
}

impl DeviceChoice {
    /// The device itself.
    ///
    /// # Errors
    /// [`Error::Device`] when a CUDA device is asked for and libtorch sees none of that index.
    pub fn resolve(self) -> Result<Device> {
        init();
        let cards = usize::try_from(Cuda::device_count()).unwrap_or(0);
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Auto => Ok(if cards > 0 { Device::Cuda(0) } else { Device::Cpu }),
            Self::Cuda(index) if index < cards => Ok(Device::Cuda(index)),
            Self::Cuda(_) => Err(Error::Device {
                name: self.to_string(),
                reason: format!(
                    "libtorch sees {cards} CUDA devices; use `--device cpu`, or a CUDA libtorch \
                     (`cargo xtask setup --cuda`) on a machine with a driver"
                ),
            }),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => name.strip_prefix("cuda:").and_then(|index| index.parse().ok()).map(Self::Cuda).ok_or_else(
                || Error::Device {
                    name: name.to_owned(),
                    reason: "expected one of cpu, cuda, cuda:N, auto".to_owned(),
                },
            ),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

/// Makes CUDA visible where libtorch has it; later calls do nothing.
///
/// libtorch registers its CUDA backend when `libtorch_cuda.so` is loaded, and a binary linked against the CPU
/// part alone never loads it. A CPU-only libtorch has no such file, and the attempt fails quietly.
pub fn init() {
    static START: Once = Once::new();
    START.call_once(|| {
        #[cfg(target_os = "linux")]
        {
            use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
            // SAFETY: libtorch's initialisers are made to run on load, at any time before the first CUDA query.
            let loaded = unsafe { Library::open(Some("libtorch_cuda.so"), RTLD_NOW | RTLD_GLOBAL) };
            // The library must outlive every tensor, so it is never unloaded.
            std::mem::forget(loaded);
        }
    });
}

/// Sets how many threads libtorch and rayon use inside one operation.
///
/// Rayon's pool is made once: a later call with another number changes libtorch alone.
pub fn set_threads(threads: NonZeroUsize) {
    tch::set_num_threads(i32::try_from(threads.get()).unwrap_or(i32::MAX));
    // An error says that the pool exists already, which the documentation above covers.
    let _ = rayon::ThreadPoolBuilder::new().num_threads(threads.get()).build_global();
}

/// `cpu` or `cuda:N`, as reports print it.
pub fn name(device: Device) -> String {
    match device {
        Device::Cuda(index) => format!("cuda:{index}"),
        _ => "cpu".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for name in ["auto", "cpu", "cuda:0", "cuda:3"] {
            assert_eq!(name.parse::<DeviceChoice>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn an_absent_card_is_named() {
        let error = DeviceChoice::Cuda(999).resolve().unwrap_err().to_string();
        assert!(error.starts_with("device cuda:999: libtorch sees "), "{error}");
    }
}
