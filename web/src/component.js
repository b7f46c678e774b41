// Calls of components that were prepared by `bin/prepare.mjs`: jco's JavaScript, over core modules that the browser compiled.

const wasmillComponent = (() => {
  /** The module that shared counters are imported from. */
  const COUNTERS = "wasmill";

  /** jco's module as a function: it is a module of its own otherwise, which a worker from a Blob cannot import everywhere. */
  function evaluate(source) {
    return new Function(`"use strict";${source};return instantiate;`)();
  }

  /** The function that an order names: `interface#function`, or `function`. */
  function exported(exports, name) {
    const [place, ...rest] = name.split("#");
    const owner = rest.length > 0 ? exports[place] : exports;
    return owner?.[wasmillValues.camel(rest.length > 0 ? rest.join("#") : place)];
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
      this.globals = {
        "memory-limit": wide(this.limits.memory),
        "table-limit": wide(this.limits.elements),
        memory: wide(0n),
        elements: wide(0n),
        refused: narrow(),
        wanted: wide(0n),
        fuel: wide(-(this.limits.fuel < MOST ? this.limits.fuel : MOST)),
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
      const burnt = this.limits.fuel + fuel.value;
      return JSON.stringify({
        fuel: Number(burnt < this.limits.fuel ? burnt : this.limits.fuel),
        memory: Number(memory.value + ELEMENT * elements.value),
        refused: refused.value,
        wanted: Number(BigInt.asUintN(64, wanted.value)),
        exhausted: exhausted.value !== 0,
      });
    }
  }

  let counters;

  /** What the last call used, as JSON; nothing where none was made since. */
  function used() {
    const last = counters;
    counters = undefined;
    return last?.used();
  }

  /**
   * Makes a call in a fresh instance. `modules` are core modules by jco's names, as `{module, start, memory, elements}`: what `WebAssembly` compiled
   * of it, the export that is called first, what it begins with. `order` is `{function, signature, limits, input}`, `core` is what `wasmillWasi`
   * asks for.
   *
   * Gives `{answer}`, `{error}` (what a function said with its `err`), both JSON text, or `{refused}`: why it was not called. What else ends a
   * call is thrown.
   */
  function call({ source, modules }, order, core) {
    let parameters;
    try {
      parameters = order.signature ? wasmillValues.lowerParameters(order.signature, order.input) : [];
    } catch (error) {
      if (error instanceof wasmillValues.Mismatch) return { refused: error.message };
      throw error;
    }
    counters = new Counters(order.limits);
    const { globals } = counters;
    const facts = new Map(Object.values(modules).map((facts) => [facts.module, facts]));
    const begin = (module, imports) => {
      const { start, ...size } = facts.get(module);
      counters.begins(size);
      const instance = new WebAssembly.Instance(module, { ...imports, [COUNTERS]: globals });
      if (start) instance.exports[start]();
      return instance;
    };
    const exports = evaluate(source)((name) => modules[name].module, wasmillWasi(core), begin);
    const run = exported(exports, order.function);
    if (typeof run !== "function") throw new Error(`the export \`${order.function}\` is gone`);
    let value;
    try {
      value = run(...parameters);
    } catch (error) {
      if (error instanceof Error) throw error;
      // jco throws what a function declares that it may give instead, as it is.
      return { error: order.signature ? wasmillValues.liftError(order.signature, error) : "null" };
    }
    return { answer: order.signature ? wasmillValues.liftResult(order.signature, value) : "null" };
  }

  return { call, used };
})();
