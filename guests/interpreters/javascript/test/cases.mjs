// What the unit must do, one line a promise.

export function cases({ gives, fails, describes, ends, logs, test, result }) {
  const echo = "function main(x) { return x }";
  const echoed = (name, json, wanted = json) => gives(`echo ${name}`, { js: echo, input: `{"x": ${json}}` }, wanted);

  // Values, in and out.
  echoed("text", '"a \\"b\\" \\\\ c\\nd"');
  echoed("unicode", '"zażółć 日本語 🦀"');
  echoed("empty text", '""');
  echoed("largest safe", "9007199254740991");
  echoed("beyond 2^53", "9007199254740993");
  echoed("i64 least", "-9223372036854775808");
  echoed("u64 most", "18446744073709551615");
  echoed("40 digits", "1234567890123456789012345678901234567890");
  echoed("nested large", '{"a":[1,{"b":9223372036854775807}],"c":"9223372036854775807"}');
  echoed("large in a text only", '"id 12345678901234567890"');
  echoed("mark in a text", '["\\u000112345678901234567890",12345678901234567890]');
  echoed("0.1+0.2", "0.30000000000000004");
  echoed("least float", "5e-324");
  echoed("most float", "1.7976931348623157e+308");
  echoed("float with a large integer", "[0.30000000000000004,12345678901234567890,-1.5e-7]", "[0.30000000000000004,12345678901234567890,-1.5e-7]");
  echoed("-0.0", "-0.0");
  echoed("zeros", "[0,-0.0,10,0.5]");
  echoed("1.0", "1.0", "1");
  echoed("1e3", "1e3", "1000");
  echoed("booleans", "[true,false,null]");
  echoed("empty", "[{},[]]");
  echoed("keys", '{"b":1,"a":2,"__proto__x":3,"ü":4}');
  gives("0.1+0.2 computed", { js: "function main() { return 0.1 + 0.2 }" }, "0.30000000000000004");
  gives("records", { js: "function main(rows) { return rows.map(({ id, ...rest }) => ({ ...rest, id: id + 1 })) }", input: '{"rows":[{"id":1,"a":{"b":[1,2]}}]}' }, '[{"a":{"b":[1,2]},"id":2}]');
  gives("BigInt", { js: "function main(n) { return [n * 2n, typeof n, 2n ** 70n, 5n] }", input: '{"n":9007199254740993}' }, '[18014398509481986,"bigint",1180591620717411303424,5]');
  gives("undefined", { js: "function main() {}" }, "null");
  gives("undefined inside", { js: "function main() { return { a: undefined, b: [undefined], f() {} } }" }, '{"b":[null]}');
  gives("Map", { js: 'function main() { return new Map([["a", 1], [2, new Map()]]) }' }, '{"2":{},"a":1}');
  gives("Set", { js: "function main() { return [new Set([3, 1]), new Set()] }" }, "[[3,1],[]]");
  gives("Date", { js: "function main() { return new Date(0) }" }, '"1970-01-01T00:00:00.000Z"');
  gives("Date now", { js: "function main() { return new Date() }" }, '"2025-01-01T00:00:00.000Z"');
  gives("typed array", { js: "function main() { return { a: new Uint8Array([1, 2]), b: new Float64Array(2), c: new BigInt64Array([5n]) } }" }, '{"a":[1,2],"b":[0,0],"c":[5]}');
  gives("class instance", { js: "class P { constructor() { this.x = 1 } get y() { return 2 } }\nfunction main() { return new P() }" }, '{"x":1}');
  gives("toJSON", { js: "function main() { return { a: { toJSON() { return [NaN].length } } } }" }, '{"a":1}');
  fails("NaN", { js: "function main() { return { rows: [1, { a: NaN }] } }" }, { message: "JSON has no NaN: it is at `result.rows[1].a`" });
  fails("Infinity", { js: "function main() { return -Infinity }" }, { message: "JSON has no -Infinity: it is at `result`" });
  fails("cycle", { js: "function main() { const a = {}; a.b = [a]; return a }" }, { message: /`result\.b\[0\]` contains itself/ });
  fails("promise inside", { js: "function main() { return [Promise.resolve(1)] }" }, { message: /`result\[0\]` is a promise/ });
  gives("the same twice is no cycle", { js: "function main() { const a = {}; return [a, a] }" }, "[{},{}]");

  // Which function.
  const both = "function main() { return 'main' }\nfunction other() { return 'other' }";
  gives("named", { js: both, fn: "other" }, '"other"');
  gives("unnamed", { js: both }, '"main"');
  fails("missing", { js: both, fn: "nope" }, { message: "`main.js` has no function `nope` at its top level: it defines `main`, `other`" });
  fails("missing, described", { js: both, fn: "nope" }, { message: "`main.js` has no function `nope` at its top level: it defines `main`, `other`" }, "describe");
  fails("a global is no function of the script", { js: both, fn: "parseInt" }, { message: /no function `parseInt`/ });
  fails("not an identifier", { js: both, fn: "a-b" }, { message: /no function `a-b`/ });
  for (const [form, source] of Object.entries({
    function: "function main(a) { return a }",
    "export function": "export function main(a) { return a }",
    const: "const main = (a) => a",
    "export const": "export const main = async (a) => { return a }",
    let: "let main = function (a) { return a }",
    "export default function": "export default function main(a) { return a }",
    "export default other": "export default function work(a) { return a }",
    "export default anonymous": "export default function (a) { return a }\n[1].map(String)",
    "export default arrow": "export default (a) => a",
    "export default async": "export default async a => a",
    "export default name": "const work = (a) => a\nexport default work",
    "export list": "function work(a) { return a }\nexport { work as main }",
    "async": "async function main(a) { return await Promise.resolve(a) }",
    "single parameter": "const main = a => a",
    "comment": "function main(/* the a */ a /* , b */) { return a }",
  })) {
    gives(`form: ${form}`, { js: source, input: '{"a":[1]}' }, "[1]");
    test(`form described: ${form}`, "describe", { js: source }, (answer) => {
      const text = result(answer);
      if (!text?.endsWith('"params":[{"name":"a","type":"any","optional":false}]}')) throw new Error(text ?? JSON.stringify(answer.attempt.message));
    });
  }

  // Parameters.
  gives("default", { js: "function main(a, b = a + 1, { c } = { c: 3 }) { return [a, b, c] }", input: '{"a":1}' }, "[1,2,3]");
  gives("left out", { js: "function main(a, b) { return [a, b === undefined] }", input: '{"a":1}' }, "[1,true]");
  gives("order", { js: "function main(a, b) { return [a, b] }", input: '{"b":2,"a":1}' }, "[1,2]");
  gives("rest", { js: "function main(a, ...more) { return [a, more] }", input: '{"a":1,"more":[2,3]}' }, "[1,[2,3]]");
  gives("destructured", { js: "function main({ a, b = 2, ...rest }) { return [a, b, rest] }", input: '{"a":1,"c":3}' }, '[1,2,{"c":3}]');
  gives("destructured arrow", { js: "export const main = async ({ a, b: { c } }) => a + c", input: '{"a":1,"b":{"c":2}}' }, "3");
  fails("unknown", { js: "function main(a, b) {}", input: '{"x":1}' }, { message: "TypeError: main() has no parameter `x`: it has `a`, `b`" });
  describes("params", { js: "function main(a, b = 2, ...c) {}" }, {
    kind: "function", name: "main",
    params: [{ name: "a", type: "any", optional: false }, { name: "b", type: "any", optional: true }, { name: "c", type: "any", optional: true, rest: true }],
  });
  describes("destructured params", { ts: "export function main({ a, b = 1, ...c }: { a: number[]; b?: string }) {}" }, {
    kind: "function", name: "main",
    params: [{ name: "a", type: "number[]", optional: false }, { name: "b", type: "string", optional: true }, { name: "c", type: "any", optional: true, keywords: true }],
  });
  describes("typed params", { ts: "interface Row { id: number }\nexport const main = async <T extends Row>(rows: Array<T>, limit?: number, sep: string = ',', ...more: string[]): Promise<void> => {}" }, {
    kind: "function", name: "main",
    params: [
      { name: "rows", type: "Array<T>", optional: false }, { name: "limit", type: "number", optional: true },
      { name: "sep", type: "string", optional: true }, { name: "more", type: "string[]", optional: true, rest: true },
    ],
  });
  describes("a plain script", { js: "throw new Error('not run')" }, { kind: "script" });
  describes("main that is no function", { js: "const main = 5" }, { kind: "script" });

  // Plain scripts.
  gives("result", { js: "result = inputs.n + 1", input: '{"n":1}' }, "2");
  for (const word of ["var", "let", "const"]) gives(`${word} result`, { js: `${word} result = { a: inputs.n }`, input: '{"n":1}' }, '{"a":1}');
  gives("globalThis.result", { js: "globalThis.result = [1]" }, "[1]");
  gives("outputs", { js: "outputs = { a: 1 }" }, '{"a":1}');
  gives("result before outputs", { js: "outputs = 1; result = 2" }, "2");
  gives("null result", { js: "result = null; console.log(5)" }, "null");
  gives("return", { js: "if (inputs.n) return 'early'\nresult = 'late'", input: '{"n":1}' }, '"early"');
  gives("strict result", { js: '"use strict";\nresult = 1' }, "1");
  gives("module result", { js: 'import { a } from "./a.js"\nresult = a', files: { "a.js": "export const a = 7" } }, "7");
  gives("printed JSON", { js: "console.log(JSON.stringify({ a: [1, 12345678901234567890n.toString()] }))" }, '{"a":[1,"12345678901234567890"]}');
  gives("printed JSON of a large integer", { js: 'console.log("[12345678901234567890]")' }, "[12345678901234567890]");
  gives("printed text", { js: 'console.log("hello", 5); console.log("you")' }, '"hello 5\\nyou"');
  gives("printed object", { js: "console.log({ a: 1 })" }, '"{ a: 1 }"');
  gives("written", { js: 'process.stdout.write("4"); process.stdout.write("2")' }, "42");
  gives("nothing", { js: "let x = 1" }, "null");
  gives("empty", { js: "" }, "null");
  gives("top-level await", { js: "const x = await new Promise((done) => setTimeout(() => done(4), 50));\nresult = x" }, "4");
  gives("then", { js: "Promise.resolve(3).then((x) => { result = x })" }, "3");
  gives("timer", { js: "setTimeout(() => { result = order }, 20); const order = []; setTimeout(() => order.push(2), 10); setTimeout(() => order.push(1), 5)" }, "[1,2]");
  gives("async without await", { js: "async function work() { await null; result = 5 }\nwork()" }, "5");
  fails("async failure that nobody awaits", { js: "async function work() { await null;\n  throw new Error('lost') }\nwork()" }, { message: "Error: lost", line: 2, column: 13 });
  gives("exit 0", { js: "result = 1; process.exit(0); result = 2" }, "1");
  fails("exit 3", { js: "process.exit(3)" }, { message: "the script ended with exit code 3" });
  gives("hashbang", { js: "#!/usr/bin/env node\nresult = 1" }, "1");
  logs("log of a plain script", { js: "console.log('a'); console.error('b'); result = 1" }, "b\na\n");
  logs("printed is no log", { js: "console.log('a'); console.error('b')" }, "b\n");
  logs("log of a function", { js: "function main() { console.log('a %s', 1, { b: [1] }); console.error('zażółć'); return 1 }" }, "a 1 { b: [ 1 ] }\nzażółć\n");
  logs("long log", { js: "function main() { console.log('é'.repeat(5000)) }" }, `${"é".repeat(5000)}\n`);

  // Async functions.
  gives("async main", { js: "async function main(n) { let s = 0; for await (const x of gen(n)) s += x; return s }\nasync function* gen(n) { for (let i = 0; i < n; i++) { await null; yield i } }", input: '{"n":100}' }, "4950");
  gives("Promise.all", { js: "const wait = (n) => new Promise((done) => setTimeout(done, n, n));\nconst main = () => Promise.all([3, 1, 2].map(wait))" }, "[3,1,2]");
  fails("never settled", { js: "const main = () => new Promise(() => {})" }, { message: /waits for a promise that nothing is left to settle/ });
  fails("rejected", { js: "const main = async () => {\n  await null;\n  null.x;\n}" }, { message: "TypeError: cannot read property 'x' of null", line: 3 });

  // Errors.
  fails("user error", { js: "function check(rows) {\n  if (!rows.length) {\n    throw new RangeError('no rows');\n  }\n}\nfunction main(rows) {\n  check(rows);\n}", input: '{"rows":[]}' }, {
    message: "RangeError: no rows", file: "main.js", line: 3, column: 15, trace: /^RangeError: no rows\n    at check \(main\.js:3:15\)\n    at main \(main\.js:7:\d+\)$/,
  });
  fails("error through map", { js: "const main = () => [1].map((x) =>\n  x.y.z)" }, { line: 2, trace: /at main \(main\.js:1:\d+\)/ });
  fails("own class", { js: "class Broken extends Error { name = 'Broken' }\nfunction main() {\n  throw new Broken('x') }" }, { message: "Broken: x", line: 3 });
  fails("thrown text", { js: "function main() { throw 'just text' }" }, { message: "just text" });
  fails("thrown object", { js: "function main() { throw { code: 5 } }" }, { message: '{"code":5}' });
  fails("JSON.parse", { js: "function main() {\n  JSON.parse('{') }" }, { message: /^SyntaxError/, line: 2, syntax: undefined });
  fails("typescript error", { ts: "interface A { x: number }\nfunction main(a: A | null): number {\n  const b: A = a as A; return (<any>b).x }", input: '{"a":null}' }, { file: "main.ts", line: 3, column: 37 });
  fails("error behind a parameter property", { ts: "class A { constructor(private x: any) { this.x.y.z } }\nexport const main = () => new A({})" }, { line: 1, column: 41 });
  fails("error in another file", { js: 'import { f } from "./lib/f.js";\nexport const main = () => f()', files: { "lib/f.js": "// one\nexport function f() {\n  return missing;\n}" } }, { message: "ReferenceError: missing is not defined", file: "lib/f.js", line: 3, column: 10 });
  fails("error in code that a script makes", { js: "function main() {\n  return eval('\\n\\nnull.x') }" }, { line: 2 });
  for (const kind of ["run", "describe"]) {
    fails(`syntax of js, ${kind}`, { js: "function main() {\n  let x = ;\n}" }, { message: "SyntaxError: Unexpected token", file: "main.js", line: 2, column: 11, syntax: true }, kind);
    fails(`syntax of ts, ${kind}`, { ts: "type A = number\nfunction main(a: A) {\n  return a +;\n}" }, { message: "SyntaxError: Unexpected token", file: "main.ts", line: 3, column: 13, syntax: true }, kind);
    fails(`syntax of another file, ${kind}`, { js: 'import "./a.js"', files: { "a.js": "\n\nlet 5" } }, { file: "a.js", line: 3, syntax: true }, kind);
  }
  fails("out of the function", { js: "} + function () {" }, { syntax: true, line: 1 });
  fails("import of a package", { js: 'import fs from "fs";\nexport const main = () => 1' }, { message: /cannot import `fs`/, line: 1, column: 16 }, "describe");
  fails("import of no file", { js: 'import { a } from "./b.js";' }, { message: /there is no file `b.js` \(there are `main.js`\)/ }, "describe");
  fails("import of no export", { js: 'import { a } from "./b.js";', files: { "b.js": "export const c = 1" } }, { message: "SyntaxError: `b.js` has no export `a`", line: 1, column: 10, syntax: true }, "describe");
  const packages = `exports.imported = { "a/b": { default: 1, sum: (...all) => all.reduce((a, b) => a + b, 0), fail() { throw new Error("no") } } };\n` +
    `exports.required = { c: () => ({ plain: (undeclared = 3) }) };\n` + "// await";
  gives("packages", {
    ts: 'import one, { sum, type Gone } from "a/b";\nimport * as all from "a/b";\nimport { c } from "./c.cjs";\nexport async function main() { return [sum(one, c.plain), all.sum(), (await import("a/b")).default] }',
    files: { node_modules: packages, "c.cjs": 'exports.c = require("c");' },
  }, "[4,0,1]");
  fails("error in a package", { js: 'import { fail } from "a/b";\nexport const main = () => {\n  fail() }', files: { node_modules: packages } }, { message: "Error: no", file: "main.js", line: 3, trace: /at fail \(node_modules:1:\d+\)/ });
  gives("deep recursion, caught", { js: "function f(n) { return 1 + f(n + 1) }\nfunction main() { try { return f(0) } catch (error) { return error.name } }" }, '"RangeError"');
  fails("deep recursion", { js: "const f = (n) => {\n  return 1 + f(n + 1) }\nfunction main() { return f(0) }" }, { message: /^RangeError: .*call stack/, line: 2 });
  gives("recursion", { js: "function f(n) { return n === 0 ? 0 : 1 + f(n - 1) }\nfunction main() { return f(400) }" }, "400");
  for (const [name, source] of Object.entries({
    map: "const f = (n) => [n].map((x) => f(x + 1)); const main = () => f(0)",
    getter: "const o = { get a() { return this.a } }; const main = () => o.a",
    toString: "const o = { toString() { return `${this}` } }; const main = () => `${o}`",
    generator: "function* f() { yield* f() } const main = () => [...f()]",
    async: "async function f() { await f() } const main = f",
    proxy: "const p = new Proxy({}, { get: (t, k, r) => r[k] }); const main = () => p.a",
    constructor: "class A { constructor() { this.a = new A() } } const main = () => new A()",
    sort: "const f = () => [2, 1].sort(() => f()); const main = f",
    replace: "const f = () => 'a'.replace(/a/, () => f()); const main = f",
  })) {
    fails(`deep recursion through ${name}`, { js: source }, { message: /^RangeError: .*call stack/ });
  }

  // Several files.
  gives("files", {
    js: 'import { add } from "./lib/math.js";\nimport * as text from "./lib/text";\nimport last, { first as one } from "./list.ts";\nimport data from "./data.json";\nexport function main(a) { return [add(a, 1), text.up("x"), one, last, data.k] }',
    files: {
      "lib/math.js": 'import { one } from "../list";\nexport const add = (a, b) => a + b * one();',
      "lib/text.js": "export function up(x) { return x.toUpperCase() }",
      "list.ts": "export const first: number = 1;\nexport function one(): number { return first }\nexport default class List<T> { static toJSON(): string { return 'List' } }",
      "data.json": '{"k": 12345678901234567890}',
    },
    input: '{"a":41}',
  }, '[42,"X",1,"List",12345678901234567890]');
  gives("re-exports", { js: 'import { a, b, d } from "./all.js";\nexport const main = () => [a, b, d.x]', files: { "all.js": 'export * from "./x.js"; export { y as b } from "./x.js"; export * as d from "./x.js"', "x.js": "export const a = 1, y = 2, x = 3" } }, "[1,2,3]");
  gives("a variable that changes", { js: 'import { count, next } from "./c.js";\nexport const main = () => { next(); next(); return count }', files: { "c.js": "export let count = 0;\nexport function next() { count++ }" } }, "2");
  gives("a circle", { js: 'import { even } from "./even.js";\nexport const main = (n) => even(n)', files: { "even.js": 'import { odd } from "./odd.js";\nexport const even = (n) => n === 0 || odd(n - 1)', "odd.js": 'import { even } from "./even.js";\nexport const odd = (n) => n !== 0 && even(n - 1)' }, input: '{"n":10}' }, "true");
  gives("import()", { js: 'export const main = async () => { const { a } = await import("./a.js"); return a }', files: { "a.js": "export const a = 5" } }, "5");
  gives("await in another file", { js: 'import { a } from "./a.js"\nexport const main = () => a', files: { "a.js": "export const a = await Promise.resolve(6)" } }, "6");
  gives("require", { js: 'const { a } = require("./a");\nfunction main() { return a }', files: { "a.js": "exports.a = 8" } }, "8");
  gives("main in a folder", { js: 'import { a } from "../a.js"\nexport const main = () => a', main: "src/main.js", files: { "a.js": "export const a = 9" } }, "9");
  gives("each file once", { js: 'import "./a.js"; import "./b.js"\nexport const main = () => globalThis.times', files: { "a.js": "globalThis.times = (globalThis.times ?? 0) + 1", "b.js": 'import "./a.js"' } }, "1");
  gives("what is after a blanked statement", { js: "const a = [1]\nexport { a }\n;[a].forEach(String)\nexport default () => a" }, "[1]");

  // TypeScript.
  gives("typescript", {
    ts: `
      interface Row<T = unknown> { readonly id: number; value?: T }
      type Pair<A, B> = [A, B];
      enum Colour { Red, Green = 5, Blue, Dark = "dark", Both = Green | 8 }
      const enum Small { One = 1 }
      declare const nothing: string;
      abstract class Shape { protected constructor(public readonly name: string, private size = 2) {} abstract area(): number; describe?(): string; [key: string]: unknown }
      class Square extends Shape implements Iterable<number> {
        static count: number = 0;
        declare ghost: string;
        side!: number;
        constructor(side: number) { super("square"); this.side = side; Square.count++ }
        override area(): number { return this.side ** 2 }
        *[Symbol.iterator](): Generator<number> { yield this.area() }
      }
      function over(a: string): string;
      function over(a: number): number;
      function over(a: any): any { return a }
      function isRow(this: void, x: unknown): x is Row { return typeof x === "object" }
      const pick = <T, K extends keyof T>(x: T, k: K): T[K] => x[k]!;
      export default async function main(rows: Row<string>[], colour: Colour = Colour.Blue): Promise<unknown> {
        const pair = [1, "a"] satisfies Pair<number, string>;
        const shape = new Square(3);
        const generic = new Map<string, Array<number>>([["a", [1]]]);
        for (const row of rows as Row[]) if (!isRow(row)) throw new Error();
        try { null!.x } catch (error: unknown) { error as Error }
        return [pick(rows[0]!, "id"), colour, Colour[5], Colour.Dark, Colour.Both, Small.One, pair, shape.name, [...shape], Square.count, over(<any>2), generic, Object.keys(shape)]
      }`,
    input: '{"rows":[{"id":7}]}',
  }, '[7,6,"Green","dark",13,1,[1,"a"],"square",[9],1,2,{"a":[1]},["name","size","side"]]');
  gives("types of another file", { ts: 'import { Row, make } from "./types";\nimport type { Only } from "./types";\nexport function main(id: number): Row { const o: Only = 1; return make(id) }', files: { "types.ts": "export interface Row { id: number }\nexport type Only = number;\nexport const make = (id: number): Row => ({ id })" }, input: '{"id":3}' }, '{"id":3}');
  gives("parentheses", { ts: "export const main = (a?: number) => ((a ?? 1) as number) + (((a)!) || 2) + (<number>(3))" }, "6");
  gives("arrow type over lines", { ts: "export const main = (\n  a: {\n    b: number\n  }\n): {\n  c: number\n} => ({ c: a.b })", input: '{"a":{"b":1}}' }, '{"c":1}');
  gives("what follows a type", { ts: "const a = [1] as number[]\n;[2].forEach(String)\nlet b = a as any\nlet c: number\n(0, String)(1)\nexport default () => a" }, "[1]");
  gives("plain typescript", { ts: "const n: number = inputs.n;\nlet result: { n: number } = { n }", input: '{"n":5}' }, '{"n":5}');
  fails("namespace", { ts: "namespace A {\n  export const b = 1 }" }, { message: /namespaces with values/, line: 1, syntax: true }, "describe");
  fails("decorator", { ts: "function d(x: any) {}\n@d class A {}\nexport const main = () => 1" }, { message: /decorators are not supported/, line: 2 }, "describe");

  // Limits.
  ends("endless", { js: "function main() { for (;;); }", flags: ["--timeout", "200ms"] }, /timed-out|timeout/);
  ends("fuel", { js: "function main() { for (;;); }", flags: ["--fuel", "50000000"] }, /fuel/);
  ends("endless promises", { js: "async function main() { for (;;) await null }", flags: ["--timeout", "200ms"] }, /timed-out|timeout/);
  ends("memory", { js: "function main() { const a = []; for (;;) a.push(new Uint8Array(1 << 20).fill(1)) }", flags: ["--memory", "32MiB"] }, /memory-exceeded|guest-error/);
  ends("memory of strings", { js: "function main() { let a = 'x'; for (;;) a += a }", flags: ["--memory", "32MiB"] }, /memory-exceeded|guest-error/);

  // A script that was described need not be parsed again; `run` is told the name of the function, also where none was asked for.
  test("prepared", "describe", { ts: 'import { twice } from "./twice";\nexport function main(n: number): number {\n  return twice(n).x.y }', files: { "twice.ts": "export const twice = (n: number): any => n ? 2 * n : undefined" }, prepare: true }, (answer) => {
    const { prepared } = JSON.parse(result(answer));
    const script = { ts: "not read: of TypeScript", prepared };
    fails("prepared, run", { ...script, fn: "main", input: '{"n":0}' }, { message: /^TypeError/, file: "main.ts", line: 3 });
    fails("prepared, run", { ...script, fn: "other" }, { syntax: true });
  });

  // Size.
  const large = JSON.stringify(Array.from({ length: 12000 }, (_, index) => ({ id: index, name: `name ${index}`, score: index / 7, tags: ["a", "b"] })));
  for (const [name, input] of [["text", JSON.stringify("x".repeat(1 << 20))], ["rows", large], ["rows with a large integer", large.replace('"id":5,', '"id":12345678901234567890,')]]) {
    test(`1 MiB of ${name}`, "run", { js: echo, input: `{"x":${input}}` }, (answer) => {
      if (result(answer) !== input) throw new Error(`not the same: ${JSON.stringify(answer.attempt.message ?? answer.document).slice(0, 300)}`);
      console.log(`1 MiB of ${name}: ${input.length} bytes in and out in ${answer.attempt.usage.wall_us / 1000} ms`);
    });
  }

  // What the engine has, and what a run leaves behind.
  gives("globals", { js: 'function main() { const t = new TextEncoder().encode("é🦀"); return [t, new TextDecoder().decode(t), structuredClone({ a: new Date(0), b: new Map([[1, 2]]) }), typeof setTimeout, btoa("a")] }' }, '[[195,169,240,159,166,128],"é🦀",{"a":"1970-01-01T00:00:00.000Z","b":{"1":2}},"function","YQ=="]');
  test("the same every time", "run", { js: "function main() { return [Math.random(), Date.now(), performance.now()] }" }, (answer) => {
    if (!result(answer)?.startsWith("[0.")) throw new Error(JSON.stringify(result(answer)));
  });
}
