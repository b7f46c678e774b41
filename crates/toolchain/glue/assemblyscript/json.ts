// Data without a type of its own, and JSON as text.

export namespace JSON {
  enum Kind {
    Null,
    Boolean,
    Number,
    String,
    Array,
    Object,
  }

  /** Any JSON: for parameters, members and results whose shape is not known. */
  export class Value {
    private kind: Kind = Kind.Null;
    /** The text of a string, or of a number with all of its digits. */
    private words: string = "";
    private truth: bool = false;
    private list: Value[] | null = null;
    private members: Map<string, Value> | null = null;

    static null(): Value {
      return new Value();
    }

    static boolean(value: bool): Value {
      const made = new Value();
      made.kind = Kind.Boolean;
      made.truth = value;
      return made;
    }

    /** A number as JSON writes it. */
    static literal(text: string): Value {
      const made = new Value();
      made.kind = Kind.Number;
      made.words = text;
      return made;
    }

    static number(value: f64): Value {
      return Value.literal(JSON.stringify<f64>(value));
    }

    static integer(value: i64): Value {
      return Value.literal(value.toString());
    }

    static string(value: string): Value {
      const made = new Value();
      made.kind = Kind.String;
      made.words = value;
      return made;
    }

    static array(values: Value[] = []): Value {
      const made = new Value();
      made.kind = Kind.Array;
      made.list = values;
      return made;
    }

    static object(members: Map<string, Value> = new Map<string, Value>()): Value {
      const made = new Value();
      made.kind = Kind.Object;
      made.members = members;
      return made;
    }

    /** A value of any type that JSON has a form for. */
    static from<T>(value: T): Value {
      return JSON.parse<Value>(JSON.stringify<T>(value));
    }

    get isNull(): bool {
      return this.kind == Kind.Null;
    }

    get isBoolean(): bool {
      return this.kind == Kind.Boolean;
    }

    get isNumber(): bool {
      return this.kind == Kind.Number;
    }

    get isString(): bool {
      return this.kind == Kind.String;
    }

    get isArray(): bool {
      return this.kind == Kind.Array;
    }

    get isObject(): bool {
      return this.kind == Kind.Object;
    }

    asBoolean(): bool {
      if (this.kind != Kind.Boolean) throw new Error("the value is not a boolean");
      return this.truth;
    }

    asNumber(): f64 {
      if (this.kind != Kind.Number) throw new Error("the value is not a number");
      return JSON.parse<f64>(this.words);
    }

    asInteger(): i64 {
      if (this.kind != Kind.Number) throw new Error("the value is not a number");
      return JSON.parse<i64>(this.words);
    }

    asString(): string {
      if (this.kind != Kind.String) throw new Error("the value is not a string");
      return this.words;
    }

    asArray(): Value[] {
      const list = this.list;
      if (list === null) throw new Error("the value is not an array");
      return list;
    }

    asObject(): Map<string, Value> {
      const members = this.members;
      if (members === null) throw new Error("the value is not an object");
      return members;
    }

    /** The value as one of a type. */
    as<T>(): T {
      return JSON.parse<T>(JSON.stringify<Value>(this));
    }

    /** The member of an object; null where there is none. */
    get(name: string): Value {
      const members = this.asObject();
      return members.has(name) ? members.get(name) : Value.null();
    }

    set(name: string, value: Value): this {
      this.asObject().set(name, value);
      return this;
    }

    has(name: string): bool {
      return this.asObject().has(name);
    }

    at(index: i32): Value {
      return this.asArray()[index];
    }

    push(value: Value): this {
      this.asArray().push(value);
      return this;
    }

    get length(): i32 {
      const list = this.list;
      if (list !== null) return list.length;
      const members = this.members;
      return members === null ? 0 : members.size;
    }

    toString(): string {
      return this.kind == Kind.String ? this.words : JSON.stringify<Value>(this);
    }

    /** For the glue. */
    __wasmill_write(): void {
      if (this.kind == Kind.Null) __wasmill_text("null");
      else if (this.kind == Kind.Boolean) __wasmill_text(this.truth ? "true" : "false");
      else if (this.kind == Kind.Number) __wasmill_text(this.words);
      else if (this.kind == Kind.String) __wasmill_write_string(this.words);
      else if (this.kind == Kind.Array) __wasmill_write<Value[]>(this.asArray());
      else __wasmill_write<Map<string, Value>>(this.asObject());
    }
  }

  /** A value as JSON. */
  export function stringify<T>(value: T): string {
    const buffer = __wasmill_written();
    const capacity = __wasmill_capacity();
    const size = __wasmill_size();
    __wasmill_swap(0, 0, 0);
    __wasmill_write<T>(value);
    const text = String.UTF8.decodeUnsafe(__wasmill_written(), __wasmill_size());
    heap.free(__wasmill_written());
    __wasmill_swap(buffer, capacity, size);
    return text;
  }

  /** A value of a type from JSON. What does not fit ends the call, and says where. */
  export function parse<T>(text: string): T {
    const bytes = String.UTF8.encode(text);
    __wasmill_open(changetype<usize>(bytes), bytes.byteLength);
    const value = __wasmill_read<T>();
    __wasmill_close();
    return value;
  }
}

export function __wasmill_write_value(value: JSON.Value): void {
  value.__wasmill_write();
}
