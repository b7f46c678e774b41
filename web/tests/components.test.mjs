// Components in Chromium, as `bin/prepare.mjs` makes them: the same values, errors and messages as wasmtime gave (`component.json`), and limits that
// hold for all of their modules.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { test } from "node:test";

import { plain, prepare } from "../bin/prepare.mjs";
import { ORIGIN } from "./browser.mjs";
import { attempt, exactFuel, one, suite } from "./suite.mjs";

const { page, browser } = suite();

const root = resolve(import.meta.dirname, "../..");
const guests = join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "guests");
const guest = (path) => readFile(join(guests, path)).catch(() => assert.fail(`${path} is not there: \`cargo xtask guests\` builds it`));
const interpreter = () => readFile(join(root, "crates/toolchain/interpreters/javascript.wasm"));

/** Units in base64, and what was prepared of them. */
const units = {};
let isReady;
const ready = () => (isReady ??= makeReady());

async function makeReady() {
  const binaries = { kinds: await guest("component/kinds.wasm"), csv: await guest("examples/csv-stats/csv.wasm"), javascript: await interpreter() };
  const prepared = {};
  for (const [name, binary] of Object.entries(binaries)) {
    const [digest, made] = await prepare(new Uint8Array(binary));
    prepared[digest] = made;
    units[name] = binary.toString("base64");
  }
  await page().evaluate((prepared) => void (globalThis.prepared = prepared), prepared);
}

/** Runs one step that calls this function. */
async function call(unit, name, input, request = {}) {
  await ready();
  const pipeline = { wasmill: 1, name: "one", units: { unit: { path: "unit.wasm" } }, steps: { step: { unit: "unit", function: name, with: input } } };
  return run({ units: { unit: units[unit] }, ...request, pipeline: typeof input === "string" ? JSON.stringify(pipeline).replace(JSON.stringify(input), input) : pipeline });
}

const run = (request) =>
  page().evaluate(async (request) => {
    const { text, document, exitCode } = await wasmill.run(request, { prepared: globalThis.prepared });
    // They are kept, and some of them are large.
    globalThis.prepared = undefined;
    return { text, document, exitCode };
  }, request);

/** What the only output of a document is, digit for digit. */
const output = (text) => /"output": ([\s\S]*?),\n {6}"attempts"/.exec(text)?.[1].replaceAll(/\n\s*/g, "").replaceAll('": ', '":');

test("values are what they are on wasmtime", async () => {
  const cases = JSON.parse(await readFile(new URL("component.json", import.meta.url), "utf8"));
  for (const { function: name, input, single, verdict, message, output: expected } of cases) {
    // A manifest gives a single value to a function's only parameter as it stands.
    if (single) continue;
    const answer = await call("kinds", name, input);
    const told = attempt(answer);
    assert.ok(told, `${name} ${input}: ${answer.text}`);
    assert.equal(told.verdict, verdict, `${name} ${input}: ${told.message}`);
    if (verdict === "ok") assert.equal(output(answer.text), expected.replaceAll(/\n\s*/g, "").replaceAll('": ', '":'), `${name} ${input}`);
    else assert.equal(told.message, message, `${name} ${input}`);
  }
});

const digest = (text) => createHash("sha256").update(text).digest("hex");

test("a float that JSON has no number for keeps its digest", async () => {
  const given = async (name, value) => attempt(await call("kinds", `wasmill:guest/kinds@1.0.0#${name}`, { value })).output;
  for (const number of ["NaN", "Infinity", "-Infinity"]) {
    // As JSON (`j`), which it is wherever it stands; text would begin with `s`.
    assert.equal(await given("echo-f64", number), digest(`j"${number}"`));
    assert.equal(await given("echo-f32", number), digest(`j"${number}"`));
  }
  assert.equal(await given("echo-string", "NaN"), digest("sNaN"));
});

/** Runs a command with this input, and tells its last attempt. */
async function commanded(path, step, request = {}) {
  const binary = await guest(path);
  const [made, prepared] = await prepare(new Uint8Array(binary));
  const pipeline = { wasmill: 1, name: "one", units: { unit: { path: "unit.wasm" } }, steps: { step: { unit: "unit", ...step } } };
  const asked = { ...request, pipeline, units: { unit: binary.toString("base64") } };
  const answer = await page().evaluate(async ({ asked, prepared }) => {
    const { text, document, exitCode } = await wasmill.run(asked, { prepared });
    return { text, document, exitCode };
  }, { asked, prepared: { [made]: prepared } });
  return { ...attempt(answer), value: answer.document.steps.step.output, exitCode: answer.exitCode };
}

