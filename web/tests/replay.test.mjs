// Run bundles on the demo page: a good one says the same, a tampered one says where it is not.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";

import { built, openPage, withBrowser } from "./browser.mjs";

/** A request and what came of it natively: the test in Rust wrote it. */
const { request, run } = JSON.parse(readFileSync(process.env.WASMILL_RECORDED, "utf8"));

let browser, page, done;
const errors = [];

before(async () => {
  await new Promise((ready, failed) => {
    withBrowser(async (started) => {
      browser = started;
      page = await openPage(browser, { folder: join(built, "demo"), path: "/index.html" });
      watched(page);
      ready();
      await new Promise((resolve) => (done = resolve));
    }).catch(failed);
  });
});
after(() => done?.());

function watched(page) {
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
}

/** The digest of a value, as docs/values.md has it. No number here is one that JavaScript writes otherwise. */
function digest(value) {
  const sorted = (value) => {
    if (Array.isArray(value)) return value.map(sorted);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
  };
  const content = typeof value === "string" ? `s${value}` : `j${JSON.stringify(sorted(value))}`;
  return createHash("sha256").update(content).digest("hex");
}

/** A bundle as `wasmill export` makes it. */
function bundleOf(request, run) {
  const digests = {};
  for (const [key, value] of Object.entries(request)) {
    if (key === "units") for (const [name, unit] of Object.entries(value)) digests[`units.${name}`] = digest(unit);
    else digests[key] = digest(value);
  }
  for (const [key, value] of Object.entries(run)) {
    if (key === "steps") for (const [id, step] of Object.entries(value)) digests[`run.steps.${id}`] = digest(step);
    else digests[`run.${key}`] = digest(value);
  }
  return { ...request, recorded: { run, digests } };
}

/** A bundle of that request and run, after `change` had its way with them; whoever tampers makes the digests right again. */
function forged(change) {
  const copy = structuredClone({ request, run });
  change(copy);
  return bundleOf(copy.request, copy.run);
}

/** Drops a bundle on the page. */
async function drop(page, bundle, name = "run.wasmill") {
  const text = typeof bundle === "string" ? bundle : JSON.stringify(bundle);
  await page.waitForSelector("[data-ready]");
  await page.waitForSelector(".node");
  await page.evaluate(([name, text]) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([text], name));
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
  }, [name, text]);
}

async function replayed(page, bundle) {
  await drop(page, bundle);
  await page.waitForFunction(() => document.getElementById("verdict").textContent.startsWith("Recorded"));
  await page.click("#replay");
  await page.waitForFunction(() => /same|Not/.test(document.getElementById("verdict").textContent));
  return [await page.textContent("#verdict"), await page.textContent("#problems")];
}

test("the recorded run is shown before anything runs", async () => {
  await drop(page, bundleOf(request, run));
  await page.waitForSelector("#replay:visible");
  assert.equal(await page.textContent("#verdict"), "Recorded: ok");
  assert.deepEqual(JSON.parse(await page.textContent("#outputs")), run.outputs);
  assert.deepEqual(await page.locator(".node b").allTextContents(), Object.keys(run.steps));
  // It was another engine that ran it.
  assert.match(await page.textContent("#receipts"), /wasmi /);
  assert.doesNotMatch(await page.textContent("#receipts"), /chromium/);
});

test("what was recorded is shown with its digits", async () => {
  const sum = "9007199254740993";
  await drop(page, JSON.stringify(bundleOf(request, run)).replaceAll(/"(sum|output)":2401\b/g, `"$1":${sum}`));
  await page.waitForFunction((sum) => document.getElementById("outputs").textContent.includes(sum), sum);
  await page.click('.node:has-text("last")');
  assert.equal(await page.textContent("#step pre"), sum);
});

test("a good bundle says the same", async () => {
  const [verdict, problems] = await replayed(page, bundleOf(request, run));
  assert.match(verdict, /^The same: 2 calls were made again, with the same digests/);
  assert.match(verdict, /fuel and memory were not compared/);
  assert.equal(problems, "");
  assert.equal(await page.locator(".node.ok").count(), 2);
});

test("a part that is not what its digest says is named, and nothing runs", async () => {
  const bundle = structuredClone(bundleOf(request, run));
  bundle.recorded.run.steps.last.output = 1;
  const [verdict, problems] = await replayed(page, bundle);
  assert.equal(verdict, "Not replayed");
  assert.match(problems, /WM0323.*the step `last` was changed/);
  assert.equal(await page.locator(".node.bad").count(), 0);
});

test("a forged output is found by the run", async () => {
  const forgery = forged(({ run }) => {
    run.steps.last.output = 1;
    run.outputs.sum = 1;
  });
  const [verdict, problems] = await replayed(page, forgery);
  assert.match(verdict, /^Not the same: the step last differs in output/);
  assert.match(problems, new RegExp(`recorded sha256:${digest(1)}`));
  assert.match(problems, new RegExp(`found sha256:${digest(run.steps.last.output)}`));
  assert.equal(await page.textContent(".node.bad b"), "last");
});

test("the first step that differs is the one that is named", async () => {
  const [verdict, problems] = await replayed(page, forged(({ request }) => (request.inputs.number = 8)));
  assert.match(verdict, /^Not the same: the step first differs in input/);
  assert.match(problems, /recorded sha256:/);
});

test("another unit is found", async () => {
  const [verdict] = await replayed(page, forged(({ request }) => (request.pipeline = request.pipeline.replace("i32.mul", "i32.add"))));
  assert.match(verdict, /^Not the same: the step first differs in unit/);
});

test("a forged receipt is found", async () => {
  const [verdict] = await replayed(page, forged(({ run }) => (run.steps.first.attempts[0].limits.fuel = 7)));
  assert.match(verdict, /^Not the same: the step first differs in limits/);
});

test("what is edited is no longer what was recorded", async () => {
  await drop(page, bundleOf(request, run));
  await page.waitForSelector("#replay:visible");
  await page.fill("#inputs", '{"number": 1}');
  await page.waitForSelector("#replay", { state: "hidden" });
});

test("what is no bundle is said", async () => {
  for (const text of ["{", "[]", JSON.stringify(request), JSON.stringify({ ...request, recorded: {} })]) {
    await page.evaluate(() => document.getElementById("problems").replaceChildren());
    await drop(page, text, "run.wasmill");
    await page.waitForFunction(() => /no run bundle/.test(document.getElementById("problems").textContent));
  }
  // The page goes on.
  const [verdict] = await replayed(page, bundleOf(request, run));
  assert.match(verdict, /^The same/);
});

test("a bundle is replayed without a server and without a network", async () => {
  const context = await browser.newContext({ offline: true });
  const alone = await context.newPage();
  watched(alone);
  await alone.goto(pathToFileURL(join(built, "wasmill-demo.html")).href);
  const [verdict] = await replayed(alone, bundleOf(request, run));
  assert.match(verdict, /^The same: 2 calls/);
  await context.close();
});

test("nothing was logged as an error", () => assert.deepEqual(errors, []));
