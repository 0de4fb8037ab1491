// One element of the table, which shows one row of the store after another.

import { clock } from '../shared/clock.js';
import { fixed, percent, rate, withUnit } from '../shared/format.js';
import { freshness, signClass } from './freshness.js';

/** How long a new value has the colour of its direction. */
const FLASH_MS = 250;
const COLUMNS = 5;
/** A longer text gets the space of the change, which it does not have. */
const SHORT_TEXT = 12;

/** Why a row has a dash instead of a change in percent. */
function noPercentage({ isBaseSmall, base, least, greatest, decimals }) {
  if (!isBaseSmall) return '';
  const [from, low, high] = [base, least, greatest].map((number) => fixed(number, decimals));
  return `\nNo change in percent: it is measured from ${from}, too small beside the range of the values (${low} to ${high})`;
}

export class TableRow {
  /** The row that is shown, or null. */
  row = null;
  #index = -1;
  #cells;
  #texts = [];
  #classes = [];
  #attributes = {};

  /** @param {number} id unique within the table */
  constructor(id) {
    this.element = document.createElement('div');
    this.element.className = 'row';
    this.element.hidden = true;
    this.element.setAttribute('role', 'option');
    this.element.id = `row-${id}`;
    this.#cells = Array.from({ length: COLUMNS }, () => this.element.appendChild(document.createElement('span')));
    // The end of a long topic is more specific than its beginning. The style cuts the beginning by
    // writing right to left; `bdi` keeps the order of the characters.
    this.#cells[0] = this.#cells[0].appendChild(document.createElement('bdi'));
  }

  /** The height of rows changed, so the next `show` moves this one. */
  forgetPlace() {
    this.#index = -1;
  }

  /**
   * @param {object | null} row of the store
   * @param {{ index: number, total: number, row_px: number, now_ms: number, isChosen: boolean }}
   * place
   * @returns {boolean} whether the value is so new that it has a colour
   */
  show(row, { index, total, row_px, now_ms, isChosen }) {
    if (this.#index !== index) {
      this.#index = index;
      this.element.style.transform = `translateY(${index * row_px}px)`;
      this.element.setAttribute('aria-posinset', String(index + 1));
    }
    if (this.row !== row) {
      this.row = row;
      this.element.hidden = row === null;
    }
    if (!row) return false;
    const isFresh = now_ms - row.changed_ms < FLASH_MS;
    const change = row.isBaseSmall ? '–' : percent(row.change);
    this.#write(0, row.topic, '');
    const told = row.denied ? `\nNot allowed since ${clock(row.denied.since_ms, false)}. ${row.denied.reason}` : '';
    this.#attribute('title', (row.name ? `${row.name}\n${row.topic}` : row.topic) + noPercentage(row) + told);
    this.#write(1, withUnit(row), isFresh ? directionClass(row.direction) : '');
    this.#write(2, change, signClass(change));
    this.#write(3, rate(row.rate), '');
    this.#write(4, ...freshness(row, now_ms));
    this.#attribute('aria-selected', String(isChosen));
    this.#attribute('aria-setsize', String(total));
    const isOld = row.isOld || row.status !== 'live' || row.denied !== null;
    this.#attribute('class', `row${isOld ? ' old' : ''}${row.number === null && row.text.length > SHORT_TEXT ? ' words' : ''}`);
    return isFresh;
  }

  #write(column, text, name) {
    if (this.#texts[column] !== text) {
      this.#texts[column] = text;
      this.#cells[column].textContent = text;
    }
    if (this.#classes[column] !== name) {
      this.#classes[column] = name;
      this.#cells[column].className = name;
    }
  }

  #attribute(name, value) {
    if (this.#attributes[name] === value) return;
    this.#attributes[name] = value;
    this.element.setAttribute(name, value);
  }
}

const directionClass = (direction) => (direction === 0 ? '' : direction > 0 ? 'up' : 'down');
