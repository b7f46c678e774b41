import "./globals.js";

export { describe } from "./describe.js";
export { finish, more, start, tick } from "./run.js";
