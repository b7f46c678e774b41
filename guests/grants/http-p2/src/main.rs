//! Fetches `http://argv[1]` through `wasi:http` and prints status and body. Promise: requests go to granted hosts only.

use std::env;
use std::process::exit;

use wasi::http::outgoing_handler::handle;
use wasi::http::types::{Fields, Method, OutgoingRequest, Scheme};

fn fetch(target: &str) -> Result<String, String> {
    let (authority, path) = target.split_once('/').unwrap_or((target, ""));
    let request = OutgoingRequest::new(Fields::new());
    request.set_method(&Method::Get).map_err(|()| "method")?;
    request.set_scheme(Some(&Scheme::Http)).map_err(|()| "scheme")?;
    request.set_authority(Some(authority)).map_err(|()| "authority")?;
    request.set_path_with_query(Some(&format!("/{path}"))).map_err(|()| "path")?;
    let future = handle(request, None).map_err(|error| format!("{error:?}"))?;
    future.subscribe().block();
    let response = future.get().ok_or("no answer")?.map_err(|()| "twice")?.map_err(|error| format!("{error:?}"))?;
    let status = response.status();
    let body = response.consume().map_err(|()| "consumed")?;
    let stream = body.stream().map_err(|()| "no stream")?;
    let mut text = Vec::new();
    while let Ok(part) = stream.blocking_read(65_536) {
        text.extend(part);
    }
    Ok(format!("{status} {}", String::from_utf8_lossy(&text)))
}

fn main() {
    let target = env::args().nth(1).unwrap_or_default();
    match fetch(&target) {
        Ok(answer) => print!("{answer}"),
        Err(error) => {
            eprintln!("{error}");
            exit(1);
        }
    }
}
