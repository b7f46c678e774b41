// The script of all workers. wasm-bindgen's glue stands before it, and gives `wasm_bindgen`: Wasmill's core.
//
// The first message says of which kind a worker is. The host worker runs requests; guest workers make calls of units, one at a time, each in
// an instance of its own. A guest worker is told a module, a function and an input, and nothing of the page, of the request or of other calls.

/**
 * What a guest worker has no business with. No unit of core modules is ever handed it: this is a second fence. Of a prepared component, which is
 * JavaScript, it is the first one, and it is not whole: `import()` is syntax, and only the page's Content-Security-Policy stops it.
 */
const OUT_OF_REACH = [
  "fetch", "fetchLater", "XMLHttpRequest", "WebSocket", "WebSocketStream", "WebTransport", "EventSource", "BroadcastChannel", "SharedWorker",
  "Worker", "importScripts", "indexedDB", "caches", "cookieStore", "storage", "Notification", "navigator", "FileReaderSync", "RTCPeerConnection",
  "FontFace", "fonts", "trustedTypes", "location", "webkitRequestFileSystem", "webkitRequestFileSystemSync", "webkitResolveLocalFileSystemURL",
  "webkitResolveLocalFileSystemSyncURL", "openDatabase", "openDatabaseSync", "createImageBitmap", "PushManager", "ServiceWorkerRegistration",
];

/** Takes all of it away, wherever it stands: most is not the worker's own, but that of a prototype, which a script can ask as well. */
function fence() {
  for (const name of OUT_OF_REACH) {
    if (!(name in self)) continue;
    // What the core itself asks of the browser, it asks of its own `self`: it needs none of these in a guest.
    for (let level = self; level !== null && level !== Object.prototype; level = Object.getPrototypeOf(level)) {
      if (level === self || Object.hasOwn(level, name)) {
        // A browser may hold on to one: that is no reason to run nothing at all.
        Reflect.deleteProperty(level, name);
        Reflect.defineProperty(level, name, { value: undefined, writable: false, configurable: false });
      }
    }
  }
}

/** Whether one of our own functions runs that a unit called. What leaves it as an exception may have left our memory as it must not be. */
let inHost = false;
/** Whether the call has been answered: this worker is going to be terminated. */
let ended = false;
/** What the call is, as JSON, and the instance that it is made in: of a component there are several. */
let ordered, instance;
/** The compiled core and this script, which guest workers start from. */
let coreModule, script;

/** Says how a call or a worker ended, once. */
function end(message) {
  if (!ended) {
    ended = true;
    postMessage(message);
  }
}

const words = (error) => (error instanceof Error ? error.message : String(error));

/** What the call has used, for where the core cannot be asked any more. */
function used() {
  try {
    const { counters, is_metered: isMetered, limits } = JSON.parse(ordered);
    const counter = (what) => Number(instance.exports[counters.find((name) => name.endsWith(what))].value);
    // It begins one below the limit.
    const burnt = () => Math.min(counter("fuel") + limits.fuel + 1, limits.fuel);
    const own = () => ({ memory: counter("memory") + 8 * counter("elements"), fuel: burnt() });
    const { memory, fuel } = instance ? own() : JSON.parse(wasmillComponent.used());
    return { memory, fuel: isMetered ? fuel : undefined };
  } catch {
    return {};
  }
}

const isStackOverflow = (error) =>
  (error instanceof RangeError && error.message.includes("call stack")) || error?.name === "InternalError";

/** Runs what may leave by an exception through our own frames. */
function guarded(run) {
  try {
    return run();
  } catch (error) {
    if (inHost) {
      const { memory, fuel } = used();
      end({ ...(isStackOverflow(error) ? { overflow: true } : { failed: words(error) }), memory, fuel });
    }
    throw error;
  }
}

/** A function of ours, as a unit imports it. */
function imported(number) {
  return (...parameters) => {
    inHost = true;
    try {
      const result = wasm_bindgen.guestImported(number, parameters);
      inHost = false;
      return result;
    } catch (error) {
      // `null` is how our own side leaves a unit.
      if (error === null) inHost = false;
      throw error;
    }
  };
}

/** What leaves a component whose call our own side has ended: what is no `Error` is what jco takes for an answer. */
class Stopped extends Error {}

/** What components ask of the core, for the call of this worker. */
const componentCore = Object.fromEntries(
  ["environment", "arguments", "now", "peek", "sleepUntil", "wallClock", "resolution", "random", "randomNumber", "read", "write", "denied", "exit"].map(
    (what) => [what, (first, second) => {
      inHost = true;
      try {
        const answer = wasm_bindgen.guestAsked(what, first, second);
        inHost = false;
        return answer;
      } catch (error) {
        if (error !== null) throw error;
        inHost = false;
        throw new Stopped();
      }
    }],
  ),
);

