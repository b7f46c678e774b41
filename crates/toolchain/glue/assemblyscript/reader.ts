// JSON to values, by their types.

// @ts-ignore: decorator
@lazy let at: usize = 0;
// @ts-ignore: decorator
@lazy let end: usize = 0;

/** Lists and objects within each other, at most. */
const DEEPEST: i32 = 128;
// @ts-ignore: decorator
@lazy let depth: i32 = 0;

/** The way to the value that is being read: a name in the input and its length, or a place in a list and `LIST`. */
// @ts-ignore: decorator
@lazy const path: usize = memory.data((128 + 2) * 8, 8);
const LIST: u32 = 0xffffffff;

/** The members of the object that is being read which were there, a bit each. */
// @ts-ignore: decorator
@lazy let seen: u64 = 0;

/** The last name that was read, as it stands in the input. */
// @ts-ignore: decorator
@lazy let name: usize = 0;
// @ts-ignore: decorator
@lazy let nameSize: usize = 0;
// @ts-ignore: decorator
@lazy let nameEscaped: bool = false;

/** Begins to read a text. */
export function __wasmill_open(text: usize, size: usize): void {
  at = text;
  end = text + size;
  depth = 0;
}

/** The path in words: `rows[3].price`. */
function place(): string {
  let words = "";
  for (let i = 0; i < depth; ++i) {
    const entry = path + (<usize>i << 3);
    const size = load<u32>(entry, 4);
    if (size == LIST) words += "[" + load<u32>(entry).toString() + "]";
    else words += (words.length ? "." : "") + String.UTF8.decodeUnsafe(load<u32>(entry), size);
  }
  return words;
}

function wrong(message: string): void {
  const words = place();
  __wasmill_fail(words.length ? words + ": " + message : message);
}

function broken(what: string): void {
  __wasmill_fail("the input is not JSON: " + what);
}

/** The value that stands here, in few words. */
function found(): string {
  const first = peek();
  if (first == 123) return "an object";
  if (first == 91) return "a list";
  const start = at;
  __wasmill_skip();
  const size = at - start;
  if (size <= 60) return String.UTF8.decodeUnsafe(start, size);
  return "a long text";
}

function mismatch(expected: string): void {
  wrong("expected " + expected + ", found " + found());
}

/** The next byte that is no white space; 0 at the end. */
function peek(): u32 {
  while (at < end) {
    const byte = <u32>load<u8>(at);
    if (byte > 32) return byte;
    if (byte != 32 && byte != 10 && byte != 13 && byte != 9) broken("a control character");
    ++at;
  }
  return 0;
}

function expect(byte: u32, what: string): void {
  if (peek() != byte) broken("looked for " + what);
  ++at;
}

function enter(): void {
  if (++depth > DEEPEST) __wasmill_fail("the input is nested too deeply: more than 128 levels");
}

function word(text: string): bool {
  const length = <usize>text.length;
  if (at + length > end) return false;
  for (let i: usize = 0; i < length; ++i) {
    if (<u16>load<u8>(at + i) != load<u16>(changetype<usize>(text) + (i << 1))) return false;
  }
  at += length;
  return true;
}

/** The end of the string whose opening quote was read, and whether it has escapes. */
// @ts-ignore: decorator
@lazy let escaped: bool = false;

function closing(): usize {
  let i = at;
  escaped = false;
  while (i < end) {
    const byte = load<u8>(i);
    if (byte == 34) return i;
    if (byte < 32) broken("a control character in a string");
    if (byte == 92) {
      escaped = true;
      ++i;
    }
    ++i;
  }
  broken("a string without an end");
  return 0;
}

function readString(): string {
  if (peek() != 34) mismatch("a string");
  ++at;
  const start = at;
  const stop = closing();
  at = stop + 1;
  if (!escaped) return String.UTF8.decodeUnsafe(start, stop - start);
  return unescaped(start, stop);
}

function hex(from: usize, stop: usize): u32 {
  if (from + 4 > stop) broken("a broken escape");
  let value: u32 = 0;
  for (let i: usize = 0; i < 4; ++i) {
    const byte = <u32>load<u8>(from + i);
    if (byte - 48 < 10) value = (value << 4) | (byte - 48);
    else if ((byte | 32) - 97 < 6) value = (value << 4) | ((byte | 32) - 87);
    else broken("a broken escape");
  }
  return value;
}

