//! A real server on a port of its own, which answers as a test says: well, badly, or not at all.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

pub(crate) trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// Answers until it is stopped or dropped. Then its port refuses.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    scheme: &'static str,
    heads: Arc<Mutex<Vec<String>>>,
    is_over: Arc<AtomicBool>,
    listener: Option<JoinHandle<()>>,
}

/// A certificate for `localhost`, which nobody has vouched for.
pub(crate) struct Identity {
    pub(crate) pem: String,
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Identity {
    pub(crate) fn new() -> Identity {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        Identity { pem: made.cert.pem(), certificate: made.cert.der().clone(), key: made.signing_key.serialize_der() }
    }
}

impl Server {
    /// `answer` is given the path of each request, and the connection to answer on, which is closed when it returns.
    pub(crate) fn start(answer: impl Fn(&str, &mut dyn Stream) -> io::Result<()> + Send + Sync + 'static) -> Server {
        Server::listen("http", move |stream, heads| {
            let mut stream = stream;
            converse(&mut stream, &heads, &answer)
        })
    }

    /// … over TLS.
    pub(crate) fn start_tls(
        identity: &Identity,
        answer: impl Fn(&str, &mut dyn Stream) -> io::Result<()> + Send + Sync + 'static,
    ) -> Server {
        let key = PrivateKeyDer::try_from(identity.key.clone()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![identity.certificate.clone()], key)
            .unwrap();
        let config = Arc::new(config);
        Server::listen("https", move |stream, heads| {
            let connection = ServerConnection::new(config.clone()).unwrap();
            let mut stream = StreamOwned::new(connection, stream);
            converse(&mut stream, &heads, &answer)?;
            stream.conn.send_close_notify();
            stream.flush()
        })
    }

    /// Whatever it is that is connected to.
    pub(crate) fn start_raw(answer: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static) -> Server {
        Server::listen("http", move |stream, _| answer(stream))
    }

    fn listen(
        scheme: &'static str,
        serve: impl Fn(TcpStream, Arc<Mutex<Vec<String>>>) -> io::Result<()> + Send + Sync + 'static,
    ) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let is_over = Arc::new(AtomicBool::new(false));
        let (over, all) = (is_over.clone(), heads.clone());
        let serve = Arc::new(serve);
        let listener = thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::SeqCst) {
                    break;
                }
                let (serve, all) = (serve.clone(), all.clone());
                // A client that has had enough goes away.
                thread::spawn(move || stream.and_then(|stream| serve(stream, all)));
            }
        });
        Server { address, scheme, heads, is_over, listener: Some(listener) }
    }

    /// With a name, so that certificates fit.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://localhost:{}{path}", self.scheme, self.address.port())
    }

    /// The heads of all requests, in lower case.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    pub(crate) fn stop(self) {}
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // It waits for somebody.
        drop(TcpStream::connect(self.address));
        if let Some(listener) = self.listener.take() {
            listener.join().unwrap();
        }
    }
}

fn converse(
    stream: &mut dyn Stream,
    heads: &Mutex<Vec<String>>,
    answer: &impl Fn(&str, &mut dyn Stream) -> io::Result<()>,
) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    heads.lock().unwrap().push(head.to_ascii_lowercase());
    answer(&path, stream)?;
    stream.flush()
}

/// A whole answer.
pub(crate) fn give(stream: &mut dyn Stream, status: &str, headers: &str, body: &[u8]) -> io::Result<()> {
    write!(stream, "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n", body.len())?;
    stream.write_all(body)
}

pub(crate) fn redirect(stream: &mut dyn Stream, to: &str) -> io::Result<()> {
    give(stream, "302 Found", &format!("location: {to}\r\n"), b"")
}
