// What is dropped: manifests, units, run requests, run bundles, folders.

const MANIFEST = /\.(ya?ml|toml|json|wasmill)$/i;

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

/** `{manifest: {name, text}, request, units: Map(path -> bytes)}` of some files. */
export async function read(files) {
  const units = new Map();
  const manifests = [];
  for (const { path, file } of files) {
    if (/\.wasm$/i.test(path)) units.set(path, new Uint8Array(await file.arrayBuffer()));
    else if (MANIFEST.test(path)) manifests.push({ path, text: await file.text() });
  }
  // Of several, the one that is called as pipelines are, and highest up.
  const depth = ({ path }) => path.split("/").length + (/pipeline|wasmill/i.test(path) ? 0 : 0.5);
  manifests.sort((a, b) => depth(a) - depth(b));
  const [manifest] = manifests;
  if (!manifest) return { units };
  const isBundle = /\.wasmill$/i.test(manifest.path);
  const request = isBundle || /\.json$/i.test(manifest.path) ? asRequest(manifest.text) : undefined;
  if (isBundle && !request?.recorded?.run) throw new Error(`${manifest.path} is no run bundle: \`wasmill export\` makes one`);
  return { units, manifest: { name: manifest.path, text: manifest.text }, request };
}

/** A run request (`{pipeline: …}`), where it is one. */
function asRequest(text) {
  try {
    const value = JSON.parse(text);
    const isRequest = value && typeof value === "object" && "pipeline" in value && !("wasmill" in value);
    return isRequest ? value : undefined;
  } catch {
    return undefined;
  }
}

export function toBase64(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}

/** The unit that a manifest calls `file`, among what was dropped: by its whole path, or else by its name. */
export function unitOf(units, file) {
  const plain = file.replace(/^\.\//, "");
  const name = plain.split("/").pop();
  const ends = [...units.keys()].find((path) => path === plain || path.endsWith(`/${plain}`));
  const path = ends ?? [...units.keys()].find((path) => path.split("/").pop() === name);
  return path === undefined ? undefined : units.get(path);
}
