// Makes the component that componentize-qjs built (`wit/engine.wit`) one that any host of WASI 0.2 runs (`interpreter.wit`).
//
// QuickJS runs its job queue, that is whatever waits for a promise, only at the end of an export that is `async` in WIT. Such a
// component needs the component model's async, which hosts need not have. But the core function below an `async` export is an ordinary one:
// it calls the function of the script and runs the queue until it is empty. So it can be called like any other once what it asks of the
// host is there. In the component as it was built those are canonical built-ins (`task.return`, `context.get`, …). This file
// puts small core functions in their place, which is enough as long as nothing of the host is awaited, and nothing is.
//
//   component                        before                                after
//   core module `main`               memory, table                         also `context.*`, `task.return`, and traps for the rest
//   canonical built-ins of async     `(canon task.return)`, …              aliases of those functions
//   new core module                                                        `run`: start, tick while there is more, finish
//   exports                          init, describe, start, more, …        describe, run
//
// Format: https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md

import { Reader, assemble, list, name, sections, unsigned } from "./binary.mjs";

const [CUSTOM, CORE_MODULE, CORE_INSTANCE, COMPONENT, INSTANCE, ALIAS, TYPE, CANON, IMPORT, EXPORT] = [0, 1, 2, 4, 5, 6, 7, 8, 10, 11];
const I32 = 0x7f;

/// Built-ins of async that are replaced: what they take and give, and what is done instead.
const TRAP = [0x00];
const BUILT_INS = {
  0x05: { name: "task.cancel", params: 0, results: 0, body: TRAP },
  0x06: { name: "subtask.cancel", params: 1, results: 1, body: TRAP, immediates: (reader) => reader.byte() },
  0x09: { name: "task.return", params: 0, results: 0, body: [], immediates: taskReturn },
  0x0a: { name: "context.get", params: 0, results: 1, body: (context) => [0x23, ...unsigned(context)], immediates: contextSlot },
  0x0b: { name: "context.set", params: 1, results: 0, body: (context) => [0x20, 0, 0x24, ...unsigned(context)], immediates: contextSlot },
  0x0d: { name: "subtask.drop", params: 1, results: 0, body: TRAP },
  0x1f: { name: "waitable-set.new", params: 0, results: 1, body: TRAP },
  0x22: { name: "waitable-set.drop", params: 1, results: 0, body: TRAP },
  0x23: { name: "waitable.join", params: 2, results: 0, body: TRAP },
};

function contextSlot(reader) {
  if (reader.byte() !== I32 || reader.unsigned() !== 0) throw new Error("only slot 0 of the context is known here");
}

function taskReturn(reader) {
  if (reader.byte() !== 0x01 || reader.byte() !== 0x00) throw new Error("only `task.return` of nothing is known here");
  options(reader);
}

function options(reader) {
  reader.list(() => {
    const kind = reader.byte();
    if (kind >= 0x03 && kind !== 0x06) reader.unsigned();
  });
}

/// One definition of a section of canonical functions, and its bytes.
function canonical(reader) {
  const from = reader.position;
  const kind = reader.byte();
  const builtIn = BUILT_INS[kind];
  if (kind === 0x00) {
    reader.byte();
    reader.unsigned();
    options(reader);
    reader.unsigned();
  } else if (kind === 0x01) {
    reader.byte();
    reader.unsigned();
    options(reader);
  } else if (kind >= 0x02 && kind <= 0x04) {
    reader.unsigned();
  } else if (builtIn) {
    builtIn.immediates?.(reader);
  } else {
    throw new Error(`canonical function 0x${kind.toString(16)} is not known here`);
  }
  return { kind, builtIn, bytes: [...reader.bytes.subarray(from, reader.position)] };
}

/// One alias: whether it is of a core export, of which instance, and its name.
function alias(reader) {
  const sort = reader.byte();
  const coreSort = sort === 0x00 ? reader.byte() : undefined;
  const target = reader.byte();
  if (target === 0x02) {
    reader.unsigned();
    reader.unsigned();
    return { sort, coreSort };
  }
  return { sort, coreSort, core: target === 0x01, instance: reader.unsigned(), name: reader.name() };
}