function unescaped(from: usize, stop: usize): string {
  // Never more UTF-16 units than bytes.
  const room = heap.alloc((stop - from) << 1);
  let to = room;
  while (from < stop) {
    const byte = <u32>load<u8>(from);
    if (byte == 92) {
      const kind = <u32>load<u8>(from + 1);
      from += 2;
      let unit: u32 = kind;
      if (kind == 117) {
        unit = hex(from, stop);
        from += 4;
      } else if (kind == 110) unit = 10;
      else if (kind == 116) unit = 9;
      else if (kind == 114) unit = 13;
      else if (kind == 98) unit = 8;
      else if (kind == 102) unit = 12;
      else if (kind != 34 && kind != 92 && kind != 47) broken("a broken escape");
      store<u16>(to, <u16>unit);
      to += 2;
      continue;
    }
    // What has no escapes goes in one piece.
    let next = from;
    while (next < stop && load<u8>(next) != 92) ++next;
    to += piece(from, next, to);
    from = next;
  }
  const text = String.UTF16.decodeUnsafe(room, to - room);
  heap.free(room);
  return text;
}

/** UTF-8 to UTF-16; gives the bytes that were written. */
function piece(from: usize, stop: usize, to: usize): usize {
  const start = to;
  while (from < stop) {
    const byte = <u32>load<u8>(from++);
    if (byte < 0x80) {
      store<u16>(to, <u16>byte);
      to += 2;
      continue;
    }
    const second = <u32>load<u8>(from++) & 63;
    if (byte < 0xe0) {
      store<u16>(to, <u16>(((byte & 31) << 6) | second));
      to += 2;
      continue;
    }
    const third = <u32>load<u8>(from++) & 63;
    if (byte < 0xf0) {
      store<u16>(to, <u16>(((byte & 15) << 12) | (second << 6) | third));
      to += 2;
      continue;
    }
    const point = (((byte & 7) << 18) | (second << 12) | (third << 6) | (<u32>load<u8>(from++) & 63)) - 0x10000;
    store<u16>(to, <u16>(0xd800 | (point >> 10)));
    store<u16>(to, <u16>(0xdc00 | (point & 0x3ff)), 2);
    to += 4;
  }
  return to - start;
}

/** The end of the number that stands here. */
function numberEnd(): usize {
  let i = at;
  if (i < end && load<u8>(i) == 45) ++i;
  const whole = i;
  i = digits(i);
  if (i == whole || (load<u8>(whole) == 48 && i > whole + 1)) return 0;
  if (i < end && load<u8>(i) == 46) {
    const start = i + 1;
    i = digits(start);
    if (i == start) return 0;
  }
  if (i < end && (load<u8>(i) | 32) == 101) {
    ++i;
    if (i < end && (load<u8>(i) == 43 || load<u8>(i) == 45)) ++i;
    const start = i;
    i = digits(start);
    if (i == start) return 0;
  }
  return i;
}

function digits(i: usize): usize {
  while (i < end && <u32>load<u8>(i) - 48 < 10) ++i;
  return i;
}

function startsNumber(): bool {
  const first = peek();
  return first == 45 || first - 48 < 10;
}

function readFloat<T>(): T {
  if (!startsNumber()) mismatch("a number");
  const stop = numberEnd();
  if (!stop) broken("a broken number");
  const value = __wasmill_parse(at, stop);
  const narrow = <T>value;
  // @ts-ignore: it is a number
  if (!isFinite(narrow)) wrong(found() + " is out of the range of " + nameof<T>());
  at = stop;
  return narrow;
}

