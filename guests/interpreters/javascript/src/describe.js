import { Failure, reportText } from "./failure.js";
import { parseAll, parsedProgram, readScript } from "./program.js";
import { chooseFunction, describeParams } from "./signature.js";

/// Parses a script and says what is called in it, or that it runs as a whole.
export function describe(scriptText, wanted) {
  try {
    const script = readScript(scriptText);
    const modules = parseAll(script);
    const [main] = modules;
    const name = chooseFunction(main.functions, wanted);
    if (name === undefined && wanted) throw missingFunction(main, wanted);
    const program = parsedProgram(modules, name);
    // `run` is told the name, also of a function that was chosen here.
    const prepared = script.prepare ? { ...program, wanted: name ?? "", name } : undefined;
    if (name === undefined) return JSON.stringify({ kind: "script", prepared });
    return JSON.stringify({ kind: "function", name, params: describeParams(main.functions.get(name), main.source), prepared });
  } catch (error) {
    throw reportText(error);
  }
}

export function missingFunction({ file, functions }, wanted) {
  const names = [...functions.keys()].map((name) => `\`${name}\``);
  const there = names.length > 0 ? `it defines ${names.join(", ")}` : "it defines none";
  return new Failure(`\`${file}\` has no function \`${wanted}\` at its top level: ${there}`, { file });
}
