// The steps of a pipeline as boxes, column by column, each as far right as it has to wait.

const WIDTH = 158, HEIGHT = 50, ACROSS = 62, DOWN = 18, MARGIN = 18;
const SVG = "http://www.w3.org/2000/svg";

/** What is said of a step that has not ended. */
const WORDS = { idle: "", running: "running…" };

/** Verdicts that say that a limit was met. */
const LIMITS = new Set(["timed-out", "fuel-exhausted", "memory-exceeded", "output-exceeded", "log-exceeded"]);

/** How a verdict looks: `ok`, `limit`, `skipped` or `bad`. */
export const look = (verdict) => (verdict === "ok" || verdict === "skipped" ? verdict : LIMITS.has(verdict) ? "limit" : "bad");

/** Steps and edges that are drawn: a page with more of them no longer answers. */
const MOST_STEPS = 500, MOST_EDGES = 5_000;

/** What is drawn of an outline; `left` says what is not. */
export function drawn({ levels, steps, edges }) {
  let room = MOST_STEPS;
  const shown = levels.map((level) => {
    const part = level.slice(0, room);
    room -= part.length;
    return part;
  }).filter((level) => level.length > 0);
  const ids = new Set(shown.flat());
  const between = edges.filter(({ from, to }) => ids.has(from) && ids.has(to));
  const isAll = ids.size === steps.length && between.length <= MOST_EDGES;
  const left = isAll ? undefined : `Drawn are ${ids.size} of ${steps.length} steps and ${Math.min(between.length, MOST_EDGES)} of ${edges.length} edges.`;
  return { levels: shown, steps: steps.filter(({ id }) => ids.has(id)), edges: between.slice(0, MOST_EDGES), left };
}

export class Graph {
  #place;
  #nodes = new Map();
  #chosen;

  /** `choose` is called with the id of a step that somebody wants to know more of. */
  constructor(place, choose) {
    this.#place = place;
    this.choose = (id) => {
      this.#nodes.get(this.#chosen)?.button.setAttribute("aria-pressed", "false");
      this.#chosen = id;
      this.#nodes.get(id)?.button.setAttribute("aria-pressed", "true");
      choose(id);
    };
  }

  draw(outline) {
    const { levels, steps, edges, left } = drawn(outline);
    const units = new Map(steps.map((step) => [step.id, step.function ? `${step.unit} · ${step.function}` : step.unit]));
    const places = new Map();
    const tallest = Math.max(1, ...levels.map((level) => level.length));
    levels.forEach((level, column) => {
      const top = MARGIN + ((tallest - level.length) * (HEIGHT + DOWN)) / 2;
      level.forEach((id, row) => places.set(id, { x: MARGIN + column * (WIDTH + ACROSS), y: top + row * (HEIGHT + DOWN) }));
    });
    const width = 2 * MARGIN + levels.length * (WIDTH + ACROSS) - ACROSS;
    const height = 2 * MARGIN + tallest * (HEIGHT + DOWN) - DOWN;

    this.#nodes.clear();
    this.#chosen = undefined;
    const buttons = steps.map(({ id }) => this.#node(id, units.get(id), places.get(id)));
    this.#place.replaceChildren(lines(edges, places, width, height), ...buttons);
    if (left) {
      const note = document.createElement("p");
      note.className = "quiet";
      note.textContent = left;
      this.#place.append(note);
    }
    this.#place.style.height = `${Math.min(height + 2, 736)}px`;
  }

  clear() {
    this.#nodes.clear();
    this.#place.replaceChildren();
  }

  #node(id, unit, { x, y }) {
    const button = document.createElement("button");
    const name = document.createElement("b");
    const line = document.createElement("span");
    name.textContent = id;
    line.textContent = unit;
    button.append(name, line);
    button.type = "button";
    button.title = id;
    button.style.left = `${x}px`;
    button.style.top = `${y}px`;
    button.setAttribute("aria-pressed", "false");
    button.onclick = () => this.choose(id);
    this.#nodes.set(id, { button, line, unit });
    this.state(id, "idle");
    return button;
  }

  /** `idle`, `running` or a verdict. */
  state(id, state, note) {
    const node = this.#nodes.get(id);
    if (!node) return;
    const kind = state in WORDS ? state : look(state);
    node.button.className = `node ${kind}`;
    node.line.textContent = note ?? (state === "idle" ? node.unit : (WORDS[state] ?? state));
    node.button.setAttribute("aria-label", `${id}, ${state === "idle" ? `unit ${node.unit}` : node.line.textContent}`);
  }

  reset() {
    for (const id of this.#nodes.keys()) this.state(id, "idle");
  }
}

function lines(edges, places, width, height) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("width", width);
  svg.setAttribute("height", height);
  svg.setAttribute("aria-hidden", "true");
  const marker = shape("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" });
  marker.append(shape("path", { d: "M0 0 8 4 0 8z" }));
  svg.append(marker);
  for (const { from, to, kind } of edges) {
    const a = places.get(from), b = places.get(to);
    if (!a || !b) continue;
    const [x1, y1, x2, y2] = [a.x + WIDTH, a.y + HEIGHT / 2, b.x - 2, b.y + HEIGHT / 2];
    const bend = Math.max(26, (x2 - x1) / 2);
    svg.append(shape("path", { d: `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`, class: kind, "marker-end": "url(#arrow)" }));
  }
  return svg;
}

function shape(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
