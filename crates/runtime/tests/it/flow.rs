//! Values from inputs through steps to outputs.

use proptest::prelude::*;
use wasmill_model::{Code, RunVerdict, Schedule, Value, With};

use crate::fake::{
    Fake, after, block_on, host, input, linked, named, object, outputs, pipeline, positional, run, run_with, single,
    step, threads,
};
use crate::fake::{Tokio, options};

#[test]
fn a_chain_hands_values_on() {
    let steps = vec![
        step("a", "increment", single("1")),
        step("b", "increment", single("${{ steps.a.output }}")),
        after(step("c", "increment", With::Inherited), &["b"]),
    ];
    let document = run(pipeline(steps, &[("result", "${{ steps.c.output }}"), ("text", "c is ${{ steps.c.output }}")]));
    assert_eq!(document.verdict, RunVerdict::Ok);
    assert_eq!(outputs(&document), r#"{"result":4,"text":"c is 4"}"#);
}

#[test]
fn what_is_handed_on_has_one_digest() {
    let steps = vec![step("a", "increment", single("1")), step("b", "echo", single("${{ steps[\"a\"].output }}"))];
    let document = run(pipeline(steps, &[]));
    let receipt = |id: &str| &document.steps[id].attempts[0];
    assert_eq!(receipt("a").output, Some(Value::Int(2).digest()));
    assert_eq!(receipt("b").input, Value::Int(2).digest());
    assert_eq!(receipt("a").input, Value::Int(1).digest());
    assert_eq!((receipt("b").attempt, &*receipt("b").engine.name), (1, "fake"));
    assert_eq!(receipt("b").function.as_deref(), Some("echo"));
    // Shared, not copied.
    assert!(std::sync::Arc::ptr_eq(&receipt("a").limits, &receipt("b").limits));
}

#[test]
fn a_fan_out_joins_in_declared_order() {
    let steps = vec![
        step("join", "sum", named(&[("a", "${{ steps.left.output }}"), ("b", "${{ steps.right.output }}")])),
        after(step("left", "increment", With::Inherited), &["first"]),
        step("right", "wander", single("${{ steps.first.output }}")),
        step("first", "increment", single("0")),
    ];
    let document = run(pipeline(steps, &[]));
    // Without outputs: those of the steps that nothing waits for.
    assert_eq!(outputs(&document), r#"{"join":6}"#);
    assert_eq!(document.steps.keys().map(|id| &**id).collect::<Vec<_>>(), ["join", "left", "right", "first"]);
}

#[test]
fn a_step_without_with_inherits() {
    // Several: an object by step id, or parameters by name where the function takes several.
    let steps = |function| {
        vec![
            step("a", "increment", single("1")),
            step("b", "increment", single("5")),
            after(step("both", function, With::Inherited), &["a", "b"]),
        ]
    };
    assert_eq!(outputs(&run(pipeline(steps("echo"), &[]))), r#"{"both":{"a":2,"b":6}}"#);
    assert_eq!(outputs(&run(pipeline(steps("sum"), &[]))), r#"{"both":8}"#);
    // A function without parameters takes nothing.
    let steps = vec![step("a", "answer", With::Inherited)];
    assert_eq!(outputs(&run(pipeline(steps, &[]))), r#"{"a":42}"#);
    // The pipeline's only input, or an object of all.
    let one = input(pipeline(vec![step("a", "echo", With::Inherited)], &[]), "x");
    assert_eq!(outputs(&run_with(one.clone(), r#"{"x": [1]}"#, 0)), r#"{"a":[1]}"#);
    let two = input(one, "y");
    assert_eq!(outputs(&run_with(two, r#"{"x": 1, "y": 2}"#, 0)), r#"{"a":{"x":1,"y":2}}"#);
}

#[test]
fn expressions_see_inputs_receipts_verdicts_and_the_run() {
    let steps = vec![
        step("a", "increment", single("${{ inputs.x + 1 }}")),
        step("b", "echo", positional(&["${{ [steps.a.verdict, steps.a.receipt.engine.name, run.id, inputs] }}"])),
    ];
    let pipeline = input(pipeline(steps, &[("all", "${{ steps.b.output[0] }}")]), "x");
    assert_eq!(outputs(&run_with(pipeline, r#"{"x": 1}"#, 0)), r#"{"all":["ok","fake","r1",{"x":1}]}"#);
}

#[test]
fn an_input_that_fails_to_evaluate_is_an_invalid_input() {
    let steps = vec![
        step("a", "increment", single("1")),
        step("b", "echo", single("${{ steps.a.output.rows }}")),
        step("c", "echo", single("${{ steps.b.output }}")),
    ];
    let document = run(pipeline(steps, &[]));
    assert_eq!(document.verdict, RunVerdict::Failed);
    let error = document.error.clone().unwrap();
    assert_eq!(error.code, Code::InvalidInput);
    assert_eq!(error.step.as_deref(), Some("b"));
    assert!(error.message.starts_with("step `b` failed: `${{ steps.a.output.rows }}`: "), "{}", error.message);
    assert!(error.message.contains("p.yaml:99:"), "{}", error.message);
    assert!(document.steps["b"].attempts.is_empty());
    assert_eq!(crate::fake::verdicts(&document), "a:ok b:invalid-input c:skipped");
}

#[test]
fn an_output_that_fails_to_evaluate_fails_the_run() {
    let document = run(pipeline(vec![step("a", "increment", single("1"))], &[("x", "${{ steps.a.output.rows }}")]));
    assert_eq!(document.verdict, RunVerdict::Failed);
    let error = document.error.unwrap();
    assert_eq!((error.code, error.step), (Code::InvalidInput, None));
    assert!(error.message.starts_with("the output `x` could not be worked out"), "{}", error.message);
    assert!(document.outputs.is_empty());
}

#[test]
fn no_steps_is_a_run() {
    let document = run(input(pipeline(Vec::new(), &[]), "x"));
    assert_eq!(outputs(&document), "{}");
}

/// Random pipelines: each step reads some of the earlier ones.
fn random_steps() -> impl Strategy<Value = Vec<Vec<usize>>> {
    proptest::collection::vec(proptest::collection::vec(any::<prop::sample::Index>(), 0..4), 1..24).prop_map(|steps| {
        let read = |(place, picks): (usize, Vec<prop::sample::Index>)| match place {
            0 => Vec::new(),
            _ => picks.iter().map(|pick| pick.index(place)).collect(),
        };
        steps.into_iter().enumerate().map(read).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn concurrency_and_luck_change_nothing(reads in random_steps(), seed in any::<u64>()) {
        let steps: Vec<_> = reads.iter().enumerate().map(|(place, reads)| {
            let list: Vec<String> = reads.iter().map(|read| format!("steps.s{read}.output")).collect();
            step(&format!("s{place}"), "wander", single(&format!("${{{{ [{place}, {}] }}}}", list.join(", "))))
        }).collect();
        let plain = pipeline(steps, &[]);
        let at = |max_concurrency, seed| {
            let schedule = Schedule { strategy: wasmill_model::Strategy::WorkQueue, max_concurrency };
            run_with(wasmill_model::Pipeline { schedule, ..plain.clone() }, "{}", seed)
        };
        let expected = serde_json::to_string(&at(1, 0)).unwrap();
        for max_concurrency in 1..=8 {
            prop_assert_eq!(&serde_json::to_string(&at(max_concurrency, seed ^ u64::from(max_concurrency))).unwrap(), &expected);
        }
        // And on threads.
        let runtime = threads();
        let host = host(&Fake::new(seed), Tokio(runtime.handle().clone()));
        let document = block_on(linked(&host, plain).run(object("{}"), options(&wasmill_engine::Cancel::new())));
        prop_assert_eq!(serde_json::to_string(&document).unwrap(), expected);
    }
}
