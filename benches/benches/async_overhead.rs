//! What it costs that a call is a future: `call_async` beside `call`, on the same bytes.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a bench that cannot be set up has nothing to say"
)]

use wasmill_benches::floor;
use wasmill_benches::guests::{ADD, BYTES_UPPER, binary, text, unit};
use wasmill_benches::measure::{Effort, blocking_side, current_thread, in_turn, side};
use wasmill_benches::report::{Report, Row, Target};
use wasmill_benches::wasmill::{Prepared, SLOTS, engine};
use wasmill_model::{Input, Value};

/// Rounds of a full measurement.
const ROUNDS: usize = 250;

fn main() {
    let effort = Effort::from_arguments();
    let runtime = current_thread().unwrap();
    let input = text(1 << 10);
    let add = floor::Add::new(&floor::engine(SLOTS).unwrap(), &binary(ADD)).unwrap();
    let bare = floor::BytesUnit::new(&floor::engine(SLOTS).unwrap(), &binary(BYTES_UPPER)).unwrap();
    let given = Input::Single(Value::text(input.clone()));
    let prepared = runtime.block_on(Prepared::new(&engine().unwrap(), &unit(BYTES_UPPER), None, given)).unwrap();
    runtime.block_on(prepared.output()).unwrap();
    let samples = in_turn(
        effort,
        ROUNDS,
        &mut [
            blocking_side(|| bare.call_blocking(input.as_bytes()).unwrap()),
            side(&runtime, || bare.call(input.as_bytes())),
            side(&runtime, || prepared.call()),
            blocking_side(|| add.call_blocking(2, 3).unwrap()),
            side(&runtime, || add.call(2, 3)),
        ],
    );
    let [blocking, future, wasmill, add_blocking, add_future] = &samples[..] else { unreachable!() };
    let report = Report {
        name: "async_overhead",
        title: "Async beside sync",
        method: "Fresh `bytes` calls with 1 KiB. A sync call runs the guest on the caller's stack, and can neither yield nor be dropped; an \
                 async one runs it on a stack of its own (a fiber), which is entered and left for each function that is called: three \
                 times for a `bytes` unit (`allocate` twice, `process`), once for `core add`, whose figures stand below for comparison.",
        rows: vec![
            Row::beside("bare call_async", "bare call", blocking, future, Target::None),
            Row::beside("Wasmill, async", "bare call", blocking, wasmill, Target::None),
            Row::beside("Wasmill, async", "bare call_async", future, wasmill, Target::Times(1.3)),
            Row::beside("core add: bare call_async", "bare call", add_blocking, add_future, Target::None),
        ],
        notes: vec![format!(
            "A bare async call takes {:.0} ns more than a bare sync one: {:.1} % of a fresh call through Wasmill.",
            future.median() - blocking.median(),
            100.0 * (future.median() - blocking.median()) / wasmill.median()
        )],
    };
    report.publish(effort).unwrap();
}
