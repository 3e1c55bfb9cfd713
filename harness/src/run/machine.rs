//! What is known of the computer.

use std::time::{SystemTime, UNIX_EPOCH};

use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

/// Operating system, processor and its cores, in a line.
pub fn describe() -> String {
    let system = System::new_with_specifics(RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing()));
    let processor = system
        .ok()
        .and_then(|system| Some(system.cpus().first()?.brand().split_whitespace().collect::<Vec<_>>().join(" ")))
        .filter(|brand| !brand.is_empty())
        .unwrap_or_else(|| "unknown processor".into());
    let os = System::name().unwrap_or_else(|_| std::env::consts::OS.into());
    format!("{os} {}, {processor}, {} cores", std::env::consts::ARCH, cores())
}

/// Cores that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get())
}

/// Memory of the machine and the part of it that is free, in MiB.
pub fn memory_mb() -> (u64, u64) {
    match System::new_with_specifics(RefreshKind::nothing().with_memory(MemoryRefreshKind::everything())) {
        Ok(system) => (system.total_memory() >> 20, system.available_memory() >> 20),
        // Without knowledge nothing is held back.
        Err(_) => (u64::MAX, u64::MAX),
    }
}

/// A field such as `VmHWM` of `/proc/<process>/status` in MiB; `None` where there is no such file.
pub fn status_mb(process: &str, field: &str) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    let kibibytes: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kibibytes / 1024.0)
}

/// Seconds since 1970 by the wall clock.
pub fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
