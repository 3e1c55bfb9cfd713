//! One download over HTTP into a [`Part`]: limits, redirects, resume, and what to do after a failure.

use std::io::Read as _;
use std::time::{Duration, Instant};

use ureq::http::{HeaderMap, Response, header};
use url::{Host, Url};

use super::DataError;
use super::atomic::Part;
use super::digest::{CHUNK, read_some};
use super::options::{FetchOptions, Mirror};

const MAX_REDIRECTS: u32 = 10;

/// Why a try failed, which decides what happens next.
pub(super) enum Failure {
    /// Ask the same source again, after this wait if the server named one.
    Retry { reason: String, wait: Option<Duration> },
    /// The source serves something else than the registered file.
    WrongBytes(String),
    /// Go on to the next source.
    Source(String),
    /// No time is left for any source.
    Deadline,
    /// Nothing that another source could heal: the disk, most likely.
    Fatal(DataError),
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        Self::Fatal(error)
    }
}

/// What to download, and what it has to be.
pub(super) struct Download<'a> {
    pub(super) url: &'a Url,
    pub(super) bytes: u64,
    /// Digest of what the URL serves. Redirects to other hosts are followed only if there is one.
    pub(super) sha256: Option<&'a str>,
    pub(super) options: &'a FetchOptions,
    pub(super) deadline: Instant,
    pub(super) progress: &'a dyn Fn(u64),
}

/// A resumable download of one URL. The partial file never outlives the process, so that no other process can meet it.
pub(super) struct Transfer {
    part: Part,
    /// Version of the file that the partial bytes belong to.
    etag: Option<String>,
}

impl Transfer {
    pub(super) fn new(part: Part) -> Self {
        Self { part, etag: None }
    }

    pub(super) fn into_part(self) -> Part {
        self.part
    }

    fn restart(&mut self) -> Result<(), DataError> {
        self.etag = None;
        self.part.reset()
    }

    /// One request, continued where the last one stopped. `Ok` means that the bytes are complete and have the digest.
    pub(super) fn attempt(&mut self, download: &Download<'_>) -> Result<(), Failure> {
        let response = self.request(download)?;
        let status = response.status().as_u16();
        let headers = response.headers();
        let etag = text(headers, header::ETAG).filter(|etag| !etag.starts_with("W/"));
        match status {
            200 => {
                // The server ignored the range, or there was none.
                self.restart()?;
            }
            206 => {
                let start = text(headers, header::CONTENT_RANGE).and_then(range_start);
                let same = self.etag.is_none() || self.etag.as_deref() == etag;
                if start != Some(self.part.length()) || !same {
                    let expected = self.part.length();
                    self.restart()?;
                    let reason = if same {
                        format!("asked for the bytes from {expected} on, the server sent others")
                    } else {
                        "the file changed on the server during the download".to_owned()
                    };
                    return Err(Failure::Retry { reason, wait: None });
                }
            }
            416 if self.part.length() > 0 => {
                self.restart()?;
                return Err(Failure::Retry {
                    reason: "HTTP status 416: the server cannot continue the download".to_owned(),
                    wait: None,
                });
            }
            408 | 429 | 500 | 502 | 503 | 504 => {
                let seconds = text(headers, header::RETRY_AFTER).and_then(|s| s.trim().parse().ok());
                return Err(Failure::Retry {
                    reason: format!("HTTP status {status}"),
                    wait: seconds.map(Duration::from_secs),
                });
            }
            _ => return Err(Failure::Source(format!("HTTP status {status}"))),
        }
        self.etag = etag.map(str::to_owned);
        self.receive(response, download)?;
        self.check(download)
    }

