// The files of a script as one text that the engine evaluates: a list of functions, one a file. Lines are counted, so that a place in that
// text is a place in a file.
//
// Imports and exports are blanked where they stand, and done in the line before the file's first one. An export is a getter, so
// it has the value that the variable has when it is asked for.

import { Edits } from "./edits.js";
import { Failure } from "./failure.js";
import { MODULE_WORDS, boundNames, isModule, parse, walk } from "./parse.js";
import { topLevelFunctions } from "./signature.js";
import { stripTypes } from "./typescript.js";

/// Lines before the first file, so that the lines of what a script evaluates itself are no lines of its files.
const LINES_BEFORE = 1000;

const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

/// What a file must not have to be run as it is, without being parsed here.
const NOT_PLAIN = /\b(?:import|export|require|module|exports)\b|\$wasmill/;

/// The packages of others that the script imports, which the toolchain made one file of, in CommonJS: `imported` has their namespaces by what the
/// user's files call them, `required` has functions that give what `require` does.
export const PACKAGES = "node_modules";

const USE_STRICT = /^(?:\s|\/\/[^\n]*\n|\/\*[^]*?\*\/)*(["'])use strict\1/;

/// A script: `{ language, main, files }`. With `prepare` its description has `prepared`, with which it is run without being parsed again.
export function readScript(text) {
  const script = JSON.parse(text);
  const { files, main } = script;
  if (typeof files?.[main] !== "string") throw new Failure(`the script has no file \`${main}\``);
  return script;
}

/// Whether a script can be run without being parsed here first.
export function isSimple({ language, main, files }) {
  return language !== "typescript" && !NOT_PLAIN.test(files[main]);
}

/// The program of a script of which nothing but the text is known.
export function simpleProgram(script, wanted) {
  const source = script.files[script.main];
  const names = [...new Set([wanted || "main", "result", "outputs"])].filter((name) => IDENTIFIER.test(name) && !(name in globalThis));
  const text = source.startsWith("#!") ? `//${source.slice(2)}` : source;
  return link([{ file: script.main, names, text, moved: [], prologue: "", wait: /\bawait\b/.test(text), strict: USE_STRICT.test(text) }]);
}

/// What a plain script that may start something and leave it has in its text.
export const MAY_LEAVE = /\basync\b|\bPromise\b|\bthen\b/;

/// The program of a script whose files were parsed, of which this function is to be called, if any.
export function parsedProgram(modules, name) {
  const watch = name === undefined && MAY_LEAVE.test(modules[0].source);
  const wait = modules.some(({ tree, source }) => tree && /\bawait\b/.test(source));
  return link(modules.map((module, index) => transform(module, modules, { wait, watch: watch && index === 0 })));
}

/// The text of all files, and how a place in it is found again.
function link(parts) {
  const pieces = [];
  let line = LINES_BEFORE + 1;
  const texts = parts.map(({ file, names = [], text, moved, prologue, wait, strict }) => {
    const top = names.map((name) => `${JSON.stringify(name)}: () => (typeof ${name} === "undefined" ? undefined : ${name})`);
    const head = `${wait ? "async " : ""}function ($wasmill) {${strict ? '"use strict"; ' : ""}$wasmill.top({ ${top.join(", ")} }); ${prologue}`;
    const count = text.split("\n").length;
    pieces.push({ file, from: line + 1, to: line + count, moved });
    line += count + 2;
    return `${head}\n${text}\n}`;
  });
  return { text: `([${texts.join(",\n")}])`, pieces };
}

/// What the engine evaluates.
export const sourceOf = ({ text }) => "\n".repeat(LINES_BEFORE) + text;

/// The place in a file of a place in that text.
export function locate({ pieces }, line, column) {
  const piece = pieces.find(({ from, to }) => line >= from && line <= to);
  if (!piece) return undefined;
  const own = line - piece.from;
  let by = 0;
  for (const move of piece.moved) if (move.line === own && column >= move.column) by += move.by;
  return { file: piece.file, line: own + 1, column: Math.max(1, column - by) };
}

const EXTENSIONS = { ts: "typescript", mts: "typescript", cts: "typescript", js: "javascript", mjs: "javascript", cjs: "javascript", json: "json" };

function languageOf(file, script) {
  if (file === script.main) return script.language;
  return EXTENSIONS[/\.(\w+)$/.exec(file)?.[1]] ?? script.language;
}

/// Parses the main file and all that it imports.
export function parseAll(script) {
  const modules = [];
  const byFile = new Map();
  const add = (file) => {
    if (byFile.has(file)) return byFile.get(file);
    const index = modules.length;
    byFile.set(file, index);
    const source = script.files[file];
    const language = languageOf(file, script);
    const bare = { file, source, requests: new Map() };
    if (source === undefined) {
      const module = { ...bare, kind: "package", source: "", specifier: file.slice(PACKAGES.length + 1) };
      modules.push(module);
      module.packages = add(PACKAGES);
      return index;
    }
    // The packages are large, and nothing in them is to be found out.
    if (language === "json" || file === PACKAGES) {
      modules.push({ ...bare, kind: file === PACKAGES ? "packages" : "json" });
      return index;
    }
    const tree = parse(file, source, language);
    const module = { file, source, language, tree, kind: isModule(tree) ? "module" : "script" };
    modules.push(module);
    if (module.kind === "script" && /\b(?:module|exports)\b/.test(source)) module.kind = "commonjs";
    module.used = language === "typescript" ? valueNames(tree) : undefined;
    // The files that it asks for, by what is written in the source.
    module.requests = new Map();
    for (const { specifier, node } of requests(module)) {
      if (!module.requests.has(specifier)) module.requests.set(specifier, add(resolve(script, file, specifier, node)));
    }
    return index;
  };
  add(script.main);
  modules[0].functions = topLevelFunctions(modules[0].tree);
  for (const module of modules) if (module.kind === "module") checkImports(module, modules);
  return modules;
}

/// The names that a file of TypeScript uses as values: an import of any other is only of types.
function valueNames(tree) {
  const names = new Set();
  walk(tree, (node, parent) => {
    if (node.type === "ImportDeclaration") return false;
    if (node.type === "Identifier" && !(parent?.type === "MemberExpression" && parent.property === node && !parent.computed)) names.add(node.name);
    if (node.type === "ExportNamedDeclaration" && node.exportKind === "type") return false;
    return !/^TS/.test(node.type) || /^TS(?:As|Satisfies|NonNull|TypeAssertion|Instantiation|Enum|ParameterProperty|ExportAssignment|Module)/.test(node.type);
  });
  return names;
}

/// What of an import is of values.
function imported(node, { used }) {
  if (node.importKind === "type") return [];
  return node.specifiers.filter(({ importKind, local }) => importKind !== "type" && (!used || used.has(local.name)));
}

const isErasedImport = (node, module) => node.importKind === "type" || (node.specifiers.length > 0 && imported(node, module).length === 0);

function requests(module) {
  const found = [];
  const literal = (node) => (node?.type === "Literal" && typeof node.value === "string" ? node.value : undefined);
  for (const node of module.tree.body) {
    if (!node.source || node.exportKind === "type") continue;
    if (node.type === "ImportDeclaration" && isErasedImport(node, module)) continue;
    found.push({ specifier: node.source.value, node: node.source });
  }
  if (/\brequire\b|\bimport\s*\(/.test(module.source)) {
    walk(module.tree, (node) => {
      const specifier =
        node.type === "ImportExpression" ? literal(node.source) : node.type === "CallExpression" && node.callee.name === "require" && literal(node.arguments[0]);
      if (typeof specifier === "string") found.push({ specifier, node });
    });
  }
  return found;
}

/// The file that an import means, or the package.
function resolve(script, importer, specifier, node) {
  const fail = (message) => {
    const { line, column } = node.loc.start;
    const place = { file: importer, line, column: column + 1 };
    throw new Failure(message, { ...place, trace: `${message}\n    at ${importer}:${line}:${column + 1}` });
  };
  const names = Object.keys(script.files);
  if (!/^\.{1,2}(?:\/|$)/.test(specifier)) {
    if (Object.hasOwn(script.files, PACKAGES)) return `${PACKAGES}/${specifier}`;
    fail(`cannot import \`${specifier}\`: a script imports its own files, as \`./name.js\`, and the \`dependencies\` of a \`package.json\` beside it`);
  }
  const path = importer.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "..") {
      if (path.length === 0) fail(`cannot import \`${specifier}\`: it is outside of the script's files`);
      path.pop();
    } else if (part !== "." && part !== "") path.push(part);
  }
  const base = path.join("/");
  const extensions = ["js", "ts", "mjs", "mts", "cjs", "cts", "json"];
  const candidates = [base, ...extensions.map((extension) => `${base}.${extension}`)];
  if (/\.[mc]?js$/.test(base)) candidates.push(base.replace(/js$/, "ts"));
  candidates.push(...extensions.map((extension) => `${base ? `${base}/` : ""}index.${extension}`));
  const found = candidates.find((candidate) => Object.hasOwn(script.files, candidate));
  return found ?? fail(`cannot import \`${specifier}\`: there is no file \`${base}\` (there are ${names.map((name) => `\`${name}\``).join(", ")})`);
}

/// The names that a module exports and the variables behind them, or nothing where only running would tell.
function exportsOf(module, modules, seen = new Set()) {
  if (module.kind !== "module" || seen.has(module)) return module.kind === "module" ? new Map() : undefined;
  if (module.exports) return module.exports;
  seen.add(module);
  const found = new Map();
  for (const node of module.tree.body) {
    if (node.type === "ExportDefaultDeclaration") found.set("default", { local: node.declaration.id?.name });
    if (node.type === "ExportAllDeclaration" && node.exportKind !== "type") {
      const inner = exportsOf(modules[module.requests.get(node.source.value)], modules, seen);
      if (node.exported) found.set(nameOf(node.exported), {});
      else if (!inner) return undefined;
      else for (const [name, value] of inner) if (name !== "default" && !found.has(name)) found.set(name, value);
    }
    if (node.type !== "ExportNamedDeclaration") continue;
    const { declaration } = node;
    if (declaration) {
      const isType = /^TS(?:Interface|TypeAlias)/.test(declaration.type) || declaration.declare || node.exportKind === "type";
      for (const name of declaredNames(declaration)) found.set(name, { local: name, isType, kind: declaration.kind });
    }
    for (const { local, exported, exportKind } of node.specifiers) {
      found.set(nameOf(exported), { local: nameOf(local), isType: node.exportKind === "type" || exportKind === "type" });
    }
  }
  module.exports = found;
  return found;
}

const nameOf = (node) => node.name ?? node.value;

function declaredNames(node) {
  if (node.type === "VariableDeclaration") return node.declarations.flatMap(({ id }) => boundNames(id));
  return node.id?.name ? [node.id.name] : [];
}

/// Every name that is imported must be exported.
function checkImports(module, modules) {
  for (const node of module.tree.body) {
    if (!node.source || node.exportKind === "type") continue;
    const target = modules[module.requests.get(node.source.value)];
    const known = target && exportsOf(target, modules);
    if (!known) continue;
    const specifiers = node.type === "ImportDeclaration" ? imported(node, module) : node.specifiers ?? [];
    for (const specifier of specifiers) {
      if (specifier.type === "ImportNamespaceSpecifier") continue;
      const name = specifier.type === "ImportDefaultSpecifier" ? "default" : nameOf(specifier.imported ?? specifier.local);
      if (known.has(name)) continue;
      if (module.language === "typescript" && isTypeOf(target, name)) continue;
      const { line, column } = specifier.loc.start;
      const message = `SyntaxError: \`${target.file}\` has no export \`${name}\``;
      throw new Failure(message, {
        file: module.file, line, column: column + 1, trace: `${message}\n    at ${module.file}:${line}:${column + 1}`, syntax: true,
      });
    }
  }
}

