// The chart of one topic: a canvas that fills its place, and a tooltip.

import { AXIS_FONT, drawScene } from './draw.js';
import { Pointer } from './pointer.js';
import { composeScene } from './scene.js';
import { showTooltip } from './tooltip.js';

const COLORS = ['background', 'line', 'text', 'muted', 'accent', 'on-accent', 'bad'];

export class Chart {
  /** The time shown in seconds, 0 for everything. */
  window_s = 300;
  #canvas = document.createElement('canvas');
  #context = this.#canvas.getContext('2d', { alpha: false });
  #tooltip;
  #gapList;
  #pointer;
  #row = null;
  #now_s = 0;
  #size = { width: 0, height: 0, scale: 1 };
  #colors = {};
  #character_px = 0;
  #labelLength = 0;
  #isDue = false;

  /**
   * @param {HTMLElement} place the canvas becomes its child and gets its size
   * @param {HTMLElement} tooltip
   * @param {{ gaps: object[] }} gapList
   */
  constructor(place, tooltip, gapList) {
    this.#tooltip = tooltip;
    this.#gapList = gapList;
    this.#canvas.hidden = true;
    place.prepend(this.#canvas);
    this.#pointer = new Pointer(this.#canvas, () => this.#drawSoon());
    new ResizeObserver(([{ contentRect }]) => this.#resize(contentRect.width, contentRect.height)).observe(place);
    matchMedia('(prefers-color-scheme: light)').addEventListener('change', () => this.#restyle());
    // Text drawn before the font is loaded has another font.
    document.fonts.load(AXIS_FONT).finally(() => this.#restyle());
    this.#restyle();
  }

  /**
   * @param {object | null} row of the store; without one, or without points, the chart is empty
   * @param {number} now_ms the server's time
   */
  paint(row, now_ms) {
    if (row !== this.#row) {
      this.#row = row;
      this.#labelLength = 0;
      this.#pointer.clear();
    }
    this.#now_s = now_ms / 1000;
    this.#draw();
  }

  #resize(width, height) {
    this.#size = { width, height, scale: devicePixelRatio };
    this.#canvas.width = Math.round(width * devicePixelRatio);
    this.#canvas.height = Math.round(height * devicePixelRatio);
    // A canvas of another size is black until it is drawn.
    this.#draw();
  }

  #restyle() {
    const style = getComputedStyle(document.documentElement);
    for (const name of COLORS) this.#colors[name] = style.getPropertyValue(`--${name}`).trim();
    this.#context.font = AXIS_FONT;
    this.#context.setTransform(1, 0, 0, 1, 0, 0);
    this.#character_px = this.#context.measureText('0').width;
    this.#draw();
  }

  #drawSoon() {
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(() => {
      if (this.#isDue) this.#draw();
    });
  }

  #draw() {
    this.#isDue = false;
    const row = this.#row;
    const isEmpty = !row || row.times.length === 0;
    if (this.#canvas.hidden !== isEmpty) this.#canvas.hidden = isEmpty;
    if (isEmpty || this.#size.width === 0) {
      this.#tooltip.hidden = true;
      return;
    }
    if (this.#size.scale !== devicePixelRatio) return this.#resize(this.#size.width, this.#size.height);
    const pointer = this.#pointer.at;
    const scene = composeScene({
      row, pointer, gaps: this.#gapList.gaps, now_s: this.#now_s, window_s: this.window_s, size: this.#size,
      character_px: this.#character_px, labelLength: this.#labelLength,
    });
    // While numbers change, the axis keeps its width.
    this.#labelLength = scene.labelLength;
    drawScene(this.#context, scene, this.#colors, this.#size);
    showTooltip(this.#tooltip, scene.pointed, pointer, scene.plot);
  }
}
