// WASI 0.2 as components see it: what was granted, and nothing else. Time, randomness and streams are Wasmill's core's, as on every engine;
// here is only the shape that jco gives to the interfaces. There are no folders, and what is asked of the network is denied.

/**
 * The interfaces that a component imports, by their names without versions. `core` is what the core does for the call of this worker:
 * `environment()`, `arguments()`, `now()`, `peek()`, `sleepUntil(at)`, `wallClock()`, `resolution()`, `random(count, stream)`,
 * `randomNumber(stream)`, `read(most)`, `write(stream, bytes)`, `denied(grant, tried)`, `exit(code)`. What stops the guest is thrown by it.
 */
function wasmillWasi(core) {
  /** What a guest may hold at once, write to a stream in one go, and ask of the source of randomness. */
  const MOST_HANDLES = 10_000;
  const WRITE_PERMIT = 64 << 10;
  const BLOCKING_WRITE = 4096;
  const MOST_RANDOM = 16 << 20;
  const MOST_WIDE = 0xffff_ffff_ffff_ffffn;
  const LONGEST_NAME = 253;
  const [SECURE, INSECURE] = [0, 1];
  const [STDOUT, STDERR] = [1, 2];

  const dispose = Symbol.dispose ?? Symbol.for("dispose");
  let handles = 0;

  // A component imports with whatever types it likes, and jco hands on what it makes of them: nothing is used before its type is known.

  /** A component that breaks a rule is stopped: an `Error` is no error that an interface declares. */
  const trap = (message) => {
    throw new WebAssembly.RuntimeError(message);
  };

  const typed = (is, value) => (is ? value : trap("an import was called with a value of another type than it has"));
  const bytesOf = (value) => typed(value instanceof Uint8Array, value);
  const wide = (value) => typed(typeof value === "bigint" && value >= 0n && value <= MOST_WIDE, value);
  const made = (Class, value) => typed(value instanceof Class, value);

  /** What a guest holds by a handle. */
  class Resource {
    constructor() {
      if (handles >= MOST_HANDLES) trap(`more than ${MOST_HANDLES} handles are open`);
      handles += 1;
    }
    [dispose]() {
      handles -= 1;
    }
  }

  class IoError extends Resource {
    toDebugString() {
      return "closed";
    }
  }

  /** Ready at a moment of the monotonic clock; without one, always. */
  class Pollable extends Resource {
    #at;
    constructor(at) {
      super();
      this.#at = at === undefined ? at : wide(at);
    }
    ready() {
      return this.#at === undefined || core.peek() >= this.#at;
    }
    block() {
      if (!this.ready()) core.sleepUntil(this.#at);
    }
    static first(pollables) {
      return pollables.map((one) => one.#at).reduce((one, other) => (one < other ? one : other));
    }
  }
  const { first: firstOf } = Pollable;
  // What a class has beside its methods, a component could import.
  delete Pollable.first;

  function poll(pollables) {
    typed(Array.isArray(pollables), pollables).forEach((one) => made(Pollable, one));
    if (pollables.length === 0) trap("nothing is waited for");
    const ready = () => Uint32Array.from(pollables.keys()).filter((index) => pollables[index].ready());
    const first = ready();
    if (first.length > 0) return first;
    core.sleepUntil(firstOf(pollables));
    return ready();
  }

  class InputStream extends Resource {
    /** At the end of the input it is closed. */
    read(most) {
      if (wide(most) === 0n) return new Uint8Array();
      const bytes = core.read(Number(most < BigInt(MOST_RANDOM) ? most : BigInt(MOST_RANDOM)));
      if (bytes.length === 0) throw { tag: "closed" };
      return bytes;
    }
    blockingRead(most) {
      return this.read(most);
    }
    skip(most) {
      return BigInt(this.read(most).length);
    }
    blockingSkip(most) {
      return this.skip(most);
    }
    subscribe() {
      return new Pollable();
    }
  }

  class OutputStream extends Resource {
    #stream;
    constructor(stream) {
      super();
      this.#stream = stream;
    }
    checkWrite() {
      return BigInt(WRITE_PERMIT);
    }
    write(bytes) {
      if (bytesOf(bytes).length > WRITE_PERMIT) trap("more was written than there is a permit for");
      core.write(this.#stream, bytes);
    }
    blockingWriteAndFlush(bytes) {
      if (bytesOf(bytes).length > BLOCKING_WRITE) trap(`more than ${BLOCKING_WRITE} bytes are written at once`);
      core.write(this.#stream, bytes);
    }
    flush() {}
    blockingFlush() {}
    writeZeroes(count) {
      if (wide(count) > BigInt(WRITE_PERMIT)) trap("more was written than there is a permit for");
      core.write(this.#stream, new Uint8Array(Number(count)));
    }
    blockingWriteZeroesAndFlush(count) {
      if (wide(count) > BigInt(BLOCKING_WRITE)) trap(`more than ${BLOCKING_WRITE} bytes are written at once`);
      this.writeZeroes(count);
    }
    splice(from, most) {
      const bytes = made(InputStream, from).read(wide(most) < BigInt(WRITE_PERMIT) ? most : BigInt(WRITE_PERMIT));
      core.write(this.#stream, bytes);
      return BigInt(bytes.length);
    }
    blockingSplice(from, most) {
      return this.splice(from, most);
    }
    subscribe() {
      return new Pollable();
    }
  }

  class TerminalInput extends Resource {}
  class TerminalOutput extends Resource {}

  class Network extends Resource {}

  /** A resource of which there is never one, since nothing gives any. */
  const nothing = () => class extends Resource {};

  const denied = () => {
    throw "access-denied";
  };

  function resolveAddresses(network, name) {
    made(Network, network);
    typed(typeof name === "string", name);
    // What can be no name is not looked up, and so is not denied either.
    const isName = name.length <= LONGEST_NAME && new TextEncoder().encode(name).length <= LONGEST_NAME && !/[\0-\x20"#%/<>?@\\^`{|}\x7f]/.test(name);
    if (!isName || name === "") throw "invalid-argument";
    const host = name.replace(/^\[/, "").replace(/\]$/, "");
    core.denied(`net: ["${host}:PORT"]`, `looking up \`${host}\``);
    denied();
  }

  function randomBytes(count, stream) {
    if (wide(count) > BigInt(MOST_RANDOM)) trap(`${count} bytes of randomness are more than ${MOST_RANDOM}`);
    return core.random(Number(count), stream);
  }

  const saturated = (number) => (number > MOST_WIDE ? MOST_WIDE : number);

  const interfaces = {
    "wasi:cli/environment": {
      getEnvironment: () => core.environment(),
      getArguments: () => core.arguments(),
      initialCwd: () => undefined,
    },
    "wasi:cli/exit": {
      exit: (status) => core.exit(typed(["ok", "err"].includes(status?.tag), status).tag === "ok" ? 0 : 1),
      exitWithCode: (code) => core.exit(typed(Number.isInteger(code) && code >= 0 && code <= 255, code)),
    },
    "wasi:cli/stdin": { getStdin: () => new InputStream() },
    "wasi:cli/stdout": { getStdout: () => new OutputStream(STDOUT) },
    "wasi:cli/stderr": { getStderr: () => new OutputStream(STDERR) },
    "wasi:cli/terminal-input": { TerminalInput },
    "wasi:cli/terminal-output": { TerminalOutput },
    "wasi:cli/terminal-stdin": { getTerminalStdin: () => undefined },
    "wasi:cli/terminal-stdout": { getTerminalStdout: () => undefined },
    "wasi:cli/terminal-stderr": { getTerminalStderr: () => undefined },
    "wasi:clocks/monotonic-clock": {
      now: () => core.now(),
      resolution: () => core.resolution(),
      subscribeInstant: (at) => new Pollable(wide(at)),
      subscribeDuration: (duration) => new Pollable(saturated(core.peek() + wide(duration))),
    },
    "wasi:clocks/wall-clock": {
      now: () => time(core.wallClock()),
      resolution: () => time(core.resolution()),
    },
    "wasi:filesystem/preopens": { getDirectories: () => [] },
    "wasi:filesystem/types": {
      Descriptor: nothing(),
      DirectoryEntryStream: nothing(),
      filesystemErrorCode: () => undefined,
    },
    "wasi:io/error": { Error: IoError },
    "wasi:io/poll": { Pollable, poll },
    "wasi:io/streams": { InputStream, OutputStream },
    "wasi:random/random": {
      getRandomBytes: (count) => randomBytes(count, SECURE),
      getRandomU64: () => core.randomNumber(SECURE),
    },
    "wasi:random/insecure": {
      getInsecureRandomBytes: (count) => randomBytes(count, INSECURE),
      getInsecureRandomU64: () => core.randomNumber(INSECURE),
    },
    "wasi:random/insecure-seed": { insecureSeed: () => [0n, 0n] },
    "wasi:sockets/network": { Network, networkErrorCode: () => undefined },
    "wasi:sockets/instance-network": { instanceNetwork: () => new Network() },
    "wasi:sockets/ip-name-lookup": { ResolveAddressStream: nothing(), resolveAddresses },
    "wasi:sockets/tcp": { TcpSocket: nothing() },
    "wasi:sockets/tcp-create-socket": { createTcpSocket: denied },
    "wasi:sockets/udp": { UdpSocket: nothing(), IncomingDatagramStream: nothing(), OutgoingDatagramStream: nothing() },
    "wasi:sockets/udp-create-socket": { createUdpSocket: denied },
  };

  /** Nanoseconds as a `datetime`. */
  function time(nanoseconds) {
    return { seconds: nanoseconds / 1_000_000_000n, nanoseconds: Number(nanoseconds % 1_000_000_000n) };
  }

  // Nothing but what stands here can be imported: not `constructor`, and not what all objects and functions have.
  Object.setPrototypeOf(Resource, null);
  Object.setPrototypeOf(Resource.prototype, null);
  delete Resource.prototype.constructor;
  for (const members of Object.values(interfaces)) {
    Object.setPrototypeOf(members, null);
    for (const member of Object.values(members)) if (member.prototype) delete member.prototype.constructor;
  }
  return Object.setPrototypeOf(interfaces, null);
}
