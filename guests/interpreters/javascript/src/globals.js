// What scripts expect beside the language itself: timers, `process`, text encodings, `structuredClone`. Time is the clock's that the host
// gives; a timer does not wait for it: when nothing else is left to do, the next one is called.

import { Exit } from "./failure.js";
import { console, utf8, writeLog, writeOut } from "./log.js";

const timers = new Map();
let nextTimer = 1;
let now = 0;

function addTimer(callback, delay, values, again) {
  if (typeof callback !== "function") throw new TypeError("a timer needs a function");
  const wait = Math.max(1, Math.trunc(Number(delay)) || 1);
  const id = nextTimer++;
  timers.set(id, { at: now + wait, callback, values, wait, again });
  return id;
}

export const timersLeft = () => timers.size > 0;

/// Calls the timer that is due first.
export function fireTimer() {
  let first;
  for (const [id, timer] of timers) if (!first || timer.at < first[1].at) first = [id, timer];
  if (!first) return;
  const [id, timer] = first;
  now = Math.max(now, timer.at);
  if (timer.again) timer.at = now + timer.wait;
  else timers.delete(id);
  timer.callback(...timer.values);
}

function clone(value, seen = new Map()) {
  if (typeof value === "function" || typeof value === "symbol") throw new DOMException(`${String(value)} could not be cloned.`, "DataCloneError");
  if (typeof value !== "object" || value === null) return value;
  if (seen.has(value)) return seen.get(value);
  const keep = (copy) => {
    seen.set(value, copy);
    return copy;
  };
  if (value instanceof Date) return keep(new Date(value.getTime()));
  if (value instanceof RegExp) return keep(new RegExp(value.source, value.flags));
  if (value instanceof ArrayBuffer) return keep(value.slice(0));
  if (ArrayBuffer.isView(value)) {
    const buffer = clone(value.buffer, seen);
    return keep(new value.constructor(buffer, value.byteOffset, value.length ?? value.byteLength));
  }
  if (value instanceof Map) {
    const copy = keep(new Map());
    for (const [key, one] of value) copy.set(clone(key, seen), clone(one, seen));
    return copy;
  }
  if (value instanceof Set) {
    const copy = keep(new Set());
    for (const one of value) copy.add(clone(one, seen));
    return copy;
  }
  if (value instanceof Error) {
    const copy = keep(Object.create(Object.getPrototypeOf(value)));
    for (const key of ["name", "message", "stack", "cause"]) {
      if (key in value) Object.defineProperty(copy, key, { value: clone(value[key], seen), configurable: true, writable: true });
    }
    return copy;
  }
  const copy = keep(Array.isArray(value) ? new Array(value.length) : {});
  for (const key of Object.keys(value)) copy[key] = clone(value[key], seen);
  return copy;
}

class TextEncoder {
  get encoding() {
    return "utf-8";
  }

  encode(text = "") {
    return utf8(String(text));
  }
}

class TextDecoder {
  constructor(encoding = "utf-8", { fatal = false } = {}) {
    if (!/^utf-?8$/i.test(encoding)) throw new RangeError(`The encoding "${encoding}" is not supported: only utf-8 is`);
    this.fatal = fatal;
  }

  get encoding() {
    return "utf-8";
  }

  decode(input = new Uint8Array()) {
    const bytes = ArrayBuffer.isView(input) ? new Uint8Array(input.buffer, input.byteOffset, input.byteLength) : new Uint8Array(input);
    let text = "";
    for (let at = 0; at < bytes.length; ) {
      const first = bytes[at];
      const length = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 0;
      let point = length === 1 ? first : first & (0x7f >> length);
      let taken = 1;
      while (taken < length && (bytes[at + taken] & 0xc0) === 0x80) point = (point << 6) | (bytes[at + taken++] & 0x3f);
      const smallest = [0, 0, 0x80, 0x800, 0x10000][length];
      if (length === 0 || taken < length || point < smallest || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) {
        if (this.fatal) throw new TypeError("The encoded data was not valid utf-8");
        point = 0xfffd;
        if (length === 0 || taken === length) taken = 1;
      }
      text += String.fromCodePoint(point);
      at += taken;
    }
    return text.startsWith("\ufeff") ? text.slice(1) : text;
  }
}

const process = {
  argv: ["javascript"],
  env: {},
  platform: "wasi",
  exitCode: undefined,
  exit(code = 0) {
    throw new Exit(Number(code) || 0);
  },
  cwd: () => "/",
  nextTick: (callback, ...values) => queueMicrotask(() => callback(...values)),
  stdout: { write: (text) => (writeOut(String(text)), true) },
  stderr: { write: (text) => (writeLog(String(text)), true) },
};

const clear = (id) => void timers.delete(id);

const globals = {
  console,
  process,
  TextEncoder,
  TextDecoder,
  structuredClone: (value) => clone(value),
  setTimeout: (callback, delay, ...values) => addTimer(callback, delay, values, false),
  setInterval: (callback, delay, ...values) => addTimer(callback, delay, values, true),
  setImmediate: (callback, ...values) => addTimer(callback, 0, values, false),
  clearTimeout: clear,
  clearInterval: clear,
  clearImmediate: clear,
};

for (const [name, value] of Object.entries(globals)) {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
}
// The engine's own, which are of no use to a script.
for (const name of ["__cqjs", "wit"]) {
  const value = globalThis[name];
  if (value !== undefined) Object.defineProperty(globalThis, name, { value, enumerable: false });
}
