// The list of topics. Only the rows in sight exist in the document, and only what changed in them is written.

import { PERCENT_DECIMALS } from './store.js';
import { age, matcher, rate, shortAge, signed } from './format.js';

/** As in the style. */
const NARROW = matchMedia('(max-width: 799px)');
const NOTHING = 'No topics yet. What a feed or a client publishes appears here by itself.';
/** Rows above and below those in sight, for a scroll that is faster than a repaint. */
const MARGIN_ROWS = 4;
/** How long a new value wears its colour. */
const FLASH_MS = 250;
/** Order by something that changes all the time: often enough to be true, seldom enough to be read. */
const RESORT_MS = 1_000;
/** Topics that are new come into their places so often at most. */
const GROW_MS = 200;
/** Rows in sight that change at once: with more than this nobody sees colours fade, but each costs a repaint. */
const MAX_FADES = 4;

const KEYS = {
  last: (row) => row.number,
  change: (row) => row.change,
  rate: (row) => row.rate,
  age: (row) => -row.ingest_ms,
};

const byTopic = (a, b) => (a.topic < b.topic ? -1 : 1);

/** Equal ones by topic; those without a number last, in both directions. */
function order(key, direction) {
  if (key === 'topic') return direction > 0 ? byTopic : (a, b) => byTopic(b, a);
  const by = KEYS[key];
  return (a, b) => {
    const [x, y] = [by(a), by(b)];
    if (x === y) return byTopic(a, b);
    if (x === null || x === undefined) return 1;
    if (y === null || y === undefined) return -1;
    return x < y ? -direction : direction;
  };
}

export class Table {
  /** Rows that the filter lets through, in their order. */
  rows = [];
  #store;
  #elements;
  #select;
  #cells = [];
  #matches = () => true;
  #key = 'topic';
  #direction = 1;
  /** Rows of the store that are sorted in already. */
  #known = 0;
  #sorted_ms = 0;
  #chosen = null;
  /** Height of a row, from the style: a finger needs more of it than a mouse. */
  #row_px = 0;

