/** A run request, as docs/wasi.md has it; or a manifest of any dialect, alone. */
export type Request = string | RunRequest | Record<string, unknown>;

export interface RunRequest {
  /** A manifest, as an object or as its text in YAML, TOML or JSON. */
  pipeline: string | Record<string, unknown>;
  /** What its file is called. */
  file?: string;
  /** Values by the names of the pipeline's inputs. Integers beyond 2^53 are BigInt. */
  inputs?: Record<string, unknown>;
  /** Binaries by the names of the pipeline's units. */
  units?: Record<string, GivenUnit>;
  /** Binaries in base64, by names that units say: what several scripts are put to. */
  interpreters?: Record<string, string>;
  /** Pipelines that are called, by their paths from the folder of the one that is run. */
  pipelines?: Record<string, { pipeline: string | Record<string, unknown>; units?: Record<string, GivenUnit> }>;
  limits?: Limits;
  profile?: "metered" | "fast" | "deterministic";
  engine?: string | string[];
  policy?: Record<string, unknown>;
  secrets?: Record<string, string>;
  /** What came of it when it was run, where it is a run bundle. */
  recorded?: { run: Record<string, unknown>; digests: Record<string, string> };
}

export type Limits = Record<string, string | number>;

/** A binary in base64, or its text; with `interpreter`, what stands behind that one (the script). `limits` are the most that its steps may use. */
export type GivenUnit = string | { base64: string; interpreter?: string; limits?: Limits } | { wat: string; limits?: Limits };

export interface Result {
  /** The document: what `wasmill run --output json` prints. */
  readonly text: string;
  /** The same, as `JSON.parse` reads it. Integers beyond 2^53 lose digits here: `parse(text)` keeps them. */
  readonly document: any;
  /** How the `wasmill` program would end: 0 success, 1 failed, 2 invalid, 3 a limit, 4 denied, 130 cancelled. */
  readonly exitCode: number;
}

/** What happens in a run, while it happens. */
export type RunEvent =
  | { type: "run-started"; run: string; pipeline: string; steps: number }
  | { type: "step-started"; step: string; item?: number; attempt: number }
  | { type: "step-finished"; step: string; report: any }
  | { type: "run-finished" };

export interface StartOptions {
  /** Wasmill's core, where it is not `wasmill.wasm` beside this file: its address, a response, its bytes or the compiled module. */
  wasm?: string | URL | Response | BufferSource | WebAssembly.Module | Promise<Response>;
  /** The most calls that run at once, each in a worker of its own. Default: as many as there are cores, at most 16. */
  workers?: number;
}

export interface RunOptions {
  /** `text` is the event as it was told: `parse` keeps all digits of it. */
  onEvent?: (event: RunEvent, text: string) => void;
  /**
   * Components that `wasmill-prepare` made core modules and JavaScript of, by the SHA-256 of the component; kept for later runs. They are code, and need
   * `'unsafe-eval'` where the page has a Content-Security-Policy. What is nothing of the kind is an error of this run alone (exit code 2).
   */
  prepared?: Record<string, PreparedComponent>;
  /** Cancels the run: its document says so, and its exit code is 130. */
  signal?: AbortSignal;
}

/** What jco made of a component. It is run as it is: take it from whoever may run scripts in your page's workers, and nobody else. */
export interface PreparedComponent {
  source: string;
  /** Core modules by name, in base64 or as they are. */
  modules: Record<string, string | Uint8Array>;
}

/** JSON with integers beyond 2^53 as BigInt. Fails in browsers older than Chromium 114, Firefox 135 and Safari 18.4 where there is such a number. */
export function parse(text: string): any;

export class Wasmill {
  private constructor();
  /** Starts Wasmill in a worker. Fails where the core cannot be loaded or workers cannot be started, and outside of browsers. */
  static start(options?: StartOptions): Promise<Wasmill>;
  /** Runs a request. Never fails for what is in it: whatever is wrong is in the result's document. */
  run(request: Request, options?: RunOptions): Promise<Result>;
  /** Makes the run of a bundle (`wasmill export`) again: `{ same, difference, computed, taken, other_engine }`; exit code 1 where it differs. */
  replay(bundle: string | Record<string, unknown>, options?: RunOptions): Promise<Result>;
  /** The steps of a request's pipeline, and why they wait for each other. Nothing is loaded or run. */
  outline(request: Request): Promise<Result>;
  /** Ends all workers; runs that are under way are answered with a failure. */
  stop(): void;
}
