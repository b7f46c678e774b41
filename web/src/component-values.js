// JSON to the values of a component's functions and back, by the component's own types: the same JSON and the same errors as `crates/witjson`
// has for wasmtime. What JavaScript has for a type is what jco says: records and flags are objects in camelCase, variants `{tag, val}`,
// options `undefined` (`{tag, val}` where they hold options), 64 bits a BigInt, `list<u8>` a Uint8Array.
//
// A signature is `wasmill_unit::ComponentFunction` as JSON. A value that is given is JSON in which an object with one member `$base64` is
// bytes, `$integer` an integer that no JavaScript number holds, and `$object` an object that would look like one of these. What is lifted has
// `$base64`, and `$float` for what is no number in JSON (NaN, the infinities); names of WIT have no `$`.

const wasmillValues = (() => {
  /** Characters of a value that are shown, and names that are listed. */
  const EXCERPT = 40;
  const LISTED = 12;
  /** Levels of a type that are written out, and where its text is cut. */
  const DEPTH = 4;
  const LENGTH = 160;

  const INTEGERS = {
    s8: [-128n, 127n],
    u8: [0n, 255n],
    s16: [-32768n, 32767n],
    u16: [0n, 65535n],
    s32: [-2147483648n, 2147483647n],
    u32: [0n, 4294967295n],
    s64: [-9223372036854775808n, 9223372036854775807n],
    u64: [0n, 18446744073709551615n],
  };

  /** jco has these for lists of numbers; all else is an array. */
  const TYPED = {
    u8: Uint8Array, s8: Int8Array, u16: Uint16Array, s16: Int16Array, u32: Uint32Array, s32: Int32Array, u64: BigUint64Array,
    s64: BigInt64Array, f32: Float32Array, f64: Float64Array,
  };

  /** A value that does not fit a component's type. */
  class Mismatch extends Error {
    constructor(expected, found, help) {
      super();
      Object.assign(this, { expected, found, help, path: "" });
    }
    get message() {
      const place = this.path ? `\`${this.path}\`: ` : "";
      return `${place}expected ${this.expected}, found ${this.found}${this.help ? ` (${this.help})` : ""}`;
    }
    within(place) {
      const separator = this.path === "" || this.path.startsWith("[") ? "" : ".";
      this.path = place + separator + this.path;
      return this;
    }
  }

  /** The limit of the output was passed. */
  class Exceeded extends Error {
    constructor(produced) {
      super("the output is longer than its limit");
      this.produced = produced;
    }
  }

  /** Runs it; what does not fit in there does not fit at this place. */
  function within(place, run) {
    try {
      return run();
    } catch (error) {
      throw error instanceof Mismatch ? error.within(place) : error;
    }
  }

  /** What a given value is: marks are looked through. */
  function read(given) {
    if (given === null || typeof given !== "object" || Array.isArray(given)) return given;
    const names = Object.keys(given);
    if (names.length !== 1) return given;
    switch (names[0]) {
      case "$base64": return Uint8Array.from(atob(given.$base64), (character) => character.charCodeAt(0));
      case "$integer": return BigInt(given.$integer);
      case "$object": return given.$object;
      default: return given;
    }
  }

  const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value) && !(value instanceof Uint8Array);
  const plural = (count, one) => `${count} ${one}${count === 1 ? "" : "s"}`;
  const camel = (name) => name.toLowerCase().replace(/-(.)/g, (_, letter) => letter.toUpperCase());

  function cut(text) {
    const characters = Array.from(text.slice(0, 4 * EXCERPT)).slice(0, EXCERPT).join("");
    return characters.length < text.length ? `${characters}…` : characters;
  }

  /** A value in a few words: `string "abc"`, `300`, `array of 3 items`. */
  function excerpt(value) {
    if (value === null || typeof value === "boolean" || typeof value === "number" || typeof value === "bigint") return String(value);
    if (typeof value === "string") return `string ${JSON.stringify(cut(value))}`;
    if (value instanceof Uint8Array) return plural(value.length, "byte");
    if (Array.isArray(value)) return `array of ${plural(value.length, "item")}`;
    const names = Object.keys(value);
    if (names.length === 0) return "object without members";
    const listed = names.slice(0, 4).map((name) => `\`${cut(name)}\``);
    return `object with ${(names.length > 4 ? [...listed, "…"] : listed).join(", ")}`;
  }

  /** How alike two names are, from 0 to 1 (Jaro). */
  function likeness(one, other) {
    const reach = Math.max(0, Math.floor(Math.max(one.length, other.length) / 2) - 1);
    const taken = new Array(other.length).fill(false);
    const matched = [];
    for (let place = 0; place < one.length; place++) {
      for (let at = Math.max(0, place - reach); at <= Math.min(other.length - 1, place + reach); at++) {
        if (!taken[at] && one[place] === other[at]) {
          taken[at] = true;
          matched.push(one[place]);
          break;
        }
      }
    }
    if (matched.length === 0) return 0;
    const theirs = other.filter((_, at) => taken[at]);
    const moved = matched.filter((letter, at) => letter !== theirs[at]).length / 2;
    return (matched.length / one.length + matched.length / other.length + (matched.length - moved) / matched.length) / 3;
  }

  /** In how few steps one name becomes another: a letter more, less, other, or two that change places. */
  function distance(one, other) {
    const rows = [[], Array.from({ length: other.length + 1 }, (_, at) => at)];
    for (let row = 1; row <= one.length; row++) {
      const [before, last, next] = [rows.at(-2), rows.at(-1), [row]];
      for (let at = 1; at <= other.length; at++) {
        const differs = one[row - 1] === other[at - 1] ? 0 : 1;
        next[at] = Math.min(last[at] + 1, next[at - 1] + 1, last[at - 1] + differs);
        if (row > 1 && at > 1 && one[row - 1] === other[at - 2] && one[row - 2] === other[at - 1]) {
          next[at] = Math.min(next[at], before[at - 2] + 1);
        }
      }
      rows.push(next);
    }
    return rows.at(-1)[other.length];
  }

  function similar(name, known) {
    const letters = Array.from(name);
    if (name.length > 256) return undefined;
    let best;
    for (const candidate of known) {
      if (candidate.length > 256) continue;
      const others = Array.from(candidate);
      const steps = distance(letters, others);
      const isNear = steps <= 3 && steps * 2 <= Math.max(letters.length, others.length);
      if ((isNear || likeness(letters, others) > 0.8) && !(best && best.steps <= steps)) best = { steps, candidate };
    }
    return best?.candidate;
  }

  /** A name that there is not. */
  function unknown(what, name, known) {
    const listed = known.slice(0, LISTED).map((one) => `\`${one}\``);
    if (known.length > LISTED) listed.push("…");
    const expected = listed.length === 0 ? "no parameters" : `${what} ${listed.join(", ")}`;
    const near = similar(name, known);
    return new Mismatch(expected, `\`${cut(name)}\``, near && `did you mean \`${near}\`?`);
  }

  /** Whether a name that was given is this WIT name: `_` stands for `-`. */
  const same = (given, name) =>
    given.length === name.length &&
    Array.from(given).every((letter, at) => letter === name[at] || (letter === "_" && name[at] === "-"));

  /** The member of this WIT name, as `{given}`. */
  function find(object, name) {
    if (Object.hasOwn(object, name)) return { given: object[name] };
    const other = name.replaceAll("-", "_");
    return other !== name && Object.hasOwn(object, other) ? { given: object[other] } : undefined;
  }

  class Types {
    constructor(signature, most) {
      this.signature = signature;
      /** What a value that is lifted has so far, and may have. */
      this.produced = 0;
      this.most = most;
      /** Cases of variants and names of enums, by name. */
      this.cases = new Map();
    }

    /** Its kind and what belongs to it; of a primitive type nothing does. */
    kind(type) {
      if (typeof type === "string") return [type];
      return Object.entries(this.signature.types[type])[0];
    }

    isOption(type) {
      return this.kind(type)[0] === "option";
    }

    /** As WIT writes it; deep and long ones are cut. */
    text(type) {
      let text = "";
      const wrap = (name, types, depth) => {
        text += `${name}<`;
        types.every((type, index) => {
          if (index > 0) text += ", ";
          if (text.length > LENGTH) {
            text += "…";
            return false;
          }
          write(type, depth);
          return true;
        });
        text += ">";
      };
      const members = (keyword, members, before, after, depth) => {
        text += `${keyword} { `;
        members.every(([name, type], index) => {
          if (index > 0) text += ", ";
          if (text.length > LENGTH) {
            text += "…";
            return false;
          }
          text += name;
          if (type !== null && type !== undefined) {
            text += before;
            write(type, depth);
            text += after;
          }
          return true;
        });
        text += " }";
      };
      const write = (type, level) => {
        const [kind, parts] = this.kind(type);
        if (parts === undefined) return void (text += kind);
        if (level === 0 || text.length > LENGTH) return void (text += "…");
        const depth = level - 1;
        switch (kind) {
          case "list": return wrap("list", [parts], depth);
          case "option": return wrap("option", [parts], depth);
          case "map": return wrap("map", parts, depth);
          case "tuple": return wrap("tuple", parts, depth);
          case "fixed-list":
            text += "list<";
            write(parts[0], depth);
            return void (text += `, ${parts[1]}>`);
          case "result": {
            const [ok, err] = parts;
            if (ok === null && err === null) return void (text += "result");
            if (err === null) return wrap("result", [ok], depth);
            if (ok !== null) return wrap("result", [ok, err], depth);
            text += "result<_, ";
            write(err, depth);
            return void (text += ">");
          }
          case "record": return members("record", parts, ": ", "", depth);
          case "variant": return members("variant", parts, "(", ")", depth);
          default: return members(kind, parts.map((name) => [name]), "", "", depth);
        }
      };
      write(type, DEPTH);
      return text;
    }

    mismatch(type, value, help) {
      return new Mismatch(this.text(type), excerpt(value), help);
    }

    /** The case of this name, as `[name, type]`. */
    case(type, list, name) {
      let cases = this.cases.get(type);
      if (!cases) this.cases.set(type, (cases = new Map(list.map((one) => [one[0], one]))));
      return cases.get(name) ?? cases.get(name.replaceAll("_", "-"));
    }
  }

  /** The integer that a value is; none where it is none. */
  function whole(value) {
    if (typeof value === "bigint") return value;
    return typeof value === "number" && Number.isInteger(value) ? BigInt(value) : undefined;
  }

  function lowerInteger(types, type, value) {
    const [least, most] = INTEGERS[type];
    const isLong = type === "s64" || type === "u64";
    let number = whole(value);
    if (isLong && typeof value === "string" && (type === "s64" ? /^[+-]?\d+$/ : /^\+?\d+$/).test(value)) {
      number = BigInt(value.replace(/^\+/, ""));
    }
    if (number === undefined || number < least || number > most) {
      const error = types.mismatch(type, value);
      if (typeof value === "number" || typeof value === "bigint") error.expected += ` (${least} to ${most})`;
      throw error;
    }
    return isLong ? number : Number(number);
  }

  function lowerFloat(types, type, value) {
    const named = { NaN: NaN, Infinity: Infinity, "-Infinity": -Infinity };
    let number = typeof value === "bigint" ? Number(value) : value;
    if (typeof value === "string" && Object.hasOwn(named, value)) number = named[value];
    if (typeof number !== "number") throw types.mismatch(type, value);
    if (type === "f32" && Number.isFinite(number) && !Number.isFinite(Math.fround(number))) {
      throw new Mismatch("f32 (at most 3.4e38)", excerpt(value));
    }
    return number;
  }

  /** `"case"` or `{"case": payload}`, as `[name, given]`. */
  function caseOf(value) {
    if (typeof value === "string") return [value];
    if (!isObject(value)) return undefined;
    const entries = Object.entries(value);
    return entries.length === 1 ? entries[0] : undefined;
  }

  function lower(types, type, given) {
    const value = read(given);
    const [kind, parts] = types.kind(type);
    if (Object.hasOwn(INTEGERS, kind)) return lowerInteger(types, kind, value);
    switch (kind) {
      case "bool":
        if (typeof value !== "boolean") throw types.mismatch(type, value);
        return value;
      case "f32":
      case "f64":
        return lowerFloat(types, kind, value);
      case "char": {
        if (typeof value === "string" && Array.from(value.slice(0, 3)).length === 1) return value;
        throw new Mismatch("char (a string of one character)", excerpt(value));
      }
      case "string": {
        if (typeof value === "string") return value;
        if (!(value instanceof Uint8Array)) throw types.mismatch(type, value);
        try {
          return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value);
        } catch {
          throw new Mismatch("string", "bytes that are not UTF-8");
        }
      }
      case "list":
        return lowerList(types, type, parts, value);
      case "fixed-list": {
        const list = lowerList(types, type, parts[0], value);
        if (list.length !== parts[1]) throw types.mismatch(type, value);
        return list;
      }
      case "map":
        return lowerMap(types, type, parts, value);
      case "record":
        if (!isObject(value)) throw types.mismatch(type, value);
        return lowerMembers(types, parts, value);
      case "tuple":
        if (!Array.isArray(value) || value.length !== parts.length) throw types.mismatch(type, value);
        return parts.map((part, index) => within(`[${index}]`, () => lower(types, part, value[index])));
      case "flags":
        return lowerFlags(types, type, parts, value);
      case "enum": {
        if (typeof value !== "string") throw types.mismatch(type, value);
        const found = types.case(type, parts.map((name) => [name]), value);
        if (!found) throw unknown("one of", value, parts);
        return found[0];
      }
      case "variant": {
        const chosen = caseOf(value);
        if (!chosen) throw types.mismatch(type, value);
        return lowerCase(types, type, parts, chosen, value);
      }
      case "option": {
        if (!types.isOption(parts)) return value === null ? undefined : lower(types, parts, given);
        if (value === null) return { tag: "none" };
        const chosen = caseOf(value);
        if (chosen?.[0] !== "some" || chosen.length !== 2) {
          throw types.mismatch(type, value, 'an option of an option is null or {"some": value}');
        }
        return { tag: "some", val: within("some", () => lower(types, parts, chosen[1])) };
      }
      default: {
        const chosen = caseOf(value);
        const part = { ok: parts[0], err: parts[1] }[chosen?.[0]];
        if (part === undefined) throw types.mismatch(type, value);
        const [tag, payload] = chosen;
        if (part === null) {
          if (payload !== undefined && payload !== null) throw types.mismatch(type, value);
          return { tag, val: undefined };
        }
        if (payload === undefined) throw types.mismatch(type, value);
        return { tag, val: within(tag, () => lower(types, part, payload)) };
      }
    }
  }

  function lowerList(types, type, item, value) {
    const [kind] = types.kind(item);
    if (kind === "u8") {
      if (value instanceof Uint8Array) return value;
      if (typeof value === "string") return new TextEncoder().encode(value);
    }
    if (!Array.isArray(value)) throw types.mismatch(type, value);
    const items = value.map((given, index) => within(`[${index}]`, () => lower(types, item, given)));
    return Object.hasOwn(TYPED, kind) ? TYPED[kind].from(items) : items;
  }

  function lowerMap(types, type, [key, item], value) {
    if (isObject(value) && types.kind(key)[0] === "string") {
      return new Map(Object.entries(value).map(([name, given]) => [name, within(name, () => lower(types, item, given))]));
    }
    if (!Array.isArray(value)) throw types.mismatch(type, value);
    return new Map(value.map((given, index) => within(`[${index}]`, () => {
      const entry = read(given);
      if (!Array.isArray(entry) || entry.length !== 2) throw new Mismatch("[key, value]", excerpt(entry));
      return [within("[0]", () => lower(types, key, entry[0])), within("[1]", () => lower(types, item, entry[1]))];
    })));
  }

  /** An option that was left out. */
  const none = (types, type) => lower(types, type, null);

  /** A member that must be there is not: perhaps its name is misspelt. */
  function missing(types, object, name, type, names) {
    const other = Object.keys(object).find((key) => !names.some((name) => same(key, name)));
    const help = other === undefined ? undefined : `\`${other}\` is given, which is not known`;
    return new Mismatch(types.text(type), "nothing", help).within(name);
  }

  /** A member that there is not, or that is there under both spellings. */
  function unknownMember(what, object, names) {
    const keys = Object.keys(object);
    const other = keys.find((key) => !names.some((name) => same(key, name)));
    if (other !== undefined) return unknown(what, other, names);
    const twice = keys.find((key) => !names.includes(key)) ?? "";
    return new Mismatch("every member once", `\`${twice.replaceAll("_", "-")}\` and \`${twice}\``);
  }

  function lowerMembers(types, members, object) {
    const names = members.map(([name]) => name);
    const record = {};
    let used = 0;
    for (const [name, type] of members) {
      const found = find(object, name);
      if (found) {
        used += 1;
        record[camel(name)] = within(name, () => lower(types, type, found.given));
      } else if (types.isOption(type)) {
        record[camel(name)] = none(types, type);
      } else {
        throw missing(types, object, name, type, names);
      }
    }
    if (used !== Object.keys(object).length) throw unknownMember("a member", object, names);
    return record;
  }

  function lowerFlags(types, type, names, value) {
    if (!Array.isArray(value)) throw types.mismatch(type, value);
    const flags = Object.fromEntries(names.map((name) => [camel(name), false]));
    value.forEach((given, index) => within(`[${index}]`, () => {
      const item = read(given);
      if (typeof item !== "string") throw new Mismatch("a flag's name", excerpt(item));
      const name = names.find((name) => same(item, name));
      if (name === undefined) throw unknown("one of", item, names);
      flags[camel(name)] = true;
    }));
    return flags;
  }

  function lowerCase(types, type, cases, [given, payload], value) {
    const found = types.case(type, cases, given);
    if (!found) throw unknown("one of", given, cases.map(([name]) => name));
    const [tag, part] = found;
    if (part === null) {
      if (payload === undefined || payload === null) return { tag };
      throw new Mismatch(`${JSON.stringify(tag)} without a payload`, excerpt(read(payload))).within(tag);
    }
    if (payload === undefined) throw new Mismatch(`{${JSON.stringify(tag)}: ${types.text(part)}}`, excerpt(value));
    return { tag, val: within(tag, () => lower(types, part, payload)) };
  }

  /** `2 parameters (text: string, times: u32)` */
  function takes(types, params) {
    if (params.length === 0) return "no parameters";
    return `${plural(params.length, "parameter")} (${params.map(([name, type]) => `${name}: ${types.text(type)}`).join(", ")})`;
  }

  /** The arguments of a function, from `{named}`, `{positional}` or `{single}`. */
  function lowerParameters(signature, input) {
    const types = new Types(signature);
    const { params } = signature;
    if ("positional" in input) return positional(types, params, input.positional);
    if ("named" in input) return named(types, params, input.named);
    if (params.length === 1) return [within(params[0][0], () => lower(types, params[0][1], input.single))];
    const value = read(input.single);
    if (value === null && params.length === 0) return [];
    if (isObject(value)) return named(types, params, value);
    const help = params.length === 0 ? "leave `with` out, or give `with: {}`" : "give them by name, as an object";
    throw new Mismatch(takes(types, params), excerpt(value), help);
  }

  function named(types, params, object) {
    if (params.length === 1) {
      const [[name, type]] = params;
      const [kind, members] = types.kind(type);
      const keys = Object.keys(object);
      // The only parameter is a record: its members may be given alone.
      if (kind === "record" && !find(object, name) && (keys.length === 0 || keys.some((key) => members.some(([field]) => same(key, field))))) {
        return [lowerMembers(types, members, object)];
      }
    }
    const names = params.map(([name]) => name);
    let used = 0;
    const values = params.map(([name, type]) => {
      const found = find(object, name);
      if (found) {
        used += 1;
        return within(name, () => lower(types, type, found.given));
      }
      if (types.isOption(type)) return none(types, type);
      throw missing(types, object, name, type, names);
    });
    if (used !== Object.keys(object).length) throw unknownMember("a parameter", object, names);
    return values;
  }

  function positional(types, params, list) {
    if (list.length > params.length || !params.slice(list.length).every(([, type]) => types.isOption(type))) {
      const kind = params.length === 1 ? types.kind(params[0][1])[0] : "";
      const help = ["list", "tuple", "fixed-list"].includes(kind)
        ? `to give one array, name it: \`with: { ${params[0][0]}: […] }\``
        : undefined;
      throw new Mismatch(takes(types, params), `${list.length} by position`, help);
    }
    return params.map(([name, type], index) => (index < list.length ? within(name, () => lower(types, type, list[index])) : none(types, type)));
  }

  function base64(bytes) {
    let text = "";
    for (let from = 0; from < bytes.length; from += 0x8000) text += String.fromCharCode(...bytes.subarray(from, from + 0x8000));
    return btoa(text);
  }

  /** A float as JSON that is read as one: never without a point or an exponent. What JSON has no number for is no text either. */
  function floatText(number) {
    if (!Number.isFinite(number)) return tagged("$float", JSON.stringify(String(number)));
    if (Object.is(number, -0)) return "-0.0";
    const text = String(number);
    return /[.e]/.test(text) ? text : `${text}.0`;
  }

  const tagged = (tag, text) => `{${JSON.stringify(tag)}:${text}}`;

  /** Counts what a value has at the least, before there is text of it; `Exceeded` is thrown as soon as that is more than may be. */
  function counts(types, bytes) {
    types.produced += bytes;
    if (types.produced > types.most) throw new Exceeded(types.produced);
  }

  const counted = (types, text) => (counts(types, text.length), text);

  /** A component's value as JSON text. */
  function lift(types, type, value) {
    const [kind, parts] = types.kind(type);
    if (Object.hasOwn(INTEGERS, kind)) return counted(types, String(value));
    switch (kind) {
      case "bool": return counted(types, String(value));
      case "f32":
      case "f64":
        counts(types, 1);
        return floatText(value);
      case "char":
      case "string":
      case "enum":
        counts(types, value.length);
        return JSON.stringify(value);
      case "list":
      case "fixed-list": {
        const item = kind === "list" ? parts : parts[0];
        if (types.kind(item)[0] === "u8") {
          counts(types, value.length);
          return `{"$base64":"${base64(Uint8Array.from(value))}"}`;
        }
        // A comma or bracket for each.
        counts(types, value.length);
        return `[${Array.from(value, (one) => lift(types, item, one)).join(",")}]`;
      }
      case "map": {
        counts(types, value.size);
        const entries = Array.from(value, ([one, other]) => [lift(types, parts[0], one), lift(types, parts[1], other)]);
        return types.kind(parts[0])[0] === "string"
          ? `{${entries.map((entry) => entry.join(":")).join(",")}}`
          : `[${entries.map((entry) => `[${entry.join(",")}]`).join(",")}]`;
      }
      case "record":
        counts(types, 1 + parts.length);
        return `{${parts.map(([name, part]) => `${JSON.stringify(name)}:${lift(types, part, value[camel(name)])}`).join(",")}}`;
      case "tuple":
        counts(types, 1 + parts.length);
        return `[${parts.map((part, index) => lift(types, part, value[index])).join(",")}]`;
      case "flags": return JSON.stringify(parts.filter((name) => value[camel(name)]));
      case "variant": {
        const part = types.case(type, parts, value.tag)?.[1] ?? null;
        return part === null ? JSON.stringify(value.tag) : tagged(value.tag, lift(types, part, value.val));
      }
      case "option": {
        if (value === undefined || value === null) return counted(types, "null");
        if (!types.isOption(parts)) return lift(types, parts, value);
        return value.tag === "none" ? "null" : tagged("some", lift(types, parts, value.val));
      }
      default: {
        const part = value.tag === "ok" ? parts[0] : parts[1];
        return tagged(value.tag, part === null ? "null" : lift(types, part, value.val));
      }
    }
  }

  /** What a function gave, as JSON text; of a `result` what is in `ok`, which is what jco returns. */
  function liftResult(signature, value, most = Infinity) {
    const types = new Types(signature, most);
    if (signature.result === null) return "null";
    const [kind, parts] = types.kind(signature.result);
    if (kind !== "result") return lift(types, signature.result, value);
    return parts[0] === null ? "null" : lift(types, parts[0], value);
  }

  /** What is in `err`, which is what jco throws. */
  function liftError(signature, payload, most = Infinity) {
    const types = new Types(signature, most);
    const [kind, parts] = signature.result === null ? [] : types.kind(signature.result);
    return kind !== "result" || parts[1] === null ? "null" : lift(types, parts[1], payload);
  }

  return { Mismatch, Exceeded, lowerParameters, liftResult, liftError, camel };
})();
