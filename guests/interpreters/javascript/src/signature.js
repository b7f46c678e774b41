// What a script defines at its top level, and the parameters of its functions.

import { Failure } from "./failure.js";
import { boundNames, parseFunction } from "./parse.js";

/// The functions of a file's top level, by name: their nodes, or null where only running would tell. An export by default is also there
/// as `default`.
export function topLevelFunctions(tree) {
  const functions = new Map();
  const values = new Map();
  const declare = (node) => {
    if (node?.type === "FunctionDeclaration" && node.id) functions.set(node.id.name, node);
    if (node?.type !== "VariableDeclaration" || node.declare) return;
    for (const { id, init } of node.declarations) {
      if (id.type === "Identifier" && init) values.set(id.name, init);
    }
  };
  let byDefault;
  const renamed = [];
  for (const node of tree.body) {
    if (node.type === "ExportNamedDeclaration") {
      declare(node.declaration);
      if (!node.source) for (const { local, exported } of node.specifiers) renamed.push([exported.name ?? exported.value, local.name]);
    } else if (node.type === "ExportDefaultDeclaration") {
      declare(node.declaration);
      byDefault = node.declaration;
    } else {
      declare(node);
    }
  }
  const known = (name) => functions.get(name) ?? values.get(name);
  for (const [name, node] of values) {
    const found = functionOf(node, known);
    if (found !== undefined) functions.set(name, found);
  }
  for (const [exported, local] of renamed) {
    if (functions.has(local) && !functions.has(exported)) functions.set(exported, functions.get(local));
  }
  if (byDefault) {
    const found = functionOf(byDefault, known);
    if (found !== undefined && !functions.has("default")) functions.set("default", found);
  }
  return functions;
}

/// The function that an expression is: its node, null where only running would tell, or nothing. `known` gives what a name stands for.
function functionOf(node, known, depth = 0) {
  while (/^TS(?:As|Satisfies|NonNull|TypeAssertion)|^Parenthesized/.test(node.type)) node = node.expression;
  if (/^(?:Arrow)?Function/.test(node.type)) return node;
  if (node.type === "Identifier" && depth < 10) {
    const next = known(node.name);
    return next && functionOf(next, known, depth + 1);
  }
  return /^(?:Call|Tagged|Await|Member|Conditional|Logical)/.test(node.type) ? null : undefined;
}

/// The functions that a file of CommonJS exports by assigning them, by name; `default` is one that is all of `module.exports`.
export function assignedFunctions(tree, functions) {
  const found = new Map();
  let replaced = false;
  for (const { type, expression } of tree.body) {
    const { name, value, onto } = (type === "ExpressionStatement" && exportedBy(expression)) || {};
    // `exports` is no longer what is exported once `module.exports` is something else.
    if (name === undefined || (replaced && onto === "exports")) continue;
    const members = [[name, value]];
    if (name === "default") {
      found.clear();
      replaced = true;
      const properties = value.type === "ObjectExpression" ? value.properties.filter(({ kind, computed }) => kind === "init" && !computed) : [];
      members.push(...properties.map(({ key, value }) => [key.name ?? String(key.value), value]));
    }
    for (const [name, value] of members) {
      const node = functionOf(value, (known) => functions.get(known));
      if (node) found.set(name, node);
    }
  }
  return found;
}

/// What an expression assigns as an export of CommonJS: the name is `x` of `exports.x = …` and `module.exports.x = …`, and `default` of
/// `module.exports = …`.
function exportedBy({ type, operator, left, right }) {
  if (type !== "AssignmentExpression" || operator !== "=") return undefined;
  const inner = exportedBy(right);
  // `exports = module.exports = …`, and the other way around.
  if (left.name === "exports") return inner;
  if (isModuleExports(left)) return { name: "default", value: inner?.value ?? (right.left?.name === "exports" ? right.right : right) };
  if (left.type !== "MemberExpression" || left.computed) return undefined;
  if (!isModuleExports(left.object) && left.object.name !== "exports") return undefined;
  return { name: left.property.name, value: right, onto: left.object.name };
}

const isModuleExports = ({ type, computed, object, property }) =>
  type === "MemberExpression" && !computed && object.name === "module" && property.name === "exports";

