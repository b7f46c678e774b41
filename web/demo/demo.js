// The page: what is written and dropped on the left, what becomes of it on the right.

import { EXAMPLES } from "./examples.js";
import { dropped, read, toBase64, unitOf } from "./files.js";
import { Graph } from "./graph.js";
import { Wasmill } from "./package.js";
import * as show from "./show.js";

const by = (id) => document.getElementById(id);
const [manifest, inputs, run, cancel] = ["manifest", "inputs", "run", "cancel"].map(by);

/** Units that were dropped, by their paths. */
let units = new Map();
/** What else a request said (limits, policy, units in base64). */
let rest = {};
/** The manifest's file. */
let file = "pipeline.yaml";
/** The pipeline, as Wasmill reads it; nothing where it is wrong. */
let outline;
/** What is known of steps that have ended. */
let reports = new Map();
/** The run that is under way, as `{cancel, isShown}`: it is not shown any more when the page shows another pipeline. */
let running;
/** The run document that is shown, as text. */
let shown;
/** The run bundle that was dropped, as `{text, recorded}`; nothing once the manifest or the inputs are edited. */
let bundle;

const graph = new Graph(by("graph"), (id) => {
  const line = outline?.steps.find((step) => step.id === id);
  show.step(by("step"), id, line, reports.get(id));
});

// ---------------------------------------------------------------- what is written

function load({ name, text, given = {}, binaries = new Map(), other = {} }) {
  forget();
  file = name;
  manifest.value = text;
  inputs.value = JSON.stringify(given, null, 2);
  units = binaries;
  rest = other;
  return changed();
}

/** What would be run; fails where the inputs are no JSON. */
function request() {
  const given = inputs.value.trim() === "" ? {} : JSON.parse(inputs.value);
  // Of the units that a request brought, those that the pipeline still has.
  const brought = (outline?.units ?? []).filter(({ name }) => rest.units?.[name]).map(({ name }) => [name, rest.units[name]]);
  const read = files().filter(({ bytes }) => bytes).map(({ name, bytes }) => [name, toBase64(bytes)]);
  return { ...rest, pipeline: manifest.value, file, inputs: given, units: Object.fromEntries([...brought, ...read]) };
}

/** The units that the pipeline reads from files. */
const files = () => (outline?.units ?? []).filter((unit) => unit.file).map((unit) => ({ ...unit, bytes: unitOf(units, unit.file) }));

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
  outline = isRight ? document : undefined;
  show.problems(by("problems"), document.errors);
  by("step").replaceChildren();
  if (isRight) graph.draw(document);
  else graph.clear();
  reports = new Map();
  by("results").hidden = true;
  by("verdict").textContent = "";
  showUnits();
  run.disabled = !isRight || Boolean(running);
}

function showUnits() {
  by("units").replaceChildren(...files().map(({ name, file, bytes }) => {
    const isThere = bytes || rest.units?.[name];
    const said = bytes ? `${(bytes.length / 1024).toFixed(1)} KiB` : isThere ? "in the request" : `drop ${file}`;
    return show.element("li", `${name}: ${said}`, isThere ? "" : "missing");
  }));
}

async function take(found) {
  const { units: binaries, manifest: text, request } = await read(found);
  if (request) {
    const { pipeline, inputs = {}, file: name = text.name, recorded, ...other } = request;
    const written = typeof pipeline === "string" ? pipeline : JSON.stringify(pipeline, null, 2);
    await load({ name: typeof pipeline === "string" ? name : "pipeline.json", text: written, given: inputs, other });
    // Unless something else was dropped meanwhile.
    if (recorded?.run && manifest.value === written) open(text.text, recorded.run);
    return;
  }
  if (text) return load({ ...text, binaries, given: await defaults(text) });
  for (const [path, bytes] of binaries) units.set(path, bytes);
  showUnits();
}

/** Inputs that a run cannot do without, to be filled in. */
async function defaults({ text, name }) {
  const { document } = await (await started).outline({ pipeline: text, file: name });
  const empty = { string: "", integer: 0, number: 0, boolean: false, array: [], object: {} };
  const wanted = Object.entries(document.inputs ?? {}).filter(([, { required }]) => required);
  return Object.fromEntries(wanted.map(([name, { type }]) => [name, empty[type] ?? null]));
}

// ---------------------------------------------------------------- what became of it

/** A bundle: its run as it was recorded. */
function open(text, recorded) {
  bundle = { text, recorded };
  by("bundle").hidden = false;
  by("replay").disabled = Boolean(running);
  by("verdict").textContent = `Recorded: ${recorded.verdict}`;
  by("verdict").className = recorded.verdict === "ok" ? "ok-text" : "bad-text";
  results(JSON.stringify(recorded, null, 2), recorded);
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
  open(bundle.text, bundle.recorded);
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
    wasmill.run(asked, { signal: mine.cancel.signal, onEvent: (event) => mine.isShown && happened(event) }),
  );
  if (!mine.isShown) return;
  ended(answer, performance.now() - began);
}

function happened(event) {
  if (event.type === "step-started") {
    if (!reports.has(event.step)) graph.state(event.step, "running", event.attempt > 1 ? `attempt ${event.attempt}…` : undefined);
  } else if (event.type === "step-finished") {
    reports.set(event.step, event.report);
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
  for (const [id, report] of Object.entries(document.steps ?? {})) {
    reports.set(id, report);
    graph.state(id, report.verdict);
  }
  // First what was promised of every run; values may be anything.
  show.receipts(by("receipts"), document.steps ?? {});
  by("outputs").textContent = "";
  by("results").hidden = false;
  by("outputs").textContent = show.asText(document.outputs ?? {});
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
  clearTimeout(pause);
  pause = setTimeout(written, 150);
};
inputs.oninput = forget;
run.onclick = start;
by("replay").onclick = replay;
cancel.onclick = () => running?.cancel.abort();
by("save").onclick = save;
/** Takes files; what cannot be read is said. */
async function taken(files) {
  try {
    await take(await files);
  } catch (error) {
    show.problems(by("problems"), [{ code: "files", message: `they cannot be read: ${error?.message ?? error}` }]);
  }
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
