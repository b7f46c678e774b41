// `console`, and where it goes.

import stderr from "wasi:cli/stderr@0.2.12";
import { inspect } from "./inspect.js";

/// What was printed to stdout and is kept back, or nothing where it goes to the log at once.
let kept;
let stream;

/// From here on stdout is kept back, until `releaseStdout`.
export function keepStdout() {
  kept = [];
}

/// What was kept back; it goes to the log unless `take` is set.
export function releaseStdout({ take = false } = {}) {
  const text = kept?.join("") ?? "";
  kept = undefined;
  if (!take) writeLog(text);
  return text;
}

export function writeOut(text) {
  if (kept) kept.push(text);
  else writeLog(text);
}

/// WASI takes this many bytes at once.
const PIECE = 4096;

export function writeLog(text) {
  if (text === "") return;
  stream ??= stderr.getStderr();
  const bytes = utf8(text);
  for (let from = 0; from < bytes.length; from += PIECE) stream.blockingWriteAndFlush(bytes.slice(from, from + PIECE));
}

export function utf8(text) {
  const encoded = unescape(encodeURIComponent(text.toWellFormed()));
  const bytes = new Uint8Array(encoded.length);
  for (let at = 0; at < encoded.length; at += 1) bytes[at] = encoded.charCodeAt(at);
  return bytes;
}

/// The arguments of `console.log` as one text.
export function format(values) {
  const rest = [...values];
  let text = "";
  if (typeof rest[0] === "string" && rest[0].includes("%") && rest.length > 1) {
    text = rest.shift().replace(/%[sdifjoOc%]/g, (directive) => {
      if (directive === "%%") return "%";
      if (rest.length === 0) return directive;
      const value = rest.shift();
      switch (directive) {
        case "%s":
          return typeof value === "object" && value !== null ? inspect(value) : String(value);
        case "%d":
          return String(typeof value === "bigint" ? `${value}n` : Number(value));
        case "%i":
          return String(Number.parseInt(value, 10));
        case "%f":
          return String(Number.parseFloat(value));
        case "%j":
          return JSON.stringify(value);
        case "%c":
          return "";
        default:
          return inspect(value);
      }
    });
    if (rest.length > 0) text += " ";
  }
  return text + rest.map((value) => (typeof value === "string" ? value : inspect(value))).join(" ");
}

let indent = "";
const counts = new Map();

const line = (write) => (...values) => write(`${format(values).replace(/^/gm, indent)}\n`);
const out = line(writeOut);
const log = line(writeLog);

export const console = {
  log: out,
  info: out,
  debug: out,
  dir: (value) => out(inspect(value)),
  dirxml: out,
  table: (value) => out(value),
  warn: log,
  error: log,
  trace: (...values) => log("Trace:", ...values),
  assert: (condition, ...values) => condition || log("Assertion failed", ...values),
  group(...values) {
    if (values.length > 0) out(...values);
    indent += "  ";
  },
  groupCollapsed: (...values) => console.group(...values),
  groupEnd() {
    indent = indent.slice(2);
  },
  count(label = "default") {
    counts.set(label, (counts.get(label) ?? 0) + 1);
    out(`${label}: ${counts.get(label)}`);
  },
  countReset: (label = "default") => counts.delete(label),
  time() {},
  timeEnd() {},
  timeLog() {},
  clear() {},
};
