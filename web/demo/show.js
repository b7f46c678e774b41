// What is told of a run: problems, receipts, outputs. All of it may come from units that nobody knows: it is text, and never becomes HTML.

import { look } from "./graph.js";
import { printed } from "./json.js";

/** Letters of a value that are shown. */
const MOST = 20_000;

export function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

export function excerpt(text) {
  return text.length <= MOST ? text : `${text.slice(0, MOST)}\n… ${(text.length - MOST).toLocaleString()} letters more`;
}

/** Levels of a value that are shown. */
const DEEPEST = 64;

/** A value, which is given as JSON. */
export const asText = (json) => (json.startsWith('"') ? excerpt(JSON.parse(json)) : printed(json, { most: MOST, deepest: DEEPEST }));

const bytes = (count) => (count < 1024 ? `${count} B` : count < 1 << 20 ? `${(count / 1024).toFixed(1)} KiB` : `${(count / 1048576).toFixed(1)} MiB`);
const time = (us) => (us < 1_000 ? `${us} µs` : us < 1_000_000 ? `${(us / 1_000).toFixed(1)} ms` : `${(us / 1_000_000).toFixed(2)} s`);

/** What is wrong with a request. */
export function problems(place, errors = []) {
  place.replaceChildren(...errors.slice(0, 20).map((error) => {
    const line = element("p");
    const where = typeof error.at === "string" ? error.at : error.at && `${error.at.file ?? ""}:${error.at.line ?? ""}:${error.at.column ?? ""}`;
    line.append(element("code", error.code ?? ""), ` ${where ? `${where} ` : ""}${error.message}`);
    if (error.help) line.append(element("br"), element("span", error.help, "help"));
    return line;
  }));
}

/** What came of a replay, in a sentence. */
export function replayed({ same, difference, computed = 0, taken = [], other_engine = [] }) {
  if (!same) return `Not the same: ${difference?.step ? `the step ${difference.step} differs` : "the run differs"} in ${difference?.what}`;
  const said = [`The same: ${computed === 1 ? "1 call was" : `${computed.toLocaleString()} calls were`} made again, with the same digests`];
  if (taken.length > 0) said.push(`what ${taken.join(", ")} gave was taken from the record`);
  if (other_engine.length > 0) said.push("fuel and memory were not compared, as another engine counted them");
  return said.join("; ");
}

/** The first thing that is not as it was recorded, as a problem is shown. */
export function difference({ step, item, attempt, what, recorded, found }) {
  const place = [step, item === undefined ? "" : `item ${item}`, attempt > 1 ? `attempt ${attempt}` : ""].filter(Boolean).join(", ");
  return { code: "differs", at: place || "the run", message: `its ${what} is not as it was recorded`, help: `recorded ${excerpt(String(recorded))}\nfound ${excerpt(String(found))}` };
}

/** All attempts of all steps. */
export function receipts(table, steps) {
  const head = element("tr");
  for (const title of ["step", "verdict", "engine", "time", "fuel", "memory", "in", "out"]) {
    head.append(element("th", title, ["step", "verdict", "engine"].includes(title) ? "" : "number"));
  }
  const rows = [];
  for (const [id, step] of Object.entries(steps)) {
    const attempts = step.attempts?.length ? step.attempts : [{ verdict: step.verdict }];
    for (const attempt of attempts.slice(0, 200)) {
      const row = element("tr");
      const usage = attempt.usage ?? attempt;
      const item = attempt.item === undefined ? "" : ` [${attempt.item}]`;
      row.append(
        element("td", id + item),
        element("td", attempt.verdict ?? "", `${look(attempt.verdict ?? "skipped")}-text`),
        element("td", attempt.engine ? `${attempt.engine.name} ${attempt.engine.version}` : ""),
        ...[
          usage.wall_us === undefined ? "" : time(usage.wall_us),
          usage.fuel === undefined ? "" : usage.fuel.toLocaleString(),
          usage.peak_memory === undefined ? "" : bytes(usage.peak_memory),
          usage.bytes_in === undefined ? "" : bytes(usage.bytes_in),
          usage.bytes_out === undefined ? "" : bytes(usage.bytes_out),
        ].map((text) => element("td", text, "number")),
      );
      rows.push(row);
    }
  }
  table.replaceChildren(head, ...rows);
}

/** All that is known of one step; its output is JSON. */
export function step(place, id, line, { report, output } = {}) {
  const parts = [element("h3", id)];
  const facts = element("dl");
  const fact = (name, text, className) => text && facts.append(element("dt", name), element("dd", text, className));
  fact("unit", line?.function ? `${line.unit}, function ${line.function}` : line?.unit);
  fact("", line?.description);
  if (report) {
    const last = report.attempts?.at(-1);
    fact("verdict", [report.verdict, last?.trap, report.reason].filter(Boolean).join(", "), `${look(report.verdict)}-text`);
    fact("message", report.message ?? last?.message);
    if (report.attempts?.length > 1) fact("attempts", String(report.attempts.length));
    fact("engine", last?.engine && `${last.engine.name} ${last.engine.version}`);
    fact("weaker", last?.weaker?.length && `this browser does not hold: ${last.weaker.join(", ")}`);
    fact("output digest", last?.output);
  }
  parts.push(facts);
  const log = report?.attempts?.at(-1)?.log;
  if (log) parts.push(element("span", "Log", "quiet"), element("pre", excerpt(log)));
  if (output) parts.push(element("span", "Output", "quiet"), element("pre", asText(output)));
  place.replaceChildren(...parts);
}
