// The timeline of a topic whose values are words: one box for each time with the same word.

/** Colours by their index: the first words get the first ones. Those of usual words follow. */
export const STATE_COLORS = 6;
/** The usual words have colours of their own, the same ones as in the monitor. */
const USUAL = new Map([
  ['on', 'true', 'open', 'online', 'running', '1', 'yes'],
  ['off', 'false', 'closed', 'stopped', '0', 'no', 'idle'],
  ['offline', 'error', 'fault', 'alarm', 'failed'],
  ['no value', 'unavailable', 'unknown'],
].flatMap((words, at) => words.map((word) => [word, STATE_COLORS + at])));
const MAX_COLORED = 64;
/** A longer text is no state. */
const MAX_WORD = 24;

/** Changes of a word, oldest first. */
export class StateList {
  /** `{ s, text, isWord }` */
  changes = [];
  /** Whether all texts so far are states: short words. */
  hasOnlyWords = true;
  version = 0;
  #limit;
  #colors = new Map();

  /** @param {number} limit of changes that are kept */
  constructor(limit) {
    this.#limit = limit;
  }

  /**
   * @param {number} s not before the last one
   * @param {boolean} isState whether the text may be a state; that of a picture is not
   */
  add(s, text, isState = true) {
    const isWord = this.#isWord(text, isState);
    if (isWord && this.changes.at(-1)?.text === text) return;
    this.changes.push({ s, text, isWord });
    if (this.changes.length > this.#limit) this.changes.shift();
    this.version += 1;
  }

  /** @param {{ s: number, text: string, isState?: boolean }[]} older in ascending order */
  prepend(older) {
    const all = [...older.map(({ s, text, isState = true }) => ({ s, text, isWord: this.#isWord(text, isState) })), ...this.changes];
    this.changes = all.filter(({ text, isWord }, at) => !isWord || at === 0 || all[at - 1].text !== text).slice(-this.#limit);
    this.version += 1;
  }

  #isWord(text, isState) {
    const isWord = isState && text.length <= MAX_WORD;
    this.hasOnlyWords &&= isWord;
    return isWord;
  }

  /** A word keeps its colour. Everything else has the first one. */
  colorOf({ text, isWord }) {
    if (!isWord) return 0;
    const usual = USUAL.get(text.toLowerCase());
    if (usual !== undefined) return usual;
    if (!this.#colors.has(text) && this.#colors.size < MAX_COLORED) this.#colors.set(text, this.#colors.size % STATE_COLORS);
    return this.#colors.get(text) ?? 0;
  }
}

/**
 * The boxes in sight. Those below a pixel are merged into one without a word.
 *
 * @returns {{ left: number, right: number, text: string | null, color: number,
 * isWord: boolean }[]}
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
      boxes.push({ left, right, text: isThin ? null : changes[at].text, color: list.colorOf(changes[at]), isWord: changes[at].isWord });
    }
  }
  return boxes;
}

/** The words of boxes, each once, with their colours. */
export function legendOf(list, boxes) {
  const words = new Set(boxes.filter(({ text, isWord }) => text !== null && isWord).map(({ text }) => text));
  return [...words].slice(0, STATE_COLORS).map((text) => ({ text, color: list.colorOf({ text, isWord: true }) }));
}

/** The change that holds at a time, and its end; null before the first one. */
export function stateAt({ changes }, s) {
  const at = changes.findLastIndex((change) => change.s <= s);
  return at < 0 ? null : { ...changes[at], until_s: changes[at + 1]?.s ?? null };
}