test("a command of WASI 0.2 reads, writes, logs and exits", async () => {
  const told = await commanded("command/echo-p2.wasm", { as: "text", with: "hello" });
  assert.deepEqual([told.verdict, told.value, told.log, told.interface], ["ok", "HELLO", "read 5 bytes\n", "command"]);
  assert.equal(told.output, digest("sHELLO"));
  assert.deepEqual([told.usage.bytes_in, told.usage.bytes_out, told.usage.log_bytes], [5, 5, 13]);
  const nothing = await commanded("command/echo-p2.wasm", { as: "text" });
  assert.equal(nothing.verdict, "ok");
  const failed = await commanded("command/echo-p2.wasm", { with: { $base64: "/w==" } });
  assert.equal(failed.verdict, "guest-error", failed.message);
  assert.match(failed.message, /exited with code 1: stdin: stream did not contain valid UTF-8/);
  const much = await commanded("command/echo-p2.wasm", { as: "text", with: "x".repeat(100_000) }, { limits: { output: "64KiB" } });
  assert.equal(much.verdict, "output-exceeded");
  assert.match(much.log, /read 100000 bytes/);
  assert.ok(much.usage.fuel > 0 && much.usage.peak_memory > 0, JSON.stringify(much.usage));
});

test("examples/csv-stats", async () => {
  await ready();
  const example = join(root, "examples/csv-stats");
  const [pipeline, csv] = await Promise.all(["pipeline.yaml", "sample.csv"].map((name) => readFile(join(example, name), "utf8")));
  const { document, exitCode } = await run({ pipeline, inputs: { csv }, units: { csv: units.csv } });
  assert.equal(exitCode, 0, JSON.stringify(document));
  const expected = JSON.parse(await readFile(join(example, "expected/sample.stdout"), "utf8"));
  assert.deepEqual(document.outputs, expected);
});

test("a component that was not prepared says how it is", async () => {
  await ready();
  const other = Buffer.concat([Buffer.from(units.kinds, "base64"), Buffer.from([0, 3, 1, 0x78, 0])]).toString("base64");
  const { document } = await call("kinds", "upper", ["a"], { units: { unit: other } });
  assert.match(JSON.stringify(document), /wasmill-prepare/);
});

const script = (source) => JSON.stringify({ language: "javascript", main: "main.js", files: { "main.js": source } });
const javascript = (source, limits = {}) => call("javascript", "run", [script(source), "main", "{}"], { limits });

test("the JavaScript interpreter: clocks, randomness and streams are the core's", async () => {
  const source = `export function main() {
    const before = Date.now();
    console.log("said");
    return [before, Math.random() === Math.random(), typeof performance];
  }`;
  const [one, other] = [await javascript(source), await javascript(source)];
  assert.equal(one.exitCode, 0, one.text);
  assert.deepEqual(one.document.steps.step.output, other.document.steps.step.output);
  assert.equal(JSON.parse(one.document.steps.step.output)[0], 1735689600000);
  assert.equal(attempt(one).log ?? one.document.steps.step.log, attempt(other).log ?? other.document.steps.step.log);
});

test("the fuel of a component is exact", () => exactFuel((fuel) => call("kinds", "upper", ["a"], { limits: { fuel } })));

test("limits hold for all modules of a component together", async () => {
  const verdict = async (source, limits) => attempt(await javascript(source, limits)).verdict;
  const endless = "export function main() { for (;;); }";
  assert.equal(await verdict(endless, { fuel: 1_000_000_000 }), "fuel-exhausted");
  assert.equal(await verdict(endless, { timeout: "2s", fuel: 1e15 }), "timed-out");
  assert.equal(await verdict("export function main() { const all = []; for (;;) all.push('x'.repeat(1e6) + all.length); }", { memory: "48MiB" }), "memory-exceeded");
  assert.equal(await verdict("export function main() { return 1; }", { memory: "64KiB" }), "memory-exceeded");
  assert.equal(await verdict("export function main() { return 1; }", { instances: 2 }), "memory-exceeded");
  assert.equal(await verdict("export function main() { return 'x'.repeat(1e6); }", { output: "64KiB" }), "output-exceeded");
  assert.equal(await verdict("export function main() { for (;;) console.log('x'.repeat(1000)); }", { log: "64KiB" }), "log-exceeded");
  assert.equal(await verdict("export function main() { throw new Error('no'); }"), "guest-error");
  // And nothing is left behind.
  assert.equal(await verdict("export function main() { return 1; }"), "ok");
});

test("of a call that was terminated, its log and memory are known", async () => {
  const told = attempt(await javascript(`export function main() { for (let count = 0; count < 3; count++) console.log("before " + count); for (;;); }`, { timeout: "2s", fuel: 1e15 }));
  assert.deepEqual([told.verdict, told.log], ["timed-out", "before 0\nbefore 1\nbefore 2\n"]);
  assert.equal(told.usage.log_bytes, 27);
  assert.ok(told.usage.peak_memory > 1 << 20 && told.usage.wall_us >= 2_000_000, JSON.stringify(told.usage));
  // Of one that says nothing, what it began with.
  const silent = attempt(await javascript("export function main() { for (;;); }", { timeout: "2s", fuel: 1e15 }));
  assert.deepEqual([silent.verdict, silent.log], ["timed-out", undefined]);
  assert.ok(silent.usage.peak_memory > 1 << 20, JSON.stringify(silent.usage));
});

