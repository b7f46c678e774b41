//! What a run takes of memory grows with its steps, and no faster.
#![allow(unsafe_code, reason = "an allocator that counts")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    reason = "a test says what it expects by failing"
)]

#[path = "it/fake.rs"]
mod fake;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use wasmill_model::{Pipeline, With};
use wasmill_runtime::{InlineSpawner, RunOptions};

use crate::fake::{Fake, after, block_on, host, linked, object, pipeline, single, step};

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

fn took(bytes: usize) {
    MOST.fetch_max(NOW.fetch_add(bytes, Relaxed) + bytes, Relaxed);
}

// SAFETY: all of it is the system's; this only counts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        took(layout.size());
        // SAFETY: as for the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as for the caller.
        unsafe { System.dealloc(start, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

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
    let before = NOW.load(Relaxed);
    MOST.store(before, Relaxed);
    let document = block_on(linked.run(object("{}"), RunOptions::new("r1")));
    assert_eq!(document.error, None);
    MOST.load(Relaxed) - before
}

#[test]
fn memory_is_linear_in_the_steps() {
    for shape in [chain as fn(usize) -> Pipeline, fan_out] {
        let (thousand, ten_thousand) = (bytes(shape(1_000)), bytes(shape(10_000)));
        let each = ten_thousand / 10_000;
        assert!(ten_thousand < thousand * 12, "{thousand} bytes for 1,000 steps, {ten_thousand} for 10,000");
        assert!(each < 2_500, "{each} bytes a step");
    }
}
