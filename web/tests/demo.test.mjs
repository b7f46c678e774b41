// The demo page: beside a server that hands out files, and as one file without any.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";

import { built, openPage, withBrowser } from "./browser.mjs";

let browser, page, done;
const errors = [];

before(async () => {
  await new Promise((ready, failed) => {
    withBrowser(async (started) => {
      browser = started;
      page = await opened();
      ready();
      await new Promise((resolve) => (done = resolve));
    }).catch(failed);
  });
});
after(() => done?.());

async function opened() {
  const page = await openPage(browser, { folder: join(built, "demo"), path: "/index.html" });
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  await page.waitForSelector("[data-ready]");
  await page.waitForSelector(".node");
  return page;
}

const write = async (manifest, inputs = "{}") => {
  await page.fill("#inputs", inputs);
  const outlined = page.evaluate(() => new Promise((resolve) => {
    const observer = new MutationObserver(() => (observer.disconnect(), resolve()));
    observer.observe(document.getElementById("graph"), { childList: true });
    setTimeout(resolve, 3000);
  }));
  await page.fill("#manifest", manifest);
  await outlined;
};

const ran = async () => {
  await page.click("#run");
  await page.waitForFunction(() => !document.getElementById("results").hidden || document.getElementById("problems").textContent);
};

/** Drops files on the page, as `{name: bytes or text}`. */
const drop = (files) =>
  page.evaluate((files) => {
    const transfer = new DataTransfer();
    for (const [name, contents] of files) transfer.items.add(new File([typeof contents === "string" ? contents : new Uint8Array(contents)], name));
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
  }, Object.entries(files));

test("one click runs something", async () => {
  await ran();
  assert.match(await page.textContent("#verdict"), /^Succeeded/);
  assert.equal(JSON.parse(await page.textContent("#outputs")).primes, 33860);
  assert.equal(await page.locator(".node.ok").count(), 6);
  assert.equal(await page.locator("#receipts tr").count(), 7);
});

test("what is written is drawn, run and told", async () => {
  await write("wasmill: 1\nname: mine\ninputs: { number: { type: integer } }\nunits: { u: { wat: '(module (func (export \"f\") (param i32) (result i32) (i32.mul (local.get 0) (local.get 0))))' } }\nsteps:\n  square: { unit: u, with: ['${{ inputs.number }}'] }\noutputs: { square: '${{ steps.square.output }}' }\n", '{"number": 12}');
  assert.deepEqual(await page.locator(".node b").allTextContents(), ["square"]);
  await ran();
  assert.deepEqual(JSON.parse(await page.textContent("#outputs")), { square: 144 });
  await page.click(".node");
  assert.match(await page.textContent("#step"), /chromium/);
});

test("what is wrong is said, with its place", async () => {
  await write("wasmill: 1\nsteps: { a: { unti: x } }\n");
  assert.match(await page.textContent("#problems"), /unti/);
  assert.equal(await page.isDisabled("#run"), true);
  await write("wasmill: 1\nunits: { u: { wat: '(module (func (export \"f\") unreachable))' } }\nsteps: { a: { unit: u } }\n", "{");
  await ran();
  assert.match(await page.textContent("#problems"), /not JSON/);
  await page.fill("#inputs", "{}");
  await ran();
  await page.waitForSelector("#verdict.bad-text");
  assert.equal(await page.textContent(".node.bad span"), "trap");
});

/** A unit that gives this number. */
const giving = (number) => [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 127, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 6, 1, 4, 0, 65, number, 11];

/** The nodes that are drawn, once this one is. */
const drawn = async (node) => {
  await page.waitForSelector(`.node b:text-is("${node}")`);
  return page.locator(".node b").allTextContents();
};

const outputs = async () => JSON.parse(await page.textContent("#outputs"));

