// Values to JSON, by their types.

/** The text so far, as UTF-8, in memory that no collector moves or frees. */
// @ts-ignore: decorator
@lazy let buffer: usize = 0;
// @ts-ignore: decorator
@lazy let capacity: usize = 0;
// @ts-ignore: decorator
@lazy let size: usize = 0;

/** How deep the value is that is being written: what holds itself has no end. */
// @ts-ignore: decorator
@lazy let depth: i32 = 0;

const DEEPEST: i32 = 128;

export function __wasmill_begin(): void {
  size = 0;
  depth = 0;
}

export function __wasmill_written(): usize {
  return buffer;
}

export function __wasmill_size(): usize {
  return size;
}

/** Exchanges the text for another one, so that texts can be made while one is made. */
export function __wasmill_swap(nextBuffer: usize, nextCapacity: usize, nextSize: usize): void {
  buffer = nextBuffer;
  capacity = nextCapacity;
  size = nextSize;
}

export function __wasmill_capacity(): usize {
  return capacity;
}

/** Makes room, and gives the place where the next byte goes. */
// @ts-ignore: decorator
@inline
function room(more: usize): usize {
  if (size + more > capacity) grow(more);
  return buffer + size;
}

function grow(more: usize): void {
  capacity = max(size + more, max(capacity * 2, 1024));
  buffer = buffer ? heap.realloc(buffer, capacity) : heap.alloc(capacity);
}

// @ts-ignore: decorator
@inline
export function __wasmill_byte(byte: u8): void {
  store<u8>(room(1), byte);
  size += 1;
}

/** Text that is JSON already, of ASCII. */
export function __wasmill_text(text: string): void {
  const length = <usize>text.length;
  const to = room(length);
  const from = changetype<usize>(text);
  for (let i: usize = 0; i < length; ++i) store<u8>(to + i, <u8>load<u16>(from + (i << 1)));
  size += length;
}

function hex(value: u32): u8 {
  return <u8>(value < 10 ? 48 + value : 87 + value);
}

export function __wasmill_write_string(text: string): void {
  const length = <usize>text.length;
  // Three bytes a character at most, six where it is escaped.
  let to = room(length * 6 + 2);
  let from = changetype<usize>(text);
  const end = from + (length << 1);
  const start = to;
  store<u8>(to++, 34);
  while (from < end) {
    const code = <u32>load<u16>(from);
    from += 2;
    if (code < 0x80) {
      if (code >= 32 && code != 34 && code != 92) {
        store<u8>(to++, <u8>code);
        continue;
      }
      store<u8>(to++, 92);
      if (code == 34 || code == 92) store<u8>(to++, <u8>code);
      else if (code == 10) store<u8>(to++, 110);
      else if (code == 13) store<u8>(to++, 114);
      else if (code == 9) store<u8>(to++, 116);
      else {
        store<u32>(to, 0x00303075);
        store<u8>(to + 3, hex(code >> 4));
        store<u8>(to + 4, hex(code & 15));
        to += 5;
      }
    } else if (code < 0x800) {
      store<u8>(to, <u8>((code >> 6) | 0xc0));
      store<u8>(to + 1, <u8>((code & 63) | 0x80));
      to += 2;
    } else {
      let point = code;
      if ((code & 0xf800) == 0xd800) {
        const next = from < end ? <u32>load<u16>(from) : 0;
        if (code < 0xdc00 && (next & 0xfc00) == 0xdc00) {
          from += 2;
          point = 0x10000 + ((code & 0x3ff) << 10) + (next & 0x3ff);
          store<u8>(to++, <u8>((point >> 18) | 0xf0));
          store<u8>(to++, <u8>(((point >> 12) & 63) | 0x80));
          store<u8>(to++, <u8>(((point >> 6) & 63) | 0x80));
          store<u8>(to++, <u8>((point & 63) | 0x80));
          continue;
        }
        // Half of a character is none.
        point = 0xfffd;
      }
      store<u8>(to, <u8>((point >> 12) | 0xe0));
      store<u8>(to + 1, <u8>(((point >> 6) & 63) | 0x80));
      store<u8>(to + 2, <u8>((point & 63) | 0x80));
      to += 3;
    }
  }
  store<u8>(to++, 34);
  size += to - start;
}

/** Before a member of an object. */
export function __wasmill_member(name: string): void {
  if (load<u8>(buffer + size - 1) != 123) __wasmill_byte(44);
  __wasmill_write_string(name);
  __wasmill_byte(58);
}

export function __wasmill_deeper(): void {
  if (++depth > DEEPEST) __wasmill_fail("the result is nested too deeply: more than 128 levels");
}

export function __wasmill_higher(): void {
  --depth;
}

function writeList<T>(list: T): void {
  __wasmill_deeper();
  __wasmill_byte(91);
  const length = list.length;
  for (let i = 0; i < length; ++i) {
    if (i) __wasmill_byte(44);
    __wasmill_write<valueof<T>>(unchecked(list[i]));
  }
  __wasmill_byte(93);
  __wasmill_higher();
}

function writeMap<V>(map: Map<string, V>): void {
  __wasmill_deeper();
  __wasmill_byte(123);
  const names = map.keys();
  for (let i = 0, count = names.length; i < count; ++i) {
    const name = unchecked(names[i]);
    __wasmill_member(name);
    __wasmill_write<V>(map.get(name));
  }
  __wasmill_byte(125);
  __wasmill_higher();
}

function writeSet<V>(set: Set<V>): void {
  writeList<V[]>(set.values());
}

function writeNumber<T>(value: T): void {
  if (isFloat<T>()) {
    // @ts-ignore: it is a number
    if (!isFinite(value)) __wasmill_fail("the result holds " + value.toString() + ", which JSON has no number for");
    // @ts-ignore: it is a number
    if (value == 0 && 1 / value < 0) __wasmill_byte(45);
  }
  // @ts-ignore: it is a number
  __wasmill_text(value.toString());
}

/** Writes one value. */
export function __wasmill_write<T>(value: T): void {
  if (isBoolean<T>()) {
    __wasmill_text(value ? "true" : "false");
  } else if (isInteger<T>() || isFloat<T>()) {
    writeNumber<T>(value);
  } else if (isReference<T>()) {
    if (isNullable<T>()) {
      if (changetype<usize>(value) == 0) {
        __wasmill_text("null");
        return;
      }
      __wasmill_write<NonNullable<T>>(changetype<NonNullable<T>>(value));
    } else if (isString<T>()) {
      __wasmill_write_string(<string>value);
    } else if (value instanceof JSON.Value) {
      __wasmill_write_value(value);
    } else if (value instanceof Map) {
      writeMap<valueof<T>>(value);
    } else if (value instanceof Set) {
      writeSet<indexof<T>>(value);
    } else if (isArrayLike<T>()) {
      writeList<T>(value);
    } else {
      // @ts-ignore: every class of the user's has it
      if (isDefined(value.__wasmill_say)) {
        __wasmill_deeper();
        __wasmill_byte(123);
        // @ts-ignore: as above
        value.__wasmill_say();
        __wasmill_byte(125);
        __wasmill_higher();
      } else {
        ERROR("JSON has no form for this type");
      }
    }
  } else {
    ERROR("JSON has no form for this type");
  }
}
