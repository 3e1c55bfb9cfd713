//! The device that a command was asked for.

use std::str::FromStr;

use harness_core::backend::DeviceChoice;
use harness_core::gpu;

/// `--device`: what to compute on, and what has to be said about how `auto` decided.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The device.
    pub choice: DeviceChoice,
    /// Why `auto` is the CPU, where a GPU could be expected: in a build with CUDA, or on a machine with a GPU.
    note: Option<String>,
}

impl FromStr for Asked {
    type Err = harness_core::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let choice: DeviceChoice = text.parse()?;
        let expected = cfg!(feature = "cuda-exact") || std::path::Path::new("/dev/nvidia0").exists();
        let note = (text == "auto" && choice == DeviceChoice::Cpu && expected)
            .then(|| gpu::require(0).err())
            .flatten()
            .map(|reason| format!("computing on the CPU: {reason}"));
        Ok(Asked { choice, note })
    }
}

impl Asked {
    /// Says on standard error how `auto` decided, where that may surprise.
    pub fn tell(&self) {
        if let Some(note) = &self.note {
            anstream::eprintln!("{note}");
        }
    }
}
