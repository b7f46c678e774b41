// TypeScript to JavaScript by blanking: what is only of types becomes spaces, so that every line and column stays where it was. What is
// more than types (enums, parameter properties) is written in its line.

import { Failure } from "./failure.js";
import { boundNames, walk } from "./parse.js";

/// Nodes that are expressions with something of types after or before them.
const WRAPPED = new Set(["TSAsExpression", "TSSatisfiesExpression", "TSNonNullExpression", "TSTypeAssertion", "TSInstantiationExpression"]);

/// Statements that are only of types.
const ERASED = new Set([
  "TSInterfaceDeclaration",
  "TSTypeAliasDeclaration",
  "TSDeclareFunction",
  "TSDeclareMethod",
  "TSAbstractMethodDefinition",
  "TSAbstractPropertyDefinition",
  "TSAbstractClassProperty",
  "TSIndexSignature",
  "TSNamespaceExportDeclaration",
]);

/// Adds to `edits` what takes the types out of a file.
export function stripTypes(file, tree, edits) {
  const { source } = edits;
  const refuse = (node, what) => {
    const { line, column } = node.loc.start;
    const message = `SyntaxError: ${what}`;
    throw new Failure(message, { file, line, column: column + 1, trace: `${message}\n    at ${file}:${line}:${column + 1}`, syntax: true });
  };
  /// The first place of one of these characters from `from` on, comments left out.
  const find = (text, from, end = source.length) => {
    for (let at = from; at < end; at += 1) {
      if (source.startsWith("//", at)) at = source.indexOf("\n", at);
      else if (source.startsWith("/*", at)) at = source.indexOf("*/", at) + 1;
      else if (source.startsWith(text, at)) return at;
      if (at < 0) return -1;
    }
    return -1;
  };
  /// Blanks the words of these that stand between two places.
  const blankWords = (from, end, words) => {
    for (const found of source.slice(from, end).matchAll(/\/\/[^\n]*|\/\*[^]*?\*\/|[\w$]+/g)) {
      if (words.includes(found[0])) edits.blank(from + found.index, from + found.index + found[0].length);
    }
  };
  /// Blanks the end of an expression. Where what comes next would now go on with it, a `;` keeps them apart.
  const blankEnd = (from, end) => {
    const goesOn = /^[^\S\n]*(?:\/\/[^\n]*)?\n\s*[([`]/.test(source.slice(end, end + 2000));
    edits.blank(from, end, goesOn ? ";" : "");
  };
  /// Blanks modifiers of a member of a class.
  const modifiers = (node, words = ["public", "private", "protected", "readonly", "override", "abstract", "declare"]) => {
    const end = node.computed ? find("[", node.start) : (node.key ?? node.parameter ?? node).start;
    const from = node.decorators?.length ? node.decorators.at(-1).end : node.start;
    blankWords(from, end, words);
  };
  const mark = (node, character, from, end) => {
    const at = find(character, from, end);
    if (at >= 0) edits.blank(at, at + 1);
  };

  const visit = (node, parent) => {
    const { type } = node;
    if (node.erased) return false;
    if (node.decorators?.length) refuse(node.decorators[0], "decorators are not supported");
    if (WRAPPED.has(type)) {
      unwrap(node);
      walk(node.expression, visit, node);
      return false;
    }
    if (ERASED.has(type) || (node.declare && /Declaration$/.test(type)) || (type === "ExpressionStatement" && node.declare)) {
      edits.blank(node.start, node.end, ";");
      return false;
    }
    switch (type) {
      case "ImportDeclaration":
      case "ExportAllDeclaration":
        return undefined;
      case "ExportNamedDeclaration":
        if (node.exportKind === "type" || (node.declaration && isErased(node.declaration))) {
          edits.blank(node.start, node.end, ";");
          return false;
        }
        return undefined;
      case "ExportDefaultDeclaration":
        if (isErased(node.declaration)) {
          edits.blank(node.start, node.end, ";");
          return false;
        }
        return undefined;
      case "TSImportEqualsDeclaration":
        if (node.importKind === "type") {
          edits.blank(node.start, node.end, ";");
          return false;
        }
        return refuse(node, "`import … =` is not supported: use `import … from`");
      case "TSExportAssignment":
        return refuse(node, "`export =` is not supported: use `export default`");
      case "TSModuleDeclaration":
        if (onlyTypes(node)) {
          edits.blank(node.start, node.end, ";");
          return false;
        }
        return refuse(node, "namespaces with values are not supported: use a module of its own");
      case "TSEnumDeclaration":
        edits.replace(node.start, node.end, enumeration(node));
        return false;
      case "ClassDeclaration":
      case "ClassExpression":
        heritage(node);
        if (node.abstract) blankWords(node.start, find("class", node.start), ["abstract"]);
        break;
      case "PropertyDefinition":
        if (node.accessor) refuse(node, "`accessor` is not supported");
        if (node.declare || node.abstract) {
          edits.blank(node.start, node.end, ";");
          return false;
        }
        modifiers(node);
        if (node.optional) mark(node, "?", node.key.end, node.end);
        if (node.definite) mark(node, "!", node.key.end, node.end);
        if (node.typeAnnotation) edits.blank(node.typeAnnotation.start, node.typeAnnotation.end, node.value ? "" : ";");
        break;
      case "MethodDefinition":
        if (node.abstract || !node.value?.body) {
          edits.blank(node.start, node.end, ";");
          return false;
        }
        modifiers(node);
        if (node.kind === "constructor") parameterProperties(node.value);
        if (node.optional) mark(node, "?", node.key.end, node.value.params[0]?.start ?? node.value.body.start);
        break;
      case "FunctionDeclaration":
      case "FunctionExpression":
      case "ArrowFunctionExpression":
        if (!node.body) {
          edits.blank(node.start, node.end, ";");
          return false;
        }
        takeThis(node);
        if (type === "ArrowFunctionExpression" && node.returnType) keepArrow(node);
        break;
      case "TSParameterProperty":
        blankWords(node.start, node.parameter.start, ["public", "private", "protected", "readonly", "override"]);
        if (node.parameter.type === "AssignmentPattern") blankWords(node.start, node.parameter.left.start, ["public", "private", "protected", "readonly", "override"]);
        break;
      case "Identifier":
      case "ObjectPattern":
      case "ArrayPattern":
      case "RestElement":
        if (node.optional && parent && parent.type !== "MemberExpression") {
          mark(node, "?", type === "Identifier" ? node.start + node.name.length : lastOf(node), node.typeAnnotation?.start ?? node.end);
        }
        break;
      case "VariableDeclarator":
        if (node.definite || (node.id.typeAnnotation && source[node.id.start + (node.id.name?.length ?? 0)] === "!")) {
          mark(node, "!", node.id.start + (node.id.name?.length ?? 0), node.id.typeAnnotation.start + 1);
        }
        break;
      default:
        if (type.startsWith("TS") && parent) {
          edits.blank(node.start, node.end);
          return false;
        }
    }
    return undefined;
  };
  walk(tree, visit);

  /// Where a pattern's own text ends.
  function lastOf(node) {
    const last = (node.properties ?? node.elements ?? [node.argument]).filter(Boolean).at(-1);
    return (last?.end ?? node.start) + (node.type === "RestElement" ? 0 : 1);
  }

  /// Blanks what is of types around an expression. The expression may be in parentheses, which its node does not have.
  function unwrap(node) {
    switch (node.type) {
      case "TSTypeAssertion":
        return edits.blank(node.start, find(">", node.typeAnnotation.end) + 1);
      case "TSNonNullExpression":
        return blankEnd(node.end - 1, node.end);
      case "TSInstantiationExpression":
        return blankEnd((node.typeArguments ?? node.typeParameters).start, node.end);
      default:
        return blankEnd(find(node.type === "TSAsExpression" ? "as" : "satisfies", node.expression.end), node.end);
    }
  }

  /// `implements …` and the type arguments of what a class extends.
  function heritage(node) {
    if (!node.implements?.length) return;
    const from = node.superTypeParameters?.end ?? node.superTypeArguments?.end ?? node.superClass?.end ?? node.typeParameters?.end ?? node.id?.end ?? node.start + 5;
    edits.blank(find("implements", from), node.body.start);
    for (const one of node.implements) one.erased = true;
  }

  /// A parameter named `this` is only of types.
  function takeThis(node) {
    const [first, second] = node.params;
    if (first?.type !== "Identifier" || first.name !== "this") return;
    const comma = second ? find(",", first.end, second.start) : find(",", first.end, node.returnType?.start ?? node.body.start);
    const closing = find(")", first.end);
    edits.blank(first.start, comma >= 0 && comma < closing ? comma + 1 : first.end);
    first.erased = true;
  }

  /// `=>` must stand in the line of the `)` before it: where a type in between has several lines, the `)` moves to its end.
  function keepArrow(node) {
    const { start, end } = node.returnType;
    const arrow = find("=>", end);
    if (!source.slice(start, arrow).includes("\n")) return;
    const closing = source.lastIndexOf(")", start);
    edits.blank(closing, closing + 1);
    edits.blank(start, end - 1);
    edits.replace(end - 1, end, ")");
    node.returnType.erased = true;
  }

  /// `constructor(private a: string)` is also an assignment, written where the body begins or behind the call of `super`.
  function parameterProperties({ params, body }) {
    const names = params.filter(({ type }) => type === "TSParameterProperty").flatMap(boundNames);
    if (names.length === 0) return;
    const isSuper = ({ type, expression }) => type === "ExpressionStatement" && expression.type === "CallExpression" && expression.callee.type === "Super";
    const at = body.body.find(isSuper)?.end ?? body.start + 1;
    edits.insert(at, names.map((name) => `;this.${name} = ${name};`).join(""));
  }

  function onlyTypes(node) {
    if (node.declare || !node.body) return true;
    if (node.body.type === "TSModuleDeclaration") return onlyTypes(node.body);
    return (node.body.body ?? []).every((item) => {
      const declared = item.type === "ExportNamedDeclaration" ? item.declaration : item;
      return !declared || isErased(declared);
    });
  }

  function isErased(node) {
    return ERASED.has(node.type) || Boolean(node.declare) || (/^Function/.test(node.type) && !node.body) || (node.type === "TSModuleDeclaration" && onlyTypes(node));
  }

  /// `enum E { A, B = 4 }`, as the compiler of TypeScript writes it, in one line; then as many line ends as it had.
  function enumeration(node) {
    const name = node.id.name;
    const parts = [];
    let previous;
    for (const { id, initializer } of node.members ?? node.body.members) {
      const key = id.type === "Identifier" ? id.name : id.value;
      const value = initializer
        ? source.slice(initializer.start, initializer.end).replace(/\/\/[^\n]*/g, "").replace(/\s*\n\s*/g, " ")
        : previous === undefined
          ? "0"
          : `${name}[${previous}] + 1`;
      const text = JSON.stringify(key);
      parts.push(`${name}[${text}] = ${value};`);
      // A member's initialiser may name those before it.
      if (/^[A-Za-z_$][\w$]*$/.test(key) && !RESERVED.test(key) && key !== name) parts.push(`const ${key} = ${name}[${text}];`);
      parts.push(`if (typeof ${name}[${text}] === "number") ${name}[${name}[${text}]] = ${text};`);
      previous = text;
    }
    const lines = source.slice(node.start, node.end).replace(/[^\n]/g, "");
    return `var ${name}; (function (${name}) { ${parts.join(" ")} })(${name} || (${name} = {}));${lines}`;
  }
}

const RESERVED =
  /^(?:await|break|case|catch|class|const|continue|debugger|default|delete|do|else|enum|export|extends|false|finally|for|function|if|implements|import|in|instanceof|interface|let|new|null|package|private|protected|public|return|static|super|switch|this|throw|true|try|typeof|var|void|while|with|yield|arguments|eval)$/;
