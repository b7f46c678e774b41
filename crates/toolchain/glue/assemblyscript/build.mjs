// Compiles AssemblyScript: finds the function, gives classes their JSON, and runs the compiler once.
//
// node build.mjs REQUEST: a file of JSON, {asc, main, function, glue, options, output, report}. What came of it is written to `report`:
// {function} where there is a unit, else {problems} or {functions}, which are all that there are.
//
// Text is only added to the user's: behind the last line, before the end of a class on the same line, and `!` behind names of fields
// that have to be there. So lines stay the same, and columns are set right before they are reported.

import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve, sep } from "node:path";
import { pathToFileURL } from "node:url";

const request = JSON.parse(readFileSync(process.argv[2], "utf8"));
const compiler = dirname(dirname(request.asc));
const load = (file) => import(pathToFileURL(join(compiler, "dist", file)).href);
const asc = await load("asc.js");
const { CommonFlags, NodeKind, newOptions, newProgram, parse } = await load("assemblyscript.js");

const ROOT = process.cwd();
const GLUE = "wasmill_";
const ENTRY = "wasmill_entry.ts";

/** Types that always have a value. */
const PLAIN = /^(bool|boolean|number|[iu](8|16|32|64|size)|f32|f64)$/;

/** Files of the user's: as they are, and what was added to them where. */
const files = new Map();

function report(what) {
  writeFileSync(request.report, JSON.stringify(what));
}

