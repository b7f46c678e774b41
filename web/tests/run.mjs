// node web/tests/run.mjs [--prepared PREPARED.json]... REQUEST.json...: runs each request in Chromium, and prints one line of JSON
// `{exitCode, text}` for each. Components have to be prepared (`web/bin/prepare.mjs`).

import { readFileSync } from "node:fs";

import { openWasmill, withBrowser } from "./browser.mjs";

const files = process.argv.slice(2);
const prepared = [];
while (files[0] === "--prepared") prepared.push(files.splice(0, 2)[1]);
if (files.length === 0) {
  console.error("usage: node web/tests/run.mjs [--prepared PREPARED.json]... REQUEST.json...");
  process.exit(2);
}

await withBrowser(async (browser) => {
  const page = await openWasmill(browser);
  await page.evaluate(() => void (globalThis.prepared = {}));
  for (const file of prepared) await page.evaluate((text) => void Object.assign(prepared, JSON.parse(text)), readFileSync(file, "utf8"));
  for (const file of files) {
    const answer = await page.evaluate(async (request) => {
      const { text, exitCode } = await wasmill.run(request, { prepared });
      // They are kept: half a hundred megabytes need not be handed over for each.
      globalThis.prepared = {};
      return { exitCode, text };
    }, readFileSync(file, "utf8"));
    console.log(JSON.stringify(answer));
  }
});
