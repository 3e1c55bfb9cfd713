//! NVIDIA GPUs as this build and this machine can use them: found, refused with a reason, and made ready.
//!
//! Nothing is linked: driver and NVRTC are loaded at run time, so that one binary serves machines with and without a GPU.

use crate::error::{Error, Result};

/// A GPU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpu {
    /// Its name as the driver gives it.
    pub name: String,
    /// Its memory in MiB.
    pub memory_mib: u64,
}

/// The GPUs of this machine, by index.
///
/// # Errors
/// [`Error::Environment`] that says what is missing: CUDA in this build, the driver, or a device.
pub fn found() -> Result<Vec<Gpu>> {
    imp::found().map_err(Error::Environment)
}

/// Whether NVRTC, which compiles kernels at run time, can be loaded and compiles.
///
/// # Errors
/// [`Error::Environment`] with the reason.
pub fn compiler() -> Result<()> {
    imp::compiler().map_err(Error::Environment)
}

/// Checks that the GPU of this index can be used, and sets up the cache of compiled kernels. Costs little when repeated.
///
/// # Errors
/// [`Error::Environment`] with what is missing and what to do.
pub fn require(index: usize) -> Result<()> {
    let gpus = found()?;
    if index >= gpus.len() {
        let known = match gpus.len() {
            1 => "there is one GPU, cuda:0".to_owned(),
            count => format!("there are {count} GPUs, cuda:0 to cuda:{}", count - 1),
        };
        return Err(Error::Environment(format!("cuda:{index} cannot be used: {known}")));
    }
    compiler()?;
    imp::keep_kernels();
    Ok(())
}

#[cfg(not(feature = "cuda-exact"))]
mod imp {
    use super::Gpu;

    const NO_CUDA: &str =
        "this build has no CUDA: build with `cargo run -p harness --features cuda`, or use `--device cpu`";

    pub(super) fn found() -> Result<Vec<Gpu>, String> {
        Err(NO_CUDA.to_owned())
    }

    pub(super) fn compiler() -> Result<(), String> {
        Err(NO_CUDA.to_owned())
    }

    pub(super) fn keep_kernels() {}
}

#[cfg(feature = "cuda-exact")]
mod imp {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::path::PathBuf;
    use std::sync::{Once, OnceLock};

    use cubecl_runtime::config::cache::CacheConfig;
    use cubecl_runtime::config::{CubeClRuntimeConfig, RuntimeConfig};
    use cudarc::driver::CudaContext;

    use super::Gpu;

    /// Runs what panics where a library is missing, without its message on the terminal.
    fn quietly<T>(call: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let outcome = catch_unwind(AssertUnwindSafe(call));
        std::panic::set_hook(hook);
        outcome.unwrap_or_else(|panic| {
            let message = crate::conformance::panic_message(panic.as_ref());
            let line = message.lines().next().unwrap_or_default();
            // A library that is missing comes with dozens of names under which it was looked for.
            Err(line.split(" - searched for").next().unwrap_or(line).to_owned())
        })
    }

    pub(super) fn found() -> Result<Vec<Gpu>, String> {
        static FOUND: OnceLock<Result<Vec<Gpu>, String>> = OnceLock::new();
        FOUND.get_or_init(|| quietly(look).map_err(|reason| unusable(&reason))).clone()
    }

    fn look() -> Result<Vec<Gpu>, String> {
        let count = CudaContext::device_count().map_err(|error| format!("the driver says: {error}"))?;
        let count = usize::try_from(count).unwrap_or(0);
        if count == 0 {
            return Err("the driver shows no device".to_owned());
        }
        (0..count)
            .map(|index| {
                let context = CudaContext::new(index).map_err(|error| format!("cuda:{index}: {error}"))?;
                let name = context.name().map_err(|error| format!("cuda:{index}: {error}"))?;
                let bytes = context.total_mem().map_err(|error| format!("cuda:{index}: {error}"))?;
                Ok(Gpu { name, memory_mib: bytes as u64 >> 20 })
            })
            .collect()
    }

    fn unusable(reason: &str) -> String {
        format!("no NVIDIA GPU can be used ({reason}): install its driver, or use `--device cpu`")
    }

    pub(super) fn compiler() -> Result<(), String> {
        static COMPILES: OnceLock<Result<(), String>> = OnceLock::new();
        let compile = || {
            let compiled = cudarc::nvrtc::compile_ptx("extern \"C\" __global__ void nothing() {}");
            compiled.map(|_| ()).map_err(|error| format!("{error:?}"))
        };
        let explained = |reason: String| {
            format!("NVRTC, which compiles kernels, cannot be used ({reason}): install libnvrtc of CUDA 12 or later")
        };
        COMPILES.get_or_init(|| quietly(compile).map_err(explained)).clone()
    }

    /// Compiled kernels and choices of autotune outlive the process, unless a `cubecl.toml` says otherwise: the first
    /// start on a machine compiles them, later ones read them.
    pub(super) fn keep_kernels() {
        static SET: Once = Once::new();
        SET.call_once(|| {
            let mut config = CubeClRuntimeConfig::from_current_dir().override_from_env();
            if let (None, Some(folder)) = (&config.compilation.cache, kernels()) {
                config.compilation.cache = Some(CacheConfig::File(folder.clone()));
                config.autotune.cache = CacheConfig::File(folder);
            }
            // Refused where something has read the configuration before; that costs time, not results.
            let _ = quietly(|| {
                CubeClRuntimeConfig::set(config);
                Ok(())
            });
        });
    }

    /// `$XDG_CACHE_HOME/harness/kernels`, or below `~/.cache`.
    fn kernels() -> Option<PathBuf> {
        let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
        base.or_else(home).map(|base| base.join("harness").join("kernels"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_what_to_do() {
        // On a machine with a GPU and a build with CUDA the first GPU works, and one far beyond is refused by number.
        match require(0) {
            Ok(()) => assert!(require(1000).unwrap_err().to_string().contains("cuda:1000 cannot be used")),
            Err(error) => {
                let text = error.to_string();
                assert!(matches!(error, Error::Environment(_)), "{text}");
                assert!(text.contains("--device cpu") || text.contains("libnvrtc"), "{text}");
                assert!(!text.contains('\n') && text.len() < 250, "one line: {text}");
                assert_eq!(require(0).unwrap_err().to_string(), text, "the same when asked again");
            }
        }
    }
}
