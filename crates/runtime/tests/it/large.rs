//! Ten thousand steps, in one thread and in several.

use wasmill_model::{Pipeline, With};
use wasmill_runtime::{InlineSpawner, RunOptions};

use crate::fake::{Fake, Tokio, after, block_on, host, linked, object, outputs, pipeline, single, step, threads};

const STEPS: usize = 10_000;

fn chain() -> Pipeline {
    let mut steps = vec![step("s0", "increment", single("0"))];
    steps.extend(
        (1..STEPS).map(|place| {
            after(step(&format!("s{place}"), "increment", With::Inherited), &[&format!("s{}", place - 1)])
        }),
    );
    pipeline(steps, &[])
}

fn fan_out() -> Pipeline {
    let mut steps = vec![step("s0", "increment", single("0"))];
    steps.extend((1..STEPS).map(|place| after(step(&format!("s{place}"), "increment", With::Inherited), &["s0"])));
    pipeline(steps, &[])
}

#[test]
fn a_chain() {
    let runtime = threads();
    for host in [host(&Fake::new(0), InlineSpawner::new()), host(&Fake::new(0), Tokio(runtime.handle().clone()))] {
        let document = block_on(linked(&host, chain()).run(object("{}"), RunOptions::new("r1")));
        assert_eq!(outputs(&document), r#"{"s9999":10000}"#);
    }
}

#[test]
fn a_fan_out() {
    let runtime = threads();
    for host in [host(&Fake::new(0), InlineSpawner::new()), host(&Fake::new(0), Tokio(runtime.handle().clone()))] {
        let document = block_on(linked(&host, fan_out()).run(object("{}"), RunOptions::new("r1")));
        assert_eq!(document.outputs.len(), STEPS - 1);
        assert!(document.outputs.values().all(|value| *value == wasmill_model::Value::Int(2)));
    }
}

#[test]
fn many_runs_share_one_spawner() {
    let host = host(&Fake::new(0), InlineSpawner::new());
    let steps = (0..20).map(|place| step(&format!("s{place}"), "wander", single(&place.to_string()))).collect();
    let linked = linked(&host, pipeline(steps, &[]));
    let documents = block_on(futures_util::future::join_all((0..50).map(|run| {
        let options = RunOptions::new(format!("r{run}"));
        linked.run(object("{}"), options)
    })));
    for document in &documents {
        assert_eq!(document.outputs, documents[0].outputs);
    }
}