const isTypeOf = (module, name) => exportsTypes(module).has(name);

function exportsTypes(module) {
  return new Set(
    module.tree.body.flatMap((node) =>
      node.type === "ExportNamedDeclaration" && node.declaration && /^TS/.test(node.declaration.type) ? [node.declaration.id?.name] : [],
    ),
  );
}

/// A file as the body of a function.
function transform(module, modules, { wait, watch }) {
  const { file, source, kind, tree, language } = module;
  if (kind === "json") return { file, text: "", moved: [], prologue: `$wasmill.json(${JSON.stringify(source)});` };
  if (kind === "package") return { file, text: "", moved: [], prologue: `$wasmill.package(${module.packages}, ${JSON.stringify(module.specifier)});` };
  if (kind === "packages") return { file, text: source, moved: [], prologue: "const { require, module, exports } = $wasmill.packages();" };
  const edits = new Edits(source);
  if (source.startsWith("#!")) edits.replace(0, 2, "//");
  const index = (node) => module.requests.get(node.source.value);
  const wanted = wait ? "await " : "";
  const imports = [];
  const exported = [];
  const stars = [];
  const load = new Set();
  const live = [];
  for (const node of tree.body) {
    if (node.type === "ImportDeclaration") {
      edits.blank(node.start, node.end, ";");
      if (isErasedImport(node, module)) continue;
      const target = index(node);
      load.add(target);
      for (const specifier of imported(node, module)) {
        const local = specifier.local.name;
        if (specifier.type === "ImportNamespaceSpecifier") {
          imports.push(`const ${local} = $wasmill.namespace(${target});`);
          continue;
        }
        const name = specifier.type === "ImportDefaultSpecifier" ? "default" : nameOf(specifier.imported);
        if (exportsTypes(modules[target].tree ? modules[target] : { tree: { body: [] } }).has(name) && !exportsOf(modules[target], modules)?.get(name)) continue;
        if (mayChange(modules[target], name, modules) || reaches(modules, target, modules.indexOf(module))) live.push([local, target, name]);
        else imports.push(`const ${local} = $wasmill.namespace(${target})[${JSON.stringify(name)}];`);
      }
    } else if (node.type === "ExportNamedDeclaration") {
      if (node.exportKind === "type") continue;
      if (node.declaration) {
        edits.blank(node.start, node.declaration.start);
        if (!/^TS(?:Interface|TypeAlias)/.test(node.declaration.type) && !node.declaration.declare) {
          for (const name of declaredNames(node.declaration)) exported.push([name, name]);
        }
        continue;
      }
      edits.blank(node.start, node.end, ";");
      if (node.source) load.add(index(node));
      for (const specifier of node.specifiers) {
        if (specifier.exportKind === "type") continue;
        const local = nameOf(specifier.local);
        if (!node.source && module.used && isOnlyType(module, local)) continue;
        exported.push([nameOf(specifier.exported), node.source ? `$wasmill.namespace(${index(node)})[${JSON.stringify(local)}]` : local]);
      }
    } else if (node.type === "ExportAllDeclaration") {
      edits.blank(node.start, node.end, ";");
      if (node.exportKind === "type") continue;
      load.add(index(node));
      if (node.exported) exported.push([nameOf(node.exported), `$wasmill.namespace(${index(node)})`]);
      else stars.push(index(node));
    } else if (node.type === "ExportDefaultDeclaration") {
      const { declaration } = node;
      if (/^TS/.test(declaration.type)) continue;
      if (/Declaration$/.test(declaration.type) && declaration.id) {
        edits.blank(node.start, declaration.start);
        exported.push(["default", declaration.id.name]);
      } else {
        const between = source.slice(node.start, declaration.start).replace(/[^\r\n]/g, " ");
        edits.replace(node.start, declaration.start, `var $default=${between.slice(13)}`);
        if (/Declaration$/.test(declaration.type)) edits.insert(declaration.end, ";");
        exported.push(["default", "$default"]);
      }
    }
  }
  if (/\bimport\b/.test(source)) {
    walk(tree, (node) => {
      // Words of the same length.
      if (node.type === "ImportExpression") edits.replace(node.start, node.start + 6, "$load_");
      if (node.type === "MetaProperty" && node.meta.name === "import") edits.replace(node.start, node.end, "$importmeta".padEnd(node.end - node.start));
    });
  }
  if (language === "typescript") stripTypes(file, tree, edits);
  if (watch) watchCalls(tree, edits);
  const requested = JSON.stringify(Object.fromEntries(module.requests));
  const prologue = [
    `$wasmill.exports({ ${exported.map(([name, value]) => `${JSON.stringify(name)}: () => ${value}`).join(", ")} });`,
    ...(kind === "module" ? [] : [`const require = $wasmill.require(${requested});`]),
    ...(kind === "commonjs" ? ["const module = $wasmill.commonjs(); const exports = module.exports;"] : []),
    ...(/\bimport\b/.test(source) ? [`const $load_ = $wasmill.load(${requested}), $importmeta = $wasmill.meta;`] : []),
    ...[...load].map((target) => `${wanted}$wasmill.run(${target});`),
    ...stars.map((target) => `$wasmill.star(${target});`),
    ...imports,
    ...live.map(([local, target, name]) => `$wasmill.live(${JSON.stringify(local)}, ${target}, ${JSON.stringify(name)});`),
  ].join(" ");
  const { text, moved } = edits.apply();
  const names = [...new Set([...(module.functions?.keys() ?? []), "result", "outputs"])].filter((name) => IDENTIFIER.test(name) && name !== "default");
  return { file, names, text, moved, prologue, wait, strict: kind === "module" || USE_STRICT.test(source) };
}

