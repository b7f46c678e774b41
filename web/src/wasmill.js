// Wasmill in a page: runs pipelines on the browser's own WebAssembly engine. See the package's README, and docs/web.md.

import workerSource from "./worker-source.js";

/** How many calls run at once where nobody says it. */
const WORKERS = () => Math.min(Math.max(navigator.hardwareConcurrency || 4, 1), 16);

/** What is answered where Wasmill itself failed and could not say so. */
const failure = (message) => ({
  text: `${JSON.stringify({ wasmill: 1, errors: [{ code: "WM0613", message: `Wasmill failed: ${message}` }] }, null, 2)}\n`,
  exitCode: 1,
});

/** What is answered where a request is none (`WM0107`), or `prepared` is nothing of the kind (`WM0105`). */
const invalid = (code, message) => ({
  text: `${JSON.stringify({ wasmill: 1, errors: [{ code, message }] }, null, 2)}\n`,
  exitCode: 2,
});
const notPrepared = (error) => invalid("WM0105", `\`prepared\` cannot be read: ${words(error)}`);
const words = (error) => (error instanceof Error ? error.message : String(error));

/**
 * A document as `JSON.parse` reads it, but for integers beyond 2^53, which are BigInt.
 * Fails where `JSON.parse` does not say what is written (before Chromium 114, Firefox 135, Safari 18.4): never does a digit get lost.
 */
export const parse = (text) =>
  JSON.parse(text, (key, value, context) => {
    if (typeof value !== "number" || Math.abs(value) <= Number.MAX_SAFE_INTEGER) return value;
    if (context?.source === undefined) throw new Error("this browser's JSON.parse does not say how a number is written");
    return /^-?\d+$/.test(context.source) ? BigInt(context.source) : value;
  });

/** Wasmill's core, compiled from what `start` was given. */
async function compiled(wasm) {
  const source = await (wasm ?? new URL("./wasmill.wasm", import.meta.url));
  if (source instanceof WebAssembly.Module) return source;
  if (source instanceof ArrayBuffer || ArrayBuffer.isView(source)) return WebAssembly.compile(source);
  const response = source instanceof Response ? source : await fetch(source);
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${response.statusText}`);
  // Servers that do not know the type of .wasm files are served as well.
  if (response.headers.get("content-type")?.startsWith("application/wasm")) return WebAssembly.compileStreaming(response);
  return WebAssembly.compile(await response.arrayBuffer());
}

export class Wasmill {
  #module;
  #workers;
  #script = URL.createObjectURL(new Blob([workerSource], { type: "text/javascript" }));
  /** The host worker, as a promise; started anew after it failed. */
  #host;
  #worker;
  /** Who waits for an answer, by the number of what was asked. */
  #asked = new Map();
  #next = 1;
  #stopped = false;

  /** Use `Wasmill.start`. */
  constructor(module, workers) {
    this.#module = module;
    this.#workers = workers;
  }

  static async start({ wasm, workers } = {}) {
    if (typeof Worker === "undefined") {
      throw new Error("wasmill-web runs in browsers, of whose workers it is made: elsewhere take the program `wasmill`, or `wasmill-wasi.wasm`");
    }
    const wasmill = new Wasmill(await compiled(wasm), workers ?? WORKERS());
    try {
      await wasmill.#started();
    } catch (error) {
      wasmill.stop();
      throw error;
    }
    return wasmill;
  }

  async run(request, { onEvent, signal, prepared } = {}) {
    return this.#run(request, false, onEvent, signal, prepared);
  }

  async replay(bundle, { onEvent, signal, prepared } = {}) {
    return this.#run(bundle, true, onEvent, signal, prepared);
  }

  async #run(request, replay, onEvent, signal, prepared) {
    return this.#ask({ ask: "run", replay, events: Boolean(onEvent), prepared }, request, onEvent, signal);
  }

  async outline(request) {
    return this.#ask({ ask: "outline" }, request);
  }

  stop() {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#end(failure("it was stopped"));
    URL.revokeObjectURL(this.#script);
  }

  async #ask(message, request, onEvent, signal) {
    if (this.#stopped) throw new Error("this Wasmill was stopped");
    let text;
    try {
      text = asText(request);
    } catch (error) {
      return withDocument(invalid("WM0107", `the request cannot be written as JSON: ${words(error)}`));
    }
    return withDocument(await this.#answer({ ...message, request: text }, onEvent, signal));
  }

  async #answer(message, onEvent, signal) {
    const id = this.#next++;
    let cancel;
    try {
      return await new Promise((resolve, reject) => {
        // Before anything is waited for: whoever ends the host answers all that were asked.
        this.#asked.set(id, { resolve, onEvent });
        const post = (host) => {
          try {
            host.postMessage({ ...message, id });
          } catch (error) {
            // All else that is posted is text.
            return resolve(notPrepared(error));
          }
          cancel = () => host.postMessage({ ask: "cancel", id });
          if (signal?.aborted) cancel();
          else signal?.addEventListener("abort", cancel);
        };
        this.#started().then(post).catch(reject);
      });
    } finally {
      this.#asked.delete(id);
      if (cancel) signal?.removeEventListener("abort", cancel);
    }
  }

  #started() {
    this.#host ??= new Promise((resolve, reject) => {
      const worker = new Worker(this.#script, { name: "wasmill" });
      let isReady = false;
      const failed = (answer, message) => {
        worker.terminate();
        if (this.#worker === worker) this.#end(answer);
        if (!isReady) reject(new Error(message));
      };
      worker.onmessage = ({ data }) => {
        if (data.ready) {
          isReady = true;
          resolve(worker);
        } else if (data.panicked) failed(data.panicked, "Wasmill panicked");
        else if (data.failed !== undefined) failed(failure(data.failed), data.failed);
        else this.#heard(data);
      };
      worker.onerror = (event) => {
        event.preventDefault();
        const message = event.message || "its worker could not be started (the page's policy has to allow `worker-src blob:`)";
        failed(failure(message), message);
      };
      worker.onmessageerror = () => failed(failure("a message could not be read"), "a message could not be read");
      this.#worker = worker;
      worker.postMessage({ host: { module: this.#module, workers: this.#workers, source: workerSource } });
    });
    return this.#host;
  }

  #heard({ answer, event, text, exitCode, unprepared }) {
    if (unprepared !== undefined) this.#asked.get(answer)?.resolve(notPrepared(unprepared));
    else if (answer !== undefined) this.#asked.get(answer)?.resolve({ text, exitCode });
    else this.#asked.get(event)?.onEvent?.(JSON.parse(text), text);
  }

  /** Ends the host worker, and with it the guests; whoever waits is answered. */
  #end(answer) {
    this.#worker?.terminate();
    this.#worker = this.#host = undefined;
    for (const { resolve } of this.#asked.values()) resolve(answer);
  }
}

/** A request as JSON: a BigInt is the integer that it is. Fails where there is no JSON for it. */
function asText(request) {
  if (typeof request === "string") return request;
  const text = JSON.stringify(request, (key, value) => {
    if (typeof value !== "bigint") return value;
    if (!JSON.rawJSON) throw new Error("this browser cannot write a BigInt: give the request as text");
    return JSON.rawJSON(String(value));
  });
  if (text === undefined) throw new Error(`it is ${request === undefined ? "undefined" : `a ${typeof request}`}`);
  return text;
}

/** `document` is parsed when it is first asked for: the text is enough for many. */
function withDocument({ text, exitCode }) {
  let document;
  return {
    text,
    exitCode,
    get document() {
      return (document ??= JSON.parse(text));
    },
  };
}
