//! The kit that every engine runs, on every executor that this engine serves: any.

use wasmill_engine::conformance::{self, Case};
use wasmill_model::Interface;

use crate::units::{block_on, engine};

/// All cases but those of components. The number says when some are added that do not run here.
fn cases() -> Vec<Case> {
    let cases: Vec<Case> =
        conformance::cases().into_iter().filter(|case| case.interface != Interface::Component).collect();
    assert!(cases.len() >= 100, "{} cases", cases.len());
    cases
}

async fn check() {
    match conformance::check(&engine()).await {
        Ok(ran) => assert_eq!(ran, cases().len(), "this engine holds every limit"),
        Err(failures) => panic!("{}", failures.join("\n")),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_kit_holds_on_many_threads() {
    if let Err(failed) = tokio::spawn(check()).await {
        std::panic::resume_unwind(failed.into_panic());
    }
}

#[tokio::test(flavor = "current_thread")]
async fn the_kit_holds_on_one_thread() {
    check().await;
}

/// Also those that sleep by the real clock.
#[test]
fn the_kit_holds_without_a_runtime() {
    block_on(check());
}
