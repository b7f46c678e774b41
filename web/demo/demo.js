// The page: what is written and dropped on the left, what becomes of it on the right.

import { EXAMPLES } from "./examples.js";
import { IS_TEXT, MANIFEST, ambiguous, asRequest, assigned, dropped, first, joined, read, toBase64 } from "./files.js";
import { Graph } from "./graph.js";
import { members, object, printed } from "./json.js";
import { Wasmill } from "./package.js";
import * as show from "./show.js";

const by = (id) => document.getElementById(id);
const [manifest, inputs, run, cancel] = ["manifest", "inputs", "run", "cancel"].map(by);

/** Units (bytes) and called pipelines (text) that were dropped, by their paths. */
let files = new Map();
/** What else a request said (limits, policy, units in base64), as JSON. */
let rest = new Map();
/** The manifest's file. */
let file = "pipeline.yaml";
/** The pipeline, as Wasmill reads it; nothing where it is wrong. */
let outline;
/** What is wrong with it, and what is said of files that were dropped. */
let wrong = [], notes = [];
/**
 * The files that the pipeline and those that it calls name, as `{of, name, path, contents}`: `of` is the path of the pipeline that names it (of the
 * first one it is empty), `contents` what was dropped as it.
 */
let wanted = [];
/** What is known of steps that have ended, as `{report, output}`: the output as JSON. */
let reports = new Map();
/** The run that is under way, as `{cancel, isShown}`: it is not shown any more when the page shows another pipeline. */
let running;
/** The run document that is shown, as text. */
let shown;
/** The run bundle that was dropped, as `{text, run}`; nothing once the manifest or the inputs are edited. */
let bundle;

const graph = new Graph(by("graph"), (id) => {
  const line = outline?.steps.find((step) => step.id === id);
  show.step(by("step"), id, line, reports.get(id));
});

// ---------------------------------------------------------------- what is written

function load({ name, text, given = "{}", dropped = new Map(), other = new Map() }) {
  forget();
  file = name;
  manifest.value = text;
  inputs.value = given;
  files = dropped;
  rest = other;
  notes = [];
  example.selectedIndex = EXAMPLES.findIndex((one) => one.text === text);
  return changed();
}

/** What would be run, as JSON; fails where the inputs are none. They are not read here: numbers stay as they are written. */
function request() {
  const given = inputs.value.trim() || "{}";
  JSON.parse(given);
  const json = JSON.stringify;
  // Of the units that a request brought, those that the pipeline still has.
  const brought = [...members(rest.get("units"))].filter(([name]) => outline?.units.some((unit) => unit.name === name));
  const isUnitOf = (from) => ({ of, contents }) => of === from && contents instanceof Uint8Array;
  const written = ({ path, contents }) => IS_TEXT.test(path) ? object([["wat", json(new TextDecoder().decode(contents))]]) : json(toBase64(contents));
  const units = (from) => wanted.filter(isUnitOf(from)).map((unit) => [unit.name, written(unit)]);
  const called = new Map([...members(rest.get("pipelines"))].map(([path, one]) => [joined("", path), one]));
  for (const { path, contents } of wanted) {
    if (typeof contents === "string") called.set(path, object([["pipeline", json(contents)], ["units", object(units(path))]]));
  }
  const all = new Map([...rest, ["pipeline", json(manifest.value)], ["file", json(file)], ["inputs", given]]);
  return object(all.set("units", object(new Map([...brought, ...units("")]))).set("pipelines", object(called)));
}

/** What the files are that a pipeline and those that it calls name. */
async function filesOf(outline) {
  const lines = [];
  const read = new Set();
  const add = (of, { units }) => lines.push(...units.filter(({ file }) => file).map(({ name, file }) => ({ of, name, path: joined(of, file) })));
  add("", outline);
  for (;;) {
    // A path that was not known before may change what is meant with the others.
    const found = assigned(lines.map(({ path }) => path), files.keys());
    const next = lines.find(({ path }) => !read.has(path) && typeof files.get(found.get(path)) === "string");
    if (!next) return lines.map((line) => ({ ...line, dropped: found.get(line.path), contents: files.get(found.get(line.path)) }));
    read.add(next.path);
    const { document, exitCode } = await (await started).outline({ pipeline: files.get(found.get(next.path)), file: next.path });
    if (exitCode === 0) add(next.path, document);
  }
}

