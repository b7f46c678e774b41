// Calls of components that were prepared by `bin/prepare.mjs`: jco's JavaScript, over core modules that the browser compiled.

const wasmillComponent = (() => {
  /** The module that shared counters are imported from. */
  const COUNTERS = "wasmill";

  // What is made of a component's memory in JavaScript, where no limit sums it. All of it is for one call, of the component or of what it imports.

  /** Bytes of text, and of lists of bytes and numbers, beside the limit of the output. */
  const MOST_LIFTED = 64 << 20;
  /** What all else may take for each byte that the output may have, and the most of it: as on wasmtime, and as much again as text. */
  const LIFTED_FOR_A_BYTE = 32;
  const MOST_LISTED = 256 << 20;
  /** Bytes that an error may have at least: of a long one the beginning is told. */
  const MOST_ERROR = 1 << 20;

  /** What an item of a list takes at least, a list, and a view on bytes. */
  const [ITEM, LIST, VIEW] = [40, 40, 160];

  /** About what a value takes; lists are left out, which are counted item by item. */
  function weight(value, isList) {
    if (typeof value !== "object" || value === null) return 0;
    if (ArrayBuffer.isView(value)) return VIEW;
    if (isList.has(value)) return LIST;
    let sum = LIST;
    for (const name in value) sum += 8 + weight(value[name], isList);
    return sum;
  }

  /** Counts what a call lifts, until it is more than may be. */
  class Lifting {
    #output;
    #isList = new WeakSet();
    exceeded = false;

    constructor(output) {
      this.#output = output;
      this.begin();
    }

    /** What was lifted before is used up. */
    begin() {
      const listed = Math.min(LIFTED_FOR_A_BYTE * this.#output, Math.max(MOST_LISTED, this.#output));
      this.left = { bytes: MOST_LIFTED + this.#output, lists: MOST_LIFTED + listed };
    }

    count(what, cost) {
      if ((this.left[what] -= cost) >= 0) return;
      this.exceeded = true;
      throw new wasmillValues.Exceeded(this.#output + 1);
    }

    push(list, item) {
      if (list.length === 0) this.#isList.add(list);
      this.count("lists", ITEM + weight(item, this.#isList));
      list.push(item);
    }
  }

  /** jco's module as a function: it is a module of its own otherwise, which a worker from a Blob cannot import everywhere. */
  function evaluate(source, lifting) {
    const lifted = (bytes) => lifting.count("bytes", bytes);
    class CountedDecoder extends TextDecoder {
      decode(bytes, options) {
        lifted(bytes?.byteLength ?? 0);
        return super.decode(bytes, options);
      }
    }
    // This worker is used for nothing else afterwards.
    const { slice } = ArrayBuffer.prototype;
    ArrayBuffer.prototype.slice = function (from, to = this.byteLength) {
      lifted(Math.max(0, to - from));
      return slice.call(this, from, to);
    };
    const prepared = new Function("TextDecoder", "wasmillPush", `"use strict";${source};return instantiate;`);
    return prepared(CountedDecoder, (list, item) => lifting.push(list, item));
  }

  /** The function that an order names: `interface#function`, or `function`. An interface that is named without a version has whichever it has. */
  function exported(exports, name) {
    const [place, ...rest] = name.split("#");
    const own = (object, name) => (object && Object.hasOwn(object, name) ? object[name] : undefined);
    const found = () => own(exports, place) ?? own(exports, Object.keys(exports).find((key) => key.startsWith(`${place}@`)));
    return own(rest.length > 0 ? found() : exports, wasmillValues.camel(rest.length > 0 ? rest.join("#") : place));
  }

  /** What a table element costs: a pointer. */
  const ELEMENT = 8n;
  /** What may be refused, by its number. */
  const REFUSED = { memory: 1, elements: 2, instances: 3 };
  const MOST = 0x7fff_ffff_ffff_ffffn;

  /** The counters that all core modules of a call share, as `wasmill-instrument` has them, and what they are told of each that begins. */
  class Counters {
    constructor({ memory, elements, fuel, instances }) {
      const wide = (value) => new WebAssembly.Global({ value: "i64", mutable: true }, BigInt.asIntN(64, value));
      const narrow = () => new WebAssembly.Global({ value: "i32", mutable: true }, 0);
      this.limits = { memory: BigInt(memory), elements: BigInt(elements), fuel: BigInt(fuel), instances };
      this.instances = 0;
      // Where it is stopped: what is used up to the last unit is not too much.
      this.stops = this.limits.fuel < MOST ? this.limits.fuel + 1n : MOST;
      this.globals = {
        "memory-limit": wide(this.limits.memory),
        "table-limit": wide(this.limits.elements),
        memory: wide(0n),
        elements: wide(0n),
        refused: narrow(),
        wanted: wide(0n),
        fuel: wide(-this.stops),
        exhausted: narrow(),
      };
    }

    /** Takes note of what a module has at its start, before it has it. */
    begins({ memory, elements }) {
      const { globals, limits } = this;
      this.instances += 1;
      const sums = { memory: globals.memory.value + BigInt(memory), elements: globals.elements.value + BigInt(elements) };
      const bytes = sums.memory + ELEMENT * sums.elements;
      if (this.instances > limits.instances) this.refuse("instances", BigInt(this.instances));
      if (bytes > limits.memory) this.refuse("memory", bytes);
      if (sums.elements > limits.elements) this.refuse("elements", sums.elements);
      globals.memory.value = sums.memory;
      globals.elements.value = sums.elements;
    }

    refuse(what, wanted) {
      this.globals.refused.value = REFUSED[what];
      this.globals.wanted.value = wanted;
      throw new WebAssembly.RuntimeError("a limit does not allow what the unit begins with");
    }

    /** What was used, as JSON. */
    used() {
      const { memory, elements, refused, wanted, fuel, exhausted } = this.globals;
      const burnt = this.stops + fuel.value;
      // Not by way of numbers, which do not hold all of them.
      return `{"fuel":${burnt < this.limits.fuel ? burnt : this.limits.fuel},"memory":${memory.value + ELEMENT * elements.value},"refused":${refused.value},` +
        `"wanted":${BigInt.asUintN(64, wanted.value)},"exhausted":${exhausted.value !== 0},"over":${burnt >= this.stops}}`;
    }
  }

  /** Whether all that a module imports of the counters is what Wasmill has put there: each of them, once. One of a unit's own would be a second. */
  function isOurs(module, globals) {
    const names = WebAssembly.Module.imports(module).filter((one) => one.module === COUNTERS).map(({ name }) => name);
    return names.length === Object.keys(globals).length && new Set(names).size === names.length && names.every((name) => Object.hasOwn(globals, name));
  }

  let counters;

  /** What the last call used, as JSON; nothing where none was made since. */
  function used() {
    const last = counters;
    counters = undefined;
    return last?.used();
  }

  /** The memory of the call that is made, in bytes. */
  function memory() {
    const { memory, elements } = counters?.globals ?? {};
    return memory && Number(memory.value + ELEMENT * elements.value);
  }

  /**
   * Makes a call in a fresh instance. `modules` are core modules by jco's names, as `{module, start, memory, elements}`: what `WebAssembly` compiled
   * of it, the export that is called first, what it begins with. `order` is `{function, signature, limits, input}`, `core` is what `wasmillWasi`
   * asks for. `begun` is called when all modules have begun, and nothing was called yet.
   *
   * Gives `{answer}`, `{error}` (what a function said with its `err`), both JSON text, `{refused}`: why it was not called, or `{produced}`: how
   * many bytes there were when the limit of the output was passed. What else ends a call is thrown.
   */
  function call({ source, modules }, order, core, begun) {
    let parameters;
    try {
      parameters = order.signature ? wasmillValues.lowerParameters(order.signature, order.input) : [];
    } catch (error) {
      if (error instanceof wasmillValues.Mismatch) return { refused: error.message };
      throw error;
    }
    counters = new Counters(order.limits);
    const { globals } = counters;
    const most = Number(order.limits.output);
    const lifting = new Lifting(most);
    // What it gave to one import is gone when it calls another.
    const asked = Object.fromEntries(Object.entries(core).map(([name, ask]) => [name, (...given) => (lifting.begin(), ask(...given))]));
    const facts = new Map(Object.values(modules).map((facts) => [facts.module, facts]));
    const begin = (module, imports) => {
      const { start, ...size } = facts.get(module);
      if (!isOurs(module, globals) || Object.hasOwn(imports ?? {}, COUNTERS)) throw new Error("a core module of the component imports counters");
      counters.begins(size);
      const instance = new WebAssembly.Instance(module, { __proto__: null, ...imports, [COUNTERS]: globals });
      if (start) instance.exports[start]();
      return instance;
    };
    try {
      const exports = evaluate(source, lifting)((name) => modules[name].module, wasmillWasi(asked), begin);
      begun?.();
      const run = exported(exports, order.function);
      if (typeof run !== "function") throw new Error(`the export \`${order.function}\` is gone`);
      let value;
      lifting.begin();
      try {
        value = run(...parameters);
        // Also of one that has survived it.
        if (lifting.exceeded) return { produced: most + 1 };
      } catch (error) {
        if (error instanceof Error || lifting.exceeded) throw error;
        // jco throws what a function declares that it may give instead, as it is.
        return { error: order.signature ? wasmillValues.liftError(order.signature, error, Math.max(most, MOST_ERROR)) : "null" };
      }
      return { answer: order.signature ? wasmillValues.liftResult(order.signature, value, most) : "null" };
    } catch (error) {
      if (error instanceof wasmillValues.Exceeded) return { produced: error.produced };
      if (lifting.exceeded) return { produced: most + 1 };
      throw error;
    }
  }

  return { call, used, memory };
})();
