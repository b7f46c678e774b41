// Errors as the contract has them: a message, and where it is in the user's own source.

import { PACKAGES, locate } from "./program.js";

/// An error that is the user's to see, with its place.
export class Failure extends Error {
  constructor(message, { file, line, column, trace, syntax } = {}) {
    super(message);
    this.report = { message, file, line, column, trace, syntax };
  }
}

/// `process.exit`, on its way up.
export class Exit {
  constructor(code) {
    this.code = code;
  }
}

/// What `err` of the interface carries.
export function reportText(error, program) {
  return JSON.stringify(report(error, program));
}

function report(error, program) {
  if (error instanceof Failure) return error.report;
  if (error instanceof Exit) return { message: `the script ended with exit code ${error.code}` };
  const message = messageOf(error);
  const frames = program ? userFrames(error, program) : [];
  // Of what others wrote, users know where they called it.
  const first = frames.find(({ file }) => file !== PACKAGES) ?? frames[0];
  if (!first) return { message };
  const trace = [message, ...frames.map(({ name, file, line, column }) => `    at ${name ? `${name} (` : ""}${file}:${line}:${column}${name ? ")" : ""}`)];
  return { message, file: first.file, line: first.line, column: first.column, trace: trace.join("\n") };
}

/// `TypeError: no rows`; for what is no error, its text.
export function messageOf(error) {
  try {
    if (error instanceof Error) {
      const { name, message } = error;
      return message ? `${name}: ${message}` : String(name);
    }
    return typeof error === "object" && error !== null ? JSON.stringify(error) ?? String(error) : String(error);
  } catch {
    return "an error that has no text";
  }
}

/// The frames of a stack that are in the user's files, the innermost first.
function userFrames(error, program) {
  let stack;
  try {
    stack = error instanceof Error ? String(error.stack) : "";
  } catch {
    return [];
  }
  const frames = [];
  for (const text of stack.split("\n")) {
    const found = /^\s*at (.*) \(<input>:(\d+):(\d+)\)$/.exec(text);
    const place = found && locate(program, Number(found[2]), Number(found[3]));
    if (place) frames.push({ name: found[1].startsWith("<") ? "" : found[1], ...place });
  }
  // The constructor of an own class of errors is not where the error is.
  const classes = new Set();
  for (let prototype = error; prototype; prototype = Object.getPrototypeOf(prototype)) classes.add(prototype.constructor?.name);
  const from = frames.findIndex(({ name }) => !classes.has(name));
  return frames.slice(Math.max(0, from));
}
