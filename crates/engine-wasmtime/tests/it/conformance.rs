//! The kit that every engine runs.

use crate::units::engine;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_kit_holds() {
    match wasmill_engine::conformance::check(&engine()).await {
        Ok(ran) => assert_eq!(ran, wasmill_engine::conformance::cases().len()),
        Err(failures) => panic!("{}", failures.join("\n")),
    }
}
