//! Wasmill beside its peers, on the same bytes in the same run: extism, and the three figures of the runtime of seed 002.
//!
//! `cargo xtask bench --peers` runs it and writes the figures into `docs/benchmarks.md`. It is a workspace of its own, because a peer
//! brings its own wasmtime, and nobody who builds Wasmill should have to build that.
#![forbid(unsafe_code)]

mod extism_plugin;
mod seed_002;

use wasmill_benches::measure::Effort;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let effort = Effort::from_arguments();
    extism_plugin::report(effort)?.publish(effort)?;
    seed_002::report(effort)?.publish(effort)?;
    Ok(())
}
