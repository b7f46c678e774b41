// Builds the unit: `node build.mjs [OUTPUT]`, on Linux, with the packages of `package-lock.json` installed (`npm install`) and a C compiler.
// The same sources give the same bytes.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const output = process.argv[2] ?? join(here, "../../../crates/toolchain/interpreters/javascript.wasm");
const PRELOADED = "WASMILL_REPRODUCIBLE";

if (process.env[PRELOADED]) {
  await make();
} else {
  const folder = mkdtempSync(join(tmpdir(), "wasmill-javascript-"));
  try {
    const library = join(folder, "reproducible.so");
    execFileSync(process.env.CC ?? "cc", ["-shared", "-fPIC", "-O1", "-o", library, join(here, "reproducible.c"), "-ldl"], { stdio: "inherit" });
    const environment = { ...process.env, LD_PRELOAD: library, [PRELOADED]: "1" };
    process.exitCode = spawnSync(process.execPath, [fileURLToPath(import.meta.url), output], { stdio: "inherit", env: environment }).status ?? 1;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function make() {
  const { build } = await import("esbuild");
  const { componentize } = await import("componentize-qjs");
  const { shrink } = await import("./snapshot.mjs");
  const { synchronous } = await import("./synchronous.mjs");
  const bundle = await build({
    entryPoints: [join(here, "src/index.js")],
    bundle: true,
    format: "esm",
    target: "es2023",
    charset: "ascii",
    external: ["wasi:*"],
    minify: true,
    write: false,
  });
  const script = bundle.outputFiles[0].text;
  const { component } = await componentize({ witPath: join(here, "wit"), jsSource: script, disableGc: true });
  const unit = synchronous(component, (module) => shrink(module, script));
  writeFileSync(output, unit);
  console.log(`${output}: ${unit.length} bytes`);
}
