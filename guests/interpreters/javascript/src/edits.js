// Changes of a source text that keep its lines, and tell how far columns moved.

export class Edits {
  constructor(source) {
    this.source = source;
    this.list = [];
  }

  /// Puts spaces in the place of everything but line ends; the first of them may be another character.
  blank(start, end, first = "") {
    if (end <= start) return;
    const text = this.source.slice(start, end).replace(/[^\r\n]/g, " ");
    this.list.push({ start, end, text: first && text[0] === " " ? first + text.slice(1) : text });
  }

  replace(start, end, text) {
    this.list.push({ start, end, text });
  }

  insert(at, text) {
    this.list.push({ start: at, end: at, text });
  }

  /// The text with all changes, and where columns moved: `{ line, column, by }`, with the line counted from 0 and `column` where the text after
  /// the change begins.
  apply() {
    const { source } = this;
    if (this.list.length === 0) return { text: source, moved: [] };
    const list = this.list.map((edit, order) => ({ ...edit, order })).sort((a, b) => a.start - b.start || a.order - b.order);
    const moved = [];
    let text = "";
    let from = 0;
    for (const edit of list) {
      if (edit.start < from) continue;
      text += source.slice(from, edit.start) + edit.text;
      from = edit.end;
      const by = edit.text.length - (edit.end - edit.start);
      if (by !== 0) moved.push({ end: text.length, by });
    }
    text += source.slice(from);
    return {
      text,
      moved: moved.map(({ end, by }) => {
        const before = text.slice(0, end);
        return { line: before.split("\n").length - 1, column: end - before.lastIndexOf("\n"), by };
      }),
    };
  }
}
