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
const { CommonFlags, NodeKind, newOptions, newProgram, nextDiagnostic, parse } = await load("assemblyscript.js");

const ROOT = process.cwd();
const GLUE = "wasmill_";
const ENTRY = "wasmill_entry.ts";

/** What the glue says of a type, after it. */
const NO_FORM = "JSON has no form for";

/** A kind of diagnostic, as the compiler numbers them. */
const ERROR = 3;

/** Types that always have a value. */
const PLAIN = /^(bool|boolean|number|[iu](8|16|32|64|size)|f32|f64)$/;

/** Files of the user's: as they are, and what was added to them where. */
const files = new Map();

function report(what) {
  writeFileSync(request.report, JSON.stringify(what));
}

/** A file of the user's folder, and of no other. Options are ours. */
function read(name) {
  const path = resolve(ROOT, name);
  if (!path.startsWith(ROOT + sep) || path.endsWith("asconfig.json")) return null;
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

/** A file's syntax, and what is wrong with it. */
function tree(text, name) {
  const program = newProgram(newOptions());
  parse(program, text, name, true);
  const faults = [];
  for (let one = nextDiagnostic(program); one; one = nextDiagnostic(program)) {
    if (one.category === ERROR) faults.push({ ...position(name, text, one.range?.start ?? 0), message: one.message, glue: false });
  }
  return { source: program.sources.find((source) => source.normalizedPath === name), faults };
}

/** Line and column, from 1. */
function position(file, text, offset) {
  const before = text.slice(0, offset).split("\n");
  return { file, line: before.length, column: [...before.at(-1)].length + 1 };
}

const textOf = (node) => node.range.source.text.slice(node.range.start, node.range.end);

/** Text for another place, in one line where that changes nothing: what follows it stays where it is. */
function flat(node) {
  const text = textOf(node).trim();
  return /\/\/|`/.test(text) ? text : text.replace(/\s*\n\s*/g, " ");
}

/** A type as it is written. `| null` is not always part of its node. */
function typeOf(node) {
  const text = flat(node);
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

/** What makes a class readable and writable. `changes` are other places in its text that have to be different for that. */
function members(declaration, changes) {
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
      take.push(`if(__wasmill_is(${member})){this.${name}=__wasmill_read<${type}>();__wasmill_mark(__wasmill_base+${place});return true}`);
      say.push(`__wasmill_member(${member});__wasmill_write<${type}>(this.${name});`);
    }
    const missing = place >= 0 ? `if(!__wasmill_seen(__wasmill_base+${place}))` : "";
    if (value) complete.push(`${missing}{this.${name}=${flat(value)}}`);
    else if (place >= 0 && !field.type.isNullable) complete.push(`${missing}__wasmill_missing(${member});`);
    const definite = field.flags & CommonFlags.DefinitelyAssigned;
    if (!value && !constructor && !definite && !field.type.isNullable && !PLAIN.test(type)) {
      changes.push({ at: field.name.range.end, text: "!" });
    }
    if (field.flags & CommonFlags.Readonly) {
      // Whoever reads it from JSON sets it.
      const at = field.range.source.text.lastIndexOf("readonly", field.name.range.start);
      const hidden = field.flags & (CommonFlags.Private | CommonFlags.Protected | CommonFlags.Public);
      changes.push({ at, over: 8, text: field.parameterIndex < 0 || hidden ? " ".repeat(8) : "public  " });
    }
  }
  const count = shown.length;
  const rest = (method) => (base ? `super.${method}(__wasmill_base+${count})` : "false");
  return (
    `__wasmill_take(__wasmill_base:i32):bool{${take.join("")}return ${rest("__wasmill_take")}}` +
    `__wasmill_complete(__wasmill_base:i32):void{${complete.join("")}${base ? `${rest("__wasmill_complete")};` : ""}}` +
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
    if (param.initializer) return `if (!__wasmill_seen(${i})) ${local} = ${flat(param.initializer)};`;
    if (param.type.isNullable) return "";
    return `if (!__wasmill_seen(${i})) __wasmill_fail("the parameter \`${param.name.text}\` is missing");`;
  });
  const call = `${name}(${locals.join(", ")})`;
  return (
    `\nexport function __wasmill_process(__wasmill_input: usize, __wasmill_length: usize, __wasmill_out: usize): usize { __wasmill_open(__wasmill_input, __wasmill_length); ${declared.join(" ")} ` +
    `__wasmill_object(); for (let __wasmill_first = true; __wasmill_next(__wasmill_first); __wasmill_first = false) { ${cases.join("")}__wasmill_skip(); } __wasmill_close(); ` +
    `${absent.join(" ")} ` +
    (result === "void"
      ? `${call}; __wasmill_begin(); __wasmill_text("null"); `
      : `const __wasmill_result = ${call}; __wasmill_begin(); __wasmill_write<${result}>(__wasmill_result); `) +
    `store<usize>(__wasmill_out, __wasmill_size()); return __wasmill_written(); }\n`
  );
}

/** The user's text with what is added to it. */
function prepared(name, text) {
  const { source, faults } = tree(text, name);
  // The compiler says so itself.
  if (faults.length) {
    files.set(name, { text, additions: [] });
    return text;
  }
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
    at = addition.at + (addition.over ?? 0);
  }
  changed += text.slice(at);
  files.set(name, { text, additions: additions.filter((addition) => !addition.over) });
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
  return position(name, file.text, offset - moved);
}

/** What the compiler says, with a place in the user's text where there is one. */
function problem(diagnostic) {
  const place = (range) => range && original(range.source.normalizedPath, range.start);
  const found = place(diagnostic.range) ?? place(diagnostic.relatedRange);
  return { ...(found ?? { file: "", line: 0, column: 0 }), message: diagnostic.message, glue: !found };
}

/** What the user can do something about: what the glue stumbles over is about the function's types. */
function ofUser(problems, target, text) {
  const own = problems.filter((one) => !one.glue);
  if (own.length || !problems.length) return own;
  const noForm = problems.some((one) => one.message.includes(NO_FORM));
  const why = noForm ? `uses a type that ${NO_FORM}` : `cannot be called: ${problems[0].message}`;
  return [{ ...placeOf(text, target.name), message: `\`${target.name.text}\` ${why}`, glue: true }];
}

/** The first 128 bits of the powers of five, for `number.ts`. */
function powers() {
  const words = [];
  for (let power = -342; power <= 308; ++power) {
    let value = 5n ** BigInt(Math.abs(power));
    if (power < 0) {
      // The reciprocal, rounded up; for great powers so far behind the 128 bits that those are cut off.
      const bits = BigInt((value - 1n).toString(2).length);
      const scale = power >= -27 ? bits + 127n : 2n * bits + 128n;
      value = (1n << scale) / value + 1n;
    }
    const size = value.toString(2).length;
    value = size > 128 ? value >> BigInt(size - 128) : value << BigInt(128 - size);
    words.push(value >> 64n, value & 0xffffffffffffffffn);
  }
  return `@lazy export const __wasmill_powers: usize = memory.data<u64>([${words.map((word) => `0x${word.toString(16)}`).join(",")}]);\n`;
}

async function main() {
  const text = read(request.main);
  const { source, faults } = tree(text, request.main);
  if (faults.length) return { problems: faults };
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
      if (diagnostic.category === ERROR) problems.push(problem(diagnostic));
    },
  });
  if (problems.length || !binary) {
    if (!problems.length) problems.push({ file: "", line: 0, column: 0, message: error?.message ?? "there is no output", glue: false });
    return { problems: ofUser(problems, target, text) };
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
  return position(request.main, text, node.range.start);
}

report(await main());
