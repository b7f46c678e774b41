// node web/tests/run.mjs REQUEST.json...: runs each request in Chromium, and prints one line of JSON `{exitCode, text}` for each.

import { readFileSync } from "node:fs";

import { openWasmill, withBrowser } from "./browser.mjs";

const files = process.argv.slice(2);
if (files.length === 0) {
  console.error("usage: node web/tests/run.mjs REQUEST.json...");
  process.exit(2);
}

await withBrowser(async (browser) => {
  const page = await openWasmill(browser);
  for (const file of files) {
    const answer = await page.evaluate(async (request) => {
      const { text, exitCode } = await wasmill.run(request);
      return { exitCode, text };
    }, readFileSync(file, "utf8"));
    console.log(JSON.stringify(answer));
  }
});
