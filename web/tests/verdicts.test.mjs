// How calls end: each way has its own verdict, as on every other engine.

import assert from "node:assert/strict";
import { test } from "node:test";

import { attempt, bytesUnit, exactFuel, one, program, suite } from "./suite.mjs";

const { run } = suite();

const TRAPS = {
  unreachable: `(func (export "f") unreachable)`,
  "memory-out-of-bounds": `(memory 1) (func (export "f") (result i32) (i32.load (i32.const -1)))`,
  "table-out-of-bounds": `(table 1 funcref) (func (export "f") (call_indirect (i32.const 7)))`,
  "bad-signature": `(table funcref (elem $g)) (func $g (param i32)) (func (export "f") (call_indirect (i32.const 0)))`,
  "null-reference": `(table 1 funcref) (func (export "f") (call_indirect (i32.const 0)))`,
  "integer-division-by-zero": `(func (export "f") (result i32) (i32.div_u (i32.const 1) (i32.const 0)))`,
  "integer-overflow": `(func (export "f") (result i32) (i32.div_s (i32.const 0x80000000) (i32.const -1)))`,
  "bad-conversion-to-integer": `(func (export "f") (result i32) (i32.trunc_f32_s (f32.const nan)))`,
  "stack-overflow": `(func $f (export "f") (result i32) (i32.add (call $f) (i32.const 1)))`,
};

for (const [trap, body] of Object.entries(TRAPS)) {
  test(`a trap is ${trap}`, async () => {
    const result = await run(one(`(module ${body})`));
    assert.equal(result.exitCode, 1);
    const { verdict, trap: kind, engine } = attempt(result);
    assert.deepEqual([verdict, kind, engine.name], ["trap", trap, "browser"]);
  });
}

test("what a module has at first may be wrong too", async () => {
  const outside = `(module (memory 1) (data (i32.const 65535) "ab") (func (export "f")))`;
  assert.equal(attempt(await run(one(outside))).trap, "memory-out-of-bounds");
  const table = `(module (table 1 funcref) (elem (i32.const 1) $f) (func $f (export "f")))`;
  assert.equal(attempt(await run(one(table))).trap, "table-out-of-bounds");
  const start = `(module (func $s unreachable) (start $s) (func (export "f")))`;
  assert.equal(attempt(await run(one(start))).trap, "unreachable");
});

test("numbers keep every digit", async () => {
  const echo = (type) => `(module (func (export "f") (param ${type}) (result ${type}) (local.get 0)))`;
  const given = async (type, value) => (await run(one(echo(type), { step: { with: [value] } }))).document.steps.step.output;
  assert.equal(await given("i32", -7), -7);
  assert.equal(await given("f64", 0.1), 0.1);
  assert.equal(await given("f32", 0.5), 0.5);
  const text = await run({ ...one(echo("i64"), { step: { with: ["-9223372036854775808"] } }) });
  assert.equal(text.document.steps.step.output, -(2 ** 63));
  const several = `(module (func (export "f") (result i32 i64 f64) (i32.const 1) (i64.const -2) (f64.const 3.5)))`;
  assert.deepEqual((await run(one(several))).document.steps.step.output, [1, -2, 3.5]);
  const none = `(module (func (export "f")))`;
  assert.equal((await run(one(none))).document.steps.step.output, null);
});

const EXACT = {
  "numbers, in a straight line": [`(module (func (export "f") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))`, [2, 3]],
  "numbers, one way": [`(module (func (export "f") (param i32) (result i32) (if (result i32) (local.get 0) (then (i32.add (local.get 0) (i32.const 2))) (else (i32.const 7)))))`, [1]],
  "numbers, the other way": [`(module (func (export "f") (param i32) (result i32) (if (result i32) (local.get 0) (then (i32.add (local.get 0) (i32.const 2))) (else (i32.const 7)))))`, [0]],
  bytes: [bytesUnit(`(i32.store (local.get $out) (local.get $len)) (local.get $ptr)`), "hello"],
  "a program": [program(`(call $write (i32.const 1))`), ""],
  "a program that exits": [program(`(call $write (i32.const 1)) (call $exit (i32.const 0))`), ""],
};
for (const [name, [wat, input]] of Object.entries(EXACT)) {
  test(`fuel is exact: ${name}`, () => exactFuel((fuel) => run(one(wat, { step: { with: input, limits: { fuel } } }))));
}

