//! The kit that every engine runs, on every executor that this engine serves.

use wasmill_engine::conformance::{self, Case};
use wasmill_model::Interface;

use crate::units::{block_on, call, engine, prepare, text, unit};

async fn check(cases: Vec<Case>) {
    let expected = cases.len();
    match conformance::check_these(&engine(), cases).await {
        Ok(ran) => assert_eq!(ran, expected, "this engine has every interface and holds every limit"),
        Err(failures) => panic!("{}", failures.join("\n")),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_kit_holds_on_many_threads() {
    if let Err(failed) = tokio::spawn(check(conformance::cases())).await {
        std::panic::resume_unwind(failed.into_panic());
    }
}

#[tokio::test(flavor = "current_thread")]
async fn the_kit_holds_on_one_thread() {
    check(conformance::cases()).await;
}

/// Units that import nothing need no runtime: whatever polls the call is good enough.
#[test]
fn the_kit_holds_without_a_runtime() {
    let cases = conformance::cases();
    let pure = |case: &Case| case.interface != Interface::Command && !case.guest.contains("(import \"wasi:");
    block_on(check(cases.into_iter().filter(pure).collect()));
}

/// What a unit with imports needs a runtime for (timers) is a verdict where there is none.
#[test]
fn a_program_without_a_runtime_is_an_outcome_and_no_panic() {
    let outcome = block_on(async {
        let echo = prepare(&engine(), &unit(include_str!("../../../../guests/command/echo.wat")), None).await;
        call(&echo, text("x"), &wasmill_model::Limits::default()).await
    });
    assert!(
        matches!(outcome.verdict, wasmill_model::Verdict::Ok | wasmill_model::Verdict::HostError { .. }),
        "{:?}",
        outcome.verdict
    );
}
