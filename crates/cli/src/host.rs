//! Where guests run: their own threads, the engines, the cache of compiled code, and the signals that stop them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle, Runtime};
use wasmill_artifact::CodeCache;
use wasmill_engine::{Cancel, Engine, Router};
use wasmill_engine_wasmtime::WasmtimeEngine;
use wasmill_model::RunDocument;
use wasmill_runtime::RunOptions;

use crate::commands::run::Job;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::progress;
use crate::settings::HostSettings;
