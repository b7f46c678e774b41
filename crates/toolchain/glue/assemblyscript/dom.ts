// What the standard library's `console`, `Date`, `performance` and `crypto` are made of. Stands for `bindings/dom`, which is a browser.

/** There is no JavaScript whose functions could be called. */
export namespace Math {}

export namespace Date {
  export function now(): f64 {
    return __wasmill_now();
  }
}

export namespace performance {
  export function now(): f64 {
    return __wasmill_elapsed();
  }
}

export namespace crypto {
  export function getRandomValues(array: Uint8Array): void {
    __wasmill_random(array.dataStart, array.byteLength);
  }
}

export namespace console {
  export function assert(condition: bool, message: string): void {
    if (!condition) __wasmill_log("Assertion failed: " + message);
  }

  export function log(text: string): void {
    __wasmill_log(text);
  }

  export function debug(text: string): void {
    __wasmill_log(text);
  }

  export function info(text: string): void {
    __wasmill_log(text);
  }

  export function warn(text: string): void {
    __wasmill_log(text);
  }

  export function error(text: string): void {
    __wasmill_log(text);
  }

  export function time(label: string): void {
    __wasmill_log(label + ": begins");
  }

  export function timeLog(label: string): void {
    __wasmill_log(label + ": goes on");
  }

  export function timeEnd(label: string): void {
    __wasmill_log(label + ": ends");
  }
}
