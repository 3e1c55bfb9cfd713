//! The fetcher against servers, mirrors and caches that misbehave.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use harness_core::data::{DataError, FetchOptions, Fetcher, FileState, Form, Mirror, Registry};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

// ---------------------------------------------------------------- a server that does what a test tells it

#[derive(Debug, Clone)]
struct Request {
    path: String,
    headers: BTreeMap<String, String>,
}

enum Reply {
    /// These bytes, then the connection is closed.
    Raw(Vec<u8>),
    /// Nothing, until the test is over.
    Silence,
    /// These bytes, then one byte after each pause.
    Drip(Vec<u8>, Duration),
}

type Script = dyn Fn(usize, &Request) -> Reply + Send + Sync;

struct Server {
    address: String,
    requests: Arc<Mutex<Vec<Request>>>,
    over: Arc<AtomicBool>,
}

impl Server {
    /// Answers request number 0, 1, … as `script` says.
    fn start(script: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let over = Arc::new(AtomicBool::new(false));
        let script: Arc<Script> = Arc::new(script);
        let server = Self { address, requests: requests.clone(), over: over.clone() };
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(connection) = connection else { continue };
                let (requests, over, script) = (requests.clone(), over.clone(), script.clone());
                std::thread::spawn(move || answer(connection, &requests, &over, &*script));
            }
        });
        server
    }

    fn mirror(&self) -> Mirror {
        Mirror::parse(format!("http://{}/m", self.address).as_ref()).unwrap()
    }

    fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(&self.address);
    }
}

