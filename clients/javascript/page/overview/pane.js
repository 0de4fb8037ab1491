// One chart of the page: its title, its canvas, and its messages.

import { INTERVALS_S } from '../candles/intervals.js';
import { Chart } from '../chart/chart.js';
import { Inspector } from '../inspector/inspector.js';
import { clock } from '../shared/clock.js';
import { moveWithArrows, write } from '../shared/dom.js';
import { count, span } from '../shared/format.js';
import { isWords } from './series.js';
import { showTitle } from './title.js';

export class Pane {
  element;
  chart;
  /** The chart of the workspace that is shown. */
  #shown = null;
  #parts = {};
  #inspector;

  /**
   * @param {HTMLTemplateElement} template
   * @param {object} on what a person does: as for `Chart`, and `activate()`, `form(interval_s)`
   * with null for a line, `messages(isOpen)`, `keep(isKept)`, `remove()`, `change()`
   */
  constructor(template, on) {
    this.element = document.importNode(template.content.firstElementChild, true);
    const part = (name) => this.element.querySelector(`.${name}`);
    for (const name of ['topic', 'name', 'last', 'change', 'freshness', 'kind', 'form', 'interval', 'plot', 'remove', 'keep']) this.#parts[name] = part(name);
    this.#parts.topicText = this.#parts.topic.firstElementChild;
    this.#parts.openMessages = part('open-messages');
    this.#parts.hint = this.#parts.plot.querySelector('.empty');
    this.#parts.denied = this.#parts.plot.querySelector('.denied');
    this.#inspector = new Inspector(part('inspector'), () => on.change());
    this.#addIntervals(on);
    const { form, openMessages, keep, remove } = this.#parts;
    this.element.addEventListener('pointerdown', () => on.activate(), { capture: true });
    this.element.addEventListener('focusin', () => on.activate());
    form.addEventListener('click', ({ target }) => target.value && on.form(target.value === 'line' ? null : this.#shown.interval_s));
    openMessages.addEventListener('click', () => on.messages(!this.#shown.hasMessages));
    keep.addEventListener('click', () => on.keep(!this.#shown.isKept));
    remove.addEventListener('click', () => on.remove());
    moveWithArrows(form);
    moveWithArrows(this.#parts.interval);
    moveWithArrows(part('forms'));
    this.chart = new Chart(this.#parts.plot, part('tooltip'), on);
  }

  #addIntervals(on) {
    for (const interval_s of INTERVALS_S) {
      const button = document.createElement('button');
      button.value = String(interval_s);
      button.textContent = span(interval_s);
      this.#parts.interval.append(button);
    }
    this.#parts.interval.addEventListener('click', ({ target }) => target.value && on.form(Number(target.value)));
  }

  /**
   * @param {object} shown the chart of the workspace
   * @param {object | null} row of the store; null: the topic is not known yet
   * @param {import('./detail.js').Detail | null} detail
   * @param {object} view for `Chart`, and `drawn_s`: the interval of what it draws, or null
   * @param {{ isActive: boolean, isOnly: boolean }} place
   */
  paint(shown, row, detail, view, { isActive, isOnly }) {
    this.#shown = shown;
    const { form, interval, openMessages, keep, plot, hint, denied } = this.#parts;
    this.element.classList.toggle('active', isActive);
    showTitle(this.#parts, shown.topic, row, view.now_s * 1000);
    const hasWords = row !== null && isWords(row);
    form.hidden = row === null || hasWords;
    // Of states the timeline says all; beside other charts it has the place for itself.
    const isShort = hasWords && !isOnly && detail?.states.hasOnlyWords === true;
    openMessages.hidden = row === null || (hasWords && !isShort);
    interval.hidden = form.hidden || !shown.isCandles;
    press(form, shown.isCandles ? 'candles' : 'line');
    press(interval, String(shown.interval_s));
    showDrawn(interval, shown.isCandles && view.drawn_s !== shown.interval_s ? view.drawn_s : null);
    openMessages.setAttribute('aria-pressed', String(shown.hasMessages));
    keep.setAttribute('aria-pressed', String(shown.isKept));
    denied.hidden = view.denied === null;
    write(denied, view.denied ? deniedText(view.denied, view.isUtc) : '');
    write(hint, view.series || view.denied ? '' : row === null ? 'There is no value of this topic yet.' : shown.isCandles && !hasWords ? 'Waiting for candles.' : 'Nothing to draw yet.');
    plot.classList.toggle('low', hasWords && !isShort);
    this.chart.paint(view);
    this.#inspector.paint((hasWords && !isShort) || shown.hasMessages ? (detail?.messages ?? null) : null, view.isUtc);
  }

  close() {
    this.chart.close();
    this.element.remove();
  }
}

/** Why nothing comes, since when, and where the server has stopped. */
function deniedText({ since_ms, reason, position }, isUtc) {
  const since = since_ms === null ? '' : ` since ${clock(since_ms, isUtc)}`;
  const place = position === undefined ? '' : ` Everything up to position ${count(position)} was received.`;
  return `Not allowed${since}. ${reason}${place}`;
}

/** Marks the longer interval that candles are drawn with, where the chosen ones were too thin. */
function showDrawn(group, drawn_s) {
  for (const button of group.children) {
    const isDrawn = button.value === String(drawn_s);
    button.classList.toggle('drawn', isDrawn);
    button.title = isDrawn ? 'Drawn with this interval: shorter candles would be too thin' : '';
  }
}

function press(group, value) {
  for (const button of group.children) button.setAttribute('aria-pressed', String(button.value === value));
}
