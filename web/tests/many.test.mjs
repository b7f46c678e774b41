// A thousand runs in a row leave nothing behind.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { one, suite } from "./suite.mjs";

const { page, browser } = suite({ workers: 2 });

/** Bytes of memory that the page's process holds. */
async function resident() {
  const session = await browser().newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  const sizes = processInfo.filter(({ type }) => type === "renderer").map(({ id }) => {
    const line = readFileSync(`/proc/${id}/status`, "utf8").match(/^VmRSS:\s+(\d+)/m);
    return Number(line?.[1] ?? 0) * 1024;
  });
  return Math.max(...sizes);
}

const runs = (count) =>
  page().evaluate(async ({ request, count }) => {
    const began = performance.now();
    for (let index = 0; index < count; index++) {
      const { document } = await wasmill.run(request);
      if (document.steps.step.output !== 42) throw new Error(JSON.stringify(document));
    }
    return (performance.now() - began) / count;
  }, { count, request: one(`(module (memory (export "memory") 16) (func (export "f") (result i32) (memory.fill (i32.const 0) (i32.const 1) (i32.const 1048576)) (i32.const 42)))`) });

test("a thousand runs", { timeout: 170_000 }, async () => {
  await runs(200);
  const before = await resident();
  const each = await runs(800);
  const after = await resident();
  const workers = page().workers().length;
  console.log(`${each.toFixed(2)} ms a run, ${(before / 1e6).toFixed(0)} MB before, ${(after / 1e6).toFixed(0)} MB after, ${workers} workers`);
  assert.ok(after - before < 100e6, `${before} bytes before, ${after} after`);
  assert.ok(workers <= 3, `${workers} workers`);
});
