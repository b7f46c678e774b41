// Values as text for people, much as Node.js shows them.

const WIDTH = 72;
const DEPTH = 4;
const MOST = 100;
const KEY = /^[A-Za-z_$][\w$]*$/;
const TypedArray = Object.getPrototypeOf(Uint8Array);

export function inspect(value) {
  return show(value, 0, []);
}

function quoted(text) {
  const mark = !text.includes("'") ? "'" : !text.includes('"') ? '"' : "`";
  const plain = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"');
  return mark + (mark === "`" ? plain.replaceAll("`", "\\`") : plain) + mark;
}

function show(value, depth, above) {
  switch (typeof value) {
    case "string":
      return quoted(value);
    case "bigint":
      return `${value}n`;
    case "number":
      return Object.is(value, -0) ? "-0" : String(value);
    case "function": {
      const kind = /^class\b/.test(Function.prototype.toString.call(value)) ? "class" : "Function";
      return value.name ? `[${kind}: ${value.name}]` : `[${kind} (anonymous)]`;
    }
    case "object":
      break;
    default:
      return String(value);
  }
  if (value === null) return "null";
  if (above.includes(value)) return "[Circular]";
  if (value instanceof Error) return value.stack ? `${value.name}: ${value.message}` : String(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  if (value instanceof RegExp) return String(value);
  if (value instanceof Promise) return "Promise {}";
  const name = Object.getPrototypeOf(value)?.constructor?.name ?? "[Object: null prototype]";
  if (depth > DEPTH) return Array.isArray(value) ? "[Array]" : `[${name}]`;
  const inner = [...above, value];
  const item = (one) => show(one, depth + 1, inner);
  if (Array.isArray(value) || value instanceof TypedArray) {
    const items = Array.from(value.slice(0, MOST), item);
    if (value.length > MOST) items.push(`... ${value.length - MOST} more items`);
    return enclose(Array.isArray(value) ? "" : `${name}(${value.length}) `, "[", items, "]", depth);
  }
  if (value instanceof Set) return enclose(`Set(${value.size}) `, "{", [...value].slice(0, MOST).map(item), "}", depth);
  if (value instanceof Map) {
    const entries = [...value].slice(0, MOST).map(([key, one]) => `${item(key)} => ${item(one)}`);
    return enclose(`Map(${value.size}) `, "{", entries, "}", depth);
  }
  const members = Object.keys(value).map((key) => `${KEY.test(key) ? key : quoted(key)}: ${item(value[key])}`);
  return enclose(name === "Object" ? "" : `${name} `, "{", members, "}", depth);
}

function enclose(prefix, opening, items, closing, depth) {
  if (items.length === 0) return `${prefix}${opening}${closing}`;
  const line = `${prefix}${opening} ${items.join(", ")} ${closing}`;
  if (line.length <= WIDTH && !line.includes("\n")) return line;
  const indent = "  ".repeat(depth + 1);
  return `${prefix}${opening}\n${indent}${items.join(`,\n${indent}`)}\n${"  ".repeat(depth)}${closing}`;
}
