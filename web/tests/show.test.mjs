// What the demo page makes of what is told of a run, without a browser.

import assert from "node:assert/strict";
import { test } from "node:test";

import { drawn } from "../demo/graph.js";
import { asText, printed } from "../demo/show.js";

test("a value is printed as JSON", () => {
  for (const value of [null, 5, "a", [], {}, { a: [1, { "b\"": [] }], c: null }, [[["x"]]]]) {
    assert.equal(printed(value), JSON.stringify(value, null, 2));
  }
  assert.equal(asText("plain"), "plain");
});

test("printing stops at its bound", () => {
  let asked = 0;
  const endless = new Proxy(Array(1_000_000), {
    get: (target, key) => (typeof key === "string" && /^\d+$/.test(key) ? (asked++, 1) : Reflect.get(target, key)),
  });
  assert.ok(printed(endless).length < 21_000);
  assert.ok(asked < 10_000, String(asked));
  // An item behind 120 levels of arrays is as many spaces for each of its letters.
  let deep = Array(10_000).fill(0);
  for (let level = 0; level < 5_000; level++) deep = [deep];
  assert.ok(printed(deep).length < 21_000);
  assert.ok(printed("x".repeat(100_000)).length < 21_000);
  assert.match(printed({ ["x".repeat(100_000)]: 1 }), /there is more$/);
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
