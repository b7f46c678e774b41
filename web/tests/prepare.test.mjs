// What `bin/prepare.mjs` takes and refuses, and the JavaScript that guests of components meet, without a browser.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { binariesOf, checkNames, counted, emptyTextPlaced, liftsCounted, prepare } from "../bin/prepare.mjs";

const bytes = (...parts) => parts.flatMap((part) => (typeof part === "string" ? [part.length, ...Buffer.from(part)] : part));
const section = (id, ...parts) => [id, bytes(...parts).length, ...bytes(...parts)];
const core = (...sections) => [0, 97, 115, 109, 1, 0, 0, 0, ...sections.flat()];
const component = (...sections) => new Uint8Array([0, 97, 115, 109, 13, 0, 1, 0, ...sections.flat()]);

const source = (name) => readFileSync(new URL(`../src/${name}`, import.meta.url), "utf8");

const CODE = "a'];globalThis.PWNED=1;['b";

test("no name of a component becomes code", async () => {
  const nested = (name) => ({
    "a core export": component(section(1, core(section(7, [1], name, [0, 0])))),
    "a core import": component(section(1, core(section(2, [1], name, "f", [0, 0])))),
    "a core import's name": component(section(1, core(section(2, [1], "m", name, [3, 0x7e, 1])))),
    "an inline core export": component(section(2, [1, 1, 1], name, [0, 0])),
    "a core `with`": component(section(2, [1, 0, 0, 1], name, [0x12, 0])),
    "an instance's export": component(section(5, [1, 1, 1, 0], name, [1, 0])),
    "an alias": component(section(6, [1, 0, 0, 1, 0], name)),
    "an import": component(section(10, [1, 0], name, [5, 0])),
    "an export": component(section(11, [1, 0], name, [1, 0, 0])),
    "a component in a component": component(section(4, [...component(section(11, [1, 0], name, [1, 0, 0]))])),
  });
  for (const [what, binary] of Object.entries(nested(CODE))) {
    assert.throws(() => checkNames(binary), /cannot be written into JavaScript/, what);
    await assert.rejects(prepare(binary), /cannot be written into JavaScript/, what);
  }
  for (const name of ["a\nb", "a\\", "a`", "a${b}", "*/", '"', "\u2028"]) {
    assert.throws(() => checkNames(component(section(1, core(section(7, [1], [Buffer.byteLength(name), ...Buffer.from(name)], [0, 0]))))), /cannot be written/);
  }
  for (const binary of Object.values(nested("wasi:io/streams@0.2.3#[method]output-stream.write"))) checkNames(binary);
  assert.throws(() => checkNames(component([1, 200])), /ends too early/);
});

test("handles of a component's own resources are counted", () => {
  const made = `const T_FLAG = 1 << 30;
    function rscTableCreateOwn(table, rep) {
      const free = table[0] & ~T_FLAG;
      table._createdReps.add(rep);
      if (free === 0) {
        table.push(0);
        table.push(rep | T_FLAG);
        return (table.length >> 1) - 1;
      }
    }`;
  const run = (source) => new Function(`${source}
    const table = Object.assign([T_FLAG, 0], { _createdReps: new Set() });
    for (let count = 0; count < 10_000; count++) rscTableCreateOwn(table, 1);
    try { rscTableCreateOwn(table, 1); return "more"; } catch (error) { return error.message; }`)();
  assert.equal(run(made), "more");
  assert.equal(run(counted(made)), "more than 10000 handles are open");
  assert.throws(() => counted(made.replace("table.push(0)", "table[table.length] = 0")), /could not be counted/);
});

test("items of lists that jco lifts are counted", () => {
  const loop = `for (let i = 0; i < len2; i++) {
      const base = base2 + i * 8;
      result2.push({
        item: base,
      });
    }`;
  const run = (source) => new Function("wasmillPush", `const base2 = 16, len2 = 3, result2 = []; ${source} return result2;`);
  const pushed = [];
  assert.equal(run(liftsCounted(loop))((list, item) => pushed.push(item)).length, 0);
  assert.deepEqual(pushed, [{ item: 16 }, { item: 24 }, { item: 32 }]);
  assert.throws(() => liftsCounted(loop.replace("result2.push(", "result2.unshift(")), /could not be counted/);
  assert.throws(() => liftsCounted(`${loop}\nresult3.push(4);`), /could not be counted/);
});

test("a component is asked for the place of an empty text, as on wasmtime", () => {
  const made = `function _utf8AllocateAndEncode(s, realloc, memory) {
    if (s.length === 0) { return { ptr: 1, len: 0 }; }
  }`;
  const asked = [];
  const realloc = (...given) => (asked.push(given), 8);
  const run = (source) => new Function(`${source}; return _utf8AllocateAndEncode;`)()("", realloc);
  assert.deepEqual([run(emptyTextPlaced(made)), asked], [{ ptr: 8, len: 0 }, [[0, 0, 1, 0]]]);
  assert.throws(() => emptyTextPlaced(made.replace("ptr: 1", "ptr: 2")), /another version/);
});

