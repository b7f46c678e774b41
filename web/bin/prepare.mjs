#!/usr/bin/env node
// Prepares components for browsers, which run core modules alone: `jco transpile`, ahead of time.
//
//     npx wasmill-prepare [-o prepared.json] FILE...
//
// A FILE is a component (.wasm), or a run request in JSON: `wasmill build --request` makes one of any pipeline. What comes out is one JSON document,
// to be given to `wasmill.run` as `prepared`: {"<SHA-256 of the component>": {source, modules: {name: base64}}}. The same component gives the
// same bytes.

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

// ---------------------------------------------------------------- names

// jco writes the names of imports and exports into JavaScript, between quotes, as they stand. A name with a quote in it would be code of whoever
// wrote the component, so only components without such names come to jco.

/** What a name may be made of: nothing that ends a string, a comment or a line of JavaScript. */
const NAME = /^[A-Za-z0-9_$.:@/#[\]<>=,|+ -]*$/;

/** A component that is not prepared, and why. */
class Refused extends Error {}

function checked(name) {
  if (!NAME.test(name)) throw new Refused(`a name in the component cannot be written into JavaScript: ${JSON.stringify(name.slice(0, 80))}`);
}

/** Reads a section, byte by byte. What nobody foresaw is refused, not passed over. */
class Reader {
  constructor(bytes) {
    Object.assign(this, { bytes, at: 0 });
  }
  byte() {
    if (this.at >= this.bytes.length) throw new Refused("a section of the component ends too early");
    return this.bytes[this.at++];
  }
  number() {
    const [number, at] = leb128(this.bytes, this.at);
    if (at > this.bytes.length) throw new Refused("a section of the component ends too early");
    this.at = at;
    return number;
  }
  take(length) {
    if (length > this.bytes.length - this.at) throw new Refused("a section of the component ends too early");
    return this.bytes.subarray(this.at, (this.at += length));
  }
  name() {
    checked(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(this.take(this.number())));
  }
  /** The name of an import or export of a component. */
  externName() {
    this.one(0, 1);
    this.name();
  }
  one(...foreseen) {
    const byte = this.byte();
    if (!foreseen.includes(byte)) throw new Refused(`there is a ${byte} in the component where nobody foresaw one`);
    return byte;
  }
  each(read) {
    for (let left = this.number(); left > 0; left--) read();
  }
  /** What sort of thing an index is of: of core WebAssembly it has a second byte. */
  sort() {
    if (this.byte() === 0) this.byte();
  }
  sorted() {
    this.sort();
    this.number();
  }
  coreType() {
    // Of a reference to a type, the type follows.
    if ([0x63, 0x64].includes(this.byte())) this.number();
  }
  limits() {
    const flags = this.one(...Array(16).keys());
    this.number();
    if (flags & 1) this.number();
    if (flags & 8) this.number();
  }
  valueType() {
    // A primitive type or an index, as a signed number.
    this.number();
  }
  /** The type of an import or export. */
  externType() {
    switch (this.one(0, 1, 2, 3, 4, 5)) {
      case 0: return this.one(0x11), this.number();
      case 2: return this.one(0, 1) === 0 ? this.number() : this.valueType();
      case 3: return this.one(0, 1) === 0 ? this.number() : undefined;
      default: return this.number();
    }
  }
}

/** Sections of a component that have names in them; those of types are checked by jco's validator, which lets no other characters pass. */
const SECTIONS = {
  2: (reader) => {
    if (reader.one(0, 1) === 0) {
      reader.number();
      reader.each(() => (reader.name(), reader.one(0x12), reader.number()));
    } else reader.each(() => (reader.name(), reader.byte(), reader.number()));
  },
  5: (reader) => {
    if (reader.one(0, 1) === 0) {
      reader.number();
      reader.each(() => (reader.name(), reader.sorted()));
    } else reader.each(() => (reader.externName(), reader.sorted()));
  },
  6: (reader) => {
    reader.sort();
    const isOuter = reader.one(0, 1, 2) === 2;
    reader.number();
    if (isOuter) reader.number();
    else reader.name();
  },
  10: (reader) => (reader.externName(), reader.externType()),
  11: (reader) => {
    reader.externName();
    reader.sorted();
    if (reader.one(0, 1) === 1) reader.externType();
  },
};
const [CORE_MODULE, COMPONENT] = [1, 4];

/** Refuses a component with a name, its own or one of what is nested in it, that cannot be written into JavaScript. */
export function checkNames(binary) {
  const isWhole = isComponent(binary);
  for (let at = 8; at < binary.length; ) {
    const [size, body] = leb128(binary, at + 1);
    if (body + size > binary.length) throw new Refused("a section of the component ends too early");
    const content = binary.subarray(body, body + size);
    const read = (isWhole ? SECTIONS : CORE_SECTIONS)[binary[at]];
    if (isWhole && (binary[at] === COMPONENT || binary[at] === CORE_MODULE)) checkNames(content);
    else if (read) {
      const reader = new Reader(content);
      reader.each(() => read(reader));
      if (reader.at !== content.length) throw new Refused("a section of the component has more in it than it says");
    }
    at = body + size;
  }
}

/** Sections of a core module that have names in them. */
const CORE_SECTIONS = {
  2: (reader) => {
    reader.name();
    reader.name();
    switch (reader.one(0, 1, 2, 3, 4)) {
      case 0: return reader.number();
      case 1: return reader.coreType(), reader.limits();
      case 2: return reader.limits();
      case 3: return reader.coreType(), reader.one(0, 1);
      default: return reader.one(0), reader.number();
    }
  },
  7: (reader) => {
    reader.name();
    reader.byte();
    reader.number();
  },
};

// ---------------------------------------------------------------- what jco made

/** Handles of a component's own resources that there may be at once. */
const MOST_HANDLES = 10_000;
/** Different resources that a component may make in a call. */
const MOST_MADE = 1_000_000;

/** Has jco's source count the handles of a component's own resources, which are arrays that would grow as long as there is memory. */
export function counted(source) {
  const tables = source.match(/function rscTableCreate(?:Own|Borrow)\b/g)?.length ?? 0;
  let found = 0;
  const grow = /table\.push\((0|scopeId)\);(?=\s*table\.push\(rep\b)/g;
  const trap = `if ((table._made = (table._made ?? 0) + 1) > ${MOST_HANDLES}) throw new WebAssembly.RuntimeError("more than ${MOST_HANDLES} handles are open");`;
  const made = source.replaceAll(grow, (push) => (found++, `${trap} ${push}`));
  // jco also keeps the number of everything that there ever was.
  const remembered = "table._createdReps.add(rep);";
  const forget = `if (table._createdReps.size >= ${MOST_MADE}) throw new WebAssembly.RuntimeError("more than ${MOST_MADE} resources were made");`;
  const bounded = made.replaceAll(remembered, `${forget} ${remembered}`);
  if (found !== tables || (source.match(/_createdReps\.add\(/g)?.length ?? 0) !== source.split(remembered).length - 1) throw new Refused("jco makes handles otherwise than this package knows, and they could not be counted: another version of it is needed");
  return bounded;
}

/**
 * Has jco's source say what it lifts of lists. What is text or bytes can be seen from outside; lists of anything else are arrays, and all items of
 * one may point to the same list. `component.js` has `wasmillPush`, which counts them.
 */
export function liftsCounted(source) {
  const loops = source.match(/\bconst base = base\d+ \+ i \* \d+;(?=\s)/g)?.length ?? 0;
  let found = 0;
  const made = source.replaceAll(/^(\s*)(result\d+)\.push\(/gm, (_, space, list) => (found++, `${space}wasmillPush(${list}, `));
  if (found !== loops) throw new Refused("jco lifts lists otherwise than this package knows, and they could not be counted: another version of it is needed");
  return made;
}

/** Has jco ask a component for the place of an empty text too, as wasmtime does: the call is part of the component's fuel. */
export function emptyTextPlaced(source) {
  const given = "if (s.length === 0) { return { ptr: 1, len: 0 }; }";
  const encoders = source.match(/\bfunction _utf8AllocateAndEncode\b/g)?.length ?? 0;
  if (encoders !== source.split(given).length - 1) throw new Refused("jco lowers text otherwise than this package knows: another version of it is needed");
  return source.replaceAll(given, "if (s.length === 0) { return { ptr: realloc(0, 0, 1, 0), len: 0 }; }");
}

/** Refuses source in which a name could stand outside of its quotes. */
function checkSource(source) {
  // Where jco writes names of core exports and imports: `exports0['name']`, and members of imports.
  for (const [, name] of source.matchAll(/\bexports\d+\[([^\n]*)/g)) {
    if (!/^(?:'[A-Za-z0-9_$.:@/#[\]<>=,|+ -]*'|\d+)\]/.test(name)) throw new Refused("jco wrote a name of the component so that it could be code");
  }
  new Function(source);
}

/** One component, as `[digest, {source, modules}]`. */
export async function prepare(component) {
  const binary = plain(component);
  checkNames(binary);
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
  source = emptyTextPlaced(liftsCounted(counted(source)));
  checkSource(source);
  return [digestOf(binary), { source, modules }];
}

const digestOf = (binary) => createHash("sha256").update(binary).digest("hex");

/** The binaries of a run request, in base64. What stands behind an interpreter is a script, and no binary. */
export function binariesOf({ units = {}, interpreters = {}, pipelines = {} }) {
  const plain = Object.values(units).filter((unit) => unit.interpreter === undefined).map((unit) => unit.base64 ?? unit);
  return [...plain, ...Object.values(interpreters), ...Object.values(pipelines).flatMap(binariesOf)];
}

/** The components in a file. */
async function componentsOf(path) {
  const bytes = new Uint8Array(await readFile(path));
  if (bytes[0] === 0) return [bytes];
  return binariesOf(JSON.parse(new TextDecoder().decode(bytes))).map((text) => new Uint8Array(Buffer.from(text, "base64")));
}

async function main(parameters) {
  const at = parameters.indexOf("-o");
  const output = at < 0 ? undefined : parameters.splice(at, 2)[1];
  if (parameters.length === 0 || parameters.includes("--help")) {
    console.error("usage: wasmill-prepare [-o PREPARED.json] FILE...\n\nFILE: a component, or a run request");
    return 2;
  }
  const prepared = {};
  for (const path of parameters) {
    for (const unit of await componentsOf(path)) {
      if (!isComponent(unit) || Object.hasOwn(prepared, digestOf(plain(unit)))) continue;
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
