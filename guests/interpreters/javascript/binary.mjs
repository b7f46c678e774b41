// Reading and writing the binary format of WebAssembly, as far as `synchronous.mjs` needs it.

export class Reader {
  constructor(bytes, position = 0, end = bytes.length) {
    this.bytes = bytes;
    this.position = position;
    this.end = end;
  }

  get done() {
    return this.position >= this.end;
  }

  byte() {
    if (this.done) throw new Error(`the binary ends at ${this.position}`);
    return this.bytes[this.position++];
  }

  unsigned() {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }

  take(length) {
    const piece = this.bytes.subarray(this.position, this.position + length);
    this.position += length;
    return piece;
  }

  name() {
    return new TextDecoder().decode(this.take(this.unsigned()));
  }

  list(item) {
    return Array.from({ length: this.unsigned() }, () => item(this));
  }
}

export function unsigned(value) {
  const bytes = [];
  do {
    const more = value > 0x7f;
    bytes.push((value % 128) | (more ? 0x80 : 0));
    value = Math.floor(value / 128);
  } while (value > 0);
  return bytes;
}

export const name = (text) => {
  const bytes = [...new TextEncoder().encode(text)];
  return [...unsigned(bytes.length), ...bytes];
};

/// A vector of items that are encoded already.
export const list = (items) => [...unsigned(items.length), ...items.flat()];

export const section = (id, content) => Buffer.concat([Buffer.from([id, ...unsigned(content.length)]), Buffer.from(content)]);

/// The sections of a module or component: `{ id, content, position }`.
export function sections(bytes) {
  const reader = new Reader(bytes, 8);
  const found = [];
  while (!reader.done) {
    const id = reader.byte();
    const length = reader.unsigned();
    found.push({ id, content: reader.take(length) });
  }
  return found;
}

export const assemble = (header, parts) => Buffer.concat([header, ...parts.map(({ id, content }) => section(id, content))]);
