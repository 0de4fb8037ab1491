// The chart of one topic: uPlot, with the last value on the axis, holes hatched and a crosshair.

import uPlot from './vendor/uPlot.esm.js';
import { clock, count, fixed, signed } from './format.js';

const AXIS_FONT = '11px "JetBrains Mono", ui-monospace, monospace';
const LINE_PX = 1.4;
const AXIS_PX = 28;
/** Of the value axis, per character of its widest label. */
const CHARACTER_PX = 6.7;
const HATCH_PX = 7;
/** Height of a label on an axis. */
const LABEL_PX = 18;
/** Above and below the line, as a part of its height. */
const MARGIN = 0.08;
/** Time that is shown when there is little to show. */
const SHORTEST_S = 10;
/** Empty room on the right, as a part of the time shown. */
const AHEAD = 0.02;
const TIP_OFFSET_PX = 14;

export class Chart {
  #place;
  #tip;
  #store;
  #plot = null;
  #row = null;
  #now_s = 0;
  #window_s = 300;
  #colors = {};

  constructor(place, tip, store) {
    this.#place = place;
    this.#tip = tip;
    this.#store = store;
    new ResizeObserver(() => this.#plot?.setSize(this.#size())).observe(place);
    matchMedia('(prefers-color-scheme: light)').addEventListener('change', () => this.show(this.#row));
    // What was drawn before the font came has another one.
    document.fonts.ready.then(() => this.show(this.#row));
  }

  /** @param {number} s what is shown, 0 for everything */
  set window_s(s) {
    this.#window_s = s;
  }

  /** @param {object | null} row of the store */
  show(row) {
    this.#plot?.destroy();
    this.#plot = null;
    this.#row = row;
    this.#tip.hidden = true;
    if (!row || row.times.length === 0) return;
    const style = getComputedStyle(document.documentElement);
    for (const name of ['background', 'raised', 'line', 'text', 'muted', 'accent', 'on-accent', 'bad']) {
      this.#colors[name] = style.getPropertyValue(`--${name}`).trim();
    }
    this.#plot = new uPlot(this.#options(), [[], []], this.#place);
  }

  /** @param {object} row of the store; another one than before begins another chart */
  paint(row, now_ms) {
    if (row !== this.#row || !this.#plot) this.show(row);
    if (!this.#plot) return;
    this.#now_s = now_ms / 1000;
    const start_s = this.#start();
    const first = Math.max(after(row.times, start_s) - 1, 0);
    const times = row.times.slice(first);
    const values = row.values.slice(first);
    // A price holds until the next one.
    if (row.kind !== 'reading' && !row.isOld && this.#now_s > times.at(-1)) {
      times.push(this.#now_s);
      values.push(values.at(-1));
    }
    this.#plot.batch(() => {
      this.#plot.setData([times, values], false);
      this.#plot.setScale('x', { min: start_s, max: this.#now_s + (this.#now_s - start_s) * AHEAD });
    });
  }

  #start() {
    const first = Math.min(this.#row.times[0], this.#now_s - SHORTEST_S);
    return this.#window_s === 0 ? first : Math.max(first, this.#now_s - this.#window_s);
  }

  #size() {
    return { width: this.#place.clientWidth, height: this.#place.clientHeight };
  }

  #options() {
    const { muted, line, accent } = this.#colors;
    const row = this.#row;
    const axis = { stroke: muted, font: AXIS_FONT, grid: { stroke: line, width: 1 }, ticks: { show: false } };
    const label = (value) => fixed(value, row.decimals);
    return {
      ...this.#size(),
      legend: { show: false },
      padding: [8, 0, 0, 0],
      cursor: { drag: { x: false, y: false }, points: { size: 8, width: LINE_PX, stroke: accent, fill: this.#colors.background } },
      scales: { x: { time: true }, y: { range: (_plot, min, max) => room(min, max, row.decimals) } },
      series: [
        {},
        {
          stroke: accent,
          width: LINE_PX,
          points: { show: false },
          paths: row.kind === 'reading' ? uPlot.paths.linear() : uPlot.paths.stepped({ align: 1 }),
        },
      ],
      axes: [
        { ...axis, size: AXIS_PX, space: 90, values: (_plot, splits) => splits.map((s) => clock(s * 1000)) },
        {
          ...axis,
          side: 1,
          gap: 8,
          space: 44,
          size: (_plot, labels) => Math.max(...[...(labels ?? []), label(row.number)].map((text) => text.length)) * CHARACTER_PX + 24,
          // The last value has a label of its own there.
          values: (plot, splits) => splits.map((value) => (this.#isNearLast(plot, value) ? '' : label(value))),
          // No line between two values that the source can not send.
          incrs: [...Array(28)].flatMap((_, at) => [1, 2, 5].map((step) => step * 10 ** (at - 12))).filter((step) => step >= 10 ** -row.decimals * 0.999),
        },
      ],
      hooks: { draw: [(plot) => this.#draw(plot)], setCursor: [(plot) => this.#point(plot)] },
    };
  }

  #isNearLast(plot, value) {
    return Math.abs(plot.valToPos(value, 'y') - plot.valToPos(this.#row.number, 'y')) < LABEL_PX;
  }

  #draw(plot) {
    const { ctx, bbox } = plot;
    const scale = devicePixelRatio;
    ctx.save();
    ctx.font = `${11 * scale}px "JetBrains Mono", ui-monospace, monospace`;
    for (const hole of this.#store.holes) this.#hatch(plot, hole, scale);
    const y = plot.valToPos(this.#row.number, 'y', true);
    const right = bbox.left + bbox.width;
    if (y >= bbox.top && y <= bbox.top + bbox.height) {
      ctx.strokeStyle = this.#colors.accent;
      ctx.lineWidth = scale;
      ctx.setLineDash([scale, 3 * scale]);
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(right, y);
      ctx.stroke();
      ctx.setLineDash([]);
      const text = fixed(this.#row.number, this.#row.decimals);
      const half = (LABEL_PX / 2) * scale;
      ctx.fillStyle = this.#colors.accent;
      ctx.beginPath();
      ctx.roundRect(right + 2 * scale, y - half, ctx.measureText(text).width + 12 * scale, 2 * half, 3 * scale);
      ctx.fill();
      ctx.fillStyle = this.#colors['on-accent'];
      ctx.textAlign = 'left';
      ctx.textBaseline = 'middle';
      ctx.fillText(text, right + 8 * scale, y);
    }
    ctx.restore();
  }

  /** Covers the line where there is none. */
  #hatch(plot, { from, to, text, lost }, scale) {
    const { ctx, bbox } = plot;
    const clamp = (x) => Math.min(Math.max(x, bbox.left), bbox.left + bbox.width);
    const left = clamp(plot.valToPos(from / 1000, 'x', true));
    const right = clamp(plot.valToPos((to ?? this.#now_s * 1000) / 1000, 'x', true));
    if (right <= left) return;
    const width = Math.max(right - left, 2 * scale);
    const color = lost === undefined ? this.#colors.muted : this.#colors.bad;
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, bbox.top, width, bbox.height);
    ctx.clip();
    ctx.fillStyle = this.#colors.background;
    ctx.fill();
    ctx.strokeStyle = color;
    ctx.globalAlpha = 0.45;
    ctx.lineWidth = scale;
    ctx.beginPath();
    for (let x = left - bbox.height; x < right; x += HATCH_PX * scale) {
      ctx.moveTo(x, bbox.top + bbox.height);
      ctx.lineTo(x + bbox.height, bbox.top);
    }
    ctx.stroke();
    ctx.restore();
    // Beside a narrow hole there may be room on one side only.
    const pad = 4 * scale;
    const textWidth = ctx.measureText(text).width + 2 * pad;
    const isRight = left + width / 2 > bbox.left + bbox.width / 2;
    const x = isRight ? left + width - textWidth : left;
    ctx.fillStyle = this.#colors.background;
    ctx.fillRect(x, bbox.top, textWidth, LABEL_PX * scale);
    ctx.fillStyle = color;
    ctx.textAlign = 'left';
    ctx.textBaseline = 'middle';
    ctx.fillText(text, x + pad, bbox.top + (LABEL_PX / 2) * scale);
  }

  #point(plot) {
    const { idx, left, top } = plot.cursor;
    const value = idx === null || idx === undefined ? undefined : plot.data[1][idx];
    this.#tip.hidden = value === undefined || left < 0;
    if (this.#tip.hidden) return;
    const row = this.#row;
    const s = plot.data[0][idx];
    const delta = signed(row.number - value, row.decimals);
    this.#tip.textContent = `${fixed(value, row.decimals)}\n${clock(s * 1000, true)}\nΔ live ${delta} · ${(this.#now_s - s).toFixed(1)} s ago`;
    const isLeft = left > plot.over.clientWidth / 2;
    const x = isLeft ? left - this.#tip.offsetWidth - TIP_OFFSET_PX : left + TIP_OFFSET_PX;
    const y = Math.min(top + TIP_OFFSET_PX, plot.over.clientHeight - this.#tip.offsetHeight);
    this.#tip.style.transform = `translate(${Math.max(x, 0)}px, ${Math.max(y, 0)}px)`;
  }
}

/** Some air around the values, and never less than one step of the source. */
function room(min, max, decimals) {
  if (min === null || max === null || min === undefined) return [0, 1];
  const step = 10 ** -decimals;
  const air = Math.max((max - min) * MARGIN, 2 * step);
  return [min - air, max + air];
}

/** The first index whose time is later. */
function after(times, s) {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= s) low = middle + 1;
    else high = middle;
  }
  return low;
}

export const lostText = (lost) => (lost === undefined ? 'gap · some lost' : `gap · ${count(lost)} lost`);
