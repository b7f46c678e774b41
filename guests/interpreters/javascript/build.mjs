// Builds the unit: `node build.mjs [OUTPUT]`, with the packages of `package-lock.json` installed (`npm ci`).

import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { componentize } from "componentize-qjs";
import { build } from "esbuild";
import { synchronous } from "./synchronous.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const output = process.argv[2] ?? join(here, "../../../crates/toolchain/interpreters/javascript.wasm");

const { outputFiles } = await build({
  entryPoints: [join(here, "src/index.js")],
  bundle: true,
  format: "esm",
  target: "es2023",
  external: ["wasi:*"],
  minify: true,
  write: false,
});
const { component } = await componentize({ witPath: join(here, "wit"), jsSource: outputFiles[0].text, optSize: process.env.OPT_SIZE === "1" });
const unit = synchronous(component);
writeFileSync(output, unit);
console.log(`${output}: ${unit.length} bytes`);
