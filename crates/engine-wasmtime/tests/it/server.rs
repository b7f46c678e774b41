//! A server on a port of its own, for units that were granted the network.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Answers until the test is over.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// Connections that were made.
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// `GET /echo` gives its path, `GET /bytes/3` three bytes; `GET /to/URL` redirects to the URL; `POST` gives its body; what is no HTTP is sent back in
    /// capitals.
    pub(crate) fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = connections.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::SeqCst);
                thread::spawn(move || answer(stream));
            }
        });
        Server { address, connections }
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn answer(mut stream: TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (Some(method), Some(path), Some(_)) = (words.next(), words.next(), words.next()) else {
        return stream.write_all(line.to_uppercase().as_bytes()).ok();
    };
    let mut length = 0;
    let mut headers = String::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        if header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        headers.push_str(&header.to_ascii_lowercase());
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (status, extra, body) = match path.strip_prefix("/to/") {
        Some(url) => ("302 Found", format!("location: {url}\r\n"), Vec::new()),
        None if let Some(count) = path.strip_prefix("/bytes/") => {
            ("200 OK", String::new(), vec![b'x'; count.parse().ok()?])
        }
        None if path == "/headers" => ("200 OK", String::new(), headers.into_bytes()),
        None if method == "POST" => ("200 OK", String::new(), body),
        None => ("200 OK", String::new(), path.as_bytes().to_vec()),
    };
    let length = body.len();
    // The connection is kept open: a client must not wait for its end.
    stream.write_all(format!("HTTP/1.1 {status}\r\n{extra}content-length: {length}\r\n\r\n").as_bytes()).ok()?;
    stream.write_all(&body).ok()?;
    let _ = reader.read(&mut [0]);
    Some(())
}

/// Answers one datagram, in capitals.
pub(crate) fn udp_server() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 100];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let text = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default()).to_uppercase();
            let _ = socket.send_to(text.as_bytes(), from);
        }
    });
    address
}