test("of a run request, every binary is prepared once, and no script", () => {
  const request = {
    units: { plain: "AA==", limited: { base64: "AQ==" }, script: { base64: "c2NyaXB0", interpreter: "python" } },
    interpreters: { python: "Ag==" },
    pipelines: { "called.yaml": { pipeline: "", units: { own: "Aw==" } } },
  };
  assert.deepEqual(binariesOf(request), ["AA==", "AQ==", "Ag==", "Aw=="]);
  assert.deepEqual(binariesOf({ pipeline: "" }), []);
});

/** `component-wasi.js` with a core that says what it was asked. */
function wasi() {
  const asked = [];
  const core = new Proxy({}, { get: (_, what) => (...parameters) => (asked.push([what, ...parameters]), what === "peek" ? 0n : undefined) });
  return { interfaces: new Function(`${source("component-wasi.js")};return wasmillWasi;`)()(core), asked };
}

test("an import looks at the types of what it is given", () => {
  const { interfaces, asked } = wasi();
  const stdout = interfaces["wasi:cli/stdout"].getStdout();
  const { instanceNetwork } = interfaces["wasi:sockets/instance-network"];
  const { resolveAddresses } = interfaces["wasi:sockets/ip-name-lookup"];
  const calls = {
    "a number as bytes": () => stdout.write(3_000_000_000),
    "a number as bytes, flushed": () => stdout.blockingWriteAndFlush(3_000_000_000),
    "an object as bytes": () => stdout.write({ length: 1 }),
    "a number as a count": () => stdout.writeZeroes(5),
    "less than nothing": () => stdout.writeZeroes(-1n),
    "another stream": () => stdout.splice({ read: () => new Uint8Array(1 << 20) }, 5n),
    "another pollable": () => interfaces["wasi:io/poll"].poll([{ ready: () => false, at: 5n }]),
    "no list": () => interfaces["wasi:io/poll"].poll(5),
    "a number as a time": () => interfaces["wasi:clocks/monotonic-clock"].subscribeInstant(5),
    "a number as a duration": () => interfaces["wasi:clocks/monotonic-clock"].subscribeDuration(5),
    "a number of random bytes": () => interfaces["wasi:random/random"].getRandomBytes(5),
    "a name that is none": () => resolveAddresses(instanceNetwork(), 5),
    "no network": () => resolveAddresses({}, "example.org"),
    "a code that is none": () => interfaces["wasi:cli/exit"].exitWithCode("1"),
    "a status that is none": () => interfaces["wasi:cli/exit"].exit(undefined),
  };
  for (const [what, call] of Object.entries(calls)) assert.throws(call, WebAssembly.RuntimeError, what);
  assert.deepEqual(asked.filter(([what]) => what !== "peek"), []);
  stdout.write(new Uint8Array(3));
  assert.equal(asked.at(-1)[0], "write");
});

test("nothing but what an interface has can be imported", () => {
  const { interfaces } = wasi();
  for (const name of ["constructor", "toString", "hasOwnProperty"]) {
    assert.equal(interfaces[name], undefined);
    for (const [place, members] of Object.entries(interfaces)) {
      assert.equal(members[name], undefined, place);
      for (const member of Object.values(members)) if (/^class/.test(Function.prototype.toString.call(member))) assert.equal(member.prototype[name], undefined, place);
    }
  }
  const stdout = interfaces["wasi:cli/stdout"].getStdout();
  assert.equal(stdout.constructor, undefined);
  assert.equal(interfaces["wasi:io/streams"].OutputStream.call, undefined);
});

test("a name that is no name is not looked up", () => {
  const { interfaces, asked } = wasi();
  const { resolveAddresses } = interfaces["wasi:sockets/ip-name-lookup"];
  const network = interfaces["wasi:sockets/instance-network"].instanceNetwork();
  const thrown = (name) => {
    try {
      return resolveAddresses(network, name);
    } catch (error) {
      return error;
    }
  };
  for (const name of ["", "x".repeat(254), "ä".repeat(127), "a b", "a\nb", "a/b", "a`b"]) assert.equal(thrown(name), "invalid-argument", name);
  assert.deepEqual(asked, []);
  for (const name of ["example.org", "[::1]", "bücher.example"]) assert.equal(thrown(name), "access-denied", name);
  assert.equal(asked.length, 3);
});

const values = () => new Function(`${source("component-values.js")};return wasmillValues;`)();

