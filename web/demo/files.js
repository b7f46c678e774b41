// What is dropped: manifests, units, run requests, run bundles, folders.

import { members } from "./json.js";

/** Units in WebAssembly text. */
export const IS_TEXT = /\.was?t$/i;
export const MANIFEST = /\.(ya?ml|toml|json|wasmill)$/i;

/** Files of a drop, also those in folders, as `{path, file}`. */
export async function dropped(transfer) {
  // Entries have to be asked for before anything is waited for.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (entries.length === 0) return [...transfer.files].map((file) => ({ path: file.name, file }));
  const found = [];
  for (const entry of entries) await walk(entry, found);
  return found;
}

async function walk(entry, found) {
  if (found.length >= 500) return;
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    found.push({ path: entry.fullPath.replace(/^\//, ""), file });
  } else if (entry.isDirectory) {
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (some.length === 0) break;
      for (const child of some) await walk(child, found);
    }
  }
}

/** What some files are: `units` and `manifests` by their paths, and the paths of all `others`. */
export async function read(files) {
  const units = new Map(), manifests = new Map(), others = [];
  for (const { path, file } of files) {
    if (/\.wasm$/i.test(path) || IS_TEXT.test(path)) units.set(path, new Uint8Array(await file.arrayBuffer()));
    else if (MANIFEST.test(path)) manifests.set(path, await file.text());
    else others.push(path);
  }
  return { units, manifests, others };
}

/** The members of a run request (`{pipeline: …}`), as text; nothing where a file is none. */
export function asRequest(path, text) {
  const isBundle = /\.wasmill$/i.test(path);
  const request = isBundle || /\.json$/i.test(path) ? requestIn(text) : undefined;
  if (isBundle && !members(request?.get("recorded")).has("run")) throw new Error(`${path} is no run bundle: \`wasmill export\` makes one`);
  return request;
}

function requestIn(text) {
  try {
    JSON.parse(text);
  } catch {
    return undefined;
  }
  const request = members(text);
  return request.has("pipeline") && !request.has("wasmill") ? request : undefined;
}

/** Of several manifests the one that no other calls, that is called as pipelines are, and highest up. `called` are those that others call. */
export function first(paths, called) {
  const rank = (path) => path.split("/").length + (/pipeline|wasmill/i.test(path) ? 0 : 0.5) + (called.has(path) ? 1_000 : 0);
  return [...paths].sort((a, b) => rank(a) - rank(b))[0];
}

export function toBase64(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}

/** The path that `file` is in a manifest at the path `from`, in the shortest form. */
export function joined(from, file) {
  const parts = [];
  for (const part of [...(file.startsWith("/") ? [] : from.split("/").slice(0, -1)), ...file.split("/")]) {
    if (part === "" || part === ".") continue;
    if (part === ".." && parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else parts.push(part);
  }
  return `${file.startsWith("/") ? "/" : ""}${parts.join("/")}`;
}

const nameOf = (path) => path.split("/").pop();

/** Names that several of these paths end with: a file without its folder is none of them. */
export function ambiguous(paths) {
  const names = [...new Set(paths)].map(nameOf);
  return new Set(names.filter((name, index) => names.indexOf(name) !== index));
}

/**
 * Which of the files that were dropped is meant with each path: the one that ends with all of it; or else, where no other path has that name, the one
 * that shares most of its end. No file is meant with two paths.
 */
export function assigned(paths, dropped) {
  const cut = (path) => path.split("/").filter((part) => part !== "");
  const byLength = (a, b) => a.parts.length - b.parts.length;
  const all = (paths) => [...new Set(paths)].map((path) => ({ path, parts: cut(path) })).sort(byLength);
  const several = ambiguous(paths);
  const left = new Set(all(dropped));
  const found = new Map();
  for (const { path, parts } of all(paths).reverse()) {
    let most = several.has(parts.at(-1)) ? parts.length - 1 : 0, best;
    for (const file of left) {
      let shared = 0;
      while (shared < parts.length && parts.at(-1 - shared) === file.parts.at(-1 - shared)) shared++;
      if (shared > most) [most, best] = [shared, file];
    }
    if (best) found.set(path, best.path);
    left.delete(best);
  }
  return found;
}
