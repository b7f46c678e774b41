// Source text to a syntax tree, in the shape of ESTree; for TypeScript with the nodes of typescript-eslint.

import * as acorn from "acorn";
import { tsPlugin } from "@sveltejs/acorn-typescript";
import { Failure } from "./failure.js";

/// acorn looks words up in regular expressions, which this engine is slow at.
const quickWords = (Parser) =>
  class extends Parser {
    constructor(...given) {
      super(...given);
      for (const name of ["keywords", "reservedWords", "reservedWordsStrict", "reservedWordsStrictBind"]) this[name] = wordSet(this[name]);
    }
  };

const wordSets = new Map();

function wordSet({ source }) {
  if (!wordSets.has(source)) {
    const words = new Set(source.slice("^(?:".length, -")$".length).split("|"));
    wordSets.set(source, { test: (word) => words.has(word), source });
  }
  return wordSets.get(source);
}

const JavaScriptParser = acorn.Parser.extend(quickWords);
const TypeScriptParser = acorn.Parser.extend(tsPlugin(), quickWords);

const OPTIONS = {
  ecmaVersion: "latest",
  locations: true,
  allowReturnOutsideFunction: true,
  allowAwaitOutsideFunction: true,
  allowHashBang: true,
};

/// Whether a text may have imports or exports; it has none where this says so.
export const MODULE_WORDS = /\b(?:import|export)\b/;

/// Parses a file as a module where it may be one, and else as a script, in which more is allowed.
export function parse(file, source, language) {
  const parser = language === "typescript" ? TypeScriptParser : JavaScriptParser;
  const attempt = (sourceType) => parser.parse(source, { ...OPTIONS, sourceType });
  if (language !== "typescript" && !MODULE_WORDS.test(source)) {
    try {
      return attempt("script");
    } catch (error) {
      throw syntaxFailure(error, file);
    }
  }
  try {
    return attempt("module");
  } catch (error) {
    try {
      const tree = attempt("script");
      if (!isModule(tree)) return tree;
    } catch {}
    throw syntaxFailure(error, file);
  }
}

/// The parameters of a function whose source text this is, as nodes.
export function parseFunction(source) {
  const options = { ...OPTIONS, sourceType: "script" };
  for (const text of [`(${source})`, `({${source}})`]) {
    try {
      const { expression } = acorn.parse(text, options).body[0];
      return expression.type === "ObjectExpression" ? expression.properties[0].value : expression;
    } catch {}
  }
  return undefined;
}

export const isModule = (tree) => tree.body.some(({ type }) => /^(?:Import|Export)/.test(type));

function syntaxFailure(error, file) {
  if (!error.loc) throw error;
  const { line, column } = error.loc;
  const message = `SyntaxError: ${error.message.replace(/ \(\d+:\d+\)$/, "")}`;
  const place = { file, line, column: column + 1 };
  return new Failure(message, { ...place, trace: `${message}\n    at ${file}:${line}:${column + 1}`, syntax: true });
}

/// Calls `visit` with a node and those below it, parents first; where it answers false, not with those below.
export function walk(node, visit, parent) {
  if (visit(node, parent) === false) return;
  for (const key in node) {
    const value = node[key];
    if (value === null || typeof value !== "object" || key === "loc") continue;
    if (Array.isArray(value)) {
      for (const item of value) if (item && typeof item.type === "string") walk(item, visit, node);
    } else if (typeof value.type === "string") {
      walk(value, visit, node);
    }
  }
}

/// The names that a pattern binds.
export function boundNames(pattern) {
  switch (pattern?.type) {
    case "Identifier":
      return [pattern.name];
    case "ObjectPattern":
      return pattern.properties.flatMap((property) => boundNames(property.type === "RestElement" ? property : property.value));
    case "ArrayPattern":
      return pattern.elements.flatMap((element) => (element ? boundNames(element) : []));
    case "AssignmentPattern":
      return boundNames(pattern.left);
    case "RestElement":
      return boundNames(pattern.argument);
    case "TSParameterProperty":
      return boundNames(pattern.parameter);
    default:
      return [];
  }
}