function readInteger<T>(): T {
  if (!startsNumber()) mismatch("an integer");
  const stop = numberEnd();
  if (!stop) broken("a broken number");
  let i = at;
  const negative = load<u8>(i) == 45;
  if (negative) ++i;
  let value: u64 = 0;
  let fits = true;
  for (; i < stop; ++i) {
    const digit = <u64>load<u8>(i) - 48;
    if (digit >= 10) {
      // `1.0` and `1e3` are integers as well.
      const whole = __wasmill_parse(at, stop);
      if (Math.trunc(whole) != whole) mismatch("an integer");
      if (Math.abs(whole) > 9007199254740992) {
        fits = false;
        break;
      }
      value = <u64>Math.abs(whole);
      break;
    }
    if (value > (u64.MAX_VALUE - digit) / 10) {
      fits = false;
      break;
    }
    value = value * 10 + digit;
  }
  let result: u64 = value;
  if (isSigned<T>()) {
    const most: u64 = ((<u64>1) << (sizeof<T>() * 8 - 1)) - 1;
    if (value > (negative ? most + 1 : most)) fits = false;
    if (negative) result = 0 - value;
  } else {
    if (sizeof<T>() < 8 && value > ((<u64>1) << ((sizeof<T>() * 8) & 63)) - 1) fits = false;
    if (negative && value) fits = false;
  }
  if (!fits) wrong(found() + " is out of the range of " + nameof<T>());
  at = stop;
  return <T>result;
}

function readBoolean(): bool {
  const first = peek();
  if (first == 116 && word("true")) return true;
  if (first == 102 && word("false")) return false;
  mismatch("a boolean");
  return false;
}

/** Whether null stands here; it is read then. */
export function __wasmill_null(): bool {
  return peek() == 110 && word("null");
}

/** Begins an object: members follow, as long as `__wasmill_next` says so. */
export function __wasmill_object(): void {
  if (peek() != 123) mismatch("an object");
  ++at;
  enter();
  name = 0;
}

/** Reads the name of the next member. False at the end of the object. */
export function __wasmill_next(first: bool): bool {
  let next = peek();
  if (next == 125) {
    ++at;
    --depth;
    return false;
  }
  if (!first) {
    expect(44, "a comma");
    next = peek();
  }
  if (next != 34) broken("looked for the name of a member");
  ++at;
  name = at;
  const stop = closing();
  nameSize = stop - at;
  nameEscaped = escaped;
  at = stop + 1;
  expect(58, "a colon");
  const entry = path + (<usize>(depth - 1) << 3);
  store<u32>(entry, <u32>name);
  store<u32>(entry, <u32>nameSize, 4);
  return true;
}

/** Whether the member is called this. */
export function __wasmill_is(text: string): bool {
  const length = <usize>text.length;
  if (!nameEscaped) {
    if (nameSize < length) return false;
    let i: usize = 0;
    for (; i < length; ++i) {
      const unit = load<u16>(changetype<usize>(text) + (i << 1));
      if (unit > 127) break;
      if (<u16>load<u8>(name + i) != unit) return false;
    }
    if (i == length) return nameSize == length;
  }
  return text == memberName();
}

function memberName(): string {
  return nameEscaped ? unescaped(name, name + nameSize) : String.UTF8.decodeUnsafe(name, nameSize);
}

/** Remembers that a member was there. */
export function __wasmill_mark(place: i32): void {
  if (place >= 64) __wasmill_fail("a class has more than 64 members");
  seen |= (<u64>1) << place;
}

export function __wasmill_seen(place: i32): bool {
  return place < 64 && ((seen >> place) & 1) != 0;
}

/** Exchanges what was seen; gives what it was. */
export function __wasmill_sees(other: u64): u64 {
  const was = seen;
  seen = other;
  return was;
}

/** A member is not there that has to be. */
export function __wasmill_missing(name: string): void {
  wrong("the member `" + name + "` is missing");
}

/** Goes over one value. */
export function __wasmill_skip(): void {
  let level = 0;
  do {
    const first = peek();
    if (first == 123 || first == 91) {
      if (++level + depth > DEEPEST) __wasmill_fail("the input is nested too deeply: more than 128 levels");
      ++at;
      continue;
    }
    if (first == 125 || first == 93) {
      --level;
      ++at;
    } else if (first == 44 || first == 58) {
      ++at;
    } else if (first == 34) {
      ++at;
      at = closing() + 1;
    } else if (startsNumber()) {
      const stop = numberEnd();
      if (!stop) broken("a broken number");
      at = stop;
    } else if (!word("true") && !word("false") && !word("null")) {
      broken(at < end ? "something that is no value" : "it breaks off");
    }
  } while (level > 0);
}

/** Says where in a list the next element is; false at its end. */
function element(index: i32): bool {
  const entry = path + (<usize>(depth - 1) << 3);
  store<u32>(entry, index);
  store<u32>(entry, LIST, 4);
  const next = peek();
  if (next == 93) {
    ++at;
    --depth;
    return false;
  }
  if (index) expect(44, "a comma");
  return true;
}