/** A file of the user's folder, and of no other. */
function read(name) {
  const path = resolve(ROOT, name);
  if (!path.startsWith(ROOT + sep)) return null;
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

function tree(text, name) {
  const program = newProgram(newOptions());
  parse(program, text, name, true);
  return program.sources.find((source) => source.normalizedPath === name);
}

const textOf = (node) => node.range.source.text.slice(node.range.start, node.range.end);

/** A type as it is written. `| null` is not part of its node. */
function typeOf(node) {
  const text = textOf(node).trim();
  return node.isNullable && !/\|\s*null\s*$/.test(text) ? `${text} | null` : text;
}

function classes(statements) {
  return statements.flatMap((statement) => {
    if (statement.kind === NodeKind.ClassDeclaration) return [statement];
    if (statement.kind === NodeKind.NamespaceDeclaration) return classes(statement.members);
    if (statement.kind === NodeKind.ExportDefault) return classes([statement.declaration]);
    return [];
  });
}

/** What makes a class readable and writable. */
function members(declaration, additions) {
  const fields = declaration.members.filter(
    (member) => member.kind === NodeKind.FieldDeclaration && member.type && !(member.flags & CommonFlags.Static),
  );
  const constructor = declaration.members.find((member) => member.flags & CommonFlags.Constructor);
  const shown = fields.filter((field) => !(field.flags & (CommonFlags.Private | CommonFlags.Protected)));
  const base = declaration.extendsType !== null;
  const take = [];
  const complete = [];
  const say = [];
  for (const field of fields) {
    const name = field.name.text;
    const value = field.parameterIndex < 0 ? field.initializer : parameter(constructor, field).initializer;
    const type = typeOf(field.type);
    const place = shown.indexOf(field);
    const member = JSON.stringify(name);
    if (place >= 0) {
      take.push(`if(__wasmill_is(${member})){this.${name}=__wasmill_read<${type}>();__wasmill_mark(at+${place});return true}`);
      say.push(`__wasmill_member(${member});__wasmill_write<${type}>(this.${name});`);
    }
    const missing = place >= 0 ? `if(!__wasmill_seen(at+${place}))` : "";
    if (value) complete.push(`${missing}{this.${name}=${textOf(value)}}`);
    else if (place >= 0 && !field.type.isNullable) complete.push(`${missing}__wasmill_missing(${member});`);
    const definite = field.flags & CommonFlags.DefinitelyAssigned;
    if (!value && !constructor && !definite && !field.type.isNullable && !PLAIN.test(type)) {
      additions.push({ at: field.name.range.end, text: "!" });
    }
  }
  const count = shown.length;
  const rest = (method) => (base ? `super.${method}(at+${count})` : "false");
  return (
    `__wasmill_take(at:i32):bool{${take.join("")}return ${rest("__wasmill_take")}}` +
    `__wasmill_complete(at:i32):void{${complete.join("")}${base ? `${rest("__wasmill_complete")};` : ""}}` +
    `__wasmill_say():void{${base ? "super.__wasmill_say();" : ""}${say.join("")}}`
  );
}

function parameter(constructor, field) {
  return constructor.signature.parameters[field.parameterIndex];
}

/** The user's functions by the names that others see them by. */
function functions(source) {
  const all = new Map();
  const exported = new Set();
  for (let statement of source.statements) {
    if (statement.kind === NodeKind.ExportDefault) {
      statement = statement.declaration;
      exported.add(statement.name.text);
    }
    if (statement.kind === NodeKind.FunctionDeclaration) {
      all.set(statement.name.text, statement);
      if (statement.flags & CommonFlags.Export) exported.add(statement.name.text);
    }
    if (statement.kind === NodeKind.Export && statement.members && !statement.path) {
      for (const member of statement.members) exported.add(member.localName.text);
    }
  }
  return { all, exported };
}

/** The function that is called, or nothing. */
function chosen({ all, exported }) {
  if (request.function) return all.get(request.function);
  if (all.has("main")) return all.get("main");
  const offered = [...all.values()].filter((one) => !exported.size || exported.has(one.name.text));
  return offered.length === 1 ? offered[0] : undefined;
}

/** The function that the unit exports: reads the parameters, calls, writes the result. */
function process_(declaration) {
  const name = declaration.name.text;
  const { parameters, returnType } = declaration.signature;
  const result = textOf(returnType).trim() ? typeOf(returnType) : "void";
  const locals = parameters.map((param) => (param.name.text === name ? `__wasmill_${name}` : param.name.text));
  const types = parameters.map((param) => typeOf(param.type));
  const declared = locals.map((local, i) => `let ${local}: ${types[i]} = __wasmill_zero<${types[i]}>();`);
  const cases = locals.map((local, i) => {
    const key = JSON.stringify(parameters[i].name.text);
    return `if (__wasmill_is(${key})) { ${local} = __wasmill_read<${types[i]}>(); __wasmill_mark(${i}); } else `;
  });
  const absent = locals.map((local, i) => {
    const param = parameters[i];
    if (param.initializer) return `if (!__wasmill_seen(${i})) ${local} = ${textOf(param.initializer)};`;
    if (param.type.isNullable) return "";
    return `if (!__wasmill_seen(${i})) __wasmill_fail("the parameter \`${param.name.text}\` is missing");`;
  });
  const call = `${name}(${locals.join(", ")})`;
  return (
    `\nexport function __wasmill_process(text: usize, size: usize, length: usize): usize { __wasmill_open(text, size); ${declared.join(" ")} ` +
    `__wasmill_object(); for (let first = true; __wasmill_next(first); first = false) { ${cases.join("")}__wasmill_skip(); } __wasmill_close(); ` +
    `${absent.join(" ")} ` +
    (result === "void"
      ? `${call}; __wasmill_begin(); __wasmill_text("null"); `
      : `const __wasmill_result = ${call}; __wasmill_begin(); __wasmill_write<${result}>(__wasmill_result); `) +
    `store<usize>(length, __wasmill_size()); return __wasmill_written(); }\n`
  );
}

/** The user's text with what is added to it. */
function prepared(name, text) {
  const source = tree(text, name);
  const additions = [];
  for (const declaration of classes(source.statements)) {
    // Just inside of the closing brace, so that nothing of the user's moves.
    additions.push({ at: declaration.range.end - 1, text: members(declaration, additions) });
  }
  if (name === request.main) {
    const target = chosen(functions(source));
    additions.push({ at: text.length, text: process_(target) });
  }
  additions.sort((a, b) => a.at - b.at);
  let changed = "";
  let at = 0;
  for (const addition of additions) {
    changed += text.slice(at, addition.at) + addition.text;
    at = addition.at;
  }
  changed += text.slice(at);
  files.set(name, { text, additions });
  return changed;
}

/** Where a place of the changed text is in the user's own. Null: it is in what was added. */
function original(name, offset) {
  const file = files.get(name);
  if (!file) return null;
  let moved = 0;
  for (const { at, text } of file.additions) {
    if (offset < at + moved) break;
    if (offset < at + moved + text.length) return null;
    moved += text.length;
  }
  const before = file.text.slice(0, offset - moved).split("\n");
  return { file: name, line: before.length, column: [...before.at(-1)].length + 1 };
}

/** What the compiler says, with a place in the user's text where there is one. */
function problem(diagnostic) {
  const place = (range) => range && original(range.source.normalizedPath, range.start);
  const found = place(diagnostic.range) ?? place(diagnostic.relatedRange);
  const glue = !place(diagnostic.range);
  return { ...(found ?? { file: "", line: 0, column: 0 }), message: diagnostic.message, glue };
}

/** The first 128 bits of the powers of five, for `number.ts`. */
function powers() {
  const words = [];
  for (let power = -342; power <= 308; ++power) {
    let value = 5n ** BigInt(Math.abs(power));
    if (power < 0) {
      // Rounded up, so that what is cut off does not matter.
      const bits = BigInt(value.toString(2).length);
      value = (1n << (2n * bits + 128n)) / value + 1n;
    }
    const size = value.toString(2).length;
    value = size > 128 ? value >> BigInt(size - 128) : value << BigInt(128 - size);
    words.push(value >> 64n, value & 0xffffffffffffffffn);
  }
  return `@lazy export const __wasmill_powers: usize = memory.data<u64>([${words.map((word) => `0x${word.toString(16)}`).join(",")}]);\n`;
}

async function main() {
  const text = read(request.main);
  const source = tree(text, request.main);
  const found = functions(source);
  const target = chosen(found);
  if (!target) {
    const exported = [...found.all.keys()].filter((name) => !found.exported.size || found.exported.has(name));
    return { functions: exported };
  }
  if (target.typeParameters?.length) {
    return { problems: [{ ...placeOf(text, target.name), message: `\`${target.name.text}\` has type parameters, so it is not one function`, glue: true }] };
  }
  for (const name of request.glue) {
    const glue = readFileSync(join(dirname(process.argv[2]), `${name}.ts`), "utf8");
    if (name === "dom") asc.libraryFiles["bindings/dom"] = glue;
    else asc.libraryFiles[GLUE + name] = glue;
  }
  asc.libraryFiles[`${GLUE}powers`] = powers();
  const entry =
    `export { __wasmill_process as process } from "./${request.main.replace(/\.ts$/, "")}";\n` +
    "export function allocate(size: usize): usize { return heap.alloc(size); }\n" +
    "export function deallocate(at: usize, size: usize): void { heap.free(at); }\n";
  const problems = [];
  let binary = null;
  const { error } = await asc.main([ENTRY, "--outFile", "unit.wasm", ...request.options], {
    stdout: asc.createMemoryStream(),
    stderr: asc.createMemoryStream(),
    readFile(name) {
      const own = name.replaceAll("\\", "/");
      if (own === ENTRY) return entry;
      const found = read(own);
      return found === null || own.includes("node_modules/") ? found : prepared(own, found);
    },
    writeFile(name, contents) {
      if (name === "unit.wasm") binary = contents;
    },
    listFiles: (name) => (resolve(ROOT, name).startsWith(ROOT + sep) ? readdirSync(name) : null),
    reportDiagnostic(diagnostic) {
      // 3 is an error, 2 a warning.
      if (diagnostic.category === 3) problems.push(problem(diagnostic));
    },
  });
  if (problems.length || !binary) {
    if (!problems.length) problems.push({ file: "", line: 0, column: 0, message: error?.message ?? "there is no output", glue: false });
    return { problems };
  }
  writeFileSync(request.output, binary);
  const { parameters, returnType } = target.signature;
  const result = textOf(returnType).trim();
  return {
    function: {
      name: target.name.text,
      params: parameters.map((param) => ({
        name: param.name.text,
        kind: typeOf(param.type),
        optional: param.initializer !== null || param.type.isNullable,
      })),
      result: result && result !== "void" ? typeOf(returnType) : null,
    },
  };
}

function placeOf(text, node) {
  const before = text.slice(0, node.range.start).split("\n");
  return { file: request.main, line: before.length, column: [...before.at(-1)].length + 1 };
}

report(await main());
