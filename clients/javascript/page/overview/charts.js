// All charts of the page: their elements, what is shown in them, and the updates that only they
// need.

import { candleInterval, rowInterval } from '../candles/intervals.js';
import { windowOf } from '../chart/view.js';
import { Detail } from './detail.js';
import { loadHistory } from './history.js';
import { Pane } from './pane.js';
import { Pasts } from './pasts.js';
import { NOTHING, isWords, seriesOf } from './series.js';
import { MAX_POINTS_PER_CHART } from './store.js';
import { awayOf, withOutages } from './told-gaps.js';

/** With more single updates than this to load, a line has rows instead. */
const MAX_FINE = 20_000;
/** With this many points it can be told how many there would be. */
const ENOUGH = 1_000;
/** History is loaded when the view comes this near to the oldest point, as a part of its span. */
const NEAR = 0.25;

export class Charts {
  #place;
  #template;
  #workspace;
  #store;
  #overview;
  #gapList;
  #access;
  #on;
  /** By the id of the chart. */
  #panes = new Map();
  #details = new Map();
  #pasts;
  /** The oldest time of which anything is known, of all charts; null if nothing is. */
  #oldest_s = null;
  /** Topics whose history is being loaded. */
  #loading = new Set();
  /** The time of the crosshair, of all charts. */
  #pointed_s = null;
  #shownActive = null;

  /**
   * @param {{ charts: HTMLElement, chart: HTMLTemplateElement }} elements
   * @param {object} parts `workspace`, `store`, `overview` with its client, `gapList`, `access`
   * @param {object} on `now_s()`, `changed(isUrgent)` for a repaint, `moved()` if the workspace is
   * another one
   */
  constructor(elements, { workspace, store, overview, gapList, access }, on) {
    this.#place = elements.charts;
    this.#template = elements.chart;
    this.#workspace = workspace;
    this.#store = store;
    this.#overview = overview;
    this.#gapList = gapList;
    this.#access = access;
    this.#on = on;
    this.#pasts = new Pasts(() => on.changed(false));
    const restyle = () => this.restyle();
    matchMedia('(prefers-color-scheme: light)').addEventListener('change', restyle);
    // Text drawn before the font is loaded has another font.
    document.fonts.load('11px "JetBrains Mono"').finally(restyle);
  }

