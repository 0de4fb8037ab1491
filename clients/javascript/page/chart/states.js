// The timeline of a topic whose values are words: one box for each time with the same word.

/** Colours by their index: the first words get the first ones. */
export const STATE_COLORS = 6;
const MAX_COLORED = 64;
/** A longer text is no state. */
const MAX_WORD = 24;

/** Changes of a word, oldest first. */
export class StateList {
  /** `{ s, text }`; null for a time without a known value. */
  changes = [];
  version = 0;
  #limit;
  #colors = new Map();

  /** @param {number} limit of changes that are kept */
  constructor(limit) {
    this.#limit = limit;
  }

  /** @param {number} s not before the last one */
  add(s, text) {
    if (this.changes.at(-1)?.text === text) return;
    this.changes.push({ s, text });
    if (this.changes.length > this.#limit) this.changes.shift();
    this.version += 1;
  }

  /** @param {{ s: number, text: string }[]} older in ascending order */
  prepend(older) {
    const all = [...older, ...this.changes];
    this.changes = all.filter(({ text }, at) => at === 0 || all[at - 1].text !== text).slice(-this.#limit);
    this.version += 1;
  }

  /** A word keeps its colour. Whole sentences all have the same. */
  colorOf(text) {
    if (text.length > MAX_WORD) return 0;
    if (!this.#colors.has(text) && this.#colors.size < MAX_COLORED) this.#colors.set(text, this.#colors.size % STATE_COLORS);
    return this.#colors.get(text) ?? 0;
  }
}

/**
 * The boxes in sight. Those below a pixel are merged into one without a word.
 *
 * @returns {{ left: number, right: number, text: string | null, color: number }[]}
 */
export function stateBoxes(list, plot, now_s) {
  const { changes } = list;
  const boxes = [];
  const end = plot.x(Math.min(now_s, plot.to_s));
  for (let at = 0; at < changes.length; at++) {
    const left = Math.max(plot.x(changes[at].s), plot.left);
    const right = Math.min(at + 1 < changes.length ? plot.x(changes[at + 1].s) : end, end);
    if (right <= plot.left || left >= plot.right || right <= left) continue;
    const last = boxes.at(-1);
    if (right - left < 1 && last && last.text === null && left - last.right < 1) {
      last.right = right;
    } else {
      const isThin = right - left < 1;
      boxes.push({ left, right, text: isThin ? null : changes[at].text, color: list.colorOf(changes[at].text) });
    }
  }
  return boxes;
}

/** The words of boxes, each once, with their colours. */
export function legendOf(list, boxes) {
  const words = new Set(boxes.map(({ text }) => text).filter((text) => text !== null && text.length <= MAX_WORD));
  return [...words].slice(0, STATE_COLORS).map((text) => ({ text, color: list.colorOf(text) }));
}

/** The change that holds at a time, and its end; null before the first one. */
export function stateAt({ changes }, s) {
  const at = changes.findLastIndex((change) => change.s <= s);
  return at < 0 ? null : { ...changes[at], until_s: changes[at + 1]?.s ?? null };
}
