// What a page can ask: runs at once, events, cancelling, requests that are wrong, a core that fails.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

import { built } from "./browser.mjs";
import { attempt, one, suite } from "./suite.mjs";

const { run, page } = suite();

const FORTY_TWO = `(module (func (export "f") (result i32) (i32.const 42)))`;
const ENDLESS = `(module (func (export "f") (loop $again (br $again))))`;

test("an AbortSignal cancels a run", async () => {
  for (const before of [false, true]) {
    const { document, exitCode } = await page().evaluate(async ({ request, before }) => {
      const controller = new AbortController();
      if (before) controller.abort();
      const onEvent = ({ type }) => type === "step-started" && setTimeout(() => controller.abort(), 50);
      const { document, exitCode } = await wasmill.run(request, { signal: controller.signal, onEvent });
      return { document, exitCode };
    }, { request: one(ENDLESS), before });
    assert.equal(exitCode, 130, JSON.stringify(document));
    assert.equal(document.verdict, "cancelled");
  }
  assert.equal((await run(one(FORTY_TWO))).document.steps.step.output, 42);
});

test("two runs at once have their own answers", async () => {
  const answers = await page().evaluate(async (requests) => {
    const results = await Promise.all(requests.map((request) => wasmill.run(request)));
    return results.map(({ document }) => document.steps.step.output);
  }, [1, 2, 3, 4, 5, 6].map((number) => one(`(module (func (export "f") (result i32) (i32.const ${number})))`)));
  assert.deepEqual(answers, [1, 2, 3, 4, 5, 6]);
});

test("events come in order", async () => {
  const events = await page().evaluate(async (request) => {
    const events = [];
    await wasmill.run(request, { onEvent: (event) => events.push(event) });
    return events;
  }, { pipeline: { wasmill: 1, name: "two", units: { unit: { wat: FORTY_TWO } }, steps: { a: { unit: "unit" }, b: { unit: "unit", after: ["a"] } } } });
  const told = events.map(({ type, step }) => (step ? `${type} ${step}` : type));
  assert.deepEqual(told, ["run-started", "step-started a", "step-finished a", "step-started b", "step-finished b", "run-finished"]);
  assert.equal(events[2].report.output, 42);
});

test("retries wait, fallbacks stand in, items are called one by one", async () => {
  const began = Date.now();
  const bad = one(`(module (func (export "f") unreachable))`, { step: { retry: { attempts: 3, backoff: "fixed", initial: "60ms", jitter: "none" } } });
  const { document } = await run(bad);
  assert.equal(document.steps.step.attempts.length, 3);
  assert.ok(Date.now() - began >= 120);
  const units = { bad: { wat: `(module (func (export "f") unreachable))` }, good: { wat: FORTY_TWO }, double: { wat: `(module (func (export "f") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2))))` } };
  const both = await run({
    pipeline: {
      wasmill: 1, name: "both", inputs: { list: { type: "array" } }, units,
      steps: { a: { unit: "bad", fallback: { unit: "good" } }, each: { unit: "double", foreach: "${{ inputs.list }}", with: ["${{ item }}"] } },
    },
    inputs: { list: [1, 2, 3, 4, 5, 6, 7, 8] },
  });
  assert.equal(both.exitCode, 0, JSON.stringify(both.document));
  assert.deepEqual(both.document.steps.each.output, [2, 4, 6, 8, 10, 12, 14, 16]);
  assert.equal(both.document.steps.a.output, 42);
});

test("requests that are wrong are answered", async () => {
  for (const request of ["", " ", "{", "null", "[1]", "\u0000", "{}", '{"pipeline": 7}', "[".repeat(20_000), `${"[1,".repeat(5_000)}1`, '{"pipeline": {"wasmill": 1}}', '{"wasmill": 1, "steps": {"a": {"unit": "none"}}}']) {
    const { document, exitCode } = await run(request);
    assert.equal(exitCode, 2, request.slice(0, 40));
    assert.ok(document.errors.length > 0, request.slice(0, 40));
  }
  const file = await run({ wasmill: 1, units: { u: "u.wasm" }, steps: { a: { unit: "u" } } });
  assert.match(file.document.errors[0].message, /there are no files here/);
  const folder = await run(one(FORTY_TWO, { step: { grants: { dirs: { ".": "/data" } } } }));
  assert.equal(folder.exitCode, 2);
});

test("what is no request is an answer of that run alone", async () => {
  const { said, other } = await page().evaluate(async (request) => {
    const controller = new AbortController();
    await new Promise((begun) => {
      window.other = wasmill.run(request, { signal: controller.signal, onEvent: ({ type }) => type === "step-started" && begun() });
    });
    const circular = {};
    circular.itself = circular;
    const said = [];
    for (const none of [undefined, () => 1, Symbol("none"), circular]) {
      const answers = [await wasmill.run(none), await wasmill.replay(none), await wasmill.outline(none)];
      for (const { document, exitCode } of answers) said.push([exitCode, document.errors[0].code]);
    }
    const { document, exitCode } = await wasmill.run({}, { prepared: { none: () => 1 } });
    said.push([exitCode, document.errors[0].code]);
    controller.abort();
    return { said, other: (await window.other).exitCode };
  }, one(ENDLESS));
  assert.deepEqual(said, [...Array(12).fill([2, "WM0107"]), [2, "WM0105"]]);
  assert.equal(other, 130);
});

