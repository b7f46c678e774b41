// One run of a script, in the pieces that `wit/engine.wit` asks for: `start`, then `tick` while there is `more`, then `finish`.

import { missingFunction } from "./describe.js";
import { Exit, Failure, reportText } from "./failure.js";
import { fireTimer, timersLeft } from "./globals.js";
import { keepStdout, releaseStdout } from "./log.js";
import { MAY_LEAVE, isSimple, locate, parseAll, parsedProgram, readScript, simpleProgram, sourceOf } from "./program.js";
import { bind, chooseFunction } from "./signature.js";
import { decode, encode } from "./values.js";

const run = {
  program: undefined,
  /// Set once the answer is there: `value` or `error`.
  outcome: undefined,
  /// Gives the answer of a plain script. It is one unless a function is found in it.
  answer: undefined,
  /// Set once the files have run, and no function is to be called; a plain script ends when nothing is left to do.
  atEnd: false,
  drained: false,
};

const settle = (outcome) => {
  run.outcome ??= outcome;
};
const fail = (error) => settle(error instanceof Exit && error.code === 0 ? { exit: true } : { error });

export function start(scriptText, wanted, inputText) {
  try {
    const script = readScript(scriptText);
    const input = decode(inputText);
    Object.defineProperty(globalThis, "inputs", { value: input, writable: true, configurable: true, enumerable: false });
    keepStdout();
    const { program, name } = prepare(script, wanted);
    run.program = program;
    const globals = watchGlobals();
    const files = evaluate(program, script);
    const tops = [];
    const namespaces = loader(files, tops);
    run.answer = () => answer(tops[0], globals, namespaces.returned);
    after(namespaces.run(0), () => {
      const callee = functionOf(tops[0], namespaces, name);
      if (callee) {
        run.answer = undefined;
        releaseStdout();
        after(callee.value(...bind(callee.value, input, callee.name)), (value) => settle({ value }));
      } else if (wanted) {
        throw missingFunction(parseAll(script)[0], wanted);
      } else {
        run.atEnd = true;
      }
    });
  } catch (error) {
    fail(error);
  }
}

export function more() {
  if (run.outcome) return false;
  if (!run.drained || timersLeft()) return true;
  if (!run.atEnd) settle({ error: new Failure("the script waits for a promise that nothing is left to settle") });
  return false;
}

export async function tick() {
  if (!run.drained) {
    run.drained = true;
    return;
  }
  try {
    fireTimer();
  } catch (error) {
    fail(error);
  }
}

export function finish() {
  try {
    let { outcome } = run;
    if (!outcome || outcome.exit) outcome = { value: run.answer?.() };
    if ("error" in outcome) throw outcome.error;
    const text = encode(outcome.value);
    releaseStdout();
    return text;
  } catch (error) {
    releaseStdout();
    throw reportText(error, run.program);
  }
}

/// Calls `next` with a value, at once or when its promise is kept.
function after(value, next) {
  if (value !== null && typeof value === "object" && typeof value.then === "function") {
    Promise.resolve(value).then(next).catch(fail);
  } else {
    next(value);
  }
}

/// The program of a script, and the function that is to be called in it if it is there.
function prepare(script, wanted) {
  if (script.prepared?.wanted === wanted) return { program: script.prepared, name: script.prepared.name };
  // One that is simple enough is not parsed here: the engine does that anyway.
  if (isSimple(script) && (wanted || !MAY_LEAVE.test(script.files[script.main]))) {
    return { program: simpleProgram(script, wanted), name: wanted || "main" };
  }
  const modules = parseAll(script);
  const name = chooseFunction(modules[0].functions, wanted);
  if (name === undefined && wanted) throw missingFunction(modules[0], wanted);
  return { program: parsedProgram(modules, name), name };
}

const evaluateGlobally = eval;

/// The functions that the files are.
function evaluate(program, script) {
  try {
    const files = evaluateGlobally(sourceOf(program));
    if (files.length === program.pieces.length && files.every((file) => typeof file === "function")) return files;
    // The source ends the function that it is the body of: no parser takes that.
    throw new SyntaxError("unexpected '}'");
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // The parser says better what is wrong, and where. What only the engine refuses is said in its words.
    parseAll(script);
    const found = /<input>:(\d+):(\d+)/.exec(String(error.stack));
    const place = found && locate(program, Number(found[1]), Number(found[2]));
    const message = `SyntaxError: ${error.message}`;
    throw new Failure(message, { ...place, trace: place ? `${message}\n    at ${place.file}:${place.line}:${place.column}` : message, syntax: true });
  }
}

