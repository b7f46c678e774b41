//! Connects to `argv[1]`, sends a line and prints the answer; `udp` as `argv[2]` sends a datagram instead, `listen` listens.
//! Promise: a unit reaches the hosts and ports that it was granted, and no others.

use std::env;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::exit;

fn talk(target: &str, how: Option<&str>) -> std::io::Result<String> {
    let mut answer = String::new();
    match how {
        Some("udp") => {
            let socket = UdpSocket::bind("0.0.0.0:0")?;
            socket.send_to(b"hello\n", target)?;
            let mut buffer = [0; 100];
            let (length, _) = socket.recv_from(&mut buffer)?;
            answer.push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
        Some("listen") => {
            let listener = TcpListener::bind(target)?;
            listener.accept()?;
        }
        _ => {
            let mut stream = TcpStream::connect(target)?;
            stream.write_all(b"hello\n")?;
            stream.read_to_string(&mut answer)?;
        }
    }
    Ok(answer)
}

fn main() {
    let args: Vec<String> = env::args().collect();
    match talk(&args[1], args.get(2).map(String::as_str)) {
        Ok(answer) => print!("{answer}"),
        Err(error) => {
            eprintln!("{error}");
            exit(1);
        }
    }
}
