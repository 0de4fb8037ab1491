// A chart: a canvas that fills its place, and a tooltip. It is given what to show and returns what
// a person does with it.

import { rangeOfCandles } from './candle-shapes.js';
import { Columns } from './columns.js';
import { AXIS_FONT, drawScene } from './draw.js';
import { axisWidth, plotOf, valuesOf } from './geometry.js';
import { Gestures } from './gestures.js';
import { LineLayer } from './line-layer.js';
import { extremesOf } from './line-path.js';
import { extremesOfRows } from './row-shapes.js';
import { valueRange } from './scale.js';
import { composeScene, lastText, valueLabels } from './scene.js';
import { showTooltip } from './tooltip.js';
import { ValueRange } from './value-range.js';

const COLORS = [
  'background', 'panel', 'raised', 'line', 'text', 'muted', 'dim', 'accent', 'on-accent', 'up', 'down', 'warning', 'bad',
  'series-2', 'series-3', 'series-4', 'series-5', 'series-6',
];

export class Chart {
  #canvas = document.createElement('canvas');
  #context = this.#canvas.getContext('2d', { alpha: false });
  #layer = new LineLayer();
  #columns = { values: new Columns('values'), others: new Columns('others') };
  #range = new ValueRange();
  #tooltip;
  #gestures;
  #on;
  #size = { width: 0, height: 0, scale: 1 };
  #colors = {};
  #character_px = 0;
  /** Characters of the longest label that the value axis had: it never gets narrower. */
  #labelLength = 0;
  /** Until which column a stepped line was drawn. */
  #until = -Infinity;
  #shown = { plot: null, values: null };
  #topic = null;
  /** Two times that are compared: `{ from_s, to_s }`. */
  #ruler = null;
  #observer;

