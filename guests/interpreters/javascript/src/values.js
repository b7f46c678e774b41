// JSON to JavaScript values and back, without losing a digit of an integer.
//
// The engine's own reader and writer do the work; they call back for each value only where a value needs it.

import { Failure } from "./failure.js";

/// Reads a JSON text; integers beyond 2^53-1 become BigInt.
export function decode(text) {
  const value = JSON.parse(text);
  if (!hasLarge(value)) return value;
  return JSON.parse(text, (_, member, { source }) => (isLarge(member) && /^-?\d+$/.test(source) ? BigInt(source) : member));
}

const MOST = Number.MAX_SAFE_INTEGER;
const isLarge = (value) => typeof value === "number" && (value > MOST || value < -MOST);

/// Whether there is a number in a value that may have lost digits.
function hasLarge(value) {
  if (typeof value !== "object" || value === null) return isLarge(value);
  const keys = Array.isArray(value) ? undefined : Object.keys(value);
  const { length } = keys ?? value;
  for (let index = 0; index < length; index += 1) {
    const member = value[keys ? keys[index] : index];
    if (typeof member === "number" ? member > MOST || member < -MOST : typeof member === "object" && member !== null && hasLarge(member)) return true;
  }
  return false;
}

/// Writes a value as JSON. What JSON cannot hold is an error that says where it is.
export function encode(value) {
  const text = write(value);
  // The engine escapes halves of characters, and nothing else in this way; a backslash of the value may look like it.
  const fault = text.includes("\\ud") ? findHalf(JSON.parse(text), "result") : undefined;
  if (fault) throw fault;
  return text;
}

function write(value) {
  let text;
  try {
    text = JSON.stringify(value);
    if (text === undefined) return "null";
    if (typeof value === "string" || value === null || (typeof value === "object" && isPlain(value, 0))) return text;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
  try {
    return JSON.stringify(value, replace) ?? "null";
  } catch (error) {
    throw findFault(value) ?? error;
  }
}

/// Whether an object is of nothing but what the engine writes as it is: not of NaN (it writes `null`), -0 (`0`), a Map (`{}`), and the like.
function isPlain(value, depth) {
  if (depth > 100) return false;
  let keys;
  if (!Array.isArray(value)) {
    const prototype = Object.getPrototypeOf(value);
    if ((prototype !== Object.prototype && prototype !== null) || value.toJSON !== undefined) return false;
    keys = Object.keys(value);
  }
  const { length } = keys ?? value;
  for (let index = 0; index < length; index += 1) {
    const member = value[keys ? keys[index] : index];
    switch (typeof member) {
      case "number":
        if (member - member !== 0 || (member === 0 && 1 / member < 0)) return false;
        break;
      case "object":
        if (member !== null && !isPlain(member, depth + 1)) return false;
        break;
      case "bigint":
        return false;
    }
  }
  return true;
}

const TypedArray = Object.getPrototypeOf(Uint8Array);

/// Whether an integer is beyond 64 bits: others read such a one as a float, without its last digits.
const isBeyond = (integer) => integer < -(2n ** 63n) || integer >= 2n ** 64n;

/// What the engine is to write in a value's place.
function replace(_, value) {
  switch (typeof value) {
    case "bigint":
      if (isBeyond(value)) throw new RangeError("an integer beyond 64 bits");
      return JSON.rawJSON(String(value));
    case "number":
      if (value - value !== 0) throw new RangeError("no such number in JSON");
      return Object.is(value, -0) ? JSON.rawJSON("-0.0") : value;
    case "object":
      break;
    default:
      return value;
  }
  if (value === null || Array.isArray(value)) return value;
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof Set || value instanceof TypedArray) return Array.from(value);
  if (value instanceof Promise) throw new TypeError("a promise is no value of JSON");
  return value;
}

/// The error that names the place of what JSON cannot hold. `above` is what encloses the value.
function findFault(value, path = "result", above = []) {
  if (value !== null && typeof value === "object" && typeof value.toJSON === "function") value = value.toJSON();
  if (typeof value === "number" && value - value !== 0) return new Failure(`JSON has no ${value}: it is at \`${path}\``);
  if (typeof value === "bigint" && typeof value.toJSON !== "function" && isBeyond(value)) {
    return new Failure(`${path}: an integer beyond 64 bits; give it as text (String(x))`);
  }
  if (typeof value !== "object" || value === null) return undefined;
  if (above.includes(value)) return new Failure(`the value at \`${path}\` contains itself, which JSON cannot hold`);
  if (value instanceof Promise) return new Failure(`the value at \`${path}\` is a promise: await it`);
  above.push(value);
  const indexed = Array.isArray(value) || value instanceof Set || value instanceof TypedArray;
  const members = indexed ? Array.from(value).entries() : value instanceof Map ? value : Object.entries(value);
  for (const [key, member] of members) {
    const fault = findFault(member, path + (indexed ? `[${key}]` : step(key)), above);
    if (fault) return fault;
  }
  above.pop();
  return undefined;
}

/// The error that names the place of half of a character, which UTF-8 has none for, in a value of JSON.
function findHalf(value, path) {
  if (typeof value === "string") {
    const [half] = /\p{Surrogate}/u.exec(value) ?? [];
    return half && new Failure(`${path}: a lone surrogate \\u${half.charCodeAt(0).toString(16)} is no text`);
  }
  if (typeof value !== "object" || value === null) return undefined;
  for (const [key, member] of Object.entries(value)) {
    const fault = findHalf(key, `a key of ${path}`) ?? findHalf(member, path + (Array.isArray(value) ? `[${key}]` : step(key)));
    if (fault) return fault;
  }
  return undefined;
}

/// The way to a member of an object, as it is written.
const step = (key) => (/^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(String(key))}]`);
