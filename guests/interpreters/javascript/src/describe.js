import { Failure, reportText } from "./failure.js";
import { parseAll, parsedProgram, readScript } from "./program.js";
import { chooseFunction, describeParams } from "./signature.js";

/// Parses a script and says what is called in it, or that it runs as a whole.
export function describe(scriptText, wanted) {
  try {
    const modules = parseAll(readScript(scriptText));
    parsedProgram(modules, { watch: false });
    const [main] = modules;
    const name = chooseFunction(main.functions, wanted);
    if (name === undefined) {
      if (wanted) throw missingFunction(main, wanted);
      return JSON.stringify({ kind: "script" });
    }
    return JSON.stringify({ kind: "function", name, params: describeParams(main.functions.get(name), main.source) });
  } catch (error) {
    throw reportText(error);
  }
}

export function missingFunction({ file, functions }, wanted) {
  const names = [...functions.keys()].map((name) => `\`${name}\``);
  const there = names.length > 0 ? `it defines ${names.join(", ")}` : "it defines none";
  return new Failure(`\`${file}\` has no function \`${wanted}\` at its top level: ${there}`, { file });
}
