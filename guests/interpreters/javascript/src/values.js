// JSON to JavaScript values and back, without losing a digit of an integer.

import { Failure } from "./failure.js";

/// Digits that may be an integer beyond what a number holds. They may also be in a text, which costs only time.
const MANY_DIGITS = /(?:^|[^.\d])\d{16}/;

/// Texts and numbers of JSON.
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g;

/// Reads a JSON text; integers beyond 2^53-1 become BigInt.
export function decode(text) {
  if (!MANY_DIGITS.test(text)) return JSON.parse(text);
  // Large integers go through the native parser as texts that begin with a mark that no text of the input has.
  let mark = "\u0001";
  while (text.includes(JSON.stringify(mark).slice(1, -1))) mark += "n";
  let found = false;
  const marked = text.replace(TOKENS, (token) => {
    if (token.length < 16 || token[0] === '"' || /[.eE]/.test(token) || Number.isSafeInteger(Number(token))) return token;
    found = true;
    return JSON.stringify(mark + token);
  });
  if (!found) return JSON.parse(text);
  return JSON.parse(marked, (_, value) => (typeof value === "string" && value.startsWith(mark) ? BigInt(value.slice(mark.length)) : value));
}

/// Writes a value as JSON. What JSON cannot hold is an error that says where it is.
export function encode(value) {
  if (value === undefined) return "null";
  return nativeText(value) ?? write(value, "", [], "result");
}

/// The text of the engine's own writer where it tells everything, and nothing where it may not.
function nativeText(value) {
  let text;
  try {
    text = JSON.stringify(value);
  } catch {
    return undefined;
  }
  // `null` may have been NaN, `{}` a Map, `{"0":` a typed array, and a lone 0 a negative one.
  if (text === undefined || text.includes("null") || text.includes("{}") || text.includes('{"0":')) return undefined;
  return /(?:^|[[:,])0(?:$|[\],}])/.test(text) ? undefined : text;
}

const TypedArray = Object.getPrototypeOf(Uint8Array);

/// The slow way, value by value. `above` is what encloses the value.
function write(value, key, above, path) {
  if (value !== null && typeof value === "object" && typeof value.toJSON === "function") value = value.toJSON(key);
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "number":
      if (!Number.isFinite(value)) throw new Failure(`JSON has no ${value}: it is at \`${path}\``);
      return Object.is(value, -0) ? "-0.0" : String(value);
    case "boolean":
    case "bigint":
      return String(value);
    case "object":
      break;
    default:
      return "null";
  }
  if (value === null) return "null";
  if (value instanceof Number || value instanceof String || value instanceof Boolean || value instanceof BigInt) {
    return write(value.valueOf(), key, above, path);
  }
  if (above.includes(value)) throw new Failure(`the value at \`${path}\` contains itself, which JSON cannot hold`);
  if (value instanceof Promise) throw new Failure(`the value at \`${path}\` is a promise: await it`);
  above.push(value);
  let text;
  if (Array.isArray(value) || value instanceof TypedArray || value instanceof Set) {
    const items = Array.from(value, (item, index) => write(item, String(index), above, `${path}[${index}]`));
    text = `[${items.join(",")}]`;
  } else {
    const members = [];
    for (const [name, member] of value instanceof Map ? value : Object.entries(value)) {
      if (member === undefined || typeof member === "function" || typeof member === "symbol") continue;
      const at = /^[A-Za-z_$][\w$]*$/.test(name) ? `${path}.${name}` : `${path}[${JSON.stringify(String(name))}]`;
      members.push(`${JSON.stringify(String(name))}:${write(member, String(name), above, at)}`);
    }
    text = `{${members.join(",")}}`;
  }
  above.pop();
  return text;
}