fn answer(mut connection: TcpStream, requests: &Mutex<Vec<Request>>, over: &AtomicBool, script: &Script) {
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    let mut line = String::new();
    if reader.read_line(&mut line).is_err() || line.is_empty() {
        return;
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let request = Request { path, headers };
    let number = {
        let mut requests = requests.lock().unwrap();
        requests.push(request.clone());
        requests.len() - 1
    };
    match script(number, &request) {
        Reply::Raw(bytes) => drop(connection.write_all(&bytes)),
        Reply::Silence => {
            while !over.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        Reply::Drip(bytes, pause) => {
            let _ = connection.write_all(&bytes);
            while !over.load(Ordering::SeqCst) && connection.write_all(b"x").is_ok() {
                std::thread::sleep(pause);
            }
        }
    }
}

fn response(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    let mut bytes = format!("HTTP/1.1 {status}\r\nConnection: close\r\n").into_bytes();
    for (name, value) in headers {
        bytes.extend(format!("{name}: {value}\r\n").bytes());
    }
    bytes.extend(b"\r\n");
    bytes.extend(body);
    Reply::Raw(bytes)
}

fn ok(body: &[u8]) -> Reply {
    response("200 OK", &[("Content-Length", &body.len().to_string())], body)
}

/// Announces all of `body`, sends the first `count` bytes.
fn cut(body: &[u8], count: usize) -> Reply {
    response("200 OK", &[("Content-Length", &body.len().to_string()), ("ETag", "\"v1\"")], &body[..count])
}

fn partial(body: &[u8], start: usize, etag: &str) -> Reply {
    let range = format!("bytes {start}-{}/{}", body.len() - 1, body.len());
    let length = (body.len() - start).to_string();
    let headers = [("Content-Range", range.as_str()), ("Content-Length", &length), ("ETag", etag)];
    response("206 Partial Content", &headers, &body[start..])
}

// ---------------------------------------------------------------- a registry of one file and a place to fetch it to

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

struct Bench {
    folder: TempDir,
    content: Vec<u8>,
    registry: String,
    options: FetchOptions,
    waits: Arc<Mutex<Vec<Duration>>>,
    warnings: Arc<Mutex<Vec<String>>>,
}

impl Bench {
    /// The set `set` with the file `x.bin` of some 200 kB, its digest registered.
    fn new() -> Self {
        let content: Vec<u8> = (0..200_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let digest = sha256(&content);
        Self::with("x.bin", content, &format!("sha256: {digest}"))
    }

    fn with(name: &str, content: Vec<u8>, fields: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let registry = format!(
            "version: 1\nsets:\n- id: set\n  title: t\n  license: l\n  citation: c\n  format: f\n  files:\n\
             \x20 - name: {name}\n    bytes: {}\n    {}\n",
            content.len(),
            fields.replace('\n', "\n    ")
        );
        let waits = Arc::new(Mutex::new(Vec::new()));
        let warnings = Arc::new(Mutex::new(Vec::new()));
        let (noted, warned) = (waits.clone(), warnings.clone());
        let options = FetchOptions {
            deadline: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(5),
            sleep: Arc::new(move |wait| noted.lock().unwrap().push(wait)),
            warn: Arc::new(move |message| warned.lock().unwrap().push(message.to_owned())),
            ..FetchOptions::new(folder.path().join("cache"))
        };
        Self { folder, content, registry, options, waits, warnings }
    }

    fn fetcher(&self) -> Fetcher {
        let registry = Registry::parse(&self.registry, "r.yaml").unwrap();
        Fetcher::with_registry(registry, self.options.clone())
    }

    fn from(mut self, mirrors: &[Mirror]) -> Self {
        self.options.mirrors = mirrors.to_vec();
        self
    }

    fn target(&self) -> PathBuf {
        self.options.cache.join("set/x.bin")
    }

    /// Fetches and checks that what arrived is the file.
    fn succeeds(&self) {
        let set = self.fetcher().fetch("set").unwrap();
        assert_eq!(set.read("x.bin").unwrap(), self.content);
        self.leaves_no_parts();
    }

    /// Fetches and checks that nothing arrived; returns the message.
    fn fails(&self) -> String {
        let error = self.fetcher().fetch("set").unwrap_err();
        assert!(error.is_environment());
        assert!(!self.target().exists());
        self.leaves_no_parts();
        error.to_string()
    }

    fn leaves_no_parts(&self) {
        for entry in std::fs::read_dir(self.options.cache.join("set")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(!name.ends_with(".part"), "{name} was left behind");
        }
    }

    /// A mirror folder that has `content` as the registered file.
    fn mirror_of(&self, content: &[u8]) -> (PathBuf, Mirror) {
        let mirror = self.folder.path().join("mirror");
        std::fs::create_dir_all(mirror.join("set")).unwrap();
        std::fs::write(mirror.join("set/x.bin"), content).unwrap();
        (mirror.join("set/x.bin"), Mirror::Dir(mirror))
    }
}

// ---------------------------------------------------------------- downloads

#[test]
fn a_good_download_arrives_and_is_not_repeated() {
    let bench = Bench::new();
    let body = bench.content.clone();
    let server = Server::start(move |_, _| ok(&body));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let mut bench = bench.from(&[server.mirror()]);
    let noted = seen.clone();
    bench.options.progress = Some(Arc::new(move |progress| {
        noted.lock().unwrap().push((progress.file.to_owned(), progress.done, progress.total));
    }));
    assert_eq!(bench.fetcher().locate("set").unwrap(), None);
    bench.succeeds();
    bench.succeeds();
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].path, "/m/set/x.bin");
    assert_eq!(requests[0].headers.get("accept-encoding").unwrap(), "identity");
    assert_eq!(seen.lock().unwrap().last().unwrap(), &("x.bin".to_owned(), 200_000, 200_000));

    let set = bench.fetcher().locate("set").unwrap().unwrap();
    assert_eq!(set.digest, sha256(sha256(&bench.content).as_bytes()));
    assert_eq!(set.path("x.bin").unwrap(), bench.target());
    assert_eq!(set.file("x.bin").unwrap().form, Form::AsRegistered);
}

#[test]
fn a_truncated_body_is_resumed() {
    let bench = Bench::new();
    let body = bench.content.clone();
    let server = Server::start(move |number, _| match number {
        0 => cut(&body, 70_000),
        _ => partial(&body, 70_000, "\"v1\""),
    });
    let bench = bench.from(&[server.mirror()]);
    bench.succeeds();
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[1].headers.get("range").unwrap(), "bytes=70000-");
    assert_eq!(requests[1].headers.get("if-range").unwrap(), "\"v1\"");
    assert_eq!(bench.waits.lock().unwrap().as_slice(), [Duration::from_millis(500)]);
}

