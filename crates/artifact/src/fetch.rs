//! One binary from one URL, from a server that is believed in nothing.
//!
//! ureq speaks HTTP and TLS; redirects are followed here, since each is held against rules of ours. Nothing secret is sent: no
//! credentials, no cookies. What is shown of a URL has no query, which may be a signature or a token.

use std::error::Error as _;
use std::io::{ErrorKind, Read as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ureq::http::{Response, StatusCode, header};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body};
use url::Url;

use crate::fetch_error::{Refusal, plain_text};
use crate::{ArtifactError, FetchError, MAX_UNIT_SIZE, Progress, Sources};

/// The most redirects of one unit.
pub(crate) const MAX_REDIRECTS: usize = 5;
/// Read at a time.
const CHUNK: usize = 64 << 10;
/// What is set aside for a body before any of it came, whatever its length is said to be.
const MAX_RESERVED: u64 = 1 << 20;
/// The most bytes of a file of certificates: many times of what systems ship.
const MAX_CERTIFICATES: u64 = 16 << 20;

/// Reads a URL of the manifest.
///
/// # Errors
/// It is none that units are fetched from.
pub(crate) fn parse(text: &str) -> Result<Url, ArtifactError> {
    let url = Url::parse(text).map_err(|error| ArtifactError::Url { message: error.to_string() })?;
    match refusal(&url) {
        None => Ok(url),
        Some(refusal) => Err(ArtifactError::Url { message: refusal.to_string() }),
    }
}

/// Why nothing is fetched from such a URL.
fn refusal(url: &Url) -> Option<Refusal> {
    if !matches!(url.scheme(), "http" | "https") {
        return Some(Refusal::Scheme { scheme: url.scheme().to_owned() });
    }
    (!url.username().is_empty() || url.password().is_some()).then_some(Refusal::Credentials)
}

/// A URL for people: without its fragment, and with `?…` for a query.
fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_fragment(None);
    // An error only for URLs without a host, which have neither.
    let _ = shown.set_username("").and_then(|()| shown.set_password(None));
    shown.set_query(None);
    format!("{shown}{}", if url.query().is_some() { "?…" } else { "" })
}

/// What a unit of this URL is called in errors.
pub(crate) fn origin(url: &Url) -> String {
    format!("`{}`", shown(url))
}

/// Fetches a binary; with it comes what it is called in errors.
pub(crate) fn fetch(mut url: Url, sources: &Sources) -> Result<(String, Bytes), ArtifactError> {
    url.set_fragment(None);
    let asked = shown(&url);
    let mut origin = origin(&url);
    let fail = |origin: &str, error| ArtifactError::Fetch { origin: origin.to_owned(), error };
    let agent = agent(sources).map_err(|error| fail(&origin, error))?;
    let start = Instant::now();
    let mut visited = Vec::new();
    loop {
        let response = ask(&agent, &url, start, sources).map_err(|error| fail(&origin, error))?;
        let Some(next) = redirect(&url, &response).map_err(|error| fail(&origin, error))? else {
            let binary = body(response, &origin, &asked, sources)?;
            return Ok((origin, binary));
        };
        visited.push(url);
        let to = shown(&next);
        if visited.contains(&next) {
            return Err(fail(&origin, FetchError::RedirectLoop { to }));
        }
        if visited.len() > MAX_REDIRECTS {
            return Err(fail(&origin, FetchError::TooManyRedirects { limit: MAX_REDIRECTS }));
        }
        origin = format!("`{asked}` (redirected to `{to}`)");
        url = next;
    }
}

fn agent(sources: &Sources) -> Result<Agent, FetchError> {
    let roots = match &sources.certificates {
        None => RootCerts::WebPki,
        Some(path) => {
            let fail = |message: String| FetchError::Certificates { path: path.clone(), message };
            let file = std::fs::File::open(path).map_err(|error| fail(error.to_string()))?;
            let mut pem = Vec::new();
            file.take(MAX_CERTIFICATES).read_to_end(&mut pem).map_err(|error| fail(error.to_string()))?;
            let mut certificates = Vec::new();
            for item in parse_pem(&pem) {
                match item {
                    Ok(PemItem::Certificate(certificate)) => certificates.push(certificate),
                    Ok(_) => {}
                    Err(error) => return Err(fail(plain_text(&error.to_string()))),
                }
            }
            if certificates.is_empty() {
                return Err(fail("there is no certificate in it".to_owned()));
            }
            RootCerts::Specific(Arc::new(certificates))
        }
    };
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_idle_connections(0)
        .timeout_resolve(Some(sources.connect_timeout))
        .timeout_connect(Some(sources.connect_timeout))
        .user_agent(concat!("wasmill/", env!("CARGO_PKG_VERSION")))
        .accept("application/wasm, */*;q=0.1")
        .accept_encoding("identity")
        .tls_config(TlsConfig::builder().root_certs(roots).build());
    if !sources.environment_proxy {
        config = config.proxy(None);
    }
    Ok(config.build().new_agent())
}

/// One request, and the head of its answer.
fn ask(agent: &Agent, url: &Url, start: Instant, sources: &Sources) -> Result<Response<Body>, FetchError> {
    let left = sources.timeout.checked_sub(start.elapsed()).filter(|left| !left.is_zero());
    let Some(left) = left else { return Err(FetchError::TimedOut { limit: sources.timeout }) };
    agent
        .get(url.as_str())
        .config()
        .timeout_global(Some(left))
        .build()
        .call()
        .map_err(|error| failed(error, 0, None, sources))
}

