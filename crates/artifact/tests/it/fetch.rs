//! Units from URLs, fetched from real servers that do what servers do.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use wasmill_artifact::{ArtifactError, FetchError, MAX_UNIT_SIZE, Refusal, Sources, load};
use wasmill_model::{Code, Digest, Location, UnitSource, UnitSpec};
use wasmill_unit::Unit;

use crate::server::{Identity, Server, Stream, give, redirect};

pub(crate) fn binary() -> Vec<u8> {
    wat::parse_str(r#"(module (func (export "one") (result i32) i32.const 1))"#).unwrap()
}

pub(crate) fn digest() -> Digest {
    Digest::of(&binary())
}

/// Nothing of this machine's environment is in it.
pub(crate) fn plain() -> Sources {
    Sources { environment_proxy: false, ..Sources::default() }
}

pub(crate) fn from(url: &str, sha256: Option<Digest>, sources: &Sources) -> Result<Unit, ArtifactError> {
    let spec = UnitSpec { source: UnitSource::Url(url.to_owned()), sha256, location: Location::default() };
    load(&spec, Path::new(""), sources)
}

fn pinned(url: &str) -> Result<Unit, ArtifactError> {
    from(url, Some(digest()), &plain())
}

fn unpinned() -> Sources {
    Sources { allow_unpinned: true, ..plain() }
}

/// Times that a test can wait for.
fn hasty() -> Sources {
    Sources { timeout: Duration::from_millis(300), ..unpinned() }
}

fn fetch_error(error: ArtifactError) -> FetchError {
    match error {
        ArtifactError::Fetch { error, .. } => error,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn unit_server() -> Server {
    Server::start(|_, stream| give(stream, "200 OK", "content-type: application/wasm\r\n", &binary()))
}

#[test]
fn a_unit_is_fetched_and_asked_for_as_it_is() {
    let server = unit_server();
    let unit = pinned(&server.url("/one.wasm#part")).unwrap();
    assert_eq!(unit.digest(), digest());
    let [head] = <[String; 1]>::try_from(server.requests()).unwrap();
    assert!(head.starts_with("get /one.wasm http/1.1\r\n"), "{head}");
    assert!(head.contains("accept-encoding: identity\r\n"), "{head}");
    assert!(head.contains("user-agent: wasmill/"), "{head}");
    assert!(!head.contains("cookie") && !head.contains("authorization"), "{head}");
}

#[test]
fn without_a_digest_nothing_is_asked_for() {
    let server = unit_server();
    let url = server.url("/one.wasm?token=hush");
    let error = from(&url, None, &plain()).unwrap_err();
    assert!(matches!(error, ArtifactError::Unpinned { .. }), "{error:?}");
    assert!(server.requests().is_empty());

    // Who allows it gets it, each time anew, with its digest.
    for _ in 0..2 {
        assert_eq!(from(&url, None, &unpinned()).unwrap().digest(), digest());
    }
    assert_eq!(server.requests().len(), 2);
    assert!(server.requests()[0].contains("/one.wasm?token=hush"), "the query is sent");
}

#[test]
fn every_form_of_a_body_is_read() {
    let server = Server::start(|path, stream| match path {
        "/chunked" => {
            write!(stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
            for part in binary().chunks(7) {
                write!(stream, "{:x};name=value\r\n", part.len())?;
                stream.write_all(part)?;
                write!(stream, "\r\n")?;
            }
            write!(stream, "0\r\n\r\n")
        }
        "/until-closed" => {
            write!(stream, "HTTP/1.0 200 OK\r\n\r\n")?;
            stream.write_all(&binary())
        }
        "/early-hints" => {
            write!(stream, "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n")?;
            give(stream, "200 OK", "content-encoding: identity\r\n", &binary())
        }
        _ => give(stream, "200 OK", "", &binary()),
    });
    for path in ["/chunked", "/until-closed", "/early-hints", "/plain"] {
        assert_eq!(pinned(&server.url(path)).unwrap().digest(), digest(), "{path}");
    }
}

#[test]
fn what_is_larger_than_the_cap_is_not_read_whatever_its_length_is_said_to_be() {
    let (sent, ended) = mpsc::channel();
    let server = Server::start(move |path, stream| {
        let mut count = 0_u64;
        let chunk = [0; 4096];
        let mut pour = |stream: &mut dyn Stream, chunked: bool| -> io::Result<()> {
            loop {
                if chunked {
                    write!(stream, "1000\r\n")?;
                }
                stream.write_all(&chunk)?;
                if chunked {
                    write!(stream, "\r\n")?;
                }
                count += 4096;
            }
        };
        let result = match path {
            "/chunked" => {
                write!(stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
                pour(stream, true)
            }
            "/until-closed" => {
                write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")?;
                pour(stream, false)
            }
            // Says little, sends much.
            "/little" => {
                write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", binary().len())?;
                stream.write_all(&binary())?;
                pour(stream, false)
            }
            length => {
                let length = length.trim_start_matches('/');
                return write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
            }
        };
        assert!(result.is_err());
        sent.send(count).unwrap();
        Ok(())
    });
    let sources = Sources { max_size: 1 << 20, ..plain() };
    for path in ["/chunked", "/until-closed"] {
        let error = from(&server.url(path), Some(digest()), &sources).unwrap_err();
        assert!(matches!(error, ArtifactError::TooLarge { limit: 1_048_576, .. }), "{error:?}");
        // What was sent and not read stands in the system's buffers.
        assert!(ended.recv().unwrap() < 64 << 20, "{path}");
    }
    // No more is taken than was announced.
    assert_eq!(from(&server.url("/little"), Some(digest()), &sources).unwrap().digest(), digest());
    ended.recv().unwrap();
    // Nothing is waited for, nor set aside, that was announced to be too much.
    for length in [1_048_577, MAX_UNIT_SIZE + 1, u64::MAX] {
        let error = from(&server.url(&format!("/{length}")), Some(digest()), &sources).unwrap_err();
        assert!(matches!(error, ArtifactError::TooLarge { .. }), "{error:?}");
    }
    let error = from(&server.url("/184467440737095516150"), Some(digest()), &sources).unwrap_err();
    assert!(matches!(fetch_error(error), FetchError::Protocol { .. }));
    // Nobody raises the cap, and it holds without being set.
    assert_eq!(Sources::default().max_size, MAX_UNIT_SIZE);
    let sources = Sources { max_size: u64::MAX, ..plain() };
    let error = from(&server.url(&format!("/{}", MAX_UNIT_SIZE + 1)), Some(digest()), &sources).unwrap_err();
    assert!(matches!(error, ArtifactError::TooLarge { limit: MAX_UNIT_SIZE, .. }), "{error:?}");
}

#[test]
fn a_server_that_takes_its_time_is_not_waited_for() {
    // Held by the test: the servers drip until it is dropped.
    let (go_on, over) = mpsc::channel::<()>();
    let over = Mutex::new(over);
    let server = Server::start(move |path, stream| {
        let drip = |stream: &mut dyn Stream, byte: u8| -> io::Result<()> {
            let over = over.lock().unwrap();
            while over.recv_timeout(Duration::from_millis(5)) == Err(RecvTimeoutError::Timeout) {
                stream.write_all(&[byte])?;
                stream.flush()?;
            }
            Ok(())
        };
        match path {
            "/body" => {
                write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")?;
                drip(stream, b'x')
            }
            "/head" => {
                write!(stream, "HTTP/1.1 200 OK\r\nx: ")?;
                drip(stream, b'x')
            }
            "/hints" => loop {
                write!(stream, "HTTP/1.1 103 Early Hints\r\n\r\n")?;
            },
            _ => {
                // Not a byte.
                let _ = over.lock().unwrap().recv();
                Ok(())
            }
        }
    });
    for path in ["/body", "/head"] {
        let error = fetch_error(from(&server.url(path), None, &hasty()).unwrap_err());
        assert!(matches!(error, FetchError::TimedOut { .. }), "{path}: {error:?}");
    }
    // Heads without end are ended by their size or by the time, whichever is first.
    let error = fetch_error(from(&server.url("/hints"), None, &hasty()).unwrap_err());
    assert!(matches!(error, FetchError::TimedOut { .. } | FetchError::Protocol { .. }), "{error:?}");
    let silent = fetch_error(from(&server.url("/nothing"), None, &hasty()).unwrap_err());
    assert_eq!(silent, FetchError::TimedOut { limit: Duration::from_millis(300) });
    drop(go_on);

    // One time is for all redirects together.
    let (_go_on, over) = mpsc::channel::<()>();
    let over = Mutex::new(over);
    let server = Server::start(move |path, stream| {
        let _ = over.lock().unwrap().recv_timeout(Duration::from_millis(120));
        redirect(stream, &format!("{path}x"))
    });
    let error = fetch_error(from(&server.url("/"), None, &hasty()).unwrap_err());
    assert!(matches!(error, FetchError::TimedOut { .. }), "{error:?}");

    // A server that is to speak TLS, and says nothing.
    let (_go_on, over) = mpsc::channel::<()>();
    let over = Mutex::new(over);
    let server = Server::start_raw(move |stream| {
        let _ = over.lock().unwrap().recv();
        drop(stream);
        Ok(())
    });
    let url = server.url("/").replace("http:", "https:");
    let error = fetch_error(from(&url, None, &hasty()).unwrap_err());
    assert!(matches!(error, FetchError::TimedOut { .. } | FetchError::NotConnected { .. }), "{error:?}");
    let sources = Sources { connect_timeout: Duration::from_millis(200), ..unpinned() };
    let error = fetch_error(from(&url, None, &sources).unwrap_err());
    assert_eq!(error, FetchError::NotConnected { limit: Duration::from_millis(200) });
}

#[test]
fn redirects_are_followed_to_other_hosts_and_not_for_ever() {
    let other = unit_server();
    let elsewhere = format!("http://{}/one.wasm?signature=hush", other.address);
    let server = Server::start(move |path, stream| {
        let number: u32 = path.trim_start_matches("/chain/").parse().unwrap_or_default();
        match path {
            "/chain/0" => give(stream, "200 OK", "", &binary()),
            "/away" => redirect(stream, &elsewhere),
            "/relative/a" => redirect(stream, "../chain/0"),
            "/loop" => redirect(stream, "/pool"),
            "/pool" => redirect(stream, "/loop#again"),
            "/self" => redirect(stream, ""),
            "/moved" => give(stream, "308 Permanent Redirect", "location: /chain/0\r\n", b"moved"),
            _ => redirect(stream, &format!("/chain/{}", number - 1)),
        }
    });
    for path in ["/away", "/relative/a", "/moved", "/chain/5"] {
        assert_eq!(pinned(&server.url(path)).unwrap().digest(), digest(), "{path}");
    }
    assert!(other.requests()[0].contains("/one.wasm?signature=hush"));
    let before = server.requests().len();
    let error = fetch_error(pinned(&server.url("/chain/6")).unwrap_err());
    assert_eq!(error, FetchError::TooManyRedirects { limit: 5 });
    assert_eq!(server.requests().len() - before, 6);
    for path in ["/loop", "/self"] {
        let error = fetch_error(pinned(&server.url(path)).unwrap_err());
        assert!(matches!(error, FetchError::RedirectLoop { .. }), "{path}: {error:?}");
    }
}

#[test]
fn redirects_lead_to_no_file_and_carry_no_password() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("one.wasm");
    fs::write(&file, binary()).unwrap();
    let to_file = format!("file://{}", file.display());
    let server = Server::start(move |path, stream| match path {
        "/file" => redirect(stream, &to_file),
        "/data" => redirect(stream, "data:application/wasm;base64,AGFzbQ=="),
        "/ftp" => redirect(stream, "ftp://localhost/one.wasm"),
        "/password" => redirect(stream, "http://user:hush@localhost/one.wasm"),
        "/no-url" => redirect(stream, "http://\x1b[31m[/"),
        "/latin" => give(stream, "302 Found", "location: /\u{e9}\r\n", b""),
        "/two" => give(stream, "302 Found", "location: http://[\r\nlocation: /\r\n", b""),
        _ => give(stream, "302 Found", "", b""),
    });
    let refusal = |path: &str| match fetch_error(pinned(&server.url(path)).unwrap_err()) {
        FetchError::Redirect { refusal } => refusal,
        other => panic!("{path}: {other:?}"),
    };
    assert_eq!(refusal("/file"), Refusal::Scheme { scheme: "file".to_owned() });
    assert_eq!(refusal("/data"), Refusal::Scheme { scheme: "data".to_owned() });
    assert_eq!(refusal("/ftp"), Refusal::Scheme { scheme: "ftp".to_owned() });
    assert_eq!(refusal("/password"), Refusal::Credentials);
    assert_eq!(refusal("/two"), Refusal::NoUrl);
    for path in ["/no-url", "/latin", "/without"] {
        let error = pinned(&server.url(path)).unwrap_err();
        let shown = error.diagnostic().to_string();
        assert!(!shown.contains('\x1b'), "{shown}");
    }
    assert_eq!(fetch_error(pinned(&server.url("/without")).unwrap_err()), FetchError::Status { status: 302 });
}

#[test]
fn tls_is_checked() {
    let identity = Identity::new();
    let folder = tempfile::tempdir().unwrap();
    let certificates = folder.path().join("own.pem");
    fs::write(&certificates, &identity.pem).unwrap();
    let plain_server = unit_server();
    let downgrade = plain_server.url("/one.wasm");
    let server = Server::start_tls(&identity, move |path, stream| match path {
        "/down" => redirect(stream, &downgrade),
        "/cut" => {
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")?;
            stream.write_all(&binary())
        }
        _ => give(stream, "200 OK", "", &binary()),
    });
    let own = || Sources { certificates: Some(certificates.clone()), ..plain() };
    let with_own = |url: &str| from(url, Some(digest()), &own());

    let error = fetch_error(pinned(&server.url("/one.wasm")).unwrap_err());
    assert!(matches!(&error, FetchError::Tls { message } if message.contains("nobody")), "{error:?}");
    assert!(server.requests().is_empty(), "nothing is asked of a server that nobody vouches for");
    assert_eq!(with_own(&server.url("/one.wasm")).unwrap().digest(), digest());

    // The certificate is for `localhost`.
    let error = fetch_error(with_own(&format!("https://{}/one.wasm", server.address)).unwrap_err());
    assert!(matches!(&error, FetchError::Tls { message } if message.contains("another name")), "{error:?}");

    // From https to http never; the other way is fine.
    let error = fetch_error(with_own(&server.url("/down")).unwrap_err());
    assert_eq!(error, FetchError::Redirect { refusal: Refusal::Downgrade });
    assert!(plain_server.requests().is_empty());
    let secure = server.url("/one.wasm");
    let upgrading = Server::start(move |_, stream| redirect(stream, &secure));
    assert_eq!(with_own(&upgrading.url("/")).unwrap().digest(), digest());
    let error = fetch_error(with_own(&server.url("/cut")).unwrap_err());
    assert_eq!(error, FetchError::Truncated { received: binary().len() as u64, total: Some(1000) });

    // A server that does not speak TLS, and one that speaks nothing else.
    let insecure = Server::start_raw(|mut stream| {
        stream.read_exact(&mut [0; 5])?;
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")?;
        // Read to its end: a connection is reset where something is left unread.
        stream.read_to_end(&mut Vec::new()).map(drop)
    });
    let error = fetch_error(with_own(&insecure.url("/").replace("http:", "https:")).unwrap_err());
    assert_eq!(error, FetchError::Tls { message: "the server does not speak TLS".to_owned() });
    let error = fetch_error(with_own(&server.url("/").replace("https:", "http:")).unwrap_err());
    assert!(matches!(error, FetchError::Protocol { .. } | FetchError::Closed), "{error:?}");

    for content in ["", "no certificate", "-----BEGIN CERTIFICATE-----\n%%%%\n-----END CERTIFICATE-----\n"] {
        fs::write(&certificates, content).unwrap();
        let error = fetch_error(with_own(&server.url("/one.wasm")).unwrap_err());
        assert!(matches!(error, FetchError::Certificates { .. } | FetchError::Tls { .. }), "{content}: {error:?}");
    }
    fs::remove_file(&certificates).unwrap();
    let error = fetch_error(with_own(&server.url("/one.wasm")).unwrap_err());
    assert!(matches!(error, FetchError::Certificates { .. }), "{error:?}");
}

#[test]
fn urls_that_are_none_are_refused_without_being_repeated() {
    for bad in [
        "",
        "one.wasm",
        "https://",
        "http:",
        "file:///etc/passwd",
        "ftp://localhost/one.wasm",
        "https://user:hush@localhost/one.wasm",
        "https://hush@localhost/one.wasm",
        "https://localhost:hush/",
        "https://[hush/",
    ] {
        let error = from(bad, Some(digest()), &plain()).unwrap_err();
        assert_eq!(error.code(), Code::InvalidValue, "{bad}");
        assert!(!error.diagnostic().message.contains("hush"), "{error}");
    }
}

#[test]
fn progress_is_told() {
    let large = {
        let text = format!("(module (memory 9) (data (i32.const 0) \"{}\"))", "x".repeat(300_000));
        wat::parse_str(text).unwrap()
    };
    let (size, expected) = (large.len() as u64, Digest::of(&large));
    let server = Server::start(move |_, stream| give(stream, "200 OK", "", &large));
    let told = Arc::new(Mutex::new(Vec::new()));
    let into = told.clone();
    let progress = move |progress: wasmill_artifact::Progress<'_>| {
        into.lock().unwrap().push((progress.url.to_owned(), progress.received, progress.total));
    };
    let sources = Sources { progress: Some(Box::new(progress)), ..plain() };
    from(&server.url("/large.wasm?token=hush"), Some(expected), &sources).unwrap();
    let told = told.lock().unwrap();
    assert_eq!(told[0], (server.url("/large.wasm?…"), 0, Some(size)));
    assert_eq!(told.last().unwrap().1, size);
    assert!(told.len() > 4 && told.is_sorted_by_key(|(_, received, _)| *received), "{told:?}");
}

/// Every way in which fetching fails, as people are told: `UPDATE=1` writes the file anew.
#[test]
fn every_error_says_what_and_what_to_do() {
    let other = wat::parse_str("(module)").unwrap();
    let server = Server::start(move |path, stream| match path.split('?').next().unwrap() {
        "/truncated" => {
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")?;
            stream.write_all(&binary())
        }
        "/truncated-chunks" => {
            write!(stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n8\r\n\0asm\x01\0\0\0\r\n")
        }
        "/closed" => Ok(()),
        "/half-a-head" => write!(stream, "HTTP/1.1 200 OK\r\nconte"),
        "/no-http" => write!(stream, "220 hello \x1b[31mthere\r\n\r\n"),
        "/long-head" => {
            write!(stream, "HTTP/1.1 200 OK\r\n")?;
            loop {
                write!(stream, "x: {}\r\n", "x".repeat(100))?;
            }
        }
        "/large" => write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 9999999999\r\n\r\n"),
        "/other.wasm" => give(stream, "200 OK", "", &other),
        "/broken.wasm" => give(stream, "200 OK", "", b"\0asm\x01\0\0\0\xff"),
        "/page" => give(stream, "200 OK", "content-type: text/html\r\n", b"<!doctype html>\n<title>Log in</title>"),
        "/text" => give(stream, "200 OK", "", b"(module)"),
        "/json" => give(stream, "200 OK", "", b"{\"message\": \"not here\"}"),
        "/empty" => give(stream, "200 OK", "", b""),
        "/gzip" => give(stream, "200 OK", "content-encoding: gzip\r\n", b"\x1f\x8b\x08\0\0\0\0\0"),
        "/to-file" => redirect(stream, "file:///etc/passwd"),
        "/to-password" => redirect(stream, "http://user:hush@localhost/"),
        "/loop" => redirect(stream, "/loop?token=hush"),
        "/for-ever" => redirect(stream, &format!("{path}?token=hush")),
        "/to-404" => redirect(stream, "/404?token=hush"),
        status => {
            let status = status.trim_start_matches('/').to_owned() + " <b>Hush";
            give(stream, &status, "content-type: text/html\r\n", b"<p>not here</p>")
        }
    });
    let mut shown = String::new();
    let mut tell = |what: &str, result: Result<Unit, ArtifactError>| {
        let diagnostic = result.unwrap_err().diagnostic();
        assert!(
            !diagnostic.to_string().to_lowercase().contains("hush") && !diagnostic.to_string().contains('\x1b'),
            "{diagnostic}"
        );
        let help = diagnostic.help.clone().unwrap();
        writeln!(shown, "{what}\n  {diagnostic}\n  help: {help}").unwrap();
    };
    for path in ["/404", "/410", "/401", "/403", "/429", "/500", "/503", "/204", "/206", "/304", "/999"] {
        tell(path, pinned(&server.url(path)));
    }
    for path in [
        "/truncated",
        "/truncated-chunks",
        "/closed",
        "/half-a-head",
        "/no-http",
        "/long-head",
        "/large",
        "/other.wasm?token=hush",
        "/broken.wasm",
        "/page",
        "/text",
        "/json",
        "/empty",
        "/gzip",
        "/to-file",
        "/to-password",
        "/loop",
        "/for-ever",
        "/to-404",
    ] {
        tell(path.trim_end_matches("?token=hush"), pinned(&server.url(path)));
    }
    tell("a broken one that nothing is declared of", from(&server.url("/broken.wasm"), None, &unpinned()));
    tell("no digest", from(&server.url("/one.wasm?token=hush"), None, &plain()));
    tell("no scheme", pinned("one.wasm"));
    tell("another scheme", pinned("ftp://localhost/one.wasm"));
    tell("a password", pinned("https://user:hush@localhost/one.wasm"));
    tell("no time", from(&server.url("/404"), None, &Sources { timeout: Duration::ZERO, ..unpinned() }));
    let missing = Sources { certificates: Some("no/such/file.pem".into()), ..plain() };
    tell("no certificates", from(&server.url("/404"), Some(digest()), &missing));
    let identity = Identity::new();
    let secure = Server::start_tls(&identity, |_, stream| give(stream, "200 OK", "", &binary()));
    tell("nobody vouches", pinned(&secure.url("/one.wasm")));
    let refused = server.url("/refused");
    let ports = [server.address.port(), secure.address.port()];
    server.stop();
    tell("nothing listens", pinned(&refused));

    for port in ports {
        shown = shown.replace(&format!(":{port}"), ":PORT");
    }
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fetch.golden");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&golden, &shown).unwrap();
    }
    assert_eq!(shown, fs::read_to_string(&golden).unwrap_or_default(), "UPDATE=1 accepts");
}

#[test]
fn a_host_that_is_not_there_is_said() {
    // The name is reserved: no server of names knows it. Without a network it may take its time.
    let sources = Sources { connect_timeout: Duration::from_secs(2), ..plain() };
    let error = from("http://wasmill.invalid/one.wasm", Some(digest()), &sources).unwrap_err();
    assert_eq!(error.code(), Code::UnitNotFetched);
    let error = fetch_error(error);
    assert!(matches!(error, FetchError::HostNotFound | FetchError::NotConnected { .. }), "{error:?}");
    // A port that was free a moment ago.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert!(TcpStream::connect(address).is_err());
    let error = fetch_error(pinned(&format!("http://{address}/")).unwrap_err());
    assert_eq!(error, FetchError::ConnectionRefused);
}

/// A server whose every answer is these bytes.
fn answering(answer: Arc<Mutex<Vec<u8>>>) -> Server {
    Server::start(move |_, stream| {
        let answer = answer.lock().unwrap().clone();
        stream.write_all(&answer)
    })
}

#[test]
fn no_answer_panics_or_hangs() {
    let answer = Arc::new(Mutex::new(Vec::new()));
    let server = answering(answer.clone());
    let url = server.url("/");
    let pieces = prop::sample::select(vec![
        &b"HTTP/1.1 200 OK\r\n"[..],
        b"HTTP/1.1 302 Found\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.0 200\r\n",
        b"location: /\r\n",
        b"location: ",
        b"content-length: 5\r\n",
        b"content-length: -1\r\n",
        b"content-length: 99999999999999999999\r\n",
        b"transfer-encoding: chunked\r\n",
        b"transfer-encoding: gzip, chunked\r\n",
        b"content-encoding: br\r\n",
        b"\r\n",
        b"\r\n\r\n",
        b"\n",
        b"ffffffffffffffff\r\n",
        b"5\r\n",
        b"0\r\n\r\n",
        b"\0asm\x01\0\0\0",
        b"<html>",
        b"\x1b[31m",
        b"\xff\xfe",
        b": ",
    ]);
    let piece = prop_oneof![4 => pieces.prop_map(<[u8]>::to_vec), 1 => prop::collection::vec(any::<u8>(), 0..20)];
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(300));
    runner
        .run(&prop::collection::vec(piece, 0..10), |parts| {
            *answer.lock().unwrap() = parts.concat();
            let sources = Sources { timeout: Duration::from_secs(5), ..unpinned() };
            if let Err(error) = from(&url, None, &sources) {
                let shown = error.diagnostic().to_string();
                prop_assert!(!shown.chars().any(char::is_control), "{shown}");
                // The server closes: nothing is to be waited for.
                prop_assert!(!shown.contains("within"), "{shown}");
            }
            Ok(())
        })
        .unwrap();
}
