// Makes the memory that a component starts with smaller. It is what the engine's memory was after `src/` had been read, and more than half of
// it is of no use: what was freed by then, and the source text of every function, with those around it once more.

import { tokenizer } from "acorn";
import { Reader, assemble, list, sections, unsigned } from "./binary.mjs";

const [MEMORY, GLOBAL, EXPORT, DATA] = [5, 6, 7, 11];
const PAGE = 65536;

/// Shrinks the core module that has the memory; `source` is the script that the engine read.
export function shrink(bytes, source) {
  const parts = sections(bytes);
  const part = (id) => parts.find((one) => one.id === id);
  const memory = read(part(MEMORY).content, part(DATA).content);
  blankSource(memory, source);
  tune(memory);
  blankFree(memory, heapBase(part(GLOBAL).content, part(EXPORT).content));
  part(DATA).content = Buffer.from(segments(memory));
  return assemble(bytes.subarray(0, 8), parts);
}

function signed(reader) {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = reader.byte();
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value >>> 0;
  }
}

/// The `i32.const` of a constant expression.
function constant(reader) {
  if (reader.byte() !== 0x41) throw new Error("only i32.const is known here");
  const value = signed(reader);
  reader.byte();
  return value;
}

function read(limits, data) {
  const reader = new Reader(limits);
  reader.unsigned();
  reader.byte();
  const memory = Buffer.alloc(reader.unsigned() * PAGE);
  new Reader(data).list((segment) => {
    if (segment.unsigned() !== 0) throw new Error("only active segments of memory 0 are known here");
    const offset = constant(segment);
    memory.set(segment.take(segment.unsigned()), offset);
  });
  return memory;
}

function heapBase(globals, exported) {
  const values = new Reader(globals).list((reader) => {
    reader.take(2);
    return constant(reader);
  });
  const found = new Reader(exported).list((reader) => [reader.name(), reader.byte(), reader.unsigned()]).find(([field]) => field === "__heap_base");
  return values[found[2]];
}

/// Least length of a text that is looked for, in bytes.
const LENGTH = 32;

/// Blanks the copies of the script: those that were freed, and those that functions keep for `toString`. What lies within one literal stays, since
/// the script may have it as a value.
function blankSource(memory, source) {
  const text = Buffer.from(source);
  if (text.length !== source.length) throw new Error("the script must be ASCII");
  const literals = [];
  for (const { type, start, end } of tokenizer(source, { ecmaVersion: "latest", sourceType: "module" })) {
    if (/^(?:string|template|regexp|name|privateId)$/.test(type.label)) literals.push([start, end]);
  }
  const within = (start, end) => {
    let [low, high] = [0, literals.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (literals[middle][1] < end) low = middle + 1;
      else high = middle;
    }
    return low < literals.length && literals[low][0] <= start;
  };
  const places = new Map();
  for (let at = 0; at + LENGTH <= text.length; at += 1) {
    const key = text.latin1Slice(at, at + LENGTH);
    if (!places.has(key)) places.set(key, at);
  }
  for (let at = 0; at + LENGTH <= memory.length; at += 1) {
    if (memory[at] === 0) continue;
    const start = places.get(memory.latin1Slice(at, at + LENGTH));
    if (start === undefined) continue;
    let length = LENGTH;
    while (start + length < text.length && memory[at + length] === text[start + length]) length += 1;
    if (!within(start, start + length)) memory.fill(0, at, at + length);
    at += length - 1;
  }
}

/// Blanks the free chunks of the heap. They are those of dlmalloc, the allocator of wasi-libc (`dlmalloc/src/malloc.c`): from the first to the last
/// each begins with eight bytes, of which the last four are its size and, in the lowest bits, whether it (2) and the one before it (1) are used.
function blankFree(memory, base) {
  const first = Math.ceil((base + 8) / 16) * 16 - 8;
  let chunk = first;
  const free = [];
  while (chunk + 8 <= memory.length) {
    const head = memory.readUInt32LE(chunk + 4);
    const size = head & ~7;
    if (size === 0) break;
    // The links of its list or tree stay.
    if ((head & 2) === 0) free.push([chunk + (size < 256 ? 16 : 32), Math.min(chunk + size, memory.length)]);
    chunk += size;
  }
  if (chunk < memory.length - PAGE) throw new Error(`the heap is not as expected: ${chunk} of ${memory.length}`);
  for (const [from, to] of free) if (from < to) memory.fill(0, from, to);
}

/// Bytes that scripts allocate before cycles are looked for the first time; the engine's own value would do that many times while it reads an
/// input of a megabyte, and each time it looks at every object.
const GARBAGE_THRESHOLD = 16 << 20;

/// Bytes of the engine's stack in memory that calls may use. The engine was built to leave that to the host, whose answer is a trap; with this
/// a script that recurses without end gets an error of its own first, with its place.
const STACK = 140000;

/// Sets what the engine has no other way to be told: the threshold of its garbage collector and the end of its stack, both in its
/// `JSRuntime` (`quickjs.c`): `gc_zero_ref_count_list` (empty: a link to itself, twice), …, `malloc_gc_threshold` (all ones, as `disableGc` sets
/// it), `stack_size` (0), `stack_top`, `stack_limit` (0).
function tune(memory) {
  const found = [];
  for (let at = 20; at + 16 <= memory.length; at += 4) {
    const word = (offset) => memory.readUInt32LE(at + offset);
    if (word(0) !== 0xffffffff || word(-20) !== at - 20 || word(-16) !== at - 20 || word(4) !== 0 || word(12) !== 0) continue;
    found.push(at);
  }
  if (found.length !== 1) throw new Error(`the engine's state was expected once, not ${found.length} times`);
  const [at] = found;
  memory.writeUInt32LE(GARBAGE_THRESHOLD, at);
  memory.writeUInt32LE(memory.readUInt32LE(at + 8) - STACK, at + 12);
}

/// Zeros in a row that begin a new segment.
const GAP = 16;

function segments(memory) {
  const found = [];
  for (let at = 0; at < memory.length; ) {
    if (memory[at] === 0) {
      at += 1;
      continue;
    }
    let end = at + 1;
    for (let next = end; next < memory.length && next - end < GAP; next += 1) if (memory[next] !== 0) end = next + 1;
    found.push([0x00, 0x41, ...signedBytes(at), 0x0b, ...unsigned(end - at), ...memory.subarray(at, end)]);
    at = end;
  }
  return list(found);
}

function signedBytes(value) {
  const bytes = [];
  for (;;) {
    const byte = value & 0x7f;
    value >>= 7;
    if (value === 0 && (byte & 0x40) === 0) return [...bytes, byte];
    bytes.push(byte | 0x80);
  }
}
