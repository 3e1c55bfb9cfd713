//! Named places at which a test can make the process die, to prove that nothing is lost.

/// Ends the process without unwinding where `HARNESS_FAILPOINT` names this place; `NAME@N` spares the first N − 1
/// passes. Built only with the `fault-injection` feature; nothing at all without it.
#[cfg(feature = "fault-injection")]
pub fn failpoint(name: &str) {
    use std::sync::atomic::{AtomicU64, Ordering};
    static PASSES: AtomicU64 = AtomicU64::new(0);
    let Ok(wanted) = std::env::var("HARNESS_FAILPOINT") else { return };
    let (wanted, nth) = match wanted.split_once('@') {
        Some((wanted, nth)) => (wanted.to_owned(), nth.parse().unwrap_or(1)),
        None => (wanted, 1),
    };
    if wanted == name && PASSES.fetch_add(1, Ordering::SeqCst) + 1 == nth {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

/// Nothing.
#[cfg(not(feature = "fault-injection"))]
pub fn failpoint(_name: &str) {}