test("vectors are refused before anything runs", async () => {
  const { document, exitCode } = await run(one(`(module (func (export "f") (param v128)))`, { step: { with: ["0".repeat(32)] } }));
  assert.notEqual(exitCode, 0);
  assert.match(JSON.stringify(document), /v128/);
});

test("a bytes unit answers, and fails in its own words", async () => {
  const echo = `(i32.store (local.get $out) (local.get $len)) (local.get $ptr)`;
  const result = await run(one(bytesUnit(echo), { step: { as: "text", with: "hello" } }));
  assert.equal(result.document.steps.step.output, "hello");
  const json = await run(one(bytesUnit(echo), { step: { as: "json", with: { a: [1, 2.5, "x"] } } }));
  assert.deepEqual(json.document.steps.step.output, { a: [1, 2.5, "x"] });
  const none = await run(one(bytesUnit("(i32.const 0)"), { step: { with: "hello" } }));
  assert.equal(attempt(none).verdict, "guest-error");
  const start = await run(one(bytesUnit(echo, `(func (export "_initialize") unreachable)`), { step: { with: "hello" } }));
  assert.equal(attempt(start).trap, "unreachable");
});

test("a program reads, writes, logs and exits", async () => {
  const copy = program(`(drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.store (i32.const 4) (i32.load (i32.const 8))) (call $write (i32.const 1)) (call $write (i32.const 2))`);
  const result = await run(one(copy, { step: { as: "text", with: "hello" } }));
  assert.equal(result.document.steps.step.output, "hello");
  assert.equal(attempt(result).log, "hello");
  const exits = async (code) => attempt(await run(one(program(`(call $exit (i32.const ${code}))`))));
  assert.equal((await exits(0)).verdict, "ok");
  const failed = await exits(3);
  assert.equal(failed.verdict, "guest-error");
  assert.match(failed.message, /exited with code 3/);
});

test("AssemblyScript's abort says what and where", async () => {
  const text = (at, words) => `(data (i32.const ${at}) "${(2 * words.length).toString(16).padStart(2, "0").replace(/^/, "\\")}\\00\\00\\00${[...words].map((letter) => `${letter}\\00`).join("")}")`;
  const wat = `(module (import "env" "abort" (func $abort (param i32 i32 i32 i32))) (memory (export "memory") 1)
    ${text(12, "no")} ${text(44, "a.ts")} (func (export "f") (call $abort (i32.const 16) (i32.const 48) (i32.const 3) (i32.const 4))))`;
  const { verdict, trap, message } = attempt(await run(one(wat)));
  assert.deepEqual([verdict, trap], ["trap", "unreachable"]);
  assert.match(message, /abort: no at a\.ts:3:4/);
});

test("what is not there is said before anything runs", async () => {
  const missing = await run(one(`(module (import "env" "nothing" (func)) (func (export "f")))`));
  assert.equal(missing.exitCode, 2);
  assert.match(JSON.stringify(missing.document.errors), /env::nothing/);
  const elsewhere = await run(one(`(module (func (export "f")))`, { step: { engine: "wasmtime" } }));
  assert.match(JSON.stringify(elsewhere.document.errors), /wasmtime is not there/);
});

test("the clock is virtual and randomness is seeded", async () => {
  const wat = program(`(drop (call $random_get (i32.const 4096) (i32.const 512)))
    (drop (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 4608))) (call $write (i32.const 1))`);
  const digest = async (input) => attempt(await run(one(wat, { step: { as: "bytes", with: input } }))).output;
  assert.equal(await digest("one"), await digest("one"));
  assert.notEqual(await digest("one"), await digest("two"));
});