    /// Sends the request and follows redirects, by hand because each hop is checked.
    fn request(&self, download: &Download<'_>) -> Result<Response<ureq::Body>, Failure> {
        let mut url = download.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send(&url, download)?;
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(response);
            }
            let Some(location) = text(response.headers(), header::LOCATION) else {
                return Err(Failure::Source("redirect without a location".to_owned()));
            };
            let mirrors = &download.options.mirrors;
            url = redirect(&url, location, mirrors, download.sha256.is_some()).map_err(Failure::Source)?;
        }
        Err(Failure::Source(format!("more than {MAX_REDIRECTS} redirects")))
    }

    fn send(&self, url: &Url, download: &Download<'_>) -> Result<Response<ureq::Body>, Failure> {
        let options = download.options;
        let left = download.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Failure::Deadline);
        }
        let mut config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("harness/", env!("CARGO_PKG_VERSION")))
            // The digest is that of the published bytes, so none may be packed on the way.
            .accept_encoding("identity")
            .timeout_global(Some(left))
            .timeout_connect(Some(options.connect_timeout))
            .timeout_recv_response(Some(options.stall_timeout))
            .timeout_per_read(Some(options.stall_timeout))
            .timeout_per_write(Some(options.stall_timeout));
        if is_loopback(url) {
            config = config.proxy(None);
        }
        let agent = config.build().new_agent();
        let mut request = agent.get(url.as_str());
        if self.part.length() > 0 {
            request = request.header(header::RANGE, format!("bytes={}-", self.part.length()));
            if let Some(etag) = &self.etag {
                request = request.header(header::IF_RANGE, etag);
            }
        }
        request.call().map_err(|error| match error {
            ureq::Error::Timeout(ureq::Timeout::Global) => Failure::Deadline,
            ureq::Error::Timeout(_) => Failure::Retry { reason: "the server does not answer".to_owned(), wait: None },
            error => Failure::Retry { reason: error.to_string(), wait: None },
        })
    }

    /// Reads the body, at most one byte past the registered size.
    fn receive(&mut self, response: Response<ureq::Body>, download: &Download<'_>) -> Result<(), Failure> {
        let options = download.options;
        let announced = text(response.headers(), header::CONTENT_LENGTH)
            .and_then(|length| length.trim().parse::<u64>().ok())
            .map(|length| length.saturating_add(self.part.length()));
        let room = download.bytes.saturating_add(1).saturating_sub(self.part.length());
        let mut body = response.into_body().into_reader().take(room);
        let mut buffer = vec![0_u8; CHUNK];
        let mut window = (Instant::now(), 0_u64);
        loop {
            let retry = |reason| Err(Failure::Retry { reason, wait: None });
            match read_some(&mut body, &mut buffer) {
                Ok([]) => {
                    let (got, wanted) = (self.part.length(), download.bytes);
                    // A server that announced fewer bytes and sent them all has another file; any other short body was
                    // cut off.
                    let cut = got < wanted && announced.is_none_or(|announced| got < announced);
                    if cut && !self.part.looks_like_html() {
                        return retry(format!("connection closed, got {got} of {wanted} bytes"));
                    }
                    return Ok(());
                }
                Ok(bytes) => {
                    self.part.append(bytes)?;
                    window.1 += bytes.len() as u64;
                    (download.progress)(self.part.length().min(download.bytes));
                }
                Err(error) => {
                    if Instant::now() >= download.deadline {
                        return Err(Failure::Deadline);
                    }
                    let (got, wanted) = (self.part.length(), download.bytes);
                    return retry(format!("got {got} of {wanted} bytes: {error}"));
                }
            }
            if Instant::now() >= download.deadline {
                return Err(Failure::Deadline);
            }
            let elapsed = window.0.elapsed();
            if elapsed >= options.throughput_window {
                let wanted = options.min_throughput as f64 * elapsed.as_secs_f64();
                if (window.1 as f64) < wanted {
                    return retry(format!("slower than {} bytes per second", options.min_throughput));
                }
                window = (Instant::now(), 0);
            }
        }
    }

    /// Compares what arrived with the registry. Wrong bytes are forgotten.
    fn check(&mut self, download: &Download<'_>) -> Result<(), Failure> {
        let length = self.part.length();
        let html = if self.part.looks_like_html() { "; it looks like an HTML page" } else { "" };
        let fault = if length > download.bytes {
            format!("sends more than the registered {} bytes{html}", download.bytes)
        } else {
            match mismatch(&self.part, download.bytes, download.sha256) {
                None => return Ok(()),
                Some(fault) => format!("{fault}{html}"),
            }
        };
        self.restart()?;
        Err(Failure::WrongBytes(fault))
    }
}

