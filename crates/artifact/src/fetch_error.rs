//! Why a unit could not be fetched.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use wasmill_model::Code;
use wasmill_unit::LooksLike;

/// The most characters of a library's words that are repeated: a server chose some of them.
const MAX_WORDS: usize = 200;

/// Why a unit could not be fetched. Nothing that a server wrote is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The server answered with another status than 200.
    #[error("the server answered {status}{}", reason(*.status))]
    Status {
        /// The status.
        status: u16,
    },
    /// Nothing listens there.
    #[error("the connection was refused")]
    ConnectionRefused,
    /// The host has no address.
    #[error("its host was not found")]
    HostNotFound,
    /// No connection in time.
    #[error("there was no connection within {}", seconds(*.limit))]
    NotConnected {
        /// The most time.
        limit: Duration,
    },
    /// The unit was not there in time.
    #[error("it was not there within {}", seconds(*.limit))]
    TimedOut {
        /// The most time.
        limit: Duration,
    },
    /// The connection ended before the unit did.
    #[error("the connection ended after {received} bytes{}", total.map_or(String::new(), |total| format!(" of {total}")))]
    Truncated {
        /// Bytes that came.
        received: u64,
        /// Bytes that were announced; none where the server did not say.
        total: Option<u64>,
    },
    /// The connection ended without an answer.
    #[error("the server closed the connection without an answer")]
    Closed,
    /// A redirect to where there was one before.
    #[error("its redirects go in a circle: back to `{to}`")]
    RedirectLoop {
        /// Where to, as it is shown.
        to: String,
    },
    /// One redirect after another.
    #[error("it was redirected more than {limit} times")]
    TooManyRedirects {
        /// The most.
        limit: usize,
    },
    /// A redirect to where Wasmill does not go.
    #[error("the server redirects, and {refusal}")]
    Redirect {
        /// Why not.
        refusal: Refusal,
    },
    /// The answer is compressed, though it was asked not to be.
    #[error("the server sent it compressed, though it was asked not to")]
    Encoded,
    /// No secure connection.
    #[error("there is no secure connection: {message}")]
    Tls {
        /// The library's words.
        message: String,
    },
    /// What came is no HTTP.
    #[error("the server does not speak HTTP as it should: {message}")]
    Protocol {
        /// The library's words.
        message: String,
    },
    /// What came is no WebAssembly.
    #[error("what the server gave is not WebAssembly{}", page(*.looks_like))]
    NotWebAssembly {
        /// What it is.
        looks_like: LooksLike,
    },
    /// The file of certificates cannot be used.
    #[error("the certificates in `{}` cannot be used: {message}", path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// Why.
        message: String,
    },
    /// Anything else on the way.
    #[error("{message}")]
    Network {
        /// The system's words.
        message: String,
    },
}

/// Why nothing is fetched from a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// Of another scheme than `http` and `https`.
    Scheme {
        /// Which one.
        scheme: String,
    },
    /// With a user name or a password.
    Credentials,
    /// From `https` to `http`.
    Downgrade,
    /// It is no URL.
    NoUrl,
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Scheme { scheme } => write!(formatter, "`{scheme}:` is neither `http:` nor `https:`"),
            Refusal::Credentials => formatter.write_str("there is a user name or a password in the URL"),
            Refusal::Downgrade => formatter.write_str("it is from `https:` to `http:`"),
            Refusal::NoUrl => formatter.write_str("it is to no URL"),
        }
    }
}

const ELSEWISE: &str = "download it by other means, and name it with `path`";

impl FetchError {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            FetchError::RedirectLoop { .. }
            | FetchError::TooManyRedirects { .. }
            | FetchError::Redirect { .. }
            | FetchError::Encoded => Code::FetchRefused,
            FetchError::NotWebAssembly { .. } => Code::CorruptUnit,
            _ => Code::UnitNotFetched,
        }
    }

    /// What to do.
    pub fn help(&self) -> String {
        match self {
            FetchError::Status { status: 401 | 403 | 407 } => {
                format!("Wasmill sends no passwords or tokens: {ELSEWISE}")
            }
            FetchError::Status { status: 400..=407 | 409..=428 | 430..=499 } => "check the URL: is the unit still there?".to_owned(),
            FetchError::Status { .. } => format!("try again later, or {ELSEWISE}"),
            FetchError::ConnectionRefused => {
                "check host and port of the URL (and `HTTP_PROXY` and `HTTPS_PROXY`): nothing listens there".to_owned()
            }
            FetchError::HostNotFound => "check the name in the URL, and whether this machine has a network".to_owned(),
            FetchError::NotConnected { .. } => {
                "check whether this machine reaches that host; a proxy is named by `HTTPS_PROXY`".to_owned()
            }
            FetchError::TimedOut { .. } | FetchError::Truncated { .. } | FetchError::Closed => {
                format!("try again; if it happens again, {ELSEWISE}")
            }
            FetchError::RedirectLoop { .. } | FetchError::TooManyRedirects { .. } => {
                "open the URL in a browser: it may want a login; name the one that has the file itself".to_owned()
            }
            FetchError::Redirect { refusal: Refusal::Downgrade } => {
                "name the other URL in the manifest, if it is to be trusted: the digest tells whether it is the same unit"
                    .to_owned()
            }
            FetchError::Redirect { .. } => {
                format!("units are fetched by `http:` and `https:`, without passwords; else {ELSEWISE}")
            }
            FetchError::Encoded => format!("have the server send the file as it is, or {ELSEWISE}"),
            FetchError::Tls { .. } => {
                "check the server's certificate and this machine's clock; certificates of your own are given as a file"
                    .to_owned()
            }
            FetchError::Protocol { .. } => "check the port, and whether it is `http:` or `https:`".to_owned(),
            FetchError::NotWebAssembly { looks_like: LooksLike::Html } => {
                "it is a web page, perhaps about the file, or one that asks to log in: open the URL in a browser, and \
                 name the file's own"
                    .to_owned()
            }
            FetchError::NotWebAssembly { looks_like: LooksLike::WebAssemblyText } => {
                "only binaries are fetched: compile it, or give the text as `wat:`".to_owned()
            }
            FetchError::NotWebAssembly { .. } => "check the URL: it must be the `.wasm` file's own".to_owned(),
            FetchError::Certificates { .. } => "name a file with certificates in PEM".to_owned(),
            FetchError::Network { .. } => format!("try again, or {ELSEWISE}"),
        }
    }
}

fn reason(status: u16) -> String {
    let reason = ureq::http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    reason.map_or(String::new(), |reason| format!(" ({reason})"))
}

fn seconds(limit: Duration) -> String {
    format!("{} s", limit.as_secs_f64())
}

fn page(looks_like: LooksLike) -> String {
    match looks_like {
        LooksLike::Unknown => String::new(),
        known => format!(": {known}"),
    }
}

/// A library's words on one line, without what a terminal would obey.
pub(crate) fn plain_text(words: &str) -> String {
    words.chars().take(MAX_WORDS).map(|one| if one.is_control() { ' ' } else { one }).collect()
}