  /** @param {(topic: string) => void} select called when a person chooses */
  constructor(store, elements, select) {
    this.#store = store;
    this.#elements = elements;
    this.#select = select;
    const { scroll, head } = elements;
    head.addEventListener('click', ({ target }) => this.#sortBy(target.value));
    scroll.addEventListener('keydown', (event) => this.#press(event));
    this.#mark();
    this.#size();
    NARROW.addEventListener('change', () => this.#size());
  }

  /** @returns {boolean} whether the text is a filter; if not, the one before stays */
  filter(text) {
    const matches = matcher(text);
    if (!matches) return false;
    this.#matches = matches;
    this.#arrange(this.#sorted_ms, true);
    this.#elements.scroll.scrollTop = 0;
    return true;
  }

  choose(topic) {
    this.#chosen = topic;
  }

  paint(now_ms) {
    this.#arrange(now_ms, false);
    const { scroll, sheet, none } = this.#elements;
    const height = `${this.rows.length * this.#row_px}px`;
    if (sheet.style.height !== height) sheet.style.height = height;
    none.hidden = this.rows.length > 0;
    if (this.rows.length === 0) none.textContent = this.#store.rows.length > 0 ? 'No topic fits the filter.' : NOTHING;
    const first = Math.max(Math.floor(scroll.scrollTop / this.#row_px) - MARGIN_ROWS, 0);
    const wanted = Math.ceil(scroll.clientHeight / this.#row_px) + 2 * MARGIN_ROWS;
    while (this.#cells.length < wanted) this.#cells.push(this.#line());
    // A row keeps its element while it scrolls by.
    const size = this.#cells.length;
    let fresh = 0;
    for (let at = first; at < first + size; at++) fresh += this.#write(this.#cells[at % size], at, now_ms);
    sheet.classList.toggle('busy', fresh > MAX_FADES);
  }

  /** @param {boolean} isAnew whether filter or order are other ones than before */
  #arrange(now_ms, isAnew) {
    const { rows } = this.#store;
    const since_ms = now_ms - this.#sorted_ms;
    const isOver = this.#key !== 'topic' && since_ms > RESORT_MS;
    const isGrown = this.#known !== rows.length && since_ms > GROW_MS;
    if (!isAnew && !isOver && !isGrown) return;
    // What is nearly in order is sorted quickly, so few that are new cost little among many.
    const old = isAnew ? [] : this.rows;
    const added = rows.slice(isAnew ? 0 : this.#known).filter(({ topic }) => this.#matches(topic));
    this.rows = old.concat(added).sort(order(this.#key, this.#direction));
    this.#known = rows.length;
    this.#sorted_ms = now_ms;
  }

  #line() {
    const element = document.createElement('div');
    element.className = 'row';
    element.hidden = true;
    element.setAttribute('role', 'option');
    element.id = `row-${this.#cells.length}`;
    const spans = Array.from({ length: 5 }, () => element.appendChild(document.createElement('span')));
    // Of a long topic the end says more: the style cuts the beginning, which takes a text that runs the other way.
    spans[0] = spans[0].appendChild(document.createElement('bdi'));
    const line = { element, spans, texts: [], classes: [], row: null, at: -1 };
    element.addEventListener('click', () => line.row && this.#select(line.row.topic));
    this.#elements.sheet.append(element);
    return line;
  }

  /** @returns {boolean} whether its value is so new that it wears its colour */
  #write(line, at, now_ms) {
    const row = this.rows[at] ?? null;
    if (line.at !== at) {
      line.at = at;
      line.element.style.transform = `translateY(${at * this.#row_px}px)`;
      line.element.setAttribute('aria-posinset', String(at + 1));
    }
    if (line.row !== row) {
      line.row = row;
      line.element.hidden = row === null;
      if (row) line.element.title = row.topic;
    }
    if (!row) return false;
    const isFresh = now_ms - row.changed_ms < FLASH_MS;
    const [standing, color] = standingOf(row, now_ms);
    put(line, 0, row.topic, '');
    put(line, 1, row.unit ? `${row.text} ${row.unit}` : row.text, isFresh ? direction(row.direction) : '');
    const change = signed(row.change, PERCENT_DECIMALS);
    put(line, 2, change, signOf(change));
    put(line, 3, rate(row.rate), '');
    put(line, 4, standing, color);
    const isChosen = row.topic === this.#chosen;
    if (isChosen) this.#elements.scroll.setAttribute('aria-activedescendant', line.element.id);
    putAttribute(line, 'aria-selected', String(isChosen));
    putAttribute(line, 'aria-setsize', String(this.rows.length));
    putAttribute(line, 'class', row.isOld || row.status !== 'live' ? 'row old' : 'row');
    return isFresh;
  }

  #size() {
    this.#row_px = parseFloat(getComputedStyle(document.documentElement).getPropertyValue('--row'));
    // All are in other places now.
    for (const line of this.#cells) line.at = -1;
  }

  #sortBy(key) {
    if (key !== 'topic' && !(key in KEYS)) return;
    const isSame = key === this.#key;
    // Of figures the largest are looked for first.
    this.#direction = isSame ? -this.#direction : key === 'topic' ? 1 : -1;
    this.#key = key;
    this.#arrange(this.#sorted_ms, true);
    this.#mark();
  }

  #mark() {
    for (const button of this.#elements.head.children) {
      const sort = button.value === this.#key ? (this.#direction > 0 ? 'ascending' : 'descending') : '';
      button.dataset.sort = sort;
      button.setAttribute('aria-label', sort ? `${button.title}, sorted ${sort}` : `Sort by ${button.title}`);
    }
  }

  #press(event) {
    const { scroll } = this.#elements;
    const page = Math.max(Math.floor(scroll.clientHeight / this.#row_px) - 1, 1);
    const { length } = this.rows;
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -length, End: length }[event.key];
    if (!step || length === 0) return;
    event.preventDefault();
    const now = this.rows.findIndex(({ topic }) => topic === this.#chosen);
    const next = Math.min(Math.max(now + step, 0), length - 1);
    this.#select(this.rows[next].topic);
    const top = next * this.#row_px;
    if (top < scroll.scrollTop) scroll.scrollTop = top;
    else if (top + this.#row_px > scroll.scrollTop + scroll.clientHeight) scroll.scrollTop = top + this.#row_px - scroll.clientHeight;
  }
}

/** How old a value is, or what is the matter with it, and the class of that. */
export function standingOf({ status, since_ms, quality, ingest_ms }, now_ms) {
  if (status !== 'live') {
    const since = since_ms === null ? '' : ` ${shortAge(now_ms - since_ms)}`;
    return [status + since, status === 'dead' ? 'bad' : 'warning'];
  }
  return quality === 'live' ? [age(now_ms - ingest_ms), ''] : [quality, 'warning'];
}

function put(line, at, text, name) {
  if (line.texts[at] !== text) {
    line.texts[at] = text;
    line.spans[at].textContent = text;
  }
  if (line.classes[at] !== name) {
    line.classes[at] = name;
    line.spans[at].className = name;
  }
}

function putAttribute(line, name, value) {
  if (line[name] === value) return;
  line[name] = value;
  line.element.setAttribute(name, value);
}

/** The class of a rise or a fall. */
export function direction(number) {
  if (!number) return '';
  return number > 0 ? 'up' : 'down';
}

/** The same by what is written: a zero is neither. */
export const signOf = (text) => (text.startsWith('+') ? 'up' : text.startsWith('-') ? 'down' : '');