/// One core instance: the module that it is of, if any.
function coreInstance(reader) {
  if (reader.byte() === 0x00) {
    const module = reader.unsigned();
    reader.list(() => [reader.name(), reader.byte(), reader.unsigned()]);
    return { module };
  }
  reader.list(() => [reader.name(), reader.byte(), reader.unsigned()]);
  return {};
}

/// The core module that has the memory, with a function for each built-in of async; they are exported by the built-in's name.
function withBuiltIns(bytes) {
  const parts = sections(bytes);
  const part = (id) => parts.find((one) => one.id === id);
  const extend = (id, items) => {
    const reader = new Reader(part(id).content);
    const count = reader.unsigned();
    const rest = reader.take(reader.end - reader.position);
    part(id).content = Buffer.concat([Buffer.from(unsigned(count + items.length)), rest, Buffer.from(items.flat())]);
    return count;
  };
  let imported = 0;
  new Reader(part(2).content).list((reader) => {
    reader.name();
    reader.name();
    if (reader.byte() !== 0x00) throw new Error("`main` imports more than functions");
    reader.unsigned();
    imported += 1;
  });
  const all = Object.values(BUILT_INS);
  const values = (count) => list(Array(count).fill([I32]));
  const context = extend(6, [[I32, 0x01, 0x41, 0x00, 0x0b]]);
  const type = extend(1, all.map(({ params, results }) => [0x60, ...values(params), ...values(results)]));
  const func = imported + extend(3, all.map((_, index) => unsigned(type + index)));
  extend(7, all.map((one, index) => [...name(one.name), 0x00, ...unsigned(func + index)]));
  extend(10, all.map(({ body }) => {
    const code = [0x00, ...(typeof body === "function" ? body(context) : body), 0x0b];
    return [...unsigned(code.length), ...code];
  }));
  return assemble(bytes.subarray(0, 8), parts);
}

/// The core module that is `run`.
function driver() {
  const signatures = [[6, 0], [0, 1], [0, 0]];
  const values = (count) => list(Array(count).fill([I32]));
  const imported = { start: 0, more: 1, "[async-lift]tick": 1, finish: 1 };
  const [start, more, tick, finish, run] = [0, 1, 2, 3, 4];
  const code = [
    0x00,
    ...[0, 1, 2, 3, 4, 5].flatMap((param) => [0x20, param]), 0x10, start,
    0x02, 0x40, // block
    0x03, 0x40, //   loop
    0x10, more, 0x45, 0x0d, 0x01, //     leave when there is no more
    0x10, tick, 0x1a, 0x0c, 0x00, //     tick, and again
    0x0b, 0x0b,
    0x10, finish,
    0x0b,
  ];
  return assemble(Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]), [
    { id: 1, content: list([...signatures.map(([params, results]) => [0x60, ...values(params), ...values(results)]), [0x60, ...values(6), ...values(1)]]) },
    { id: 2, content: list(Object.entries(imported).map(([field, type]) => [...name("engine"), ...name(field), 0x00, type])) },
    { id: 3, content: list([[3]]) },
    { id: 7, content: list([[...name("run"), 0x00, run]]) },
    { id: 10, content: list([[...unsigned(code.length), ...code]]) },
  ]);
}

