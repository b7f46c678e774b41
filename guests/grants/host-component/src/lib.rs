//! Hands its arguments to `wasmill:host` and to an embedder's function, and gives back what they say. Promise: host functions work
//! from components, by their WIT types.
#![no_std]

extern crate alloc;
extern crate bare;

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

wit_bindgen::generate!({
    inline: "
        package wasmill:guest@1.0.0;

        world caller {
            import wasmill:host/files@1.0.0;
            import wasmill:host/http@1.0.0;
            import wasmill:host/time@1.0.0;
            import acme:billing/prices;
            export read: func(path: string) -> result<string, string>;
            export fetch: func(url: string) -> result<string, string>;
            export sleep: func(milliseconds: u64) -> result<_, string>;
            export price: func(item: string, count: u32) -> result<f64, string>;
        }
    ",
    path: ["../../../crates/engine-wasmtime/wit", "wit"],
    generate_all,
});

use wasmill::host::{files, http, time};

struct Caller;

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Guest for Caller {
    fn read(path: String) -> Result<String, String> {
        files::read(&path).map(text)
    }

    fn fetch(url: String) -> Result<String, String> {
        let request = http::Request { method: "GET".to_string(), url, headers: Vec::new(), body: Vec::new() };
        http::fetch(&request).map(|response| text(response.body))
    }

    fn sleep(milliseconds: u64) -> Result<(), String> {
        time::sleep(milliseconds)
    }

    fn price(item: String, count: u32) -> Result<f64, String> {
        acme::billing::prices::price(&item, count)
    }
}

export!(Caller);
