//! The command line; see [`harness::cli`].

use std::process::ExitCode;

/// Training steps make and drop large tensors all the time. The system's allocator gives such memory back and asks for
/// it again each time, which costs up to half of a step; this one keeps it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    harness::cli::main()
}