function list(): void {
  if (peek() != 91) mismatch("a list");
  ++at;
  enter();
}

function readArray<E>(): E[] {
  const values: E[] = [];
  list();
  for (let i = 0; element(i); ++i) values.push(__wasmill_read<E>());
  return values;
}

function readStaticArray<E>(): StaticArray<E> {
  return StaticArray.fromArray<E>(readArray<E>());
}

function readTyped<T>(): T {
  const values = readArray<valueof<T>>();
  const typed = instantiate<T>(values.length);
  for (let i = 0; i < values.length; ++i) unchecked((typed[i] = values[i]));
  return typed;
}

function readMap<V>(): Map<string, V> {
  const map = new Map<string, V>();
  __wasmill_object();
  for (let first = true; __wasmill_next(first); first = false) {
    const key = memberName();
    map.set(key, __wasmill_read<V>());
  }
  return map;
}

function readSet<V>(): Set<V> {
  const set = new Set<V>();
  const values = readArray<V>();
  for (let i = 0; i < values.length; ++i) set.add(values[i]);
  return set;
}

/** An object of a class: its members have their initialisers' values where they are not there. No constructor is called. */
function readClass<T>(): T {
  const object = changetype<T>(__new(offsetof<T>(), idof<T>()));
  __wasmill_object();
  const outer = __wasmill_sees(0);
  for (let first = true; __wasmill_next(first); first = false) {
    // @ts-ignore: every class of the user's has it
    if (!object.__wasmill_take(0)) __wasmill_skip();
  }
  // @ts-ignore: as above
  object.__wasmill_complete(0);
  __wasmill_sees(outer);
  return object;
}

function readAny(): JSON.Value {
  const first = peek();
  if (first == 123) return JSON.Value.object(readMap<JSON.Value>());
  if (first == 91) return JSON.Value.array(readArray<JSON.Value>());
  if (first == 34) return JSON.Value.string(readString());
  if (first == 116 || first == 102) return JSON.Value.boolean(readBoolean());
  if (__wasmill_null()) return JSON.Value.null();
  if (!startsNumber()) broken(at < end ? "something that is no value" : "it breaks off");
  const stop = numberEnd();
  if (!stop) broken("a broken number");
  const text = String.UTF8.decodeUnsafe(at, stop - at);
  at = stop;
  return JSON.Value.literal(text);
}

/** A value of a type that has no value yet. */
export function __wasmill_zero<T>(): T {
  if (isReference<T>()) return changetype<T>(<usize>0);
  return <T>0;
}

/** Reads one value. */
export function __wasmill_read<T>(): T {
  if (isBoolean<T>()) {
    return <T>readBoolean();
  } else if (isInteger<T>()) {
    return readInteger<T>();
  } else if (isFloat<T>()) {
    return readFloat<T>();
  } else if (isReference<T>()) {
    if (isNullable<T>()) {
      if (__wasmill_null()) return changetype<T>(<usize>0);
      return changetype<T>(__wasmill_read<NonNullable<T>>());
    } else if (isString<T>()) {
      return changetype<T>(readString());
    } else {
      const kind = changetype<T>(<usize>0);
      if (kind instanceof JSON.Value) {
        return changetype<T>(readAny());
      } else if (kind instanceof Map) {
        return changetype<T>(readMap<valueof<T>>());
      } else if (kind instanceof Set) {
        return changetype<T>(readSet<indexof<T>>());
      } else if (isArray<T>()) {
        return changetype<T>(readArray<valueof<T>>());
      } else if (kind instanceof StaticArray) {
        return changetype<T>(readStaticArray<valueof<T>>());
      } else if (isArrayLike<T>()) {
        return readTyped<T>();
      } else {
        // @ts-ignore: every class of the user's has it
        if (isDefined(kind.__wasmill_take)) {
          return readClass<T>();
        } else {
          ERROR("JSON has no form for this type");
        }
      }
    }
  } else {
    ERROR("JSON has no form for this type");
  }
  return __wasmill_zero<T>();
}

/** Nothing may follow. */
export function __wasmill_close(): void {
  if (peek() != 0) broken("something follows the value");
}