test("a value is not made into text beyond its limit", () => {
  const { liftResult, liftError, Exceeded } = values();
  const texts = { params: [], types: [{ list: "string" }], result: 0 };
  const most = 1_000;
  const reached = [];
  const items = Array.from({ length: 100 }, (_, index) => ({ get length() { reached.push(index); return 600; }, toJSON: () => "" }));
  assert.throws(() => liftResult(texts, items, most), Exceeded);
  assert.equal(reached.length, 2);
  assert.throws(() => liftResult({ params: [], types: [{ list: "u8" }], result: 0 }, new Uint8Array(1_001), most), Exceeded);
  assert.throws(() => liftError({ params: [], types: [{ result: [null, "string"] }], result: 0 }, "x".repeat(1_001), most), Exceeded);
  // What fits is not refused for its escapes.
  assert.equal(liftResult({ params: [], types: [], result: "string" }, "\0".repeat(most), most).length, 6 * most + 2);
  assert.equal(liftResult(texts, ["a", "b"], most), '["a","b"]');
});

/** A core module that imports these counters, as `wasmill-instrument` makes it, and has the export `f`, which does `body`. */
function module(names, body) {
  const imports = names.flatMap(([name, type]) => bytes("wasmill", name, [3, type, 1]));
  const code = [0, ...body, 0x0b];
  const all = core(section(1, [1, 0x60, 0, 1, 0x7f]), [2, ...leb(imports.length + 1), names.length, ...imports], section(3, [1, 0]), section(7, [1], "f", [0, 0]), section(10, [1, code.length, ...code]));
  return new WebAssembly.Module(new Uint8Array(all));
}
const leb = (number) => (number < 128 ? [number] : [(number & 127) | 128, number >> 7]);

const COUNTERS = [["memory-limit", 0x7e], ["table-limit", 0x7e], ["memory", 0x7e], ["elements", 0x7e], ["refused", 0x7f], ["wanted", 0x7e], ["fuel", 0x7e], ["exhausted", 0x7f]];

/** A call of `f` of this module. */
function call(module, source_ = `function instantiate(get, imports, begin) { const { exports } = begin(get("m"), {}); return { f: exports.f }; }`) {
  const script = ["component-values.js", "component-wasi.js", "component.js"].map(source).join("\n");
  // What a component does to the globals is the end of its worker; here it is the test's own.
  const { slice } = ArrayBuffer.prototype;
  try {
    const component = new Function(`${script};return wasmillComponent;`)();
    const signature = { params: [], types: [], result: "u32" };
    const limits = { memory: "65536", elements: "10", fuel: "1000", instances: 10, output: "1000" };
    const facts = { module, memory: 0, elements: 0 };
    const answer = component.call({ source: source_, modules: { m: facts } }, { function: "f", signature, limits, input: { positional: [] } }, {});
    return { answer, used: component.used() };
  } finally {
    ArrayBuffer.prototype.slice = slice;
  }
}

test("a module never gets the counters for imports of its own", () => {
  assert.deepEqual(call(module(COUNTERS, [0x41, 7])).answer, { answer: "7" });
  // As `instrument` would leave it: the unit's own imports, and the counters behind them.
  assert.throws(() => call(module([["fuel", 0x7e], ...COUNTERS], [0x41, 7])), /imports counters/);
  assert.throws(() => call(module(COUNTERS.slice(1), [0x41, 7])), /imports counters/);
});

test("counters that say what none can say stay as they are", () => {
  // (global.set $memory (i64.const -5))
  const { used } = call(module(COUNTERS, [0x42, 0x7b, 0x24, 2, 0x41, 7]));
  assert.equal(JSON.parse(used).memory, -5);
});

test("what is lifted of a memory has a bound", () => {
  const greedy = `function instantiate(get, imports, begin) {
    begin(get("m"), {});
    const bytes = new Uint8Array(16 << 20), decoder = new TextDecoder();
    return { f() { for (let count = 0; count < 5; count++) decoder.decode(bytes); return 7; } };
  }`;
  const { answer } = call(module(COUNTERS, [0x41, 7]), greedy);
  // As on wasmtime, which says no more either of what it has not read to its end.
  assert.equal(answer.produced, 1001, JSON.stringify(answer));
  const sliced = greedy.replace("decoder.decode(bytes)", "bytes.buffer.slice(0)");
  assert.equal(call(module(COUNTERS, [0x41, 7]), sliced).answer.produced, 1001);
  // A list may hold one list ever so often, and what is in it is made anew each time.
  const nested = (inner) => greedy.replace(/f\(\) \{.*/, `f() { const all = []; let count = 0; for (; count < 1e7; count++) wasmillPush(all, ${inner}); return count; } };`);
  for (const inner of ["[]", "({ a: 1, b: [] })", "new Uint8Array()", "7"]) assert.equal(call(module(COUNTERS, [0x41, 7]), nested(inner)).answer.produced, 1001, inner);
  const survived = greedy.replace("decoder.decode(bytes);", "try { decoder.decode(bytes); } catch {}");
  assert.equal(call(module(COUNTERS, [0x41, 7]), survived).answer.produced, 1001);
});
