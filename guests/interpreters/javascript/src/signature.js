// What a script defines at its top level, and the parameters of its functions.

import { parseFunction } from "./parse.js";

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
  const resolve = (node, depth = 0) => {
    while (/^TS(?:As|Satisfies|NonNull|TypeAssertion)|^Parenthesized/.test(node.type)) node = node.expression;
    if (/^(?:Arrow)?Function/.test(node.type)) return node;
    if (node.type === "Identifier" && depth < 10) {
      const next = functions.get(node.name) ?? values.get(node.name);
      return next && resolve(next, depth + 1);
    }
    return /^(?:Call|Tagged|Await|Member|Conditional|Logical)/.test(node.type) ? null : undefined;
  };
  for (const [name, node] of values) {
    const found = resolve(node);
    if (found !== undefined) functions.set(name, found);
  }
  for (const [exported, local] of renamed) {
    if (functions.has(local) && !functions.has(exported)) functions.set(exported, functions.get(local));
  }
  if (byDefault) {
    const found = resolve(byDefault);
    if (found !== undefined && !functions.has("default")) functions.set("default", found);
  }
  return functions;
}

/// The function that is wanted: its name, or nothing where the script is to run as a whole.
export function chooseFunction(functions, wanted) {
  if (wanted) return functions.has(wanted) ? wanted : undefined;
  return ["main", "default"].find((name) => functions.has(name));
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
    return { name: nameOf(pattern.argument, index), type: typeOf(pattern, source), optional: true, rest: true };
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
    params = node.params.map((param, index) => describeParam(param, index, text));
  }
  refuseUnknown(input, params, name);
  return params.flatMap((param) => {
    const value = Object.hasOwn(input, param.name) ? input[param.name] : undefined;
    return param.rest ? value ?? [] : [value];
  });
}

function refuseUnknown(input, params, name) {
  const known = new Set(params.map((param) => param.name));
  const unknown = Object.keys(input).find((key) => !known.has(key));
  if (unknown === undefined) return;
  const list = params.length > 0 ? `it has ${params.map((param) => `\`${param.name}\``).join(", ")}` : "it has none";
  throw new TypeError(`${name}() has no parameter \`${unknown}\`: ${list}`);
}
