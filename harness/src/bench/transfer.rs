//! Measuring how fast data arrives in the cache, digest included.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::time::Instant;

use harness_core::data::{FetchOptions, Fetcher, Mirror, Registry};
use harness_core::trial::hex;
use harness_core::{Error, Result, rng};
use rand::Rng;
use sha2::{Digest, Sha256};

use super::measured::Measured;
use super::repeated;

const BYTES: usize = 64 << 20;
const SET: &str = "made-up";
const FILE: &str = "numbers.bin";

/// Fetches a file from a mirror folder, and from a server on this machine.
///
/// # Errors
/// Where folder or server cannot be made, or a transfer fails.
pub fn measure(seconds: f64) -> Result<Vec<Measured>> {
    let refused = |error: std::io::Error| Error::Environment(format!("no folder or port for a transfer: {error}"));
    let mut content = vec![0; BYTES];
    rng::stream("bench", "transfer", 0).fill_bytes(&mut content);
    let registry = Registry::parse(&registry(&content), "made-up registry")?;
    let mirror = tempfile::tempdir().map_err(refused)?;
    std::fs::create_dir(mirror.path().join(SET)).map_err(refused)?;
    std::fs::write(mirror.path().join(SET).join(FILE), &content).map_err(refused)?;
    let listener = TcpListener::bind("127.0.0.1:0").map_err(refused)?;
    let address = format!("http://{}/", listener.local_addr().map_err(refused)?);
    std::thread::spawn(move || serve(&listener, &content));
    let cases = [
        ("copy", "64 MiB from a mirror folder into the cache, digest checked", mirror.path().as_os_str().to_owned()),
        ("download", "64 MiB from a server on this machine into the cache, digest checked", address.into()),
    ];
    cases
        .into_iter()
        .map(|(name, about, place)| {
            let times = repeated(seconds, 2, || {
                let cache = tempfile::tempdir().map_err(refused)?;
                fetch(cache.path(), &registry, Mirror::parse(&place)?)
            })?;
            Ok(Measured { bytes: Some(BYTES as f64), ..Measured::new(name, about, &times) })
        })
        .collect()
}

fn fetch(cache: &Path, registry: &Registry, mirror: Mirror) -> Result<f64> {
    let options = FetchOptions { mirrors: vec![mirror], retries: 0, ..FetchOptions::new(cache) };
    let fetcher = Fetcher::with_registry(registry.clone(), options);
    let start = Instant::now();
    fetcher.fetch(SET)?;
    Ok(start.elapsed().as_secs_f64())
}

fn registry(content: &[u8]) -> String {
    format!(
        "version: 1\nsets:\n- id: {SET}\n  title: Random bytes\n  license: none\n  citation: none\n  format: bytes\n  files:\n  - name: {FILE}\n    bytes: {}\n    sha256: {}\n",
        content.len(),
        hex(&Sha256::digest(content))
    )
}

/// Answers every request with the content, until the process ends.
fn serve(listener: &TcpListener, content: &[u8]) {
    for connection in listener.incoming() {
        let Ok(mut connection) = connection else { continue };
        let Ok(reading) = connection.try_clone() else { continue };
        let head = BufReader::new(reading).lines().map_while(std::result::Result::ok);
        if head.take_while(|line| !line.is_empty()).count() == 0 {
            continue;
        }
        let answer = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", content.len());
        // A client that went away is seen by the measurement.
        let _ = connection.write_all(answer.as_bytes()).and_then(|()| connection.write_all(content));
    }
}