test("integers beyond 2^53 keep their digits", async () => {
  const same = one(`(module (func (export "f") (param i64) (result i64) (local.get 0)))`, { step: { with: ["${{ inputs.number }}"] } });
  same.pipeline.inputs = { number: { type: "integer" } };
  const told = await page().evaluate(async (request) => {
    const { parse } = await import("/wasmill-web/wasmill.js");
    const events = [];
    const number = -9007199254740993n;
    const { text } = await wasmill.run({ ...request, inputs: { number } }, { onEvent: (event, text) => events.push(parse(text)) });
    const { report } = events.find(({ type }) => type === "step-finished");
    return { run: parse(text).steps.step.output === number, event: report.output === number, others: parse("[9007199254740991, 1.5, 1e300]") };
  }, same);
  assert.deepEqual(told, { run: true, event: true, others: [9007199254740991, 1.5, 1e300] });
});

test("outside of browsers it says what it is for", async () => {
  const { Wasmill } = await import(pathToFileURL(join(built, "wasmill-web/wasmill.js")));
  await assert.rejects(Wasmill.start(), /runs in browsers/);
});

test("the types have the keys that there are", async () => {
  const { document } = await run({ pipeline: { wasmill: 1 }, none: 1, units: { unit: { none: 1 } } });
  const known = (what) => {
    const { help } = document.errors.find(({ message }) => message === `${what} has no key \`none\``);
    return [...help.matchAll(/`(\w+)`/g)].map(([, key]) => key).sort();
  };
  const types = readFileSync(join(built, "wasmill-web/wasmill.d.ts"), "utf8");
  const typed = (pattern, key) => [...new Set([...types.match(pattern)[0].matchAll(key)].map(([, name]) => name))].sort();
  assert.deepEqual(typed(/interface RunRequest \{\n[^]*?\n\}/, /^ {2}(\w+)\??:/gm), known("a run request"));
  assert.deepEqual(typed(/GivenUnit = .*/, /[{;] (\w+)\??:/g), known("a unit of a request"));
});

test("an outline says what stands where", async () => {
  const outline = await page().evaluate(async (request) => (await wasmill.outline(request)).document, {
    pipeline: "wasmill: 1\nname: two\nunits: { u: u.wasm }\nsteps: { a: { unit: u }, b: { unit: u, with: '${{ steps.a.output }}' } }\n", file: "two.yaml",
  });
  assert.deepEqual(outline.levels, [["a"], ["b"]]);
  assert.deepEqual(outline.edges, [{ from: "a", to: "b", kind: "data" }]);
  assert.deepEqual(outline.units, [{ name: "u", file: "u.wasm" }]);
  const wrong = await page().evaluate(async () => (await wasmill.outline({ pipeline: "wasmill: 1\nsteps: [" })).exitCode);
  assert.equal(wrong, 2);
});

test("a core that fails is an answer, and the next run has a new one", async () => {
  const answer = page().evaluate(async (request) => {
    const { document, exitCode } = await wasmill.run(request, { onEvent: () => (window.isUnderWay = true) });
    return { document, exitCode };
  }, one(ENDLESS));
  await page().waitForFunction(() => window.isUnderWay);
  // The first worker is the host; guests that compute answer nobody.
  const [host] = page().workers();
  await host.evaluate(() => setTimeout(() => { throw new Error("boom"); }));
  const { document, exitCode } = await answer;
  assert.equal(exitCode, 1);
  assert.equal(document.errors[0].code, "WM0613");
  assert.match(document.errors[0].message, /boom/);
  assert.equal((await run(one(FORTY_TWO))).document.steps.step.output, 42);
});

test("who was stopped answers no more", async () => {
  const said = await page().evaluate(async (request) => {
    const other = await Wasmill.start({ workers: 1 });
    const running = other.run(request);
    other.stop();
    const { exitCode } = await running;
    const again = await other.run(request).catch((error) => error.message);
    return { exitCode, again };
  }, one(ENDLESS));
  assert.equal(said.exitCode, 1);
  assert.match(said.again, /stopped/);
});

test("a policy lowers what a request may ask for", async () => {
  const { document, exitCode } = await run(one(FORTY_TWO, { limits: { memory: "2GiB" }, policy: { limits: { ceilings: { memory: "1GiB" } } } }));
  assert.equal(exitCode, 2);
  assert.match(JSON.stringify(document.errors), /memory/);
  assert.equal(attempt(await run(one(FORTY_TWO))).verdict, "ok");
});
