// Units that mean harm: each is stopped, the run says why, and the page goes on.

import assert from "node:assert/strict";
import { test } from "node:test";

import { attempt, bytesUnit, one, program, suite } from "./suite.mjs";

const { run, page } = suite({ workers: 2 });

const ENDLESS = `(module (func (export "f") (loop $again (br $again))))`;

/** Nothing is left of whoever was stopped. */
async function works() {
  const result = await run(one(`(module (func (export "f") (result i32) (i32.const 42)))`));
  assert.equal(result.document.steps.step.output, 42);
}

const stopped = (name, request, check) =>
  test(name, async () => {
    check(attempt(await run(request)));
    await works();
  });

const timedOut = ({ verdict, usage }) => {
  assert.equal(verdict, "timed-out");
  assert.equal(usage.fuel, undefined);
};

const quick = { limits: { timeout: "300ms" }, profile: "fast" };

stopped("a loop without end", one(ENDLESS, { step: quick }), timedOut);
stopped("a start function without end", one(`(module (func $s (loop $again (br $again))) (start $s) (func (export "f")))`, { step: quick }), timedOut);
stopped("_initialize without end", one(bytesUnit("(i32.const 0)", `(func (export "_initialize") (loop $again (br $again)))`), { step: { ...quick, with: "x" } }), timedOut);
stopped("a program that sleeps for ever", one(program(`(loop $again (br $again))`), { step: quick }), timedOut);
stopped("a start function that throws", one(`(module (func $s unreachable) (start $s) (func (export "f")))`), ({ trap }) => assert.equal(trap, "unreachable"));
stopped("recursion without end", one(`(module (func $f (export "f") (call $f) (call $f)))`), ({ trap }) => assert.equal(trap, "stack-overflow"));
stopped("recursion into our own functions", one(program(`(call $deep)) (func $deep (call $write (i32.const 9)) (call $deep)`)), ({ trap }) => assert.equal(trap, "stack-overflow"));
stopped("a flood of output", one(program(`(loop $again (call $write (i32.const 1)) (br $again))`), { step: { limits: { output: "64KiB" } } }), ({ verdict }) => assert.equal(verdict, "output-exceeded"));
stopped("a flood of log", one(program(`(loop $again (call $write (i32.const 2)) (br $again))`), { step: { limits: { log: "64KiB" } } }), ({ verdict, log }) => {
  assert.equal(verdict, "log-exceeded");
  assert.ok(log.length <= 64 << 10);
});

stopped("a log without end, slowly", one(program(`(call $write (i32.const 2)) (call $write (i32.const 2)) (loop $again (br $again))`), { step: quick }), (attempt) => {
  timedOut(attempt);
  // What it had logged by then is known, as is what it had of memory.
  assert.equal(attempt.log.length, 2048);
  const { log_bytes, peak_memory, wall_us } = attempt.usage;
  assert.deepEqual([log_bytes, peak_memory, wall_us >= 300_000], [2048, 2 * 65536, true]);
});
stopped("memory, and then no end", one(`(module (memory 3) (func (export "f") (loop $again (br $again))))`, { step: quick }), ({ usage }) => assert.equal(usage.peak_memory, 3 * 65536));
stopped("memory that an overflow in our own functions leaves behind", one(program(`(drop (memory.grow (i32.const 1))) (call $deep)) (func $deep (call $write (i32.const 2)) (call $write (i32.const 9)) (call $deep)`), { step: { limits: { log: "64MiB" } } }), ({ trap, usage }) => {
  assert.equal(trap, "stack-overflow");
  assert.equal(usage.peak_memory, 3 * 65536);
  assert.ok(usage.fuel > 0, JSON.stringify(usage));
});
for (const [profile, fuel] of [["metered", 0], ["fast", undefined]]) {
  stopped(`what cannot be instantiated, ${profile}`, one(`(module (memory 2) (table 4 funcref) (data (i32.const -1) "x") (func (export "f")))`, { step: { profile } }), ({ trap, usage }) => {
    assert.deepEqual([trap, usage.fuel, usage.peak_memory], ["memory-out-of-bounds", fuel, 2 * 65536 + 8 * 4]);
  });
}

const hoard = (grow) => `(module (memory (export "memory") 1) (table $t 1 funcref) (func (export "f")
  (loop $again (if (i32.eq ${grow} (i32.const -1)) (then unreachable)) (br $again))))`;
