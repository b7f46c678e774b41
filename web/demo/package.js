// Where the page has the package: beside it.
export { Wasmill } from "./wasmill-web/wasmill.js";