/// `result` and `outputs` may be set without being declared, in strict code too.
function watchGlobals() {
  const values = {};
  for (const name of ["result", "outputs"]) {
    Object.defineProperty(globalThis, name, {
      configurable: true,
      enumerable: false,
      get: () => values[name],
      set(value) {
        values[name] = value;
      },
    });
  }
  return values;
}

/// Runs files, each once, and keeps what they export.
function loader(files, tops) {
  const states = files.map(() => ({ exports: Object.create(null), started: false, done: undefined }));
  const all = {
    returned: undefined,
    run(index) {
      const state = states[index];
      if (state.started) return state.done;
      state.started = true;
      state.done = files[index](host(index));
      if (index === 0) after(state.done, (value) => (all.returned = value));
      return state.done;
    },
    namespace: (index) => states[index].exports,
  };
  const host = (index) => {
    const { exports } = states[index];
    const define = (name, get) => {
      if (!Object.hasOwn(exports, name)) Object.defineProperty(exports, name, { get, enumerable: true, configurable: true });
    };
    return {
      top: (getters) => (tops[index] = getters),
      exports(getters) {
        for (const [name, get] of Object.entries(getters)) define(name, get);
      },
      star(from) {
        for (const name of Object.keys(all.namespace(from))) if (name !== "default") define(name, () => all.namespace(from)[name]);
      },
      json(text) {
        const value = decode(text);
        define("default", () => value);
      },
      packages() {
        const module = { exports: {} };
        states[index].module = module;
        return { module, exports: module.exports, require: host(index).require({}) };
      },
      package(from, specifier) {
        all.run(from);
        const { imported, required } = states[from].module.exports;
        if (Object.hasOwn(imported, specifier)) states[index].exports = imported[specifier];
        if (Object.hasOwn(required, specifier)) states[index].module = { exports: required[specifier]() };
      },
      run: all.run,
      namespace: all.namespace,
      live(local, from, name) {
        const known = Object.getOwnPropertyDescriptor(globalThis, local);
        if (known && known.get?.from !== states[from]) {
          throw new Failure(`the import \`${local}\` changes while the script runs, and \`${local}\` is something else too: import it under another name`);
        }
        const get = () => all.namespace(from)[name];
        get.from = states[from];
        Object.defineProperty(globalThis, local, { get, configurable: true, enumerable: false });
      },
      load: (requested) => async (specifier) => {
        await all.run(known(requested, specifier));
        return all.namespace(known(requested, specifier));
      },
      meta: { url: "file:///script" },
      require: (requested) => (specifier) => {
        const target = known(requested, specifier);
        all.run(target);
        return states[target].module?.exports ?? (Object.hasOwn(all.namespace(target), "default") && Object.keys(all.namespace(target)).length === 1 ? all.namespace(target).default : all.namespace(target));
      },
      commonjs() {
        const module = { exports: {} };
        states[index].module = module;
        states[index].exports = new Proxy(exports, {
          get: (_, name) => (name === "default" ? module.exports : module.exports[name]),
          has: (_, name) => name === "default" || name in module.exports,
          ownKeys: () => Reflect.ownKeys(exports),
        });
        return module;
      },
      watch(value) {
        if (value !== null && typeof value === "object" && typeof value.then === "function") value.then(undefined, fail);
        return value;
      },
    };
  };
  return all;
}

function known(requested, specifier) {
  if (Object.hasOwn(requested, specifier)) return requested[specifier];
  throw new TypeError(`cannot import \`${specifier}\`: what is imported must be written in the source, as a text`);
}

/// The function to call: `{ name, value }`.
function functionOf(top, namespaces, name) {
  if (name === undefined) return undefined;
  const value = top[name]?.() ?? namespaces.namespace(0)[name];
  return typeof value === "function" ? { name, value } : undefined;
}

/// The answer of a plain script.
function answer(top, globals, returned) {
  if (returned !== undefined) return returned;
  for (const name of ["result", "outputs"]) {
    const value = valueOf(top[name]) ?? globals[name];
    if (value !== undefined) return value;
    if (valueOf(top[name]) === null) return null;
  }
  const printed = releaseStdout({ take: true });
  if (printed === "") return null;
  try {
    return decode(printed);
  } catch {
    return printed.replace(/\r?\n$/, "");
  }
}

/// The value of a variable, if it has one yet.
function valueOf(getter) {
  try {
    return getter?.();
  } catch {
    return undefined;
  }
}
