// What AssemblyScript expects of its surroundings, made of WASI preview 1: the log, the end, time and randomness.

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_write")
declare function fd_write(file: u32, vectors: usize, count: u32, written: usize): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "proc_exit")
declare function proc_exit(code: u32): void;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "random_get")
declare function random_get(buffer: usize, size: usize): u32;

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "clock_time_get")
declare function clock_time_get(clock: u32, precision: u64, time: usize): u32;

const STDERR: u32 = 2;
const REALTIME: u32 = 0;
const MONOTONIC: u32 = 1;

/** A list of one buffer for `fd_write`, how much was written, and room for one number. */
// @ts-ignore: decorator
@lazy const scratch: usize = memory.data(24, 8);

function say(text: usize, size: usize): void {
  while (size > 0) {
    store<usize>(scratch, text, 0);
    store<usize>(scratch, size, 4);
    if (fd_write(STDERR, scratch, 1, scratch + 8) != 0) return;
    const written = <usize>load<u32>(scratch, 8);
    text += written;
    size -= written;
  }
}

/** One line of the log. */
export function __wasmill_log(text: string): void {
  const line = String.UTF8.encode(text + "\n");
  say(changetype<usize>(line), line.byteLength);
}

/** Ends the call: the last line of the log says why. `line` is 0 where it is not known. */
export function __wasmill_fail(message: string, file: string = "", line: u32 = 0, column: u32 = 0): void {
  __wasmill_begin();
  __wasmill_text('{"message":');
  __wasmill_write_string(message);
  if (line) {
    __wasmill_text(',"file":');
    __wasmill_write_string(file);
    __wasmill_text(',"line":');
    __wasmill_text(line.toString());
    __wasmill_text(',"column":');
    __wasmill_text(column.toString());
  }
  __wasmill_text("}");
  const mark = String.UTF8.encode("wasmill:error ");
  say(changetype<usize>(mark), mark.byteLength);
  say(__wasmill_written(), __wasmill_size());
  const end = String.UTF8.encode("\n");
  say(changetype<usize>(end), end.byteLength);
  proc_exit(1);
  unreachable();
}

/** Stands for `abort`, which `throw` and `assert` become. */
export function __wasmill_abort(message: string | null, file: string | null, line: u32, column: u32): void {
  const words = message === null || message.length == 0 ? "aborted" : message;
  const own = file !== null && !file.startsWith("~lib/") ? file : "";
  __wasmill_fail(words, own, own.length ? line : 0, column);
}

/** Stands for `trace`. */
export function __wasmill_trace(
  message: string,
  count: i32 = 0,
  a: f64 = 0,
  b: f64 = 0,
  c: f64 = 0,
  d: f64 = 0,
  e: f64 = 0,
): void {
  let line = "trace: " + message;
  if (count > 0) line += " " + a.toString();
  if (count > 1) line += ", " + b.toString();
  if (count > 2) line += ", " + c.toString();
  if (count > 3) line += ", " + d.toString();
  if (count > 4) line += ", " + e.toString();
  __wasmill_log(line);
}

/** Stands for `seed`, which `Math.random` begins with. */
export function __wasmill_seed(): f64 {
  __wasmill_random(scratch + 16, 8);
  return reinterpret<f64>((load<u64>(scratch, 16) >> 12) | 0x3ff0000000000000);
}

export function __wasmill_random(buffer: usize, size: usize): void {
  if (random_get(buffer, size) != 0) __wasmill_fail("there is no randomness");
}

function time(clock: u32): u64 {
  if (clock_time_get(clock, 1000, scratch + 16) != 0) __wasmill_fail("there is no clock");
  return load<u64>(scratch, 16);
}

/** Milliseconds since 1970. */
export function __wasmill_now(): f64 {
  return <f64>(time(REALTIME) / 1000000);
}

/** Milliseconds since some moment. */
export function __wasmill_elapsed(): f64 {
  return <f64>time(MONOTONIC) / 1e6;
}