/// How a complete part differs from the registered size and digest, if it does.
pub(super) fn mismatch(part: &Part, bytes: u64, sha256: Option<&str>) -> Option<String> {
    let found = part.sha256();
    let same_digest = sha256.is_none_or(|expected| expected == found);
    if part.length() == bytes && same_digest {
        return None;
    }
    let mut fault = String::new();
    if part.length() != bytes {
        fault = format!("{} bytes, expected {bytes}; ", part.length());
    }
    fault.push_str(&match sha256 {
        Some(expected) => format!("sha256 is {found}, expected {expected}"),
        None => format!("sha256 is {found}"),
    });
    Some(fault)
}

/// Where a redirect leads, if it may be followed: never from `https` to `http`, to other schemes never, and to plain
/// `http` only on this machine or on a host that the user named as a mirror.
fn redirect(from: &Url, location: &str, mirrors: &[Mirror], pinned: bool) -> Result<Url, String> {
    let refuse = |reason: &str| Err(format!("redirect to {location:?} refused: {reason}"));
    let Ok(to) = from.join(location) else {
        return refuse("no valid address");
    };
    let named = || {
        mirrors
            .iter()
            .any(|mirror| matches!(mirror, Mirror::Url(url) if url.scheme() == "http" && url.host() == to.host()))
    };
    match to.scheme() {
        "https" => {}
        "http" if from.scheme() == "https" => return refuse("it leaves https"),
        "http" if is_loopback(&to) || named() => {}
        "http" => return refuse("only https is allowed there"),
        _ => return refuse("only https is allowed"),
    }
    if !pinned && to.host() != from.host() {
        return refuse("another host, and the registry has no digest to check the bytes with");
    }
    Ok(to)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// First byte of `bytes 100-199/200`.
fn range_start(text: &str) -> Option<u64> {
    text.trim().strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    fn follow(from: &str, location: &str, pinned: bool) -> Result<String, String> {
        let mirrors = [Mirror::parse(OsStr::new("http://cluster:8080/x")).unwrap()];
        redirect(&Url::parse(from).unwrap(), location, &mirrors, pinned).map(String::from)
    }

    #[test]
    fn redirects_stay_on_https() {
        assert_eq!(follow("https://a/x/y", "../z", true).unwrap(), "https://a/z");
        assert_eq!(follow("https://a/x", "//b/z", true).unwrap(), "https://b/z");
        assert_eq!(follow("http://cluster:8080/x", "https://b/", true).unwrap(), "https://b/");
        assert_eq!(follow("http://127.0.0.1:1/x", "http://127.0.0.1:2/", true).unwrap(), "http://127.0.0.1:2/");
        assert_eq!(follow("http://127.0.0.1:1/x", "http://cluster:8080/z", true).unwrap(), "http://cluster:8080/z");
        for (from, to, reason) in [
            ("https://a/x", "http://a/x", "leaves https"),
            ("https://a/x", "http://localhost/x", "leaves https"),
            ("https://a/x", "file:///etc/passwd", "only https"),
            ("https://a/x", "ftp://a/x", "only https"),
            ("https://a/x", "data:text/html,x", "only https"),
            ("http://127.0.0.1:1/x", "http://a/x", "only https"),
            ("http://127.0.0.1:1/x", "file:///etc/passwd", "only https"),
            ("https://a/x", "https://", "no valid address"),
        ] {
            let error = follow(from, to, true).unwrap_err();
            assert!(error.contains(reason), "{from} -> {to}: {error}");
        }
    }

    #[test]
    fn without_a_digest_redirects_stay_on_the_host() {
        assert!(follow("https://a/x", "https://a/y", false).is_ok());
        let error = follow("https://a/x", "https://b/y", false).unwrap_err();
        assert!(error.contains("no digest"), "{error}");
    }

    #[test]
    fn content_ranges() {
        assert_eq!(range_start("bytes 100-199/200"), Some(100));
        for wrong in ["bytes */200", "items 1-2/3", "bytes -5", ""] {
            assert_eq!(range_start(wrong), None, "{wrong:?}");
        }
    }
}
