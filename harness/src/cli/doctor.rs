//! `harness doctor`.

use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode};

use anstyle::AnsiColor;
use clap::Args;
use harness_core::data::Registry;
use harness_core::gpu;
use sysinfo::Disks;

use super::Failure;
use super::places::Places;
use crate::run::machine;

/// Options of `doctor`.
#[derive(Args)]
pub struct Arguments {
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

/// How a check came out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Health {
    Good,
    Note,
    Bad,
}

struct Finding {
    what: &'static str,
    health: Health,
    text: String,
}

/// Runs it.
pub fn run(arguments: &Arguments, places: &Places) -> Result<ExitCode, Failure> {
    let findings =
        [machine_finding(), memory(), disk(&places.reports), graphics(), cache(places), mirrors(places), store(places)];
    if arguments.json {
        let list: Vec<serde_json::Value> = findings
            .iter()
            .map(|finding| {
                serde_json::json!({"check": finding.what, "health": word(finding.health), "finding": finding.text})
            })
            .collect();
        writeln!(std::io::stdout(), "{}", serde_json::Value::Array(list))?;
    } else {
        let mut out = anstream::stdout();
        for finding in &findings {
            let style = match finding.health {
                Health::Good => AnsiColor::Green.on_default(),
                Health::Note => AnsiColor::Yellow.on_default(),
                Health::Bad => AnsiColor::Red.on_default().bold(),
            };
            writeln!(out, "{style}{:<4}{style:#}  {:<8} {}", word(finding.health), finding.what, finding.text)?;
        }
    }
    let bad = findings.iter().any(|finding| finding.health == Health::Bad);
    Ok(if bad { ExitCode::from(3) } else { ExitCode::SUCCESS })
}

fn word(health: Health) -> &'static str {
    match health {
        Health::Good => "ok",
        Health::Note => "note",
        Health::Bad => "bad",
    }
}

fn machine_finding() -> Finding {
    Finding { what: "machine", health: Health::Good, text: machine::describe() }
}

fn memory() -> Finding {
    let (total, free) = machine::memory_mb();
    let health = if free < 2048 { Health::Note } else { Health::Good };
    Finding {
        what: "memory",
        health,
        text: format!("{total} MiB, {free} MiB free; a quick trial takes up to about 1000"),
    }
}

fn disk(reports: &Path) -> Finding {
    let existing = reports.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("/"));
    let real = existing.canonicalize().unwrap_or_else(|_| existing.to_path_buf());
    let disks = Disks::new_with_refreshed_list().ok();
    let disk = disks
        .iter()
        .flat_map(|disks| disks.iter())
        .filter(|disk| real.starts_with(disk.mount_point()))
        .max_by_key(|disk| disk.mount_point().as_os_str().len());
    let writable = tempfile::tempfile_in(existing).is_ok();
    match disk {
        _ if !writable => Finding {
            what: "disk",
            health: Health::Bad,
            text: format!("{} cannot be written: choose another folder with --reports", existing.display()),
        },
        Some(disk) => {
            let free = disk.available_space() >> 20;
            let health = if free < 1024 { Health::Note } else { Health::Good };
            Finding { what: "disk", health, text: format!("{free} MiB free for {}", reports.display()) }
        }
        None => Finding { what: "disk", health: Health::Note, text: format!("unknown for {}", reports.display()) },
    }
}

/// GPUs with driver and memory, whether NVRTC compiles, and whether this build has CUDA at all.
fn graphics() -> Finding {
    let seen = Command::new("nvidia-smi")
        .args(["--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"])
        .output()
        .ok()
        .filter(|output| output.status.success())
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().replace('\n', "; "))
        .filter(|text| !text.is_empty());
    let (health, text) = if !cfg!(feature = "cuda-exact") {
        match seen {
            Some(gpus) => (Health::Note, format!("{gpus}; this build has no CUDA: add --features cuda")),
            None => (Health::Good, "none seen, none needed: this build computes on the CPU".into()),
        }
    } else {
        let kind =
            if cfg!(feature = "cuda") { "with fusion and autotune" } else { "exact, without fusion and autotune" };
        match (gpu::found(), gpu::compiler()) {
            (Ok(gpus), Ok(())) => {
                let named = || {
                    let names = gpus.iter().map(|gpu| format!("{}, {} MiB", gpu.name, gpu.memory_mib));
                    format!("{}, driver not known", names.collect::<Vec<_>>().join("; "))
                };
                let gpus = seen.unwrap_or_else(named);
                (Health::Good, format!("{gpus}; NVRTC compiles; CUDA in this build ({kind}); use --device cuda"))
            }
            (Ok(_), Err(error)) => {
                (Health::Bad, format!("{}; {error}", seen.unwrap_or_else(|| "a GPU is seen".into())))
            }
            (Err(error), _) if seen.is_some() => (Health::Bad, format!("{}; {error}", seen.unwrap_or_default())),
            (Err(error), _) => (Health::Note, format!("CUDA in this build ({kind}), but {error}")),
        }
    };
    Finding { what: "gpu", health, text }
}

fn cache(places: &Places) -> Finding {
    let fetcher = places.fetcher();
    let registry = Registry::builtin();
    let mut cached = 0;
    for set in registry.sets() {
        match fetcher.locate(&set.id) {
            Ok(found) => cached += usize::from(found.is_some()),
            Err(error) => return Finding { what: "cache", health: Health::Bad, text: error.to_string() },
        }
    }
    let text = format!("{cached} of {} data sets in {}", registry.sets().len(), places.fetch.cache.display());
    Finding { what: "cache", health: Health::Good, text }
}

fn mirrors(places: &Places) -> Finding {
    let mut missing = Vec::new();
    let mut names = Vec::new();
    for mirror in &places.fetch.mirrors {
        if let harness_core::data::Mirror::Dir(folder) = mirror
            && !folder.is_dir()
        {
            missing.push(folder.display().to_string());
        }
        names.push(mirror.to_string());
    }
    let offline = if places.fetch.offline { "; offline" } else { "" };
    let (health, text) = match (names.is_empty(), missing.is_empty()) {
        (true, _) => (Health::Good, format!("none: data comes from the registered URLs{offline}")),
        (false, true) => (Health::Good, format!("{}{offline}", names.join(", "))),
        (false, false) => (Health::Bad, format!("there is no folder {}", missing.join(", "))),
    };
    Finding { what: "mirror", health, text }
}

fn store(places: &Places) -> Finding {
    match places.store.contents() {
        Err(error) => Finding { what: "store", health: Health::Bad, text: error.to_string() },
        Ok(contents) => {
            let finished = contents.records.iter().filter(|record| record.finished()).count();
            let other = contents.records.len() - finished;
            let text =
                format!("{finished} finished trials, {other} failed or skipped, in {}", places.store.root().display());
            match contents.damaged.first() {
                None => Finding { what: "store", health: Health::Good, text },
                Some(first) => Finding {
                    what: "store",
                    health: Health::Bad,
                    text: format!("{text}; {} damaged, the first: {first}", contents.damaged.len()),
                },
            }
        }
    }
}