  restyle() {
    for (const { chart } of this.#panes.values()) chart.restyle();
  }

  disconnected() {
    for (const detail of this.#details.values()) detail.disconnected();
  }

  /** Another client begins from nothing. */
  clientEnds() {
    for (const detail of this.#details.values()) detail.close();
    this.#details.clear();
    this.#pasts.clientEnds();
    this.#loading.clear();
  }

  /** The pane of the active chart, or null. */
  get active() {
    return this.#panes.get(this.#workspace.active?.id) ?? null;
  }

  /** Updates since the view was paused, of the topics that are shown. */
  received() {
    let sum = 0;
    for (const topic of new Set(this.#workspace.charts.map((chart) => chart.topic))) sum += this.#store.get(topic)?.seq ?? 0;
    return sum;
  }

  paint(now_ms, isUtc) {
    const { charts, active } = this.#workspace;
    const now_s = now_ms / 1000;
    this.#arrange(charts);
    this.#workspace.showAll(this.#oldest_s, now_s);
    this.#oldest_s = null;
    const { client } = this.#overview;
    this.#pasts.begin(client);
    const { from_s, to_s } = windowOf(this.#workspace.view, now_s);
    const time = { from_s, span_s: this.#workspace.view.span_s };
    const axisLength = Math.max(0, ...[...this.#panes.values()].map(({ chart }) => chart.labelLength));
    for (const shown of charts) {
      const row = this.#store.get(shown.topic) ?? null;
      const detail = this.#detailOf(shown, row);
      if (row) this.#loadIfNear(row, from_s, to_s - from_s);
      const past = row && this.#look(row, shown, detail, { from_s, to_s, now_s, isConnected: client.readyState === client.OPEN }, shown === active);
      const series = row && seriesOf(row, shown, detail, this.#store.joins, past);
      const gapList = this.#gapsOf(row, series, detail, past);
      this.#panes.get(shown.id).paint(shown, row, detail, {
        drawn_s: past?.interval_s ?? null, topic: `${shown.topic} ${series?.kind}`, series, gapList, time, range: shown.range, now_s, isUtc, pointed_s: this.#pointed_s, axisLength,
        denied: this.#deniedOf(shown.topic, row, detail),
      }, { isActive: shown === active, isOnly: charts.length === 1 });
    }
    this.#pasts.ask(client, now_s);
    this.#showActive(active);
  }

  /** Why nothing (more) comes of a topic, or null. */
  #deniedOf(topic, row, detail) {
    if (row?.denied) return row.denied;
    if (!this.#access.mayRead(topic)) return { since_ms: null, ...this.#access.reasonOf(topic) };
    return detail?.denied ?? null;
  }

  /** A line has the gaps of the page, everything else those of its own subscription. */
  #gapsOf(row, series, detail, past) {
    if (series?.kind === 'line' || !detail) return withOutages(this.#gapList, past?.outages ?? [], row?.points);
    return series?.kind === 'candles' ? lasting(detail.gapList) : detail.gapList;
  }

  /** Looks for candles, or for rows where not every update is known. */
  #look(row, shown, detail, view, isActive) {
    const first_s = row.points.first_s ?? view.now_s;
    this.#oldest_s = Math.min(this.#oldest_s ?? Infinity, first_s);
    if (isWords(row)) return null;
    const past = this.#pasts.of(row.topic);
    const span_s = view.to_s - view.from_s;
    const interval_s = shown.isCandles ? candleInterval(shown.interval_s, span_s) : rowInterval(span_s);
    past.follow(shown.isCandles ? interval_s : null);
    // Live updates come soon, and then the newest candles are asked for with them.
    if (shown.isCandles && !(detail && past.isFed)) return null;
    const to_s = shown.isCandles ? view.to_s : Math.min(view.to_s, first_s);
    const found = to_s <= view.from_s ? NOTHING : this.#pasts.look(past, interval_s, { ...view, to_s }, isActive);
    this.#oldest_s = Math.min(this.#oldest_s, found.first_s ?? Infinity);
    const { from_s } = view;
    const before = shown.isCandles ? [] : this.#pasts.outages(past, interval_s, row.points.distance_s(from_s, view.to_s), view, row.seen_s);
    const since = shown.isCandles ? [] : awayOf(row).filter((away) => away.from_s < view.to_s && away.to_s > from_s);
    return { ...found, outages: [...before, ...since], interval_s };
  }

  /** Charts that are too many for the place are scrolled. */
  #showActive(active) {
    if (active === this.#shownActive) return;
    this.#shownActive = active;
    this.active?.element.scrollIntoView({ block: 'nearest' });
  }

  /** Makes and removes elements, in the order of the charts. */
  #arrange(charts) {
    const ids = new Set(charts.map(({ id }) => id));
    for (const [id, pane] of this.#panes) {
      if (ids.has(id)) continue;
      pane.close();
      this.#panes.delete(id);
    }
    charts.forEach((shown, at) => {
      if (!this.#panes.has(shown.id)) this.#panes.set(shown.id, new Pane(this.#template, this.#handlers(shown)));
      const { element } = this.#panes.get(shown.id);
      if (this.#place.children[at] !== element) this.#place.insertBefore(element, this.#place.children[at] ?? null);
    });
    const topics = new Set(charts.map(({ topic }) => topic));
    for (const row of this.#store.charted) if (!topics.has(row.topic)) this.#store.setCharted(row, false);
    for (const [topic, detail] of this.#details) {
      if (charts.some((shown) => shown.topic === topic && needsDetail(shown, this.#store.get(topic)))) continue;
      detail.close();
      this.#details.delete(topic);
    }
  }

  #detailOf(shown, row) {
    if (row) this.#store.setCharted(row, true);
    const { client } = this.#overview;
    if (!needsDetail(shown, row)) return null;
    if (!this.#details.has(shown.topic) && client.readyState < client.CLOSING) {
      this.#details.set(shown.topic, new Detail(client, shown.topic, this.#pasts.of(shown.topic), { now_ms: () => this.#on.now_s() * 1000, changed: () => this.#on.changed(false) }));
    }
    const detail = this.#details.get(shown.topic) ?? null;
    if (shown.hasMessages || isWords(row)) detail?.loadHistory();
    return detail;
  }

  /** Loads history as soon as the view shows what is before the oldest point. */
  #loadIfNear(row, from_s, span_s) {
    const { client } = this.#overview;
    const isFar = row.points.first_s !== null && row.points.first_s < from_s - NEAR * span_s;
    if (row.hasAll || isFar || this.#loading.has(row.topic) || client.readyState !== client.OPEN || isWords(row) || isMuch(row.points, from_s)) return;
    const left = MAX_POINTS_PER_CHART - row.points.length;
    if (left <= 0) return;
    this.#loading.add(row.topic);
    loadHistory(client, row.topic, { before: row.oldest, limit: left }, (updates) => {
      if (client !== this.#overview.client) return null;
      this.#store.addHistory(row.topic, updates, this.#overview.rateText);
      this.#on.changed(false);
      return row.points.first_s < from_s - NEAR * span_s || isMuch(row.points, from_s) ? null : row.oldest;
    }).then((hasMore) => {
      if (client !== this.#overview.client) return;
      row.hasAll = row.hasAll || !hasMore;
      this.#loading.delete(row.topic);
    });
  }

  #handlers(shown) {
    const workspace = this.#workspace;
    const change = (action) => (...given) => {
      action(...given, this.#on.now_s());
      this.#on.moved();
    };
    return {
      point: (s) => {
        this.#pointed_s = s;
        this.#on.changed(true);
      },
      zoom: change((factor, s, kind, now_s) => workspace.zoom(factor, s, kind, now_s)),
      pan: change((by_s, kind, now_s) => workspace.pan(by_s, kind, now_s)),
      range: change((low, high, now_s) => workspace.stretch(shown, [low, high], now_s)),
      box: change((from_s, to_s, range, now_s) => workspace.box(shown, from_s, to_s, range, now_s)),
      reset: change((now_s) => workspace.reset(now_s)),
      fit: change((now_s) => workspace.fit(shown, now_s)),
      form: change((interval_s, now_s) => workspace.setCandles(shown, interval_s, now_s)),
      messages: change((isOpen) => {
        shown.hasMessages = isOpen;
      }),
      keep: change((isKept) => {
        shown.isKept = isKept;
      }),
      remove: change(() => workspace.remove(shown)),
      activate: () => {
        if (workspace.active === shown || !workspace.charts.includes(shown)) return;
        workspace.activate(shown);
        this.#on.moved();
      },
      change: (isUrgent = false) => this.#on.changed(true, isUrgent),
    };
  }
}

const needsDetail = (shown, row) => Boolean(row) && (shown.isCandles || shown.hasMessages || isWords(row));

/** Whether there are probably too many updates between a time and the first point. */
const isMuch = ({ length, first_s, last_s }, from_s) => length >= ENOUGH && ((first_s - from_s) * length) / Math.max(last_s - first_s, 1) > MAX_FINE;

/** Candles have what came after a gap from the server, so only a gap that lasts is one. */
const lasting = ({ gaps, version }) => ({ gaps: gaps.filter(({ to }) => to === null), version });