test("what is prepared of a script is its interpreter", async () => {
  const binary = new Uint8Array(await interpreter());
  const content = Buffer.concat([Buffer.from([16]), Buffer.from("wasmill:function"), Buffer.from("{}")]);
  const built = new Uint8Array(Buffer.concat([binary, Buffer.from([0, content.length]), content]));
  assert.deepEqual(plain(built), binary);
  assert.equal(plain(binary).length, binary.length);
});

/** Calls `upper` of component/upper.wasm in a Wasmill of its own, prepared with this source, as often as it says. */
async function evaluated(source, count = 1) {
  const binary = await guest("component/upper.wasm");
  const [digest] = await prepare(new Uint8Array(binary));
  const request = { ...one("", { step: { function: "upper", with: "x" } }), units: { unit: binary.toString("base64") } };
  request.pipeline.units.unit = { path: "upper.wasm" };
  return page().evaluate(async ({ prepared, request, count, origin }) => {
    const { Wasmill } = await import(`${origin}/wasmill-web/wasmill.js`);
    const mine = await Wasmill.start({ workers: 1 });
    const outputs = [];
    for (let left = count; left > 0; left--) outputs.push((await mine.run(request, { prepared })).document.steps?.step?.output ?? "none");
    mine.stop();
    return outputs;
  }, { prepared: { [digest]: { source, modules: {} } }, request, count, origin: ORIGIN });
}

test("a component's JavaScript does not reach the network, storage or other workers", async () => {
  const names = ["fetch", "XMLHttpRequest", "WebSocket", "WebSocketStream", "indexedDB", "caches", "navigator", "importScripts", "Worker", "FontFace", "fonts", "trustedTypes", "storage", "location", "webkitRequestFileSystem"];
  const [left] = await evaluated(`function instantiate() {
    const left = [];
    for (const name of ${JSON.stringify(names)}) {
      for (let level = self; level; level = Object.getPrototypeOf(level)) {
        const found = Object.getOwnPropertyDescriptor(level, name);
        if (found && (found.get || found.value !== undefined || found.configurable)) left.push(name);
      }
    }
    return { upper: () => "left: " + left };
  }`);
  assert.equal(left, "left: ");
});

test("a worker that evaluated a component's JavaScript is never used again", async () => {
  const source = "function instantiate() { globalThis.calls = (globalThis.calls ?? 0) + 1; return { upper: () => String(globalThis.calls) }; }";
  assert.deepEqual(await evaluated(source, 3), ["1", "1", "1"]);
});

test("what is not `prepared` ends its run, and nothing else", async () => {
  await ready();
  const told = await page().evaluate(async () => {
    const request = { pipeline: { wasmill: 1, name: "one", units: { unit: { wat: '(module (func (export "f") (result i32) (i32.const 42)))' } }, steps: { step: { unit: "unit" } } } };
    const beside = wasmill.run(request);
    const wrong = [{ a: { source: "", modules: { m: "%" } } }, { a: null }, { a: { source: 5, modules: {} } }, { a: { source: "", modules: { m: 5 } } }];
    const answers = [];
    for (const prepared of wrong) answers.push((await wasmill.run(request, { prepared })).document.errors?.[0].message ?? "none");
    return { answers, beside: (await beside).exitCode, after: (await wasmill.run(request)).exitCode };
  });
  for (const answer of told.answers) assert.match(answer, /`prepared` cannot be read/);
  assert.deepEqual([told.beside, told.after], [0, 0]);
});

test("the policy that the docs ask for stops `import()` in workers", async () => {
  const docs = await readFile(join(root, "docs/prepared-components.md"), "utf8");
  const policy = /Content-Security-Policy: (.*)/.exec(docs)[1];
  const context = await browser().newContext();
  const asked = [];
  await context.route(`${ORIGIN}/**`, (route) => route.fulfill({ contentType: "text/html", headers: { "content-security-policy": policy }, body: "<!doctype html>" }));
  await context.route("https://elsewhere.test/**", (route) => {
    asked.push(route.request().url());
    return route.fulfill({ contentType: "text/javascript", headers: { "access-control-allow-origin": "*" }, body: "export default 1" });
  });
  const page = await context.newPage();
  await page.goto(`${ORIGIN}/blank.html`);
  const said = await page.evaluate(() => new Promise((done) => {
    const source = `onmessage = () => new Function("return import('https://elsewhere.test/x.js')")().then(() => postMessage("imported"), () => postMessage("stopped"))`;
    const worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
    worker.onmessage = ({ data }) => done(data);
    worker.onerror = ({ message }) => done(message);
    worker.postMessage("");
  }));
  await context.close();
  assert.deepEqual([said, asked], ["stopped", []]);
});