#[test]
fn a_body_that_is_always_truncated_is_given_up() {
    let bench = Bench::new();
    let body = bench.content.clone();
    let server = Server::start(move |_, _| cut(&body, 1000));
    let mut bench = bench.from(&[server.mirror()]);
    bench.options.retries = 2;
    let text = bench.fails();
    assert!(text.contains("got 1000 of 200000 bytes"), "{text}");
    assert_eq!(server.requests().len(), 3);
    let waits = [Duration::from_millis(500), Duration::from_millis(1000)];
    assert_eq!(bench.waits.lock().unwrap().as_slice(), waits);
}

#[test]
fn a_chunked_body_cut_short_is_retried() {
    let bench = Bench::new();
    let body = bench.content.clone();
    let server = Server::start(move |number, _| {
        let mut chunk = b"2710\r\n".to_vec();
        chunk.extend(&body[..10_000]);
        match number {
            0 => response("200 OK", &[("Transfer-Encoding", "chunked")], &chunk),
            _ => ok(&body),
        }
    });
    let bench = bench.from(&[server.mirror()]);
    bench.succeeds();
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_body_without_length_cut_short_is_retried() {
    let bench = Bench::new();
    let body = bench.content.clone();
    let server = Server::start(move |number, _| match number {
        0 => response("200 OK", &[], &body[..100]),
        _ => ok(&body),
    });
    bench.from(&[server.mirror()]).succeeds();
}

#[test]
fn wrong_bytes_are_asked_for_once_more_and_refused() {
    let bench = Bench::new();
    let mut wrong = bench.content.clone();
    wrong[77] ^= 1;
    let digest = sha256(&wrong);
    let server = Server::start(move |_, _| ok(&wrong));
    let bench = bench.from(&[server.mirror()]);
    let text = bench.fails();
    assert!(text.contains(&format!("sha256 is {digest}, expected {}", sha256(&bench.content))), "{text}");
    assert!(text.contains(&format!("http://{}/m/set/x.bin", server.address)), "{text}");
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_complete_but_shorter_file_is_wrong_bytes() {
    let bench = Bench::new();
    let server = Server::start(|_, _| ok(b"short"));
    let text = bench.from(&[server.mirror()]).fails();
    assert!(text.contains("5 bytes, expected 200000; sha256 is"), "{text}");
}

#[test]
fn a_silent_server_is_left_for_the_next_mirror() {
    let bench = Bench::new();
    let body = bench.content.clone();
    let silent = Server::start(|_, _| Reply::Silence);
    let good = Server::start(move |_, _| ok(&body));
    let mut bench = bench.from(&[silent.mirror(), good.mirror()]);
    // Long enough for the good server on the busiest machine.
    bench.options.stall_timeout = Duration::from_millis(1500);
    bench.options.retries = 0;
    bench.succeeds();
    assert_eq!((silent.requests().len(), good.requests().len()), (1, 1));
}

#[test]
fn a_server_that_stalls_in_the_body_is_left() {
    let bench = Bench::new();
    let body = bench.content.clone();
    let server = Server::start(move |_, _| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        Reply::Drip([head.as_bytes(), &body[..500]].concat(), Duration::from_secs(3600))
    });
    let mut bench = bench.from(&[server.mirror()]);
    bench.options.stall_timeout = Duration::from_millis(1000);
    bench.options.retries = 0;
    let text = bench.fails();
    assert!(text.contains("got 501 of 200000 bytes: "), "{text}");
}

#[test]
fn a_drip_is_too_slow() {
    let bench = Bench::new();
    let server = Server::start(|_, _| {
        Reply::Drip(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n".to_vec(), Duration::from_millis(5))
    });
    let mut bench = bench.from(&[server.mirror()]);
    bench.options.throughput_window = Duration::from_millis(200);
    bench.options.min_throughput = 100_000;
    bench.options.retries = 0;
    let text = bench.fails();
    assert!(text.contains("slower than 100000 bytes per second"), "{text}");
}

#[test]
fn the_deadline_ends_everything() {
    let bench = Bench::new();
    let silent = Server::start(|_, _| Reply::Silence);
    let other = Server::start(|_, _| ok(b""));
    let mut bench = bench.from(&[silent.mirror(), other.mirror()]);
    bench.options.deadline = Duration::from_millis(300);
    let begin = Instant::now();
    let text = bench.fails();
    assert!(text.contains("the total time of 0.3 s for this data set is over"), "{text}");
    assert_eq!(other.requests().len(), 0);
    assert!(begin.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_range_that_starts_elsewhere_is_never_spliced() {
    let bench = Bench::new();
    let body = bench.content.clone();
    let server = Server::start(move |number, _| match number {
        0 => cut(&body, 70_000),
        1 => partial(&body, 60_000, "\"v1\""),
        _ => ok(&body),
    });
    let bench = bench.from(&[server.mirror()]);
    bench.succeeds();
    assert!(!server.requests()[2].headers.contains_key("range"));
}

#[test]
fn a_full_answer_to_a_range_replaces_the_partial_file() {
    let bench = Bench::new();
    let body = bench.content.clone();
    let server = Server::start(move |number, _| match number {
        0 => cut(&body, 70_000),
        _ => ok(&body),
    });
    let bench = bench.from(&[server.mirror()]);
    bench.succeeds();
    assert!(server.requests()[1].headers.contains_key("range"));
}

#[test]
fn an_unsatisfiable_range_starts_anew() {
    let bench = Bench::new();
    let body = bench.content.clone();
    let server = Server::start(move |number, _| match number {
        0 => cut(&body, 70_000),
        1 => response("416 Range Not Satisfiable", &[("Content-Length", "0")], b""),
        _ => ok(&body),
    });
    let bench = bench.from(&[server.mirror()]);
    bench.succeeds();
    assert!(!server.requests()[2].headers.contains_key("range"));
}

#[test]
fn a_file_that_changed_on_the_server_is_downloaded_anew() {
    let bench = Bench::new();
    let body = bench.content.clone();
    let server = Server::start(move |number, _| match number {
        0 => cut(&vec![1; 200_000], 70_000),
        1 => partial(&body, 70_000, "\"v2\""),
        _ => ok(&body),
    });
    bench.from(&[server.mirror()]).succeeds();
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn retry_after_is_honoured_within_its_cap() {
    let bench = Bench::new();
    let body = bench.content.clone();
    let server = Server::start(move |number, _| match number {
        0 => response("429 Too Many Requests", &[("Retry-After", "7"), ("Content-Length", "0")], b""),
        1 => response("503 Service Unavailable", &[("Retry-After", "86400"), ("Content-Length", "0")], b""),
        _ => ok(&body),
    });
    let mut bench = bench.from(&[server.mirror()]);
    bench.options.max_retry_after = Duration::from_secs(20);
    bench.succeeds();
    let waits = [Duration::from_secs(7), Duration::from_secs(20)];
    assert_eq!(bench.waits.lock().unwrap().as_slice(), waits);
}

#[test]
fn a_wait_beyond_the_deadline_is_not_begun() {
    let bench = Bench::new();
    let server = Server::start(|_, _| response("429 x", &[("Retry-After", "100"), ("Content-Length", "0")], b""));
    let bench = bench.from(&[server.mirror()]);
    let text = bench.fails();
    assert!(text.contains("the total time of 60 s"), "{text}");
    assert_eq!(bench.waits.lock().unwrap().len(), 0);
}

#[test]
fn a_web_page_in_place_of_the_file_is_named() {
    let bench = Bench::new();
    let page = b"<!DOCTYPE html><html><title>Quota exceeded</title></html>";
    let server = Server::start(move |_, _| ok(page));
    let text = bench.from(&[server.mirror()]).fails();
    assert!(text.contains("57 bytes, expected 200000; sha256 is"), "{text}");
    assert!(text.contains("it looks like an HTML page"), "{text}");
}

#[test]
fn a_body_longer_than_registered_is_stopped() {
    let bench = Bench::new();
    let server = Server::start(|_, _| {
        let mut bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n".to_vec();
        bytes.extend(vec![0; 300_000]);
        // The rest would never end; the client has to hang up.
        Reply::Drip(bytes, Duration::ZERO)
    });
    let text = bench.from(&[server.mirror()]).fails();
    assert!(text.contains("sends more than the registered 200000 bytes"), "{text}");
}

#[test]
fn a_content_encoding_does_not_change_the_bytes() {
    let content = gzip(b"some text");
    let digest = sha256(&content);
    let bench = Bench::with("x.bin", content, &format!("sha256: {digest}"));
    let body = bench.content.clone();
    let server = Server::start(move |_, _| {
        response("200 OK", &[("Content-Encoding", "gzip"), ("Content-Length", &body.len().to_string())], &body)
    });
    bench.from(&[server.mirror()]).succeeds();
}

#[test]
fn redirects_are_followed_on_this_machine() {
    let bench = Bench::new();
    let body = bench.content.clone();
    let other = Server::start(move |_, _| ok(&body));
    let there = format!("http://{}/elsewhere", other.address);
    let server = Server::start(move |number, _| match number {
        0 => response("302 Found", &[("Location", "/m/next"), ("Content-Length", "0")], b""),
        _ => response("307 Temporary Redirect", &[("Location", &there), ("Content-Length", "0")], b""),
    });
    bench.from(&[server.mirror()]).succeeds();
    assert_eq!(server.requests()[1].path, "/m/next");
    assert_eq!(other.requests()[0].path, "/elsewhere");
}

#[test]
fn unsafe_redirects_are_refused() {
    for (location, expected) in [
        ("http://example.invalid/x", "redirect to \"http://example.invalid/x\" refused: only https"),
        ("file:///etc/passwd", "redirect to \"file:///etc/passwd\" refused: only https"),
        ("/m/set/x.bin", "more than 10 redirects"),
    ] {
        let bench = Bench::new();
        let server =
            Server::start(move |_, _| response("302 Found", &[("Location", location), ("Content-Length", "0")], b""));
        let text = bench.from(&[server.mirror()]).fails();
        assert!(text.contains(expected), "{text}");
        assert!(server.requests().len() <= 11);
    }
}

#[test]
fn when_all_sources_fail_each_is_named_with_its_reason() {
    let digest = sha256(b"abc");
    // Port 1 of this machine: nobody listens there.
    let fields = format!("sha256: {digest}\nurl: https://127.0.0.1:1/x.bin");
    let bench = Bench::with("x.bin", b"abc".to_vec(), &fields);
    let server = Server::start(|_, _| response("404 Not Found", &[("Content-Length", "0")], b""));
    let dir = Mirror::Dir(bench.folder.path().join("no such folder"));
    let mut bench = bench.from(&[dir, server.mirror()]);
    bench.options.retries = 0;
    let text = bench.fails();
    let cache = bench.target();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 6, "{text}");
    assert_eq!(lines[0], "no source serves `x.bin` of data set `set`:");
    assert_eq!(lines[1], format!("  cache {}: not there", cache.display()));
    assert!(lines[2].ends_with("no such folder/set/x.bin: not there"), "{text}");
    assert_eq!(lines[3], format!("  http://{}/m/set/x.bin: HTTP status 404", server.address));
    assert!(lines[4].starts_with("  https://127.0.0.1:1/x.bin: "), "{text}");
    assert_eq!(
        lines[5],
        format!(
            "put the file by hand at {} (3 bytes, sha256 {digest}), or name a folder or URL that has it in HARNESS_MIRROR",
            cache.display()
        )
    );
    // As it says: the file put there by hand is accepted, without any request.
    let asked = server.requests().len();
    std::fs::write(&cache, b"abc").unwrap();
    bench.succeeds();
    assert_eq!(server.requests().len(), asked);
}

#[test]
fn offline_opens_no_socket() {
    let bench = Bench::new();
    let server = Server::start(|_, _| ok(b""));
    let mut bench = bench.from(&[server.mirror()]);
    bench.options.offline = true;
    let text = bench.fails();
    assert!(text.contains("/m/set/x.bin: not asked: offline"), "{text}");
    assert!(text.contains("registered URL: none"), "{text}");
    assert_eq!(server.requests().len(), 0);

    let (_, dir) = bench.mirror_of(&bench.content);
    bench.options.mirrors.push(dir);
    bench.succeeds();
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn an_unknown_set_is_a_request_error() {
    let error = Bench::new().fetcher().fetch("sett").unwrap_err();
    assert_eq!(error.to_string(), "unknown data set `sett`, did you mean `set`?");
    assert!(!error.is_environment());
}

// ---------------------------------------------------------------- mirror folders

#[test]
fn a_mirror_folder_is_copied() {
    let bench = Bench::new();
    let (_, mirror) = bench.mirror_of(&bench.content);
    bench.from(&[mirror]).succeeds();
}

#[test]
fn a_damaged_mirror_is_named_and_the_cache_left_alone() {
    let bench = Bench::new();
    let mut flipped = bench.content.clone();
    flipped[123_456] ^= 0x10;
    let short = bench.content[..100_000].to_vec();
    let long = [bench.content.clone(), vec![0; 5]].concat();
    let mut bench = bench;
    for (content, expected) in [
        (&flipped, format!("sha256 is {}, expected {}", sha256(&flipped), sha256(&bench.content))),
        (&short, format!("100000 bytes, expected 200000; sha256 is {}, expected", sha256(&short))),
        (&long, "has more than the registered 200000 bytes".to_owned()),
    ] {
        let (path, mirror) = bench.mirror_of(content);
        bench.options.mirrors = vec![mirror];
        let text = bench.fails();
        assert!(text.contains(&format!("{}: {expected}", path.display())), "{text}");
    }
}

#[test]
fn a_mirror_may_hold_the_decompressed_content() {
    let content = b"line one\nline two\n".to_vec();
    let packed = gzip(&content);
    let fields =
        format!("sha256: {}\ncontent_bytes: {}\ncontent_sha256: {}", sha256(&packed), content.len(), sha256(&content));
    let bench = Bench::with("x.txt.gz", packed.clone(), &fields);
    let mirror = bench.folder.path().join("mirror");
    std::fs::create_dir_all(mirror.join("set")).unwrap();
    std::fs::write(mirror.join("set/x.txt"), &content).unwrap();
    let bench = bench.from(&[Mirror::Dir(mirror.clone())]);

    let set = bench.fetcher().fetch("set").unwrap();
    let file = set.file("x.txt.gz").unwrap();
    assert_eq!((file.form, file.path.clone()), (Form::Content, bench.options.cache.join("set/x.txt")));
    assert_eq!(set.read("x.txt.gz").unwrap(), content);
    // The digest of the set is that of the registered file, whichever form is cached.
    assert_eq!(set.digest, sha256(sha256(&packed).as_bytes()));

    std::fs::remove_dir_all(&bench.options.cache).unwrap();
    std::fs::write(mirror.join("set/x.txt.gz"), &packed).unwrap();
    let other = bench.fetcher().fetch("set").unwrap();
    assert_eq!(other.file("x.txt.gz").unwrap().form, Form::AsRegistered);
    assert_eq!(other.read("x.txt.gz").unwrap(), content);
    assert_eq!(other.digest, set.digest);
}

// ---------------------------------------------------------------- the cache

#[test]
fn a_damaged_cached_file_is_replaced() {
    let bench = Bench::new();
    let (_, mirror) = bench.mirror_of(&bench.content);
    let bench = bench.from(&[mirror]);
    bench.succeeds();
    // Another size: noticed without hashing everything.
    std::fs::write(bench.target(), b"damaged").unwrap();
    let states = bench.fetcher().status("set").unwrap();
    assert_eq!(states[0].state, FileState::Unverified(Form::AsRegistered));
    assert_eq!(bench.fetcher().locate("set").unwrap(), None);
    bench.succeeds();
}

#[test]
fn a_changed_time_alone_means_hashing_again() {
    let bench = Bench::new();
    let (_, mirror) = bench.mirror_of(&bench.content);
    let bench = bench.from(&[mirror]);
    bench.succeeds();
    let mut flipped = bench.content.clone();
    flipped[5] ^= 1;
    std::fs::write(bench.target(), &flipped).unwrap();
    let later = std::time::SystemTime::now() + Duration::from_secs(5);
    std::fs::File::options().write(true).open(bench.target()).unwrap().set_modified(later).unwrap();
    assert_eq!(bench.fetcher().locate("set").unwrap(), None);
}

#[test]
fn verify_finds_a_flip_that_kept_size_and_time() {
    let bench = Bench::new();
    let (_, mirror) = bench.mirror_of(&bench.content);
    let bench = bench.from(&[mirror]);
    bench.succeeds();
    let states = bench.fetcher().verify("set").unwrap();
    assert_eq!(states[0].state, FileState::Verified(Form::AsRegistered));

    let modified = std::fs::metadata(bench.target()).unwrap().modified().unwrap();
    let mut flipped = bench.content.clone();
    flipped[5] ^= 1;
    std::fs::write(bench.target(), &flipped).unwrap();
    std::fs::File::options().write(true).open(bench.target()).unwrap().set_modified(modified).unwrap();
    let states = bench.fetcher().verify("set").unwrap();
    let (expected, found) = (sha256(&bench.content), sha256(&flipped));
    assert_eq!(states[0].state, FileState::Corrupt { expected, found });
}

#[test]
fn a_torn_verification_record_is_ignored() {
    let bench = Bench::new();
    let (_, mirror) = bench.mirror_of(&bench.content);
    let bench = bench.from(&[mirror]);
    bench.succeeds();
    let record = bench.options.cache.join("set/x.bin.ok");
    let text = std::fs::read(&record).unwrap();
    for torn in [&b""[..], &text[..text.len() / 2], &[0; 64]] {
        std::fs::write(&record, torn).unwrap();
        bench.succeeds();
        assert_eq!(std::fs::read(&record).unwrap(), text);
    }
}

#[test]
fn a_damaged_cache_without_sources_is_named() {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.options.cache.join("set")).unwrap();
    std::fs::write(bench.target(), b"damaged").unwrap();
    let error = bench.fetcher().fetch("set").unwrap_err().to_string();
    let expected = format!("cache {}: sha256 is {}, expected", bench.target().display(), sha256(b"damaged"));
    assert!(error.contains(&expected), "{error}");
    assert_eq!(std::fs::read(bench.target()).unwrap(), b"damaged");
}

#[test]
fn a_cache_path_that_is_a_file_is_explained() {
    let mut bench = Bench::new();
    let path = bench.folder.path().join("cache file");
    std::fs::write(&path, b"").unwrap();
    bench.options.cache = path.clone();
    let error = bench.fetcher().fetch("set").unwrap_err();
    assert!(matches!(error, DataError::Io { .. }) && error.is_environment());
    let text = error.to_string();
    assert!(text.contains(&path.display().to_string()), "{text}");
    assert!(text.contains("HARNESS_DATA"), "{text}");
}

#[test]
fn paths_may_hold_blanks_and_any_script() {
    let mut bench = Bench::new();
    bench.options.cache = bench.folder.path().join("a b/ü 数据\n#%");
    let (_, mirror) = bench.mirror_of(&bench.content);
    bench.from(&[mirror]).succeeds();
}

#[test]
fn a_file_without_digest_is_trusted_once_and_then_bound() {
    let bench = Bench::with("x.bin", b"first".to_vec(), "");
    let (path, mirror) = bench.mirror_of(b"first");
    let bench = bench.from(&[mirror]);
    bench.succeeds();
    bench.succeeds();
    let warnings = bench.warnings.lock().unwrap().clone();
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains(&sha256(b"first")), "{warnings:?}");
    let record = std::fs::read_to_string(bench.options.cache.join("set/x.bin.sha256")).unwrap();
    assert_eq!(record, format!("{}  x.bin\n", sha256(b"first")));

    // Gone from the cache and changed at the source: the record still binds.
    std::fs::remove_file(bench.target()).unwrap();
    std::fs::write(&path, b"FIRST").unwrap();
    let text = bench.fails();
    assert!(text.contains(&format!("expected {}", sha256(b"first"))), "{text}");
}

#[test]
fn a_broken_record_of_trust_is_an_error() {
    let bench = Bench::with("x.bin", b"first".to_vec(), "");
    std::fs::create_dir_all(bench.options.cache.join("set")).unwrap();
    std::fs::write(bench.options.cache.join("set/x.bin.sha256"), "zz\n").unwrap();
    let text = bench.fetcher().fetch("set").unwrap_err().to_string();
    assert!(text.contains("x.bin.sha256:1: expected 64 hexadecimal digits"), "{text}");
}

// ---------------------------------------------------------------- many at once

#[test]
fn threads_share_one_download() {
    let bench = Bench::new();
    let body = bench.content.clone();
    let server = Server::start(move |_, _| {
        std::thread::sleep(Duration::from_millis(100));
        ok(&body)
    });
    let bench = bench.from(&[server.mirror()]);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| bench.succeeds());
        }
    });
    assert_eq!(server.requests().len(), 1);
}

