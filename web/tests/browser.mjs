// A page in Chromium with the package in it, for tests. No server: what the page asks for is handed to it from the disk.

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { delimiter, dirname, extname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const TYPES = { ".js": "text/javascript", ".html": "text/html", ".css": "text/css", ".json": "application/json", ".wasm": "application/wasm" };

/** An origin that there is nowhere. */
export const ORIGIN = "https://wasmill.test";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/** Where `cargo xtask web` puts what it builds. */
export const built = resolve(process.env.WASMILL_WEB ?? join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "web"));

function playwright() {
  const tools = process.env.WASMILL_TOOLS || join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "wasmill/tools");
  try {
    return createRequire(join(tools, "playwright/index.js"))("playwright-core");
  } catch {
    throw new Error(`playwright-core is not in ${tools}/playwright: \`cargo xtask setup --only playwright\` installs it`);
  }
}

function chromium() {
  const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
  const folders = (process.env.PATH ?? "").split(delimiter);
  const found = names.flatMap((name) => folders.map((folder) => join(folder, name))).find(existsSync);
  const mac = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome";
  const program = process.env.WASMILL_CHROMIUM || found || (existsSync(mac) && mac);
  if (!program) throw new Error("there is no Chromium: `cargo xtask setup --only chromium` installs it, or WASMILL_CHROMIUM says where it is");
  return program;
}

/** Starts Chromium, runs `use` with it, and ends it. */
export async function withBrowser(use) {
  const browser = await playwright().chromium.launch({
    executablePath: chromium(),
    // As root, and where a container allows no namespaces, Chromium's own sandbox does not start; what is loaded here is ours.
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--js-flags=--expose-gc"],
  });
  try {
    return await use(browser);
  } finally {
    await browser.close();
  }
}

/** A page of that origin, with the files of `folder`. */
export async function openPage(browser, { folder = built, path = "/blank.html", context: options } = {}) {
  const context = await browser.newContext(options);
  await context.route(`${ORIGIN}/**`, (route) => {
    const { pathname } = new URL(route.request().url());
    if (pathname === "/blank.html") return route.fulfill({ contentType: "text/html", body: "<!doctype html><title>tests</title>" });
    const file = join(folder, pathname);
    if (!existsSync(file)) return route.fulfill({ status: 404, body: "" });
    return route.fulfill({ contentType: TYPES[extname(file)] ?? "application/octet-stream", body: readFileSync(file) });
  });
  const page = await context.newPage();
  await page.goto(`${ORIGIN}${path}`);
  return page;
}

/** A page in which `wasmill` is a started Wasmill. */
export async function openWasmill(browser, options = {}) {
  if (!existsSync(join(built, "wasmill-web/wasmill.wasm"))) throw new Error(`there is no package in ${built}: \`cargo xtask web\` builds it`);
  const page = await openPage(browser);
  await page.evaluate(async ({ origin, options }) => {
    const { Wasmill } = await import(`${origin}/wasmill-web/wasmill.js`);
    window.Wasmill = Wasmill;
    window.wasmill = await Wasmill.start(options);
  }, { origin: ORIGIN, options });
  return page;
}
