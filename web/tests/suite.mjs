// What suites share: one browser with one page, and requests of units in WebAssembly text.

import assert from "node:assert/strict";
import { after, before } from "node:test";

import { openWasmill, withBrowser } from "./browser.mjs";

/** A page with a started Wasmill for all tests of a file: `page()` gives it, and `run(request)` runs there. */
export function suite(options) {
  let page, browser, done;
  before(async () => {
    await new Promise((ready, failed) => {
      withBrowser(async (started) => {
        browser = started;
        page = await openWasmill(browser, options);
        ready();
        await new Promise((resolve) => (done = resolve));
      }).catch(failed);
    });
  });
  after(() => done?.());
  const run = (request) =>
    page.evaluate(async (request) => {
      const { document, exitCode } = await wasmill.run(request);
      return { document, exitCode };
    }, request);
  return { page: () => page, browser: () => browser, run };
}

/** A pipeline of one step that calls `unit`, which is WebAssembly text. */
export function one(wat, { step = {}, ...request } = {}) {
  return { ...request, pipeline: { wasmill: 1, name: "one", units: { unit: { wat } }, steps: { step: { unit: "unit", ...step } } } };
}

/** The last attempt of the step of `one`. */
export const attempt = ({ document }) => document.steps.step.attempts.at(-1);

/** Holds a call to exactly the fuel that it uses: as much is enough, and one unit less is not. `called(fuel)` makes it, with this limit. */
export async function exactFuel(called) {
  const last = async (fuel) => attempt(await called(fuel));
  const plenty = await last(100_000_000);
  const { fuel } = plenty.usage;
  assert.ok(plenty.verdict === "ok" && fuel > 0, JSON.stringify(plenty));
  const enough = await last(fuel);
  assert.deepEqual([enough.verdict, enough.usage.fuel, enough.output], ["ok", fuel, plenty.output]);
  const short = await last(fuel - 1);
  assert.deepEqual([short.verdict, short.usage.fuel], ["fuel-exhausted", fuel - 1]);
}

/** A unit of the byte interface whose `process` does this. */
export const bytesUnit = (process, more = "") => `(module
  (memory (export "memory") 2)
  (global $next (mut i32) (i32.const 1024))
  (func (export "allocate") (param $size i32) (result i32)
    (global.get $next)
    (global.set $next (i32.add (global.get $next) (i32.and (i32.add (local.get $size) (i32.const 7)) (i32.const -8)))))
  (func (export "deallocate") (param i32 i32))
  (func (export "process") (param $ptr i32) (param $len i32) (param $out i32) (result i32) ${process})
  ${more})`;

/** A program whose `_start` does this, with `$write(fd)`, which writes 1,024 bytes. */
export const program = (start) => `(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 2)
  (data (i32.const 0) "\\00\\10\\00\\00\\00\\04\\00\\00")
  (func $write (param $fd i32) (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func (export "_start") ${start}))`;