  /**
   * @param {HTMLElement} place the canvas becomes its child and gets its size
   * @param {HTMLElement} tooltip
   * @param {object} on what a person does: `point(s)`, `zoom(factor, s, kind)`, `pan(s, kind)`,
   * `range(low, high)`, `box(from_s, to_s, range)`, `reset()`, `fit()` for the values alone,
   * and `change()` when the chart must be painted again
   */
  constructor(place, tooltip, on) {
    this.#tooltip = tooltip;
    this.#on = on;
    this.#canvas.hidden = true;
    place.prepend(this.#canvas);
    this.#gestures = new Gestures(this.#canvas, this.#handlers());
    this.#observer = new ResizeObserver(([{ contentRect }]) => this.#resize(contentRect.width, contentRect.height));
    this.#observer.observe(place);
    this.restyle();
  }

  /** The chart is not shown any more. */
  close() {
    this.#observer.disconnect();
    this.#canvas.remove();
  }

  /** Of the lines: columns that were drawn and points that were looked at, ever. */
  get work() {
    return { drawn: this.#layer.drawn, visited: this.#columns.values.visited + this.#columns.others.visited };
  }

  /** Characters that the value axis has room for; 0 without one. */
  get labelLength() {
    return this.#labelLength;
  }

  /** What the last repaint showed: the plot and its values, or null. */
  get shown() {
    return this.#shown;
  }

  /** @returns {boolean} whether there was a ruler, which is gone now */
  clearRuler() {
    const had = this.#ruler !== null;
    this.#ruler = null;
    if (had) this.#on.change();
    return had;
  }

  /** The colours or the font of the page changed. */
  restyle() {
    const style = getComputedStyle(document.documentElement);
    for (const name of COLORS) this.#colors[name] = style.getPropertyValue(`--${name}`).trim();
    this.#context.setTransform(1, 0, 0, 1, 0, 0);
    this.#context.font = AXIS_FONT;
    this.#character_px = this.#context.measureText('0').width;
    this.#layer.clear();
    this.#on.change();
  }

  /**
   * @param {object} view
   * @param {string} view.topic
   * @param {object | null} view.series as for `composeScene`; null: there is nothing to show
   * @param {{ gaps: object[], version: number }} view.gapList
   * @param {{ from_s: number, span_s: number }} view.time
   * @param {[number, number] | null} view.range of the value axis; null: it fits the values
   * @param {number} view.now_s
   * @param {boolean} view.isUtc
   * @param {number | null} view.pointed_s
   * @param {number} view.axisLength characters that the value axis has room for at least: charts
   * with one time axis have it at the same place
   */
  paint(view) {
    if (view.topic !== this.#topic) {
      this.#topic = view.topic;
      this.#ruler = null;
      this.#labelLength = 0;
      this.#range.clear();
      this.#layer.clear();
    }
    const isEmpty = view.series === null;
    if (this.#canvas.hidden !== isEmpty) this.#canvas.hidden = isEmpty;
    if (isEmpty || this.#size.width === 0) {
      this.#tooltip.hidden = true;
      return;
    }
    if (this.#size.scale !== devicePixelRatio) this.#resize(this.#size.width, this.#size.height);
    const { series } = view;
    const hasValues = series.kind !== 'states';
    let plot = this.#plot(view);
    let measured = hasValues ? this.#measure(view, plot) : { values: null, changed: -Infinity };
    const labels = hasValues ? [lastText(series), ...valueLabels(series, plot, measured.values).map(({ label }) => label)] : [];
    const longest = Math.max(this.#labelLength, ...labels.map(({ length }) => length));
    if (longest > this.#labelLength) {
      // While numbers change, the axis keeps its width.
      this.#labelLength = longest;
      plot = this.#plot(view);
      measured = this.#measure(view, plot);
    }
    const { values } = measured;
    this.#shown = { plot, values };
    const scene = composeScene({ ...view, ruler: this.#ruler, character_px: this.#character_px }, plot, values);
    const lines = series.kind === 'line' ? this.#paintLines(view, plot, measured) : null;
    scene.end = lines?.end ?? null;
    scene.rowsEnd = lines && scene.rows.length > 0 ? this.#firstPoint(series.points, plot, values) : null;
    scene.box = this.#boxInPlot(plot);
    drawScene(this.#context, scene, lines?.canvas ?? null, this.#colors, this.#size);
    showTooltip(this.#tooltip, scene.pointed, this.#gestures.at, plot);
  }

  #plot({ time, axisLength }) {
    const length = Math.max(axisLength, this.#labelLength);
    return plotOf(this.#size, length > 0 ? axisWidth(length, this.#character_px) : 0, time.span_s, time.from_s);
  }

  /** Takes in new points, and finds the range of the value axis. */
  #measure({ series, gapList, range, now_s }, plot) {
    let needed = null;
    let changed = Infinity;
    if (series.kind === 'candles') {
      needed = rangeOfCandles(series.candles);
    } else {
      const to = plot.fromColumn + plot.columns;
      for (const columns of series.hasPair ? [this.#columns.values, this.#columns.others] : [this.#columns.values]) {
        changed = Math.min(changed, columns.update(series.points, gapList, plot.step_s));
        const extremes = extremesOf(columns, plot.fromColumn, to, series.isStepped);
        if (extremes) needed = needed ? [Math.min(needed[0], extremes[0]), Math.max(needed[1], extremes[1])] : extremes;
      }
    }
    if (series.kind === 'line') {
      const extremes = extremesOfRows(series.rows, plot);
      if (extremes) needed = needed ? [Math.min(needed[0], extremes[0]), Math.max(needed[1], extremes[1])] : extremes;
    }
    needed ??= [series.number ?? 0, series.number ?? 0];
    const fitted = range ?? this.#range.fit(valueRange(...needed, series.decimals), needed, now_s * 1000);
    return { values: valuesOf(plot, fitted), changed };
  }

  #paintLines({ series, gapList, now_s }, plot, { values, changed }) {
    const { isStepped, isOld, hasPair } = series;
    const now = Math.floor(now_s / plot.step_s);
    const untilOf = (columns) => (isStepped && !isOld ? columns.heldAfterLast(gapList, now_s) ?? now : null);
    const line = (columns, color) => ({ columns, color, isStepped, until: untilOf(columns), changed: Math.min(changed, this.#until) });
    const lines = [line(this.#columns.values, this.#colors.accent)];
    if (hasPair) lines.unshift(line(this.#columns.others, this.#colors['series-2']));
    this.#layer.paint(plot, values, lines);
    const { columns, until } = lines.at(-1);
    this.#until = Math.min(...lines.map((each) => each.until ?? Infinity));
    const at = columns.length - 1;
    if (at < 0) return { canvas: this.#layer.canvas, end: null };
    const column = until === null ? columns.column[at] : Math.max(until, columns.column[at]);
    return { canvas: this.#layer.canvas, end: { x: (column - plot.fromColumn + 0.5) / plot.scale, y: values.y(columns.last[at]) } };
  }

  #firstPoint({ start, times, values: numbers, length }, plot, values) {
    return length === 0 || Number.isNaN(numbers[start]) ? null : { x: plot.x(times[start]), y: values.y(numbers[start]) };
  }

  #boxInPlot({ left, right, top, bottom }) {
    const { box } = this.#gestures;
    if (!box) return null;
    const x = (place) => Math.min(Math.max(place, left), right);
    const y = (place) => Math.min(Math.max(place, top), bottom);
    return {
      left: Math.min(x(box.x), x(box.toX)), right: Math.max(x(box.x), x(box.toX)),
      top: Math.min(y(box.y), y(box.toY)), bottom: Math.max(y(box.y), y(box.toY)),
    };
  }

  #handlers() {
    const isOnAxis = ({ x }) => x > (this.#shown.plot?.right ?? Infinity);
    return {
      point: (at) => this.#on.point(at === null || isOnAxis(at) || !this.#shown.plot ? null : this.#shown.plot.s(at.x)),
      zoom: (factor, x, kind) => this.#shown.plot && this.#on.zoom(factor, this.#shown.plot.s(x), kind),
      pan: (px, kind) => this.#shown.plot && this.#on.pan(-px * this.#shown.plot.scale * this.#shown.plot.step_s, kind),
      grab: (at) => (isOnAxis(at) ? 'axis' : 'plot'),
      stretch: (factor) => {
        if (!this.#shown.values) return;
        const { low, high } = this.#shown.values;
        const [middle, half] = [(low + high) / 2, ((high - low) / 2) * factor];
        this.#on.range(middle - half, middle + half);
      },
      boxed: (box) => this.#zoomToBox(box),
      ruler: (x, toX) => this.#measureTime(x, toX),
      click: () => this.clearRuler(),
      double: (at) => (isOnAxis(at) ? this.#on.fit() : this.#on.reset()),
      change: () => this.#on.change(),
    };
  }

  #measureTime(x, toX) {
    const { plot } = this.#shown;
    if (!plot) return;
    const [from_s, to_s] = [x, toX].map((place) => plot.s(Math.min(Math.max(place, plot.left), plot.right))).sort((a, b) => a - b);
    this.#ruler = { from_s, to_s };
    this.#on.change();
  }

  #zoomToBox({ x, y, toX, toY }) {
    const { plot, values } = this.#shown;
    if (!plot) return;
    const clamp = (place) => Math.min(Math.max(place, plot.left), plot.right);
    const times = [plot.s(clamp(x)), plot.s(clamp(toX))].sort((a, b) => a - b);
    const range = values === null ? null : [values.value(y), values.value(toY)].sort((a, b) => a - b);
    this.#on.box(...times, range);
  }

  #resize(width, height) {
    const scale = devicePixelRatio;
    this.#size = { width, height, scale };
    this.#canvas.width = Math.round(width * scale);
    this.#canvas.height = Math.round(height * scale);
    this.#layer.clear();
    // A canvas of another size is black until it is drawn.
    this.#on.change(true);
  }
}