const exceeded = (of) => ({ verdict, message }) => {
  assert.equal(verdict, "memory-exceeded", message);
  assert.match(message, of);
};
stopped("memory without end", one(hoard("(memory.grow (i32.const 16))"), { step: { limits: { memory: "8MiB" } } }), exceeded(/8 MiB/));
stopped("a table without end", one(hoard("(table.grow $t (ref.null func) (i32.const 1000))"), { step: { limits: { table_elements: 10_000 } } }), exceeded(/10000|10,000/));
stopped("memories that are together too large", one(`(module (memory 100) (memory 100) (func (export "f")))`, { step: { limits: { memory: "8MiB" } } }), exceeded(/8 MiB/));
stopped("more memories than there may be", one(`(module ${"(memory 0)".repeat(5)} (func (export "f")))`, { step: { limits: { instances: 4 } } }), ({ verdict }) => assert.equal(verdict, "memory-exceeded"));
stopped("fuel without end", one(ENDLESS, { step: { limits: { fuel: 1_000_000 } } }), ({ verdict, usage }) => {
  assert.equal(verdict, "fuel-exhausted");
  assert.equal(usage.fuel, 1_000_000);
});
test("a function with another type than it has", async () => {
  const { document, exitCode } = await run(one(`(module (import "wasi_snapshot_preview1" "fd_close" (func (param i64) (result i32))) (memory (export "memory") 1) (func (export "f")))`));
  assert.equal(exitCode, 2);
  assert.match(document.errors[0].message, /with a type that it does not have/);
});

const LIES = {
  "a length that is not there": [`(i32.store (local.get $out) (i32.const -1)) (i32.const 1024)`, "invalid-abi"],
  "a pointer that is not there": [`(i32.store (local.get $out) (i32.const 4)) (i32.const -4)`, "invalid-abi"],
  "a pointer at the very end": [`(i32.store (local.get $out) (i32.const 5)) (i32.const 131068)`, "invalid-abi"],
};
for (const [name, [process, trap]] of Object.entries(LIES)) {
  stopped(name, one(bytesUnit(process), { step: { with: "x" } }), (attempt) => assert.deepEqual([attempt.verdict, attempt.trap], ["trap", trap]));
}

stopped("more output than it may give", one(bytesUnit(`(i32.store (local.get $out) (i32.const 100000)) (i32.const 1024)`), { step: { with: "x", limits: { output: "64KiB" } } }), ({ verdict }) => assert.equal(verdict, "output-exceeded"));

test("pointers of the interface itself", async () => {
  const lying = bytesUnit("(i32.const 0)").replace("(global.get $next)\n", "(i32.const -8)\n");
  assert.equal(attempt(await run(one(lying, { step: { with: "hello" } }))).trap, "invalid-abi");
  await works();
});

test("a worker that ends itself ends its call with the deadline", async () => {
  const waiting = program(`(drop (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 16))) (loop $again (br $again))`);
  // From here on it is compiled, and a worker is idle that the next call gets.
  await run(one(waiting, { step: quick }));
  await works();
  for (const guest of await guests()) await guest.evaluate(() => self.close()).catch(() => {});
  assert.equal(attempt(await run(one(waiting, { step: quick }))).verdict, "timed-out");
  await works();
});

test("eight without end on two workers end, one after the other", async () => {
  const steps = Object.fromEntries(Array.from({ length: 8 }, (_, index) => [`s${index}`, { unit: "unit", ...quick }]));
  const { document } = await run({ pipeline: { wasmill: 1, name: "many", on_failure: "best-effort", units: { unit: { wat: ENDLESS } }, steps } });
  for (const step of Object.values(document.steps)) assert.equal(step.verdict, "timed-out");
  await works();
  // The host and two guests: nobody who was stopped computes on.
  // A browser takes its time (seconds, in Chromium) to end one that computes.
  for (const until = Date.now() + 15_000; page().workers().length > 3 && Date.now() < until; ) await works();
  assert.ok(page().workers().length <= 3, `${page().workers().length} workers`);
});

/** Guest workers that answer, which those that compute do not. */
async function guests() {
  const answer = (worker) => worker.evaluate(() => self.name).catch(() => "");
  const workers = page().workers();
  const names = await Promise.all(workers.map((worker) => Promise.race([answer(worker), new Promise((late) => setTimeout(late, 300, ""))])));
  return workers.filter((_, index) => names[index] === "wasmill guest");
}

test("a guest worker has nothing of the page", async () => {
  await works();
  const found = await guests();
  assert.ok(found.length > 0);
  for (const guest of found) {
    const reach = await guest.evaluate(() => [typeof fetch, typeof XMLHttpRequest, typeof WebSocket, typeof Worker, typeof indexedDB, typeof caches, typeof importScripts]);
    assert.deepEqual([...new Set(reach)], ["undefined"]);
  }
});