/// Where an answer leads, if it leads elsewhere; none where it is the unit.
fn redirect(url: &Url, response: &Response<Body>) -> Result<Option<Url>, FetchError> {
    let status = response.status();
    if status == StatusCode::OK {
        return Ok(None);
    }
    let location = response.headers().get(header::LOCATION);
    let Some(location) = location.filter(|_| matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)) else {
        return Err(FetchError::Status { status: status.as_u16() });
    };
    // What is no URL is not repeated: it is the server's text.
    let next = location.to_str().ok().and_then(|location| url.join(location).ok());
    let Some(mut next) = next else { return Err(FetchError::Redirect { refusal: Refusal::NoUrl }) };
    next.set_fragment(None);
    if let Some(refusal) = refusal(&next) {
        return Err(FetchError::Redirect { refusal });
    }
    if url.scheme() == "https" && next.scheme() == "http" {
        return Err(FetchError::Redirect { refusal: Refusal::Downgrade });
    }
    Ok(Some(next))
}

/// Reads the body of an answer that is the unit.
fn body(response: Response<Body>, origin: &str, asked: &str, sources: &Sources) -> Result<Bytes, ArtifactError> {
    let fail = |error| ArtifactError::Fetch { origin: origin.to_owned(), error };
    let encoded = response.headers().get_all(header::CONTENT_ENCODING).iter().any(|value| {
        let value = value.as_bytes().trim_ascii();
        !value.is_empty() && !value.eq_ignore_ascii_case(b"identity")
    });
    if encoded {
        return Err(fail(FetchError::Encoded));
    }
    let limit = sources.max_size.min(MAX_UNIT_SIZE);
    let too_large = || ArtifactError::TooLarge { origin: origin.to_owned(), limit };
    let total = response.body().content_length();
    if total.is_some_and(|total| total > limit) {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(total.unwrap_or(0).min(MAX_RESERVED)).unwrap_or_default());
    let mut reader = response.into_body().into_reader().take(limit.saturating_add(1));
    let tell = |received| {
        if let Some(progress) = &sources.progress {
            progress(Progress { url: asked, received, total });
        }
    };
    tell(0);
    loop {
        match reader.by_ref().take(CHUNK as u64).read_to_end(&mut bytes) {
            Ok(0) => break,
            Ok(_) => tell(bytes.len() as u64),
            Err(error) => {
                return Err(fail(failed(error.into(), bytes.len() as u64, total, sources)));
            }
        }
        if bytes.len() as u64 > limit {
            return Err(too_large());
        }
    }
    Ok(bytes.into())
}

/// What an error of ureq's means.
fn failed(error: ureq::Error, received: u64, total: Option<u64>, sources: &Sources) -> FetchError {
    match error {
        ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
            FetchError::NotConnected { limit: sources.connect_timeout.min(sources.timeout) }
        }
        ureq::Error::Timeout(_) => FetchError::TimedOut { limit: sources.timeout },
        ureq::Error::HostNotFound => FetchError::HostNotFound,
        ureq::Error::Rustls(error) => failed_tls(&error),
        ureq::Error::Tls(message) => FetchError::Tls { message: plain_text(message) },
        ureq::Error::Io(error) => failed_io(&error, received, total, sources.timeout),
        ureq::Error::LargeResponseHeader(..) | ureq::Error::Protocol(_) | ureq::Error::Http(_) => {
            FetchError::Protocol { message: plain_text(&error.to_string()) }
        }
        other => FetchError::Network { message: plain_text(&other.to_string()) },
    }
}

fn failed_io(error: &std::io::Error, received: u64, total: Option<u64>, limit: Duration) -> FetchError {
    // What rustls says comes in an error of the system's kind.
    if let Some(inner) = error.get_ref()
        && let Some(error) = inner.downcast_ref::<rustls::Error>()
    {
        return failed_tls(error);
    }
    // The system's resolver has no kind of its own; these words are the standard library's.
    if error.raw_os_error().is_none() && error.to_string().starts_with("failed to lookup address information") {
        return FetchError::HostNotFound;
    }
    match error.kind() {
        ErrorKind::ConnectionRefused => FetchError::ConnectionRefused,
        ErrorKind::TimedOut | ErrorKind::WouldBlock => FetchError::TimedOut { limit },
        ErrorKind::UnexpectedEof
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe => match (received, total) {
            (0, None) => FetchError::Closed,
            _ => FetchError::Truncated { received, total },
        },
        _ => {
            let message = error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
            FetchError::Network { message: plain_text(&message) }
        }
    }
}

fn failed_tls(error: &rustls::Error) -> FetchError {
    use rustls::CertificateError as Certificate;
    let message = match error {
        rustls::Error::InvalidCertificate(certificate) => match certificate {
            Certificate::UnknownIssuer => "nobody that is trusted vouches for the server's certificate".to_owned(),
            Certificate::Expired | Certificate::ExpiredContext { .. } => {
                "the server's certificate has expired".to_owned()
            }
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => {
                "the server's certificate is not valid yet".to_owned()
            }
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
                "the server's certificate is for another name".to_owned()
            }
            Certificate::Revoked => "the server's certificate was revoked".to_owned(),
            other => plain_text(&format!("the server's certificate is not valid: {other}")),
        },
        rustls::Error::InvalidMessage(_) => "the server does not speak TLS".to_owned(),
        other => plain_text(&other.to_string()),
    };
    FetchError::Tls { message }
}