/** What the core asks of JavaScript. */
const wasmillWorker = {
  startGuest(receive) {
    const worker = new Worker(script, { name: "wasmill guest" });
    worker.onmessage = ({ data }) => receive(data);
    worker.onmessageerror = () => receive({ failed: "a message could not be read" });
    worker.onerror = (event) => {
      event.preventDefault();
      receive({ failed: event.message || "the worker could not be started" });
    };
    worker.postMessage({ guest: coreModule });
    return {
      compile: (binary) => worker.postMessage({ compile: binary }, [binary.buffer]),
      call: (module, order, input) => worker.postMessage({ call: module, order, input }, [input.buffer]),
      terminate() {
        worker.onmessage = worker.onmessageerror = worker.onerror = null;
        worker.terminate();
      },
    };
  },

  instantiate(module) {
    const imports = Object.create(null);
    for (const { module: from, name } of WebAssembly.Module.imports(module)) {
      const number = wasm_bindgen.guestImport(from, name);
      if (number !== undefined) (imports[from] ??= Object.create(null))[name] = imported(number);
    }
    return guarded(() => (instance = new WebAssembly.Instance(module, imports)));
  },

  invoke: (run, parameters) => guarded(() => run(...parameters)),

  logged: (bytes, memory) => postMessage({ logged: bytes, memory: memory ?? wasmillComponent.memory() }, [bytes.buffer]),

  componentUsed: () => wasmillComponent.used(),

  component(prepared, order) {
    // What a component begins with is known only here.
    const begun = () => wasmillWorker.logged(new Uint8Array());
    return guarded(() => wasmillComponent.call(prepared, JSON.parse(order), componentCore, begun));
  },

  pause(milliseconds) {
    // Shared memory of WebAssembly is the only thing that a worker can wait on; where there is none, it spins.
    try {
      const { buffer } = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
      Atomics.wait(new Int32Array(buffer), 0, 0, milliseconds);
    } catch {
      for (const end = performance.now() + milliseconds; performance.now() < end; );
    }
  },

  panicked(message, text, exitCode) {
    if (coreModule) end({ panicked: { text, exitCode } });
    else end({ failed: `Wasmill failed, which is a defect of it: ${message}` });
  },
};

/** Prepared components, whose modules may be base64. Fails where that is no such thing. */
function withBytes(prepared) {
  const bytes = (binary) => {
    if (binary instanceof Uint8Array) return binary;
    if (typeof binary !== "string") throw new TypeError("a module of a prepared component is neither base64 nor a Uint8Array");
    return Uint8Array.from(atob(binary), (character) => character.charCodeAt(0));
  };
  const modules = (all) => Object.fromEntries(Object.entries(all).map(([name, binary]) => [name, bytes(binary)]));
  const component = (one) => {
    if (typeof one?.source !== "string" || typeof one.modules !== "object") throw new TypeError("a prepared component is `{source, modules}`");
    return { source: one.source, modules: modules(one.modules) };
  };
  return Object.fromEntries(Object.entries(prepared).map(([digest, one]) => [digest, component(one)]));
}

/** What the host worker is asked. */
const host = {
  start({ module, workers, source }) {
    coreModule = module;
    // This worker's own address will not do: the origin of a page that is a file is another one for each of its workers.
    script = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    wasm_bindgen.hostStart(workers, navigator.userAgent);
  },
  async run({ id, request, replay, events, prepared }) {
    try {
      if (prepared) wasm_bindgen.hostPrepared(withBytes(prepared));
    } catch (error) {
      return postMessage({ answer: id, unprepared: words(error) });
    }
    const told = events ? (text) => postMessage({ event: id, text }) : undefined;
    const { text, exitCode } = await wasm_bindgen.hostRun(id, request, replay, told);
    postMessage({ answer: id, text, exitCode });
  },
  cancel: ({ id }) => wasm_bindgen.hostCancel(id),
  outline({ id, request }) {
    const { text, exitCode } = wasm_bindgen.hostOutline(request);
    postMessage({ answer: id, text, exitCode });
  },
};

/** What a guest worker is asked. */
const guest = {
  async compile({ compile: binary }) {
    try {
      postMessage({ compiled: await WebAssembly.compile(binary) });
    } catch (error) {
      postMessage({ refused: words(error) });
    }
  },
  call({ call: module, order, input }) {
    inHost = false;
    [ordered, instance] = [order];
    let told;
    try {
      told = wasm_bindgen.guestCall(module, order, input);
    } catch (error) {
      return end({ failed: words(error) });
    }
    if (ended) return;
    const { report, output, log } = told;
    told.free();
    postMessage({ report, output, log }, [output.buffer, log.buffer]);
  },
};

function beginAs(module) {
  wasm_bindgen.initSync({ module });
  wasm_bindgen.tellPanics();
  postMessage({ ready: true });
}

onmessage = ({ data }) => {
  if (data.guest) {
    fence();
    onmessage = ({ data }) => (data.compile ? guest.compile(data) : guest.call(data));
    beginAs(data.guest);
  } else {
    const failed = (event) => {
      event.preventDefault();
      end({ failed: words(event.reason ?? event.error ?? event.message) });
    };
    addEventListener("error", failed);
    addEventListener("unhandledrejection", failed);
    onmessage = ({ data }) => host[data.ask](data);
    beginAs(data.host.module);
    host.start(data.host);
  }
};
