// What the demo page makes of what is told of a run, without a browser.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ambiguous, assigned, first, joined } from "../demo/files.js";
import { drawn } from "../demo/graph.js";
import { members, object, printed } from "../demo/json.js";
import { asText } from "../demo/show.js";

test("a value is printed as JSON, with its digits", () => {
  for (const value of [null, 5, "a", [], {}, { a: [1, { "b\"": [] }], c: null }, [[["x"]]], "{[,:\\\"", { "\\": "}" }]) {
    for (const space of [0, 1, 4]) assert.equal(printed(JSON.stringify(value, null, space)), JSON.stringify(value, null, 2));
  }
  assert.equal(asText('"plain\\n"'), "plain\n");
  assert.equal(asText("[9007199254740993,1.0,1e400]"), "[\n  9007199254740993,\n  1.0,\n  1e400\n]");
});

test("printing stops at its bound", () => {
  assert.ok(asText(JSON.stringify(Array(1_000_000).fill(1))).length < 21_000);
  // An item behind 120 levels of arrays is as many spaces for each of its letters.
  let deep = JSON.stringify(Array(10_000).fill(0));
  for (let level = 0; level < 5_000; level++) deep = `[${deep}]`;
  assert.ok(asText(deep).length < 21_000);
  assert.match(asText(deep), /\[…\]/);
  assert.ok(asText(JSON.stringify("x".repeat(100_000))).length < 21_000);
  assert.match(asText(JSON.stringify({ ["x".repeat(100_000)]: 1 })), /there is more$/);
});

test("members are cut out as they are written", () => {
  const text = ' { "a" : 9007199254740993, "__proto__": {"a": [1, {}]}, "q\\"}": "x,\\\\", "last":[ ] } ';
  const found = members(text);
  assert.deepEqual([...found], [["a", "9007199254740993"], ["__proto__", '{"a": [1, {}]}'], ['q"}', '"x,\\\\"'], ["last", "[ ]"]]);
  assert.deepEqual([...members(object(found))], [...found]);
  for (const none of [undefined, "{}", "[1, 2]", '"{}"', "5"]) assert.equal(members(none).size, 0);
});

test("a file is meant with one path at most", () => {
  const pairs = (paths, dropped) => Object.fromEntries(assigned(paths, dropped));
  assert.deepEqual(pairs(["units/a.wasm", "other/a.wasm"], ["a.wasm"]), {});
  assert.deepEqual(pairs(["units/a.wasm", "other/a.wasm"], ["x/other/a.wasm"]), { "other/a.wasm": "x/other/a.wasm" });
  assert.deepEqual(pairs(["a.wasm", "units/a.wasm"], ["p/units/a.wasm", "p/a.wasm"]), { "a.wasm": "p/a.wasm", "units/a.wasm": "p/units/a.wasm" });
  assert.deepEqual(pairs(["a.wasm", "units/a.wasm"], ["units/a.wasm"]), { "units/a.wasm": "units/a.wasm" });
  assert.deepEqual(pairs(["x/units/a.wasm"], ["a.wasm", "units/a.wasm", "b.wasm"]), { "x/units/a.wasm": "units/a.wasm" });
  assert.deepEqual(pairs(["../a.wasm"], ["a.wasm"]), { "../a.wasm": "a.wasm" });
  assert.deepEqual([...ambiguous(["u/a.wasm", "a.wasm", "a.wasm", "b.wasm"])], ["a.wasm"]);
  assert.deepEqual([joined("", "./in/../a"), joined("in/x.yaml", "../../b/a"), joined("in/x.yaml", "/a")], ["a", "../b/a", "/a"]);
  assert.equal(first(["inner.yaml", "outer.yaml"], new Set(["inner.yaml"])), "outer.yaml");
});

test("of many steps some are drawn", () => {
  const ids = Array.from({ length: 1_000 }, (_, index) => `s${index}`);
  const all = { levels: [ids.slice(0, 400), ids.slice(400)], steps: ids.map((id) => ({ id })), edges: [] };
  for (const from of ids.slice(0, 400)) for (const to of ids.slice(400)) all.edges.push({ from, to, kind: "data" });
  const part = drawn(all);
  assert.deepEqual([part.steps.length, part.levels.flat().length, part.edges.length], [500, 500, 5_000]);
  assert.match(part.left, /500 of 1000 steps and 5000 of 240000 edges/);
  const few = drawn({ levels: [["a"], ["b"]], steps: [{ id: "a" }, { id: "b" }], edges: [{ from: "a", to: "b" }] });
  assert.deepEqual([few.steps.length, few.edges.length, few.left], [2, 1, undefined]);
});
