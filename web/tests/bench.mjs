// node web/tests/bench.mjs < ORDER: measures in Chromium what `cargo bench --bench browser` asks for, and prints nanoseconds as JSON.
//
// ORDER: {rounds, inARow, cases: {name: {wasm: [bytes], requests: {side: request}, small}}}. Each request's unit is `wasm` as well, whose `go` is
// called by hand.

import { readFileSync } from "node:fs";

import { openWasmill, withBrowser } from "./browser.mjs";

const { rounds, inARow, cases } = JSON.parse(readFileSync(0, "utf8"));

/** Runs in the page: both sides of one case, in turns. */
async function measure({ rounds, inARow, wasm, requests, small }) {
  const source = `let module;
    onmessage = ({ data }) => {
      if (data.module) module = data.module;
      else postMessage(new WebAssembly.Instance(module).exports.go());
    };`;
  const worker = new Worker(URL.createObjectURL(new Blob([source])));
  worker.postMessage({ module: await WebAssembly.compile(new Uint8Array(wasm)) });
  const byHand = () => new Promise((resolve, failed) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = failed;
    worker.postMessage({});
  });
  const expected = await byHand();
  const sides = { "by hand": byHand };
  for (const [side, request] of Object.entries(requests)) {
    sides[side] = async () => (await wasmill.run(request)).document;
    const { steps } = await sides[side]();
    for (const { output } of Object.values(steps)) {
      if (output !== expected) throw new Error(`${side}: ${JSON.stringify(steps)}`);
    }
  }
  const names = Object.keys(sides);
  const found = Object.fromEntries(names.map((name) => [name, []]));
  // Long enough for the optimised code to be there.
  const warm = Math.max(3, Math.ceil(rounds / 5));
  for (let round = 0; round < rounds + warm; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(turn + round) % names.length];
      // Clocks of pages are coarse: what is quick is done for 4 ms.
      const began = performance.now();
      let count = 0, took;
      do {
        await sides[name]();
        count++;
        took = performance.now() - began;
      } while (took < 4);
      if (round >= warm) found[name].push((took * 1e6) / count);
    }
  }
  if (small) {
    for (const name of ["by hand", "run"]) {
      const began = performance.now();
      for (let index = 0; index < inARow; index++) await sides[name]();
      found[`${name} in a row`] = [((performance.now() - began) * 1e6) / inARow];
    }
  }
  worker.terminate();
  return found;
}

await withBrowser(async (browser) => {
  const page = await openWasmill(browser);
  const found = {};
  for (const [name, wanted] of Object.entries(cases)) {
    found[name] = await page.evaluate(measure, { rounds, inARow, ...wanted });
  }
  console.log(JSON.stringify({ browser: `Chromium ${browser.version()}`, cases: found }));
});