/// What each of the processes below runs; does nothing in an ordinary run of the tests.
#[test]
fn child_process_fetches() {
    let Ok(cache) = std::env::var("DATA_FETCH_TEST_CACHE") else { return };
    let mut bench = Bench::new();
    bench.options.cache = cache.into();
    let mirror = std::env::var("DATA_FETCH_TEST_MIRROR").unwrap();
    bench.options.mirrors = vec![Mirror::parse(mirror.as_ref()).unwrap()];
    let set = bench.fetcher().fetch("set").unwrap();
    assert_eq!(set.read("x.bin").unwrap(), bench.content);
}

#[test]
fn processes_share_one_download() {
    let bench = Bench::new();
    let body = bench.content.clone();
    let server = Server::start(move |_, _| {
        std::thread::sleep(Duration::from_millis(200));
        ok(&body)
    });
    let children: Vec<_> = (0..6)
        .map(|_| {
            std::process::Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "child_process_fetches"])
                .env("DATA_FETCH_TEST_CACHE", &bench.options.cache)
                .env("DATA_FETCH_TEST_MIRROR", format!("http://{}/m", server.address))
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(server.requests().len(), 1);
    bench.leaves_no_parts();
}

#[test]
fn a_set_reads_only_what_is_registered() {
    let content = b"content".to_vec();
    let packed = gzip(&content);
    let fields = format!("sha256: {}\ncontent_bytes: 3\ncontent_sha256: {}", sha256(&packed), sha256(&content));
    let bench = Bench::with("x.bin.gz", packed.clone(), &fields);
    let mirror = bench.folder.path().join("mirror");
    std::fs::create_dir_all(mirror.join("set")).unwrap();
    std::fs::write(mirror.join("set/x.bin.gz"), &packed).unwrap();
    let bench = bench.from(&[Mirror::Dir(mirror)]);
    let set = bench.fetcher().fetch("set").unwrap();
    let text = set.read("x.bin.gz").unwrap_err().to_string();
    assert!(text.contains("at byte 3: expected the content to end after 3 bytes"), "{text}");
    let mut all = Vec::new();
    set.open("x.bin.gz").unwrap().read_to_end(&mut all).unwrap();
    assert_eq!(all, content);
    assert!(set.read("y").is_err());
    assert!(Path::new(&set.dir).ends_with("cache/set"));
}
