//! What a run takes of memory grows with its steps, and no faster.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    reason = "a test says what it expects by failing"
)]

#[path = "it/fake.rs"]
mod fake;

use wasmill_model::{Pipeline, With};
use wasmill_runtime::{InlineSpawner, RunOptions};

use crate::fake::{Fake, after, block_on, host, linked, object, pipeline, single, step};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

fn chain(steps: usize) -> Pipeline {
    let mut all = vec![step("s0", "increment", single("0"))];
    all.extend(
        (1..steps).map(|place| {
            after(step(&format!("s{place}"), "increment", With::Inherited), &[&format!("s{}", place - 1)])
        }),
    );
    pipeline(all, &[])
}

fn fan_out(steps: usize) -> Pipeline {
    let mut all = vec![step("s0", "increment", single("0"))];
    all.extend((1..steps).map(|place| after(step(&format!("s{place}"), "increment", With::Inherited), &["s0"])));
    pipeline(all, &[])
}

/// The most bytes that a run of the pipeline had at once, its document among them.
fn bytes(pipeline: Pipeline) -> usize {
    let host = host(&Fake::new(0), InlineSpawner::new());
    let linked = linked(&host, pipeline);
    let before = dhat::HeapStats::get().curr_bytes;
    let document = block_on(linked.run(object("{}"), RunOptions::new("r1")));
    assert_eq!(document.error, None);
    // Nothing had more before: linking takes less than the document.
    dhat::HeapStats::get().max_bytes - before
}

#[test]
fn memory_is_linear_in_the_steps() {
    for shape in [chain as fn(usize) -> Pipeline, fan_out] {
        let of = |steps| {
            let _profiler = dhat::Profiler::builder().testing().build();
            bytes(shape(steps))
        };
        let (thousand, ten_thousand) = (of(1_000), of(10_000));
        let each = ten_thousand / 10_000;
        assert!(ten_thousand < thousand * 12, "{thousand} bytes for 1,000 steps, {ten_thousand} for 10,000");
        assert!(each < 1_500, "{each} bytes a step");
    }
}