/// The function that is wanted: its name, or nothing where the script is to run as a whole.
export function chooseFunction(main, wanted) {
  const { functions, assignedFunctions, tree } = main;
  if (wanted) return functions.has(wanted) || assignedFunctions.has(wanted) ? wanted : undefined;
  const usual = (among) => ["main", "default"].find((name) => among.has(name));
  return usual(functions) ?? (tree.body.every(onlyDefines) ? usual(assignedFunctions) ?? onlyFunction(main) : undefined);
}

/// The function of a script that does nothing but define: run as a whole it would answer nothing, for its `main` has another name.
function onlyFunction({ file, functions, assignedFunctions, tree }) {
  const all = distinct([...functions, ...assignedFunctions]);
  const exported = distinct([...[...functions].filter(([name]) => exportedNames(tree).has(name)), ...assignedFunctions]);
  const [only] = [exported, all].filter((names) => names.length === 1);
  if (only || all.length === 0) return only?.[0];
  throw new Failure(`there is no function \`main\`; its functions: ${all.map((name) => `\`${name}\``).join(", ")}`, { file });
}

/// The names of functions in the order of the source, each function once.
function distinct(functions) {
  const names = new Map();
  for (const [name, node] of functions) if (node && !names.has(node)) names.set(node, name);
  return [...names].sort(([one], [other]) => one.start - other.start).map(([, name]) => name);
}

function exportedNames(tree) {
  const names = new Set();
  for (const node of tree.body) {
    if (node.type !== "ExportNamedDeclaration" || node.source) continue;
    for (const { id } of node.declaration?.declarations ?? [node.declaration ?? {}]) if (id?.name) names.add(id.name);
    for (const { exported } of node.specifiers) names.add(exported.name ?? exported.value);
  }
  return names;
}

/// Whether a statement gives a name to something and has no other effect.
function onlyDefines(node) {
  if (node.declare) return true;
  switch (node.type) {
    case "ExportNamedDeclaration":
      return !node.declaration || onlyDefines(node.declaration);
    case "ExportDefaultDeclaration":
      return /Declaration$/.test(node.declaration.type) || isConstant(node.declaration);
    case "VariableDeclaration":
      return node.declarations.every(({ id, init }) => !boundNames(id).some((name) => ANSWERS.has(name)) && (!init || isConstant(init) || isRequire(init)));
    case "ExpressionStatement":
      return isConstant(exportedBy(node.expression)?.value ?? node.expression) || isModuleMark(node.expression);
    default:
      return DEFINING.test(node.type);
  }
}

const ANSWERS = new Set(["result", "outputs"]);
const DEFINING = /^(?:Import|ExportAll|Function|Class|Empty|TSInterface|TSTypeAlias|TSEnum|TSDeclareFunction|TSImportEquals)/;
const CONSTANT =
  /^(?:Literal|TemplateLiteral|TemplateElement|Identifier|Member|Array|Object|Property|Spread|Unary|Binary|Logical|Conditional|Parenthesized|TSAs|TSSatisfies|TSNonNull|TSTypeAssertion)/;

/// `require("…")`, and a member of what it gives.
function isRequire(node) {
  if (node.type === "MemberExpression") return isRequire(node.object);
  return node.type === "CallExpression" && node.callee.name === "require";
}

/// `Object.defineProperty(exports, "__esModule", …)`, which compilers write.
const isModuleMark = ({ type, arguments: given }) => type === "CallExpression" && given[0]?.name === "exports" && given[1]?.value === "__esModule";

/// Whether an expression calls nothing and depends on no input.
function isConstant(expression) {
  const pending = [expression];
  while (pending.length > 0) {
    const node = pending.pop();
    if (/^(?:ArrowFunction|Function|Class)/.test(node.type)) continue;
    if (!CONSTANT.test(node.type) || node.name === "inputs" || node.operator === "delete") return false;
    for (const [key, value] of Object.entries(node)) {
      if (key !== "typeAnnotation") pending.push(...[value].flat().filter((one) => typeof one?.type === "string"));
    }
  }
  return true;
}

/// The parameters of a function's node, described. `source` is the text that the node is of.
export function describeParams(node, source) {
  const params = (node?.params ?? []).filter((param) => !(param.type === "Identifier" && param.name === "this"));
  if (takesWhole(params)) return members(params[0], source);
  return params.map((param, index) => describeParam(param, index, source));
}

/// Whether the only parameter is a pattern that takes the input apart.
const takesWhole = (params) => params.length === 1 && unwrap(params[0]).pattern.type === "ObjectPattern";

function unwrap(param) {
  if (param.type === "TSParameterProperty") return unwrap(param.parameter);
  if (param.type === "AssignmentPattern") return { pattern: param.left, optional: true };
  return { pattern: param, optional: false };
}

function describeParam(param, index, source) {
  const { pattern, optional } = unwrap(param);
  if (pattern.type === "RestElement") {
    // A caller gives it by name or in its place, as one list.
    return { name: nameOf(pattern.argument, index), type: "list", optional: true };
  }
  return { name: nameOf(pattern, index), type: typeOf(pattern, source), optional: optional || Boolean(pattern.optional) };
}

/// A pattern among several parameters has no name: it is called by its place.
const nameOf = (pattern, index) => (pattern.type === "Identifier" ? pattern.name : `param${index + 1}`);

function typeOf({ typeAnnotation }, source) {
  const type = typeAnnotation?.typeAnnotation ?? typeAnnotation;
  return type ? source.slice(type.start, type.end) : "any";
}

/// The members of the only parameter's pattern.
function members(param, source) {
  const { pattern, optional } = unwrap(param);
  const annotation = pattern.typeAnnotation?.typeAnnotation;
  const types = new Map();
  if (annotation?.type === "TSTypeLiteral") {
    for (const member of annotation.members) {
      if (member.type === "TSPropertySignature" && member.key.name) types.set(member.key.name, member);
    }
  }
  return pattern.properties.map((property) => {
    if (property.type === "RestElement") {
      return { name: nameOf(property.argument, 0), type: "any", optional: true, keywords: true };
    }
    const name = property.key.name ?? String(property.key.value);
    const member = types.get(name);
    const byDefault = property.value.type === "AssignmentPattern";
    return { name, type: member ? typeOf(member, source) : "any", optional: optional || byDefault || Boolean(member?.optional) };
  });
}

/// `(a, b)`, `a =>` and the like: most functions need no parser.
const SIMPLE = /^(?:async\s+)?(?:function\s*\*?\s*[\w$]*\s*)?\(\s*((?:[\w$]+(?:\s*,\s*[\w$]+)*)?)\s*\)\s*(?:=>|\{)/;

/// How a function is given its input: by name, in the order of its parameters.
export function bind(callee, input, name) {
  const text = Function.prototype.toString.call(callee);
  const simple = SIMPLE.exec(text);
  let params;
  if (simple) {
    params = simple[1] ? simple[1].split(",").map((param) => ({ name: param.trim() })) : [];
  } else {
    const node = parseFunction(text);
    // A function whose text tells nothing (a bound one, say) is given the input as it is.
    if (!node) return [input];
    if (takesWhole(node.params)) {
      const described = members(node.params[0], text);
      if (!described.some(({ keywords }) => keywords)) refuseUnknown(input, described, name);
      return [input];
    }
    params = node.params.map((param, index) => ({ ...describeParam(param, index, text), rest: param.type === "RestElement" }));
  }
  refuseUnknown(input, params, name);
  return params.flatMap((param) => {
    const value = Object.hasOwn(input, param.name) ? input[param.name] : undefined;
    if (!param.rest) return [value];
    if (value !== undefined && !Array.isArray(value)) throw new TypeError(`\`${param.name}\` of ${name}() takes the rest of its arguments: give a list`);
    return value ?? [];
  });
}

function refuseUnknown(input, params, name) {
  const known = new Set(params.map((param) => param.name));
  const unknown = Object.keys(input).find((key) => !known.has(key));
  if (unknown === undefined) return;
  const list = params.length > 0 ? `it has ${params.map((param) => `\`${param.name}\``).join(", ")}` : "it has none";
  throw new TypeError(`${name}() has no parameter \`${unknown}\`: ${list}`);
}