/// Whether a name is declared in this file as a type only.
function isOnlyType({ tree }, name) {
  let type = false;
  let value = false;
  for (const node of tree.body) {
    const declared = node.declaration ?? node;
    if (/^TS(?:Interface|TypeAlias)/.test(declared.type)) type ||= declared.id?.name === name;
    else if (node.type === "ImportDeclaration") value ||= node.specifiers.some(({ local, importKind }) => local.name === name && importKind !== "type" && node.importKind !== "type");
    else value ||= declaredNames(declared).includes(name);
  }
  return type && !value;
}

/// Whether a variable behind an export gets another value later; then whoever imports it must see that.
function mayChange(module, name, modules) {
  const found = exportsOf(module, modules)?.get(name);
  if (module.kind !== "module" || !found?.local) return false;
  module.assigned ??= assignedNames(module.tree);
  return module.assigned.has(found.local);
}

function assignedNames(tree) {
  const names = new Set();
  walk(tree, (node) => {
    if (node.type === "AssignmentExpression") for (const name of boundNames(node.left)) names.add(name);
    if (node.type === "UpdateExpression" && node.argument.type === "Identifier") names.add(node.argument.name);
    if (/^For(?:In|Of)Statement$/.test(node.type)) for (const name of boundNames(node.left)) names.add(name);
  });
  return names;
}

/// Whether a module imports another one, over however many.
function reaches(modules, from, to, seen = new Set()) {
  if (from === to) return true;
  if (seen.has(from)) return false;
  seen.add(from);
  return [...modules[from].requests.values()].some((next) => reaches(modules, next, to, seen));
}

/// A promise that a statement of a plain script leaves alone must not fail in silence.
function watchCalls(tree, edits) {
  walk(tree, (node) => {
    if (/Function|^Class/.test(node.type)) return false;
    if (node.type === "ExpressionStatement" && node.expression.type === "CallExpression") {
      edits.insert(node.expression.start, "$wasmill.watch(");
      edits.insert(node.expression.end, ")");
    }
    return undefined;
  });
}
