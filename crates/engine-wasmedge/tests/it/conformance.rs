//! What every engine must do.

use wasmill_engine::conformance::{cases, check, makes_sense};

use crate::program::engine;

#[tokio::test(flavor = "multi_thread")]
async fn the_engine_does_what_every_engine_must() {
    let engine = engine();
    let left_out: Vec<&str> = cases().iter().filter(|case| !makes_sense(&engine, case)).map(|case| case.name).collect();
    match check(&engine).await {
        Ok(ran) => assert_eq!(ran + left_out.len(), cases().len()),
        Err(failures) => panic!("{} went another way:\n{}", failures.len(), failures.join("\n")),
    }
}
