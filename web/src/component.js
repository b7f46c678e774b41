// Calls of components that were prepared by `bin/prepare.mjs`: jco's JavaScript, over core modules that the browser compiled.

const wasmillComponent = (() => {
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

  /**
   * Makes a call in a fresh instance. `modules` are `WebAssembly.Module`s by jco's names, `order` is
   * `{function, signature, input}`, `shared` are imports of every core module, `core` is what `wasmillWasi` asks for.
   *
   * Gives `{answer}`, `{error}` (what a function said with its `err`), both JSON text, or `{refused}`: why it was not called. What else ends a
   * call is thrown.
   */
  function call({ source, modules }, order, core, shared = {}) {
    let parameters;
    try {
      parameters = order.signature ? wasmillValues.lowerParameters(order.signature, order.input) : [];
    } catch (error) {
      if (error instanceof wasmillValues.Mismatch) return { refused: error.message };
      throw error;
    }
    const instantiate = evaluate(source);
    const exports = instantiate(
      (name) => modules[name],
      wasmillWasi(core),
      (module, imports) => new WebAssembly.Instance(module, { ...imports, ...shared }),
    );
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

  return { call };
})();
