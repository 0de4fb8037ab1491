// The charts of the page, and what they show. It knows no document.

import { CANDLES_SHOWN } from '../candles/intervals.js';
import { Undo } from '../chart/undo.js';
import { between, following, panned, paused, windowOf, zoomed } from '../chart/view.js';

export const MAX_CHARTS = 8;
const DEFAULT_SPAN_S = 300;
const DEFAULT_INTERVAL_S = 15;
/** "All" leaves this part empty, so that the view stays for a while. */
const ALL_SPACE = 0.1;
const MIN_ALL_S = 10;

export class Workspace {
  /**
   * `{ id, topic, isKept, isCandles, interval_s, hasMessages, range }`. A chart that is not kept
   * shows the next topic that is chosen. `range` of the value axis: null if it fits the values.
   */
  charts = [];
  /** One of them, or null. */
  active = null;
  /** Of all charts. */
  view = following(DEFAULT_SPAN_S);
  /** Whether the view goes back to the oldest point. */
  isAll = false;
  #undo = new Undo();
  #nextId = 1;

  /** Shows a topic: where it is shown already, else in the chart that is not kept. */
  choose(topic) {
    const shown = this.charts.find((chart) => chart.topic === topic);
    if (shown) return this.activate(shown);
    const free = this.charts.find(({ isKept }) => !isKept) ?? (this.charts.length >= MAX_CHARTS ? this.active : null);
    if (free) Object.assign(free, asNew(topic));
    else this.charts.push({ id: this.#nextId++, ...asNew(topic) });
    this.activate(free ?? this.charts.at(-1));
  }

  /** The topic has a chart of its own from now on. */
  keep(topic) {
    this.choose(topic);
    this.active.isKept = true;
  }

  activate(chart) {
    this.active = chart;
  }

  /** @param {number} step 1 for the next chart, -1 for the one before */
  activateNext(step) {
    if (this.charts.length === 0) return;
    const at = this.charts.indexOf(this.active);
    this.active = this.charts[(at + step + this.charts.length) % this.charts.length];
  }

  remove(chart) {
    const at = this.charts.indexOf(chart);
    if (at < 0) return;
    this.charts.splice(at, 1);
    if (this.active === chart) this.active = this.charts[Math.min(at, this.charts.length - 1)] ?? null;
  }

  removeAll() {
    this.charts = [];
    this.active = null;
  }

  /** Puts charts in place of all, as a link names them. */
  replace(charts, { span_s, end_s }) {
    this.charts = charts.slice(0, MAX_CHARTS).map((chart) => ({ id: this.#nextId++, ...asNew(chart.topic), isKept: charts.length > 1, ...chart }));
    this.active = this.charts[0] ?? null;
    const own_s = this.active?.isCandles ? this.active.interval_s * CANDLES_SHOWN : this.view.span_s;
    this.view = { ...following(span_s ?? own_s), end_s: end_s ?? null };
    this.isAll = false;
  }

  zoom(factor, anchor_s, kind, now_s) {
    this.#change(kind, now_s, zoomed(this.view, factor, anchor_s, now_s));
  }

  pan(by_s, kind, now_s) {
    this.#change(kind, now_s, panned(this.view, by_s, now_s));
  }

  box(chart, from_s, to_s, range, now_s) {
    this.#change('box', now_s, between(from_s, to_s, now_s));
    if (range) chart.range = range;
  }

  /** Stretches the values of one chart. */
  stretch(chart, range, now_s) {
    this.#remember('stretch', now_s);
    chart.range = range;
  }

  fit(chart, now_s) {
    this.#remember('fit', now_s);
    chart.range = null;
  }

  /** Follows, and fits the values of all charts. */
  reset(now_s) {
    this.#change('reset', now_s, { ...this.view, end_s: null });
    for (const chart of this.charts) chart.range = null;
  }

  follow(now_s) {
    if (this.view.end_s !== null) this.#change('follow', now_s, { ...this.view, end_s: null });
  }

  pause(now_s) {
    if (this.view.end_s === null) this.#change('pause', now_s, paused(this.view, now_s));
  }

  /** @param {number | null} span_s null for everything */
  setSpan(span_s, now_s) {
    this.#change('span', now_s, span_s === null ? { ...this.view, end_s: null } : { ...following(span_s), end_s: this.view.end_s });
    this.isAll = span_s === null;
  }

  /** Shows a line, or candles and as much time as makes some of them. */
  setCandles(chart, interval_s, now_s) {
    this.#remember('candles', now_s);
    chart.isCandles = interval_s !== null;
    chart.range = null;
    if (interval_s === null) return;
    chart.interval_s = interval_s;
    this.view = { ...this.view, span_s: following(interval_s * CANDLES_SHOWN).span_s };
    this.isAll = false;
  }

  /** Makes room for the oldest point. Call it before each repaint. */
  showAll(oldest_s, now_s) {
    if (!this.isAll || oldest_s === null || windowOf(this.view, now_s).from_s <= oldest_s) return;
    const span_s = Math.max(now_s - oldest_s, MIN_ALL_S) * (1 + ALL_SPACE);
    this.view = { ...following(span_s), end_s: this.view.end_s };
  }

  /** @returns {boolean} false if there is nothing to undo */
  undo() {
    const state = this.#undo.back();
    if (!state) return false;
    this.view = state.view;
    this.isAll = state.isAll;
    for (const chart of this.charts) {
      const shown = state.charts.get(chart.id);
      if (shown?.topic === chart.topic) Object.assign(chart, shown);
    }
    return true;
  }

  #change(kind, now_s, view) {
    this.#remember(kind, now_s);
    if (view.span_s !== this.view.span_s || view.end_s !== null) this.isAll = false;
    this.view = view;
  }

  #remember(kind, now_s) {
    const charts = new Map(this.charts.map(({ id, topic, range, isCandles, interval_s }) => [id, { topic, range, isCandles, interval_s }]));
    this.#undo.remember({ view: this.view, isAll: this.isAll, charts }, kind, now_s * 1000);
  }
}

const asNew = (topic) => ({ topic, isKept: false, isCandles: false, interval_s: DEFAULT_INTERVAL_S, hasMessages: false, range: null });
