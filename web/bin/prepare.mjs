#!/usr/bin/env node
// Prepares components for browsers, which run core modules alone: `jco transpile`, ahead of time.
//
//     npx wasmill-prepare [-o prepared.json] FILE...
//
// A FILE is a component (.wasm), or a run request in JSON whose `units` are binaries in base64. What comes out is one JSON document, to be given
// to `wasmill.run` as `prepared`: {"<SHA-256 of the component>": {source, modules: {name: base64}}}. The same component gives the same bytes.

import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const JCO = "@bytecodealliance/jco-transpile";

/** The custom section that units have at their end which Wasmill built from source. */
const BUILT_SECTION = "wasmill:function";

/** jco: what is installed beside this package, or what `cargo xtask setup` has installed. */
async function jco() {
  const tools = process.env.WASMILL_TOOLS || join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "wasmill/tools");
  const place = join(tools, "jco/node_modules", JCO, "dist/index.js");
  for (const name of [JCO, pathToFileURL(place).href]) {
    try {
      return await import(name);
    } catch (error) {
      if (error.code !== "ERR_MODULE_NOT_FOUND") throw error;
    }
  }
  throw new Error(`jco is not here: \`npm install ${JCO}\``);
}

/** A number as WebAssembly writes it, and where what follows begins. */
function leb128(bytes, at) {
  let [number, shift, byte] = [0, 1, 0];
  do {
    byte = bytes[at++];
    number += (byte & 0x7f) * shift;
    shift *= 128;
  } while (byte & 0x80);
  return [number, at];
}

/** What is really run of a unit: of one that was built from source the binary before the section that says so. */
export function plain(bytes) {
  for (let at = 8; at < bytes.length; ) {
    const [size, body] = leb128(bytes, at + 1);
    const end = body + size;
    if (end >= bytes.length && bytes[at] === 0) {
      const [length, name] = leb128(bytes, body);
      if (new TextDecoder().decode(bytes.subarray(name, name + length)) === BUILT_SECTION) return bytes.subarray(0, at);
    }
    at = end;
  }
  return bytes;
}

/** Whether these bytes are a component: a core module has another version. */
export const isComponent = (bytes) => bytes.length >= 8 && bytes[6] === 1 && bytes[7] === 0 && bytes[0] === 0;

/** One component, as `[digest, {source, modules}]`. */
export async function prepare(component) {
  const binary = plain(component);
  const { transpileBytes } = await jco();
  const { files } = await transpileBytes(binary, {
    name: "unit",
    instantiation: "sync",
    nodejsCompat: false,
    tlaCompat: false,
    wasiShim: false,
    base64Cutoff: 0,
    noComponentErrorWrapping: true,
    emitTypescriptDeclarations: false,
  });
  const modules = {};
  let source = "";
  for (const name of Object.keys(files).sort()) {
    if (name.endsWith(".wasm")) modules[name] = Buffer.from(files[name]).toString("base64");
    else if (name === "unit.js") source = new TextDecoder().decode(files[name]);
    else throw new Error(`jco made a file that nobody foresaw: ${name}`);
  }
  // It is called as a function: what it would export as a module is `instantiate`.
  source = source.replaceAll(/^export (?=(?:async )?function|const)/gm, "");
  new Function(source);
  return [createHash("sha256").update(binary).digest("hex"), { source, modules }];
}

/** The components in a file. */
async function componentsOf(path) {
  const bytes = new Uint8Array(await readFile(path));
  if (bytes[0] === 0) return [bytes];
  const { units = {} } = JSON.parse(new TextDecoder().decode(bytes));
  return Object.values(units).map((text) => new Uint8Array(Buffer.from(text, "base64")));
}

async function main(parameters) {
  const at = parameters.indexOf("-o");
  const output = at < 0 ? undefined : parameters.splice(at, 2)[1];
  if (parameters.length === 0 || parameters.includes("--help")) {
    console.error("usage: wasmill-prepare [-o PREPARED.json] FILE...\n\nFILE: a component, or a run request with `units`");
    return 2;
  }
  const prepared = {};
  for (const path of parameters) {
    for (const unit of await componentsOf(path)) {
      if (!isComponent(unit)) continue;
      const [digest, made] = await prepare(unit);
      prepared[digest] = made;
    }
  }
  const text = `${JSON.stringify(Object.fromEntries(Object.entries(prepared).sort()))}\n`;
  if (output === undefined) process.stdout.write(text);
  else await writeFile(output, text);
  return 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = await main(process.argv.slice(2)).catch((error) => {
    console.error(`error: ${error.message}`);
    return 1;
  });
}