test("a manifest and its unit are dropped", async () => {
  const unit = giving(42);
  await drop({ "pipeline.yaml": "wasmill: 1\nname: dropped\nunits: { answer: units/answer.wasm }\nsteps: { a: { unit: answer } }\n" });
  await page.waitForSelector("#units .missing");
  await drop({ "answer.wasm": unit });
  await page.waitForSelector("#units li:not(.missing)");
  await ran();
  assert.deepEqual(JSON.parse(await page.textContent("#outputs")), { a: 42 });
  // A run request says all of it.
  await drop({ "request.json": JSON.stringify({ pipeline: { wasmill: 1, name: "asked", units: { answer: "answer.wasm" }, steps: { asked: { unit: "answer" } } }, units: { answer: btoa(String.fromCharCode(...unit)) } }) });
  await page.waitForSelector('.node b:has-text("asked")');
  await ran();
  assert.deepEqual(JSON.parse(await page.textContent("#outputs")), { asked: 42 });
});

test("numbers keep their digits", async () => {
  const big = "9007199254740993";
  const units = { u: { wat: '(module (func (export "f") (param i64) (result i64) (local.get 0)))' } };
  const request = (inputs, given) => `{"pipeline": {"wasmill": 1, "name": "big", "inputs": {"x": {"type": "integer", "default": 1}},
    "units": ${JSON.stringify(units)}, "steps": {"big": {"unit": "u", "with": [${given}]}}}, "inputs": ${inputs}}`;
  const isShown = async () => {
    await ran();
    assert.match(await page.textContent("#outputs"), new RegExp(`: ${big}\\n`));
    await page.click(".node");
    assert.equal(await page.textContent("#step pre"), big);
  };
  await drop({ "request.json": request(`{"x": ${big}}`, '"${{ inputs.x }}"') });
  await drawn("big");
  assert.match(await page.inputValue("#inputs"), new RegExp(big));
  await isShown();
  // What is written into the box is what is run.
  await page.fill("#inputs", '{"x": 1}');
  await ran();
  await page.fill("#inputs", `{"x": ${big}}`);
  await isShown();
  await drop({ "request.json": request("{}", big) });
  await page.waitForFunction((big) => document.getElementById("manifest").value.includes(big), big);
  await isShown();
});

test("pipelines that are called are dropped with the first one, or later", async () => {
  const outer = "wasmill: 1\nname: outer\nsteps: { outer: { pipeline: in/inner.yaml } }\n";
  const inner = "wasmill: 1\nname: inner\nunits: { u: units/u.wasm }\nsteps: { inner: { unit: u } }\noutputs: { inner: '${{ steps.inner.output }}' }\n";
  await drop({ "inner.yaml": inner, "outer.yaml": outer, "u.wasm": giving(7) });
  assert.deepEqual(await drawn("outer"), ["outer"]);
  await ran();
  assert.deepEqual(await outputs(), { outer: { inner: 7 } });
  await page.selectOption("#example", "2");
  await drawn("convert");
  await drop({ "outer.yaml": outer });
  await page.waitForSelector('#units .missing:has-text("drop in/inner.yaml")');
  await drop({ "inner.yaml": inner });
  await page.waitForSelector('#units .missing:has-text("drop in/units/u.wasm")');
  await drop({ "u.wasm": giving(8) });
  await page.waitForSelector("#units:not(:has(.missing))");
  await ran();
  assert.deepEqual(await outputs(), { outer: { inner: 8 } });
});

test("a file is the unit of one path alone", async () => {
  await drop({ "two.yaml": "wasmill: 1\nname: two\nunits: { a: units/a.wasm, b: other/a.wasm }\nsteps: { two: { unit: a }, b: { unit: b } }\n" });
  await drawn("two");
  assert.equal(await page.inputValue("#example"), "");
  await drop({ "a.wasm": giving(1) });
  await page.waitForFunction(() => /not used: a\.wasm/.test(document.getElementById("problems").textContent));
  assert.deepEqual(await page.locator("#units .missing").allTextContents(), ["a: drop units/a.wasm, in its folder", "b: drop other/a.wasm, in its folder"]);
});

test("what is not used is said, and is not said any more after the next drop", async () => {
  await drop({ "text.yaml": "wasmill: 1\nname: text\nunits: { u: u.wat }\nsteps: { text: { unit: u } }\n" });
  await drawn("text");
  assert.equal(await page.textContent("#units .missing"), "u: drop u.wat");
  await page.click("#run");
  await page.waitForFunction(() => document.getElementById("verdict").textContent === "Nothing was started");
  assert.match(await page.textContent("#problems"), /WM\d+/);
  await drop({ "picture.png": [1], "u.wat": '(module (func (export "f") (result i32) (i32.const 42)))' });
  await page.waitForFunction(() => /not used: picture\.png$/.test(document.getElementById("problems").textContent));
  assert.equal(await page.locator("#problems p").count(), 1);
  await page.click("#run");
  await page.waitForFunction(() => document.getElementById("verdict").textContent.startsWith("Succeeded"));
  assert.deepEqual(await outputs(), { text: 42 });
});

