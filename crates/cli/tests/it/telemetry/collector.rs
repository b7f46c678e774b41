//! A collector of others between the program and a receiver: rotel, which reads what comes and writes it anew.

use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use wasmill_testkit::{Project, Running, tool};

const NAME: &str = "rotel-agent";

pub(crate) struct Collector {
    pub(crate) endpoint: String,
    process: Running,
}

impl Collector {
    /// Hands on what it is sent to this endpoint.
    pub(crate) fn start(project: &Project, endpoint: &str) -> Self {
        let program = tool(NAME).unwrap_or_else(|| {
            panic!("`{NAME}` is not found: `cargo xtask setup --only {NAME}` installs it, or put it on the PATH")
        });
        // Held together, so that they differ; and free again, for the collector.
        let held = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [http, grpc] = held.map(|listener| listener.local_addr().unwrap().to_string());
        let pid = project.path().join("collector.pid").display().to_string();
        let arguments = [
            "start",
            "--otlp-http-endpoint",
            &http,
            "--otlp-grpc-endpoint",
            &grpc,
            "--pid-file",
            &pid,
            "--exporter",
            "otlp",
            "--otlp-exporter-endpoint",
            endpoint,
            "--otlp-exporter-protocol",
            "http",
        ];
        let process = project.program(program, arguments).start();
        let start = Instant::now();
        while TcpStream::connect(&http).is_err() {
            assert!(start.elapsed() < Duration::from_secs(30), "the collector does not listen");
            std::thread::yield_now();
        }
        Collector { endpoint: format!("http://{http}"), process }
    }

    /// Ends it, when it has handed on everything.
    pub(crate) fn stop(self) {
        self.process.signal("TERM");
        self.process.finish();
    }
}
