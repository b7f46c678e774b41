// Component functions in node: the same answers, errors and messages as wasmtime gave (`component.json`), through what `bin/prepare.mjs` makes.
//
//     node web/tests/component.mjs KINDS.wasm SIGNATURES.json     (`cargo run -p wasmill-unit --example signatures`)

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { prepare } from "../bin/prepare.mjs";

const here = (path) => new URL(path, import.meta.url);
const script = async (name) => readFile(here(`../src/${name}.js`), "utf8");

/** The scripts as workers have them, one after the other. */
export async function load() {
  const parts = await Promise.all(["component-values", "component-wasi", "component"].map(script));
  return new Function(`${parts.join("\n")}; return { wasmillValues, wasmillWasi, wasmillComponent };`)();
}

/** A prepared component, compiled. */
export async function compiled(path) {
  const [, { source, modules }] = await prepare(new Uint8Array(await readFile(path)));
  const entries = Object.entries(modules).map(([name, text]) => [name, { module: new WebAssembly.Module(Buffer.from(text, "base64")), memory: 0, elements: 0 }]);
  return { source, modules: Object.fromEntries(entries) };
}

/** What node's `JSON.parse` would lose of integers, as the core gives it. */
export const given = (text) => JSON.parse(text.replaceAll(/(?<=[:[,])(-?\d{16,})(?=[,\]}])/g, '{"$integer":"$1"}'));

/** JSON as it is written by anybody: floats have their point, integers none, and all their digits. */
const same = (text) => JSON.stringify(JSON.parse(text.replaceAll(/(?<=^|[:[,]\s*)(-?[\d.e+-]+)(?=\s*[,\]}]|$)/g, (number) =>
  /[.e]/.test(number) ? `"float ${Number(number)} ${Object.is(Number(number), -0)}"` : `"integer ${number}"`)));

const [path, signatures] = process.argv.slice(2);
const { wasmillComponent } = await load();
const prepared = await compiled(path);
const types = JSON.parse(await readFile(signatures, "utf8"));
const cases = JSON.parse(await readFile(here("component.json"), "utf8"));
let failed = 0;
for (const { function: name, input, single, verdict, message, output } of cases) {
  const value = given(input);
  const order = {
    function: name,
    signature: types[name],
    limits: { memory: 1 << 28, elements: 1000, fuel: 1000, instances: 100 },
    input: single ? { single: value } : Array.isArray(value) ? { positional: value } : { named: value },
  };
  let told;
  try {
    const { answer, error, refused } = wasmillComponent.call(prepared, order, {});
    if (refused !== undefined) told = { verdict: "invalid-input", message: refused };
    else if (error !== undefined) told = { verdict: "guest-error", message: JSON.parse(error) };
    else told = { verdict: "ok", output: same(answer) };
  } catch (error) {
    told = error instanceof WebAssembly.RuntimeError ? { verdict: "trap" } : { verdict: String(error.stack) };
  }
  const expected = { verdict };
  if (verdict === "ok") expected.output = same(output);
  else if (verdict !== "trap") expected.message = message;
  try {
    assert.deepEqual(told, expected);
  } catch {
    failed += 1;
    console.error(`${name} ${input}\n  ${JSON.stringify(expected)}\n  ${JSON.stringify(told)}`);
  }
}
console.log(`${cases.length - failed} of ${cases.length} as on wasmtime`);
process.exitCode = failed === 0 ? 0 : 1;
