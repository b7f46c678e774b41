// JSON as it is written. What stands in it is cut out as text: JavaScript's numbers do not hold all that JSON's do.

/** Where a text in quotes ends that begins at `at`. */
function ending(json, at) {
  for (let end = json.indexOf('"', at + 1); end !== -1; end = json.indexOf('"', end + 1)) {
    let slashes = 0;
    while (json[end - 1 - slashes] === "\\") slashes++;
    if (slashes % 2 === 0) return end + 1;
  }
  return json.length;
}

/** The members of an object, name to text. What is no object has none; what is no JSON must not come here. */
export function members(json = "") {
  const found = new Map();
  let depth = 0, begin, name;
  for (let at = json[json.search(/\S/)] === "{" ? 0 : json.length; at < json.length; at++) {
    const letter = json[at];
    if (letter === '"') {
      const end = ending(json, at);
      if (depth === 1) name ??= JSON.parse(json.slice(at, end));
      at = end - 1;
    } else if (letter === ":" && depth === 1) begin = at + 1;
    else if (letter === "{" || letter === "[") depth++;
    else if (letter === "}" || letter === "]" || letter === ",") {
      if (letter !== ",") depth--;
      if (name === undefined || depth !== (letter === "," ? 1 : 0)) continue;
      found.set(name, json.slice(begin, at).trim());
      name = undefined;
    }
  }
  return found;
}

/** An object of members as `members` gives them. */
export const object = (members) => `{${Array.from(members, ([name, json]) => `${JSON.stringify(name)}: ${json}`).join(", ")}}`;

/** JSON with two spaces a level; only so many letters and levels of it. */
export function printed(json, { most = Infinity, deepest = Infinity } = {}) {
  const parts = [];
  let left = most, depth = 0;
  const put = (text) => {
    if (depth > deepest) return;
    parts.push(left < text.length ? text.slice(0, left) : text);
    left -= text.length;
  };
  const line = () => put(`\n${"  ".repeat(depth)}`);
  for (let at = 0; at < json.length && left >= 0; ) {
    const letter = json[at];
    let end = at + 1;
    if (letter === "{" || letter === "[") {
      while (/\s/.test(json[end])) end++;
      const isEmpty = json[end] === "}" || json[end] === "]";
      put(isEmpty ? letter + json[end++] : depth < deepest ? letter : `${letter}…`);
      if (!isEmpty) depth++, line();
    } else if (letter === "}" || letter === "]") {
      depth--;
      if (depth < deepest) line();
      put(letter);
    } else if (letter === ",") put(letter), line();
    else if (letter === ":") put(": ");
    else if (letter === '"') put(json.slice(at, (end = ending(json, at))));
    else if (!/\s/.test(letter)) put(letter);
    at = end;
  }
  if (left < 0) parts.push("\n… there is more");
  return parts.join("");
}