let last = 0;
/** When the page shows what is written. */
let drawn;
const changed = () => (drawn = draw());

async function draw() {
  const mine = ++last;
  if (running) {
    running.isShown = false;
    running.cancel.abort();
  }
  const wasmill = await started;
  const { document, exitCode } = await wasmill.outline({ pipeline: manifest.value, file });
  if (mine !== last) return;
  const isRight = exitCode === 0;
  const found = isRight ? await filesOf(document) : [];
  if (mine !== last) return;
  wanted = found;
  outline = isRight ? document : undefined;
  wrong = document.errors ?? [];
  tell();
  by("step").replaceChildren();
  if (isRight) graph.draw(document);
  else graph.clear();
  reports = new Map();
  by("results").hidden = true;
  by("verdict").textContent = "";
  showUnits();
  run.disabled = !isRight || Boolean(running);
}

const tell = () => show.problems(by("problems"), [...wrong, ...notes]);

function showUnits() {
  const names = ambiguous(wanted.map(({ path }) => path));
  const brought = members(rest.get("units"));
  const called = new Set([...members(rest.get("pipelines")).keys()].map((path) => joined("", path)));
  by("units").replaceChildren(...wanted.map(({ of, name, path, contents }) => {
    const isThere = contents || (of === "" && brought.has(name)) || called.has(path);
    const size = contents?.length ?? 0;
    const missing = `drop ${path}${names.has(path.split("/").pop()) ? ", in its folder" : ""}`;
    const said = contents ? `${(size / 1024).toFixed(1)} KiB` : isThere ? "in the request" : missing;
    return show.element("li", `${of && `${of}, `}${name}: ${said}`, isThere ? "" : "missing");
  }));
}

/** Takes what was dropped; gives the paths of what is not used. */
async function take(found) {
  const { units, manifests, others } = await read(found);
  const paths = [...manifests.keys()];
  // What the pipeline waits for does not take its place.
  await Promise.allSettled([drawn]);
  const isPart = assigned(wanted.map(({ path }) => path), paths).size === paths.length;
  if (paths.length > 0 && !isPart) {
    const name = paths.length === 1 ? paths[0] : first(paths, await calledIn(manifests));
    const text = manifests.get(name);
    manifests.delete(name);
    const dropped = new Map([...units, ...manifests]);
    const request = asRequest(name, text);
    if (request) await loadRequest(name, text, request, dropped);
    else await load({ name, text, dropped, given: await defaults({ name, text }) });
  } else if (units.size + paths.length > 0) {
    files = new Map([...files, ...units, ...manifests]);
    await changed();
  }
  const used = new Set(wanted.map(({ dropped }) => dropped));
  return [...others, ...[...units.keys(), ...manifests.keys()].filter((path) => !used.has(path))];
}

/** Those of some manifests that another of them calls. */
async function calledIn(manifests) {
  const calls = [];
  for (const [path, text] of manifests) {
    const { document } = await (await started).outline({ pipeline: text, file: path });
    calls.push(...(document.units ?? []).filter(({ file }) => file).map(({ file }) => joined(path, file)));
  }
  return new Set(assigned(calls, manifests.keys()).values());
}

/** A run request, or a run bundle. */
async function loadRequest(path, text, request, dropped) {
  const { pipeline, inputs, file, recorded, ...other } = Object.fromEntries(request);
  const isText = pipeline.startsWith('"');
  const written = isText ? JSON.parse(pipeline) : printed(pipeline);
  const name = isText ? (file ? JSON.parse(file) : path) : "pipeline.json";
  await load({ name, text: written, given: inputs && printed(inputs), other: new Map(Object.entries(other)), dropped });
  const run = members(recorded).get("run");
  // Unless something else was dropped meanwhile.
  if (run && manifest.value === written) open(text, run);
}

