//! Units from URLs, from outside.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use wasmill_model::Digest;

use crate::fixtures::ARITHMETIC;
use crate::project;

/// Answers so many requests with this body, and is gone.
fn serve(body: Vec<u8>, requests: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for _ in 0..requests {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).unwrap();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            stream.write_all(&[head.as_bytes(), &body].concat()).unwrap();
        }
    });
    format!("http://{address}/unit.wasm")
}

fn manifest(unit: &str) -> String {
    format!("wasmill: 1\nunits: {{ far: {unit} }}\nsteps: {{ sum: {{ unit: far, function: add, with: [2, 3] }} }}\n")
}

#[test]
fn a_pinned_unit_is_fetched_once() {
    let unit = wat::parse_str(ARITHMETIC).unwrap();
    let digest = Digest::of(&unit);
    let url = serve(unit, 1);
    let project = project().file("pipeline.yaml", manifest(&format!("{{ url: \"{url}\", sha256: {digest} }}")));
    for _ in 0..2 {
        let output = project.wasmill(["run", "pipeline.yaml"]).run();
        assert_eq!(output.expect(0).text(), "5\n", "{output}");
    }
    let wrong = manifest(&format!("{{ url: \"{}\", sha256: {digest} }}", serve(b"\0asm\x01\0\0\0".to_vec(), 1)));
    let other = crate::project().file("pipeline.yaml", wrong);
    let output = other.wasmill(["run", "pipeline.yaml"]).run();
    assert!(output.expect(2).stderr.contains(&digest.to_string()), "{output}");
}

#[test]
fn what_is_not_pinned_needs_a_word() {
    let unit = wat::parse_str(ARITHMETIC).unwrap();
    let digest = Digest::of(&unit);
    let project = project().file("pipeline.yaml", manifest(&format!("{{ url: \"{}\" }}", serve(unit, 1))));
    let output = project.wasmill(["run", "pipeline.yaml"]).run();
    assert!(output.expect(2).stderr.contains("WM0314"), "{output}");
    let output = project.wasmill(["run", "pipeline.yaml", "--allow-unpinned"]).run();
    assert_eq!(output.expect(0).text(), "5\n");
    assert!(output.stderr.contains(&format!("sha256: {digest}")), "{output}");
}