/// The component that has the core modules.
function inner(bytes, change) {
  const parts = sections(bytes);
  const counts = { modules: 0, instances: 0, funcs: 0, memories: 0, types: 0, componentFuncs: 0 };
  const instances = [];
  const exported = new Map();
  const kept = [];
  const last = parts.findLastIndex(({ id }) => id === CORE_INSTANCE);
  // Of what comes after the last core instance only the aliases are read, to find the core functions that were exported.
  parts.forEach(({ id, content }, position) => {
    const reader = new Reader(content);
    const head = position <= last;
    if (id === ALIAS) {
      for (const one of reader.list(alias)) {
        if (one.coreSort === 0x00) exported.set(one.name, one.instance);
        if (!head) continue;
        if (one.coreSort === 0x00) counts.funcs += 1;
        else if (one.coreSort === 0x02) counts.memories += 1;
        else if (one.sort === 0x01) counts.componentFuncs += 1;
        else if (one.sort === 0x03) counts.types += 1;
      }
    }
    if (!head || id === CUSTOM) return;
    if (id === CORE_MODULE) {
      kept.push({ id, content: counts.modules++ === 0 ? withBuiltIns(change(content)) : content });
    } else if (id === CANON) {
      for (const one of reader.list(canonical)) {
        if (one.kind === 0x00) throw new Error("a function is lifted before the last core instance");
        counts.funcs += 1;
        if (!one.builtIn) {
          kept.push({ id, content: list([one.bytes]) });
          continue;
        }
        const main = instances.findIndex(({ module }) => module === 0);
        if (main < 0) throw new Error(`\`${one.builtIn.name}\` is used before \`main\` is there`);
        kept.push({ id: ALIAS, content: list([[0x00, 0x00, 0x01, ...unsigned(main), ...name(one.builtIn.name)]]) });
      }
    } else {
      if (id === CORE_INSTANCE) instances.push(...reader.list(coreInstance));
      else if (id === TYPE) counts.types += reader.unsigned();
      else if (id === EXPORT) throw new Error("something is exported before the last core instance");
      kept.push({ id, content });
    }
  });
  if (counts.memories !== 1) throw new Error("one memory was expected");

  const engine = exported.get("start");
  const [result, describeType, runType] = [counts.types, counts.types + 1, counts.types + 2];
  const string = 0x73;
  const params = (names) => list(names.map((param) => [...name(param), string]));
  const made = instances.length;
  const core = (instance, field) => [0x00, 0x00, 0x01, ...unsigned(instance), ...name(field)];
  const [describe, describePost, run, runPost, realloc] = [0, 1, 2, 3, 4].map((index) => counts.funcs + index);
  const lift = (func, post, type) =>
    [0x00, 0x00, ...unsigned(func), ...list([[0x00], [0x03, 0], [0x04, ...unsigned(realloc)], [0x05, ...unsigned(post)]]), ...unsigned(type)];
  const func = counts.componentFuncs;
  kept.push(
    { id: CORE_MODULE, content: driver() },
    { id: CORE_INSTANCE, content: list([[0x00, ...unsigned(counts.modules), ...list([[...name("engine"), 0x12, ...unsigned(engine)]])]]) },
    {
      id: TYPE,
      content: list([
        [0x6a, 0x01, string, 0x01, string],
        [0x40, ...params(["script", "function"]), 0x00, ...unsigned(result)],
        [0x40, ...params(["script", "function", "input"]), 0x00, ...unsigned(result)],
      ]),
    },
    {
      id: ALIAS,
      content: list([
        core(engine, "describe"),
        core(engine, "cabi_post_describe"),
        core(made, "run"),
        core(engine, "cabi_post_finish"),
        core(engine, "cabi_realloc"),
      ]),
    },
    { id: CANON, content: list([lift(describe, describePost, describeType), lift(run, runPost, runType)]) },
    { id: EXPORT, content: exports(func) },
  );
  return assemble(bytes.subarray(0, 8), kept);
}

const exports = (func) =>
  list(["describe", "run"].map((field, index) => [0x00, ...name(field), 0x01, ...unsigned(func + index), 0x00]));

/// The component as a whole: the inner one, instantiated with what is imported. `change` is applied to the core module that has the memory.
export function synchronous(bytes, change = (module) => module) {
  const kept = [];
  let components = 0;
  let instances = 0;
  let funcs = 0;
  const parts = sections(bytes);
  const last = parts.findLastIndex(({ id }) => id === INSTANCE);
  parts.slice(0, last + 1).forEach(({ id, content }) => {
    const reader = new Reader(content);
    if (id === CUSTOM) return;
    if (id === COMPONENT && components++ === 0) content = inner(content, change);
    else if (id === INSTANCE || id === IMPORT) instances += reader.unsigned();
    else if (id === ALIAS) for (const one of reader.list(alias)) one.sort === 0x05 ? (instances += 1) : one.sort === 0x01 && (funcs += 1);
    kept.push({ id, content });
  });
  const from = (field) => [0x01, 0x00, ...unsigned(instances - 1), ...name(field)];
  kept.push({ id: ALIAS, content: list([from("describe"), from("run")]) }, { id: EXPORT, content: exports(funcs) });
  return assemble(bytes.subarray(0, 8), kept);
}