/** Inputs that a run cannot do without, to be filled in. */
async function defaults({ text, name }) {
  const { document } = await (await started).outline({ pipeline: text, file: name });
  const empty = { string: "", integer: 0, number: 0, boolean: false, array: [], object: {} };
  const wanted = Object.entries(document.inputs ?? {}).filter(([, { required }]) => required);
  return JSON.stringify(Object.fromEntries(wanted.map(([name, { type }]) => [name, empty[type] ?? null])), null, 2);
}

// ---------------------------------------------------------------- what became of it

/** A bundle: its run as it was recorded, as JSON. */
function open(text, run) {
  const recorded = JSON.parse(run);
  bundle = { text, run };
  by("bundle").hidden = false;
  by("replay").disabled = Boolean(running);
  by("verdict").textContent = `Recorded: ${recorded.verdict}`;
  by("verdict").className = recorded.verdict === "ok" ? "ok-text" : "bad-text";
  results(`${printed(run)}\n`, recorded);
}

/** What is edited is no longer what was recorded. */
function forget() {
  bundle = undefined;
  by("bundle").hidden = true;
}

/** Makes the run of the bundle again, from the text that was dropped: numbers that JavaScript does not hold stay what they are. */
async function replay() {
  if (running || bundle === undefined) return;
  // What is shown may be of a run that was made since.
  open(bundle.text, bundle.run);
  const { mine, answer } = await during("Replaying…", (wasmill, mine) => {
    const onEvent = ({ type, step, report }) => {
      if (!mine.isShown) return;
      if (type === "step-started") graph.state(step, "running");
      else if (type === "step-finished") graph.state(step, report.verdict);
    };
    return wasmill.replay(bundle.text, { signal: mine.cancel.signal, onEvent });
  });
  // Another pipeline is shown, or what was recorded was edited.
  if (!mine.isShown || bundle === undefined) return;
  const { document, exitCode } = answer;
  const { aborted } = mine.cancel.signal;
  by("verdict").className = exitCode === 0 ? "ok-text" : "bad-text";
  if (document.errors) {
    by("verdict").textContent = "Not replayed";
    show.problems(by("problems"), document.errors);
    return;
  }
  by("verdict").textContent = aborted ? "Cancelled" : show.replayed(document);
  const { difference } = document;
  if (!difference || aborted) return;
  show.problems(by("problems"), [show.difference(difference)]);
  // A step of a pipeline that was called is within the step that called it.
  if (difference.step) graph.state(difference.step.split(/[/[#]/)[0], "differs");
}

// ---------------------------------------------------------------- what becomes of it

/** Does something with Wasmill that can be cancelled and lights up the steps. */
async function during(word, work) {
  const wasmill = await started;
  const mine = { cancel: new AbortController(), isShown: true };
  running = mine;
  run.disabled = true;
  by("replay").disabled = true;
  cancel.disabled = false;
  graph.reset();
  show.problems(by("problems"));
  by("verdict").className = "";
  by("verdict").textContent = word;
  try {
    return { mine, answer: await work(wasmill, mine) };
  } finally {
    running = undefined;
    cancel.disabled = true;
    run.disabled = !outline;
    by("replay").disabled = false;
  }
}

async function start() {
  if (run.disabled) return;
  // What is run is what is drawn.
  if (pause) written();
  await drawn;
  if (run.disabled) return;
  let asked;
  try {
    asked = request();
  } catch (error) {
    show.problems(by("problems"), [{ code: "inputs", message: `they are not JSON: ${error.message}` }]);
    inputs.focus();
    return;
  }
  reports = new Map();
  by("step").replaceChildren();
  by("results").hidden = true;
  const began = performance.now();
  const { mine, answer } = await during("Running…", (wasmill, mine) =>
    wasmill.run(asked, { signal: mine.cancel.signal, onEvent: (event, text) => mine.isShown && happened(event, text) }),
  );
  if (!mine.isShown) return;
  ended(answer, performance.now() - began);
}

function happened(event, text) {
  if (event.type === "step-started") {
    if (!reports.has(event.step)) graph.state(event.step, "running", event.attempt > 1 ? `attempt ${event.attempt}…` : undefined);
  } else if (event.type === "step-finished") {
    reports.set(event.step, { report: event.report, output: members(members(text).get("report")).get("output") });
    graph.state(event.step, event.report.verdict);
  }
}

function ended({ document, exitCode, text }, took) {
  if (document.errors) {
    by("verdict").textContent = "Nothing was started";
    by("verdict").className = "bad-text";
    show.problems(by("problems"), document.errors);
    return;
  }
  const words = { 0: "Succeeded", 3: "A limit was met", 4: "Something was not granted", 130: "Cancelled" };
  by("verdict").textContent = `${words[exitCode] ?? "Failed"}, in ${took < 1000 ? `${took.toFixed(0)} ms` : `${(took / 1000).toFixed(2)} s`}`;
  by("verdict").className = exitCode === 0 ? "ok-text" : exitCode === 3 ? "limit-text" : "bad-text";
  results(text, document);
}

/** A run document, on the graph and below it. */
function results(text, document) {
  shown = text;
  const told = members(text);
  const steps = members(told.get("steps"));
  for (const [id, report] of Object.entries(document.steps ?? {})) {
    reports.set(id, { report, output: members(steps.get(id)).get("output") });
    graph.state(id, report.verdict);
  }
  // First what was promised of every run; values may be anything.
  show.receipts(by("receipts"), document.steps ?? {});
  by("outputs").textContent = "";
  by("results").hidden = false;
  by("outputs").textContent = show.asText(told.get("outputs") ?? "{}");
}

function save() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([shown], { type: "application/json" }));
  link.download = "run.json";
  link.click();
  URL.revokeObjectURL(link.href);
}

// ---------------------------------------------------------------- the page

const core = document.getElementById("wasm");
const started = Wasmill.start({ wasm: core ? Uint8Array.fromBase64?.(core.textContent) ?? decode(core.textContent) : undefined });

function decode(base64) {
  return Uint8Array.from(atob(base64.trim()), (letter) => letter.charCodeAt(0));
}

started.then(
  () => {
    by("core").textContent = "Ready, offline";
    document.documentElement.dataset.ready = "";
  },
  (error) => {
    by("core").textContent = `Wasmill could not be started: ${error.message}`;
    by("core").className = "bad-text";
  },
);

let pause;
/** Reads what was written, now. */
function written() {
  clearTimeout(pause);
  pause = undefined;
  return changed();
}
manifest.oninput = () => {
  forget();
  notes = [];
  clearTimeout(pause);
  pause = setTimeout(written, 150);
};
inputs.oninput = forget;
run.onclick = start;
by("replay").onclick = replay;
cancel.onclick = () => running?.cancel.abort();
by("save").onclick = save;
/** Takes files; what cannot be read, and what is not used, is said. */
async function taken(files) {
  notes = [];
  tell();
  try {
    notes = unused(await take(await files));
  } catch (error) {
    notes = [{ code: "files", message: `they cannot be read: ${error?.message ?? error}` }];
  }
  tell();
}

/** What is said of files that are not used. */
function unused(paths) {
  if (paths.length === 0) return [];
  const more = paths.length > 5 ? ` and ${paths.length - 5} more` : "";
  return [{ code: "files", message: `not used: ${paths.slice(0, 5).join(", ")}${more}` }];
}

by("files").onchange = async ({ target }) => {
  await taken([...target.files].map((file) => ({ path: file.name, file })));
  target.value = "";
};
addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    start();
  } else if (event.key === "Escape") running?.cancel.abort();
});
let over = 0;
addEventListener("dragenter", () => document.body.classList.toggle("dropping", ++over > 0));
addEventListener("dragleave", () => document.body.classList.toggle("dropping", --over > 0));
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", async (event) => {
  event.preventDefault();
  over = 0;
  document.body.classList.remove("dropping");
  if (event.dataTransfer.items.length > 0) await taken(dropped(event.dataTransfer));
});

const example = by("example");
example.replaceChildren(...EXAMPLES.map(({ title }, index) => Object.assign(show.element("option", title), { value: index })));
example.onchange = () => load(EXAMPLES[example.value]);
load(EXAMPLES[0]);
