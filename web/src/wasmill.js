// Wasmill in a page: runs pipelines on the browser's own WebAssembly engine. See the package's README, and docs/web.md.

import workerSource from "./worker-source.js";

/** How many calls run at once where nobody says it. */
const WORKERS = () => Math.min(Math.max(navigator.hardwareConcurrency || 4, 1), 16);

/** What is answered where Wasmill itself failed and could not say so. */
const failure = (message) => ({
  text: `${JSON.stringify({ wasmill: 1, errors: [{ code: "WM0613", message: `Wasmill failed: ${message}` }] }, null, 2)}\n`,
  exitCode: 1,
});

/** What is answered where `prepared` is nothing of the kind. */
const invalid = (message) => ({
  text: `${JSON.stringify({ wasmill: 1, errors: [{ code: "WM0105", message }] }, null, 2)}\n`,
  exitCode: 2,
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
    const ask = { ask: "run", request: asText(request), replay, events: Boolean(onEvent), prepared };
    return withDocument(await this.#ask(ask, onEvent, signal));
  }

  async outline(request) {
    return withDocument(await this.#ask({ ask: "outline", request: asText(request) }));
  }

  stop() {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#end(failure("it was stopped"));
    URL.revokeObjectURL(this.#script);
  }

  async #ask(message, onEvent, signal) {
    if (this.#stopped) throw new Error("this Wasmill was stopped");
    const id = this.#next++;
    let cancel;
    try {
      return await new Promise((resolve, reject) => {
        // Before anything is waited for: whoever ends the host answers all that were asked.
        this.#asked.set(id, { resolve, onEvent });
        const post = (host) => {
          host.postMessage({ ...message, id });
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

  #heard({ answer, event, text, exitCode, notPrepared }) {
    if (notPrepared !== undefined) this.#asked.get(answer)?.resolve(invalid(notPrepared));
    else if (answer !== undefined) this.#asked.get(answer)?.resolve({ text, exitCode });
    else this.#asked.get(event)?.onEvent?.(JSON.parse(text));
  }

  /** Ends the host worker, and with it the guests; whoever waits is answered. */
  #end(answer) {
    this.#worker?.terminate();
    this.#worker = this.#host = undefined;
    for (const { resolve } of this.#asked.values()) resolve(answer);
  }
}

const asText = (request) => (typeof request === "string" ? request : JSON.stringify(request));

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
