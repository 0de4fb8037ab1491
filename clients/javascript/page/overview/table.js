// The list of topics. Only the rows in sight exist in the document, and only changes are written.

import { write } from '../shared/dom.js';
import { topicMatcher } from './filter.js';
import { comparer, isSortKey } from './sort-order.js';
import { TableRow } from './table-row.js';

/** The same width as in the style. */
const NARROW = matchMedia('(max-width: 799px)');
/** Rows above and below those in sight, for a scroll that is faster than a repaint. */
const MARGIN_ROWS = 4;
/** An order by changing values is renewed this often: seldom enough to be read. */
const RESORT_MS = 1_000;
/** New topics are sorted in this often, at most. */
const INSERT_MS = 200;
/** Fading colours cost a repaint each. With more new values than this, no colour fades. */
const MAX_FADES = 4;

export class Table {
  /** Rows of the store that match the filter, in their order. */
  rows = [];
  #store;
  #elements;
  #choose;
  #emptyWords;
  #lines = [];
  #matches = () => true;
  #key = 'topic';
  #direction = 1;
  /** Rows of the store that are sorted in already. */
  #sortedRows = 0;
  #sorted_ms = 0;
  #chosen = null;
  /** Height of a row, from the style: a finger needs more of it than a mouse. */
  #row_px = 0;

  /**
   * @param {(topic: string, isKept: boolean) => void} choose called when a person chooses a topic;
   * a double click keeps its chart
   * @param {(hidden: number) => string} emptyWords why there are no rows, and what to do; `hidden`
   * is how many topics the filter hides
   */
  constructor(store, elements, choose, emptyWords) {
    this.#store = store;
    this.#elements = elements;
    this.#choose = choose;
    this.#emptyWords = emptyWords;
    const { head } = elements;
    head.addEventListener('click', ({ target }) => this.#sortBy(target.value));
    this.#showOrder();
    this.#measureRow();
    NARROW.addEventListener('change', () => this.#measureRow());
  }

  /** @returns {boolean} false if the text is not a valid filter; the filter stays the same then */
  filter(text) {
    const matches = topicMatcher(text);
    if (!matches) return false;
    this.#matches = matches;
    this.#sortAll();
    this.#elements.scroll.scrollTop = 0;
    return true;
  }

  /** Marks a topic. The caller paints. */
  choose(topic) {
    this.#chosen = topic;
  }

  paint(now_ms) {
    this.#sortIfDue(now_ms);
    const { scroll, sheet, empty } = this.#elements;
    const row_px = this.#row_px;
    const total = this.rows.length;
    const height = `${total * row_px}px`;
    if (sheet.style.height !== height) sheet.style.height = height;
    empty.hidden = total > 0;
    if (total === 0) write(empty, this.#emptyWords(this.#store.rows.length));
    const first = Math.max(Math.floor(scroll.scrollTop / row_px) - MARGIN_ROWS, 0);
    this.#addLines(Math.ceil(scroll.clientHeight / row_px) + 2 * MARGIN_ROWS);
    const size = this.#lines.length;
    let fresh = 0;
    for (let index = first; index < first + size; index++) {
      // A row keeps its element while the list scrolls.
      const line = this.#lines[index % size];
      const row = this.rows[index] ?? null;
      const isChosen = row !== null && row.topic === this.#chosen;
      if (line.show(row, { index, total, row_px, now_ms, isChosen })) fresh += 1;
      if (isChosen) scroll.setAttribute('aria-activedescendant', line.element.id);
    }
    sheet.classList.toggle('busy', fresh > MAX_FADES);
  }

  #addLines(wanted) {
    while (this.#lines.length < wanted) {
      const line = new TableRow(this.#lines.length);
      line.element.addEventListener('click', ({ ctrlKey, metaKey }) => line.row && this.#choose(line.row.topic, ctrlKey || metaKey));
      line.element.addEventListener('dblclick', () => line.row && this.#choose(line.row.topic, true));
      this.#elements.sheet.append(line.element);
      this.#lines.push(line);
    }
  }

  #sortIfDue(now_ms) {
    const since_ms = now_ms - this.#sorted_ms;
    const isOutdated = this.#key !== 'topic' && since_ms > RESORT_MS;
    const hasNew = this.#sortedRows !== this.#store.rows.length && since_ms > INSERT_MS;
    if (!isOutdated && !hasNew) return;
    this.#sorted_ms = now_ms;
    // Rows that are nearly in order are sorted quickly, so a few new ones among many cost little.
    this.#sort(this.rows, this.#sortedRows);
  }

  /** After a change of the filter or the order. */
  #sortAll() {
    this.#sort([], 0);
  }

  #sort(sorted, from) {
    const { rows } = this.#store;
    const added = rows.slice(from).filter(({ topic }) => this.#matches(topic));
    this.rows = sorted.concat(added).sort(comparer(this.#key, this.#direction));
    this.#sortedRows = rows.length;
  }

  #measureRow() {
    this.#row_px = parseFloat(getComputedStyle(document.documentElement).getPropertyValue('--row'));
    for (const line of this.#lines) line.forgetPlace();
  }

  #sortBy(key) {
    if (!isSortKey(key)) return;
    // Of numbers a person looks for the largest first.
    const firstDirection = key === 'topic' ? 1 : -1;
    this.#direction = key === this.#key ? -this.#direction : firstDirection;
    this.#key = key;
    this.#sortAll();
    this.#showOrder();
  }

  #showOrder() {
    for (const button of this.#elements.head.children) {
      const order = button.value === this.#key ? (this.#direction > 0 ? 'ascending' : 'descending') : '';
      button.dataset.sort = order;
      button.setAttribute('aria-label', order ? `${button.title}, sorted ${order}` : `Sort by ${button.title}`);
    }
  }

  /** Chooses a topic some rows further; infinitely many lead to the end. */
  step(rows) {
    const { length } = this.rows;
    if (length === 0) return;
    const now = this.rows.findIndex(({ topic }) => topic === this.#chosen);
    this.#chooseRow(Math.min(Math.max(now + rows, 0), length - 1));
  }

  /** @param {number} direction 1 for a page down, -1 for a page up */
  stepPage(direction) {
    const page = Math.max(Math.floor(this.#elements.scroll.clientHeight / this.#row_px) - 1, 1);
    this.step(direction * page);
  }

  /** Chooses the first topic, unless the one chosen is in the list. */
  enter() {
    if (this.rows.length > 0 && !this.rows.some(({ topic }) => topic === this.#chosen)) this.#chooseRow(0);
  }

  #chooseRow(index) {
    const { scroll } = this.#elements;
    const row_px = this.#row_px;
    this.#chosen = this.rows[index].topic;
    this.#choose(this.#chosen, false);
    const top = index * row_px;
    if (top < scroll.scrollTop) scroll.scrollTop = top;
    else if (top + row_px > scroll.scrollTop + scroll.clientHeight) scroll.scrollTop = top + row_px - scroll.clientHeight;
  }

  /** The rows in sight. */
  get inSight() {
    return this.#lines.map(({ row }) => row).filter((row) => row !== null);
  }

  /** Writes at its column since when the change counts. */
  setReference(short, long) {
    const button = this.#elements.head.querySelector('[value=change]');
    button.textContent = short === '' ? '%' : `% ${short}`;
    button.title = `Change in percent ${long}. A dash: the value of then is too small beside the range`;
    this.#showOrder();
  }
}