test("nothing that a pipeline says becomes HTML", async () => {
  const evil = "<img src=x onerror=document.title=1>";
  await write(`wasmill: 1\nname: "${evil}"\ndescription: "${evil}"\nunits: { u: { wat: '(module (memory (export "memory") 1) (data (i32.const 256) "${evil}") (func (export "allocate") (param i32) (result i32) (i32.const 32)) (func (export "deallocate") (param i32 i32)) (func (export "process") (param i32 i32 i32) (result i32) (i32.store (local.get 2) (i32.const ${evil.length})) (i32.const 256)))' } }\nsteps: { evil: { unit: u, description: "${evil}", with: "${evil}" } }\n`);
  await ran();
  assert.match(await page.textContent("#verdict"), /^Succeeded/, await page.textContent("#problems"));
  await page.click(".node");
  assert.match(await page.textContent("#step pre"), /<img src=x/);
  assert.equal(await page.locator("main img").count(), 0);
  assert.equal(await page.title(), "Wasmill in a page");
});

test("a run is cancelled with a key, and the page goes on", async () => {
  await write("wasmill: 1\nunits: { u: { wat: '(module (func (export \"f\") (loop $l (br $l))))' } }\nsteps: { a: { unit: u, profile: fast } }\n");
  await page.focus("#manifest");
  await page.keyboard.press("Control+Enter");
  await page.waitForSelector(".node.running");
  await page.keyboard.press("Escape");
  await page.waitForSelector("#results:not([hidden])");
  assert.match(await page.textContent("#verdict"), /^Cancelled/);
});

test("a run is not shown as that of another pipeline, which takes its place", async () => {
  const steps = (name) => `units: { u: { wat: '(module (func (export "f") (loop $l (br $l))))' }, one: { wat: '(module (func (export "f") (result i32) (i32.const 1)))' } }\nsteps:\n  ${name}: { unit: one }\n`;
  await write(`wasmill: 1\nname: first\n${steps("same")}  endless: { unit: u, profile: fast, after: [same] }\n`);
  await page.click("#run");
  await page.waitForSelector(".node.running");
  await drop({ "pipeline.yaml": `wasmill: 1\nname: second\n${steps("same")}` });
  await page.waitForFunction(() => document.querySelectorAll(".node").length === 1);
  // The first one ends, and says nothing here; the second can be run.
  await page.waitForFunction(() => !document.getElementById("run").disabled);
  assert.equal(await page.textContent("#verdict"), "");
  assert.equal(await page.isHidden("#results"), true);
  assert.equal(await page.locator(".node.ok, .node.bad, .node.running, .node.skipped").count(), 0);
  await ran();
  assert.match(await page.textContent("#verdict"), /^Succeeded/);
  assert.deepEqual(JSON.parse(await page.textContent("#outputs")), { same: 1 });
});

test("all examples run", async () => {
  const count = await page.locator("#example option").count();
  assert.ok(count >= 3);
  for (let index = 0; index < count; index++) {
    await page.selectOption("#example", String(index));
    await page.waitForFunction(() => document.getElementById("verdict").textContent === "" && !document.getElementById("run").disabled);
    await ran();
    assert.match(await page.textContent("#verdict"), /^Succeeded/, `example ${index}`);
  }
});

test("it is one file, without a server", async () => {
  const context = await browser.newContext({ offline: true });
  const alone = await context.newPage();
  alone.on("pageerror", (error) => errors.push(error.message));
  await alone.goto(pathToFileURL(join(built, "wasmill-demo.html")).href);
  await alone.waitForSelector(".node");
  await alone.click("#run");
  await alone.waitForSelector("#results:not([hidden])");
  assert.match(await alone.textContent("#verdict"), /^Succeeded/);
  await context.close();
});

test("nothing was logged as an error", () => assert.deepEqual(errors, []));
