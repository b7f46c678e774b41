// Drives the unit as it is in the repository: `WASMILL=path/to/wasmill node test/run.mjs [WORD]`.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const unit = join(here, "../../../../crates/toolchain/interpreters/javascript.wasm");
const wasmill = process.env.WASMILL ?? "wasmill";
const folder = mkdtempSync(join(tmpdir(), "wasmill-javascript-"));
const only = process.argv[2];
let failed = 0;
let passed = 0;

/// Calls the unit: what it answered, or its verdict and error.
function call(exported, { js, ts, files, main, fn = "", input = "{}", flags = [], prepare, prepared }) {
  const language = ts === undefined ? "javascript" : "typescript";
  main ??= ts === undefined ? "main.js" : "main.ts";
  const script = JSON.stringify({ language, main, files: { ...files, [main]: js ?? ts }, prepare, prepared });
  const file = join(folder, "input.json");
  writeFileSync(file, JSON.stringify(exported === "run" ? { script, function: fn, input } : { script, function: fn }));
  const done = spawnSync(wasmill, ["call", unit, exported, "--input", `@${file}`, "--output", "json", "--quiet", "--blobs", folder, ...flags], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  const document = JSON.parse(done.stdout);
  const [step] = Object.values(document.steps);
  const attempt = step.attempts?.at(-1) ?? step;
  return { document, step, attempt };
}

function result(answer) {
  let value = answer.document.outputs?.result;
  if (value && typeof value === "object" && value.$blob) value = execFileSync(wasmill, ["blob", "get", value.$blob.replace(/^.*:/, ""), "--blobs", folder], { encoding: "utf8", maxBuffer: 1 << 28 });
  return value;
}

function test(name, exported, script, check) {
  if (only && !name.includes(only)) return;
  const answer = call(exported, script);
  try {
    check(answer);
    passed += 1;
  } catch (error) {
    failed += 1;
    console.log(`✘ ${name}: ${error.message}`);
  }
}

const same = (found, wanted, what = "found") => {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) throw new Error(`${what} ${JSON.stringify(found)}, wanted ${JSON.stringify(wanted)}`);
};

/// A run that answers this text of JSON.
const gives = (name, script, wanted) => test(name, "run", script, (answer) => same(result(answer) ?? message(answer), wanted));

/// The report in a message, behind which the host may add the last line of the log.
function reported(text) {
  for (let end = text.length; end > 0; end = text.lastIndexOf("}", end - 1)) {
    try {
      return JSON.parse(text.slice(0, end === text.length ? end : end + 1));
    } catch {}
  }
  throw new Error(`no report: ${text}`);
}

const message = ({ step, attempt, document }) => attempt.verdict?.message ?? attempt.message ?? step.error ?? JSON.stringify(document);

/// A run or description that fails with these members in its report.
const fails = (name, script, wanted, exported = "run") =>
  test(name, exported, script, (answer) => {
    const report = reported(message(answer));
    for (const [key, value] of Object.entries(wanted)) {
      if (value instanceof RegExp) {
        if (!value.test(report[key])) throw new Error(`${key} is ${JSON.stringify(report[key])}, wanted ${value}`);
      } else same(report[key], value, key);
    }
  });

const describes = (name, script, wanted) => test(name, "describe", script, (answer) => same(JSON.parse(result(answer) ?? `{"error":${JSON.stringify(message(answer))}}`), wanted));

/// A call that ends with this verdict.
const ends = (name, script, wanted) =>
  test(name, "run", script, (answer) => {
    const text = JSON.stringify(answer.attempt.verdict ?? answer.step.verdict);
    if (!wanted.test(text)) throw new Error(`the verdict is ${text}`);
  });

const logs = (name, script, wanted) => test(name, "run", script, (answer) => same(answer.attempt.log ?? answer.step.log, wanted, "log"));

if (only === "--show") {
  console.log(JSON.stringify(call("run", { js: "function main(){ console.log('x'); throw new Error('no') }" }).document, null, 1));
  process.exit();
}
await import("./cases.mjs").then(({ cases }) => cases({ gives, fails, describes, ends, logs, test, result, call }));
rmSync(folder, { recursive: true });
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
