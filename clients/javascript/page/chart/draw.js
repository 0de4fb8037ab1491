// Draws a scene on a canvas. It decides nothing: every position and text comes with the scene.

import { LABEL_GAP_PX, LABEL_PAD_PX, LABEL_PX } from './geometry.js';

export const AXIS_FONT = '11px "JetBrains Mono", ui-monospace, monospace';
const LINE_PX = 1.4;
const HATCH_PX = 7;
const HATCH_ALPHA = 0.45;
const END_RADIUS_PX = 3;
const POINTED_RADIUS_PX = 4;
const CORNER_PX = 3;
/** From the bottom of the plot to the middle of the labels below it. */
const TIME_LABEL_PX = 15;

/**
 * @param {CanvasRenderingContext2D} context
 * @param {object} scene from `composeScene`
 * @param {Record<string, string>} colors by the names of the style's variables
 * @param {{ width: number, height: number, scale: number }} size
 */
export function drawScene(context, scene, colors, size) {
  const { scale } = size;
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.fillStyle = colors.background;
  context.fillRect(0, 0, size.width, size.height);
  context.font = AXIS_FONT;
  context.textBaseline = 'middle';
  context.lineJoin = 'round';
  const pen = new Pen(context, scale);
  drawGrid(pen, scene, colors);
  drawLine(pen, scene, colors);
  for (const gap of scene.gaps) drawGap(pen, gap, scene.plot, colors);
  for (const gap of scene.gaps) if (gap.label) drawGapLabel(pen, gap, scene.plot, colors);
  drawAxes(pen, scene, colors);
  if (scene.last) drawLast(pen, scene, colors);
  if (scene.pointed) drawPointed(pen, scene, colors);
}

/** Straight lines on whole device pixels, so that they are sharp. */
class Pen {
  constructor(context, scale) {
    this.context = context;
    this.scale = scale;
    /** Of a hairline, in device pixels. */
    this.width = Math.max(Math.round(scale), 1);
  }

  horizontal(y, left, right) {
    const sharp = this.#sharp(y);
    this.context.moveTo(left, sharp);
    this.context.lineTo(right, sharp);
  }

  vertical(x, top, bottom) {
    const sharp = this.#sharp(x);
    this.context.moveTo(sharp, top);
    this.context.lineTo(sharp, bottom);
  }

  stroke(color, dash = []) {
    const { context } = this;
    context.strokeStyle = color;
    context.lineWidth = this.width / this.scale;
    context.setLineDash(dash);
    context.stroke();
    context.setLineDash([]);
  }

  text(text, x, y, color, align) {
    const { context } = this;
    context.fillStyle = color;
    context.textAlign = align;
    context.fillText(text, x, y);
  }

  #sharp(place) {
    const half = this.width / 2;
    return (Math.round(place * this.scale - half) + half) / this.scale;
  }
}

function drawGrid(pen, { plot, times, values }, colors) {
  pen.context.beginPath();
  for (const { x } of times) pen.vertical(x, plot.top, plot.bottom);
  for (const { y } of values) pen.horizontal(y, plot.left, plot.right);
  pen.stroke(colors.line);
}

function drawAxes(pen, { plot, times, values }, colors) {
  for (const { x, label } of times) if (label) pen.text(label, x, plot.bottom + TIME_LABEL_PX, colors.muted, 'center');
  for (const { y, label } of values) if (label) pen.text(label, plot.right + LABEL_GAP_PX + LABEL_PAD_PX, y, colors.muted, 'left');
}

function drawLine({ context }, { plot, line, end }, colors) {
  context.save();
  context.beginPath();
  context.rect(plot.left, plot.top, plot.right - plot.left, plot.bottom - plot.top);
  context.clip();
  context.beginPath();
  context.moveTo(line[0], line[1]);
  for (let at = 2; at < line.length; at += 2) context.lineTo(line[at], line[at + 1]);
  context.strokeStyle = colors.accent;
  context.lineWidth = LINE_PX;
  context.stroke();
  context.beginPath();
  context.arc(end.x, end.y, END_RADIUS_PX, 0, 2 * Math.PI);
  context.fillStyle = colors.accent;
  context.fill();
  context.restore();
}

/** Covers the line, which would cross the gap as if nothing were missing. */
function drawGap({ context, scale, width: hairline }, { left, width, isLoss }, { top, bottom }, colors) {
  const height = bottom - top;
  context.save();
  context.beginPath();
  context.rect(left, top, width, height);
  context.clip();
  context.fillStyle = colors.background;
  context.fill();
  context.strokeStyle = isLoss ? colors.bad : colors.muted;
  context.globalAlpha = HATCH_ALPHA;
  context.lineWidth = hairline / scale;
  context.beginPath();
  for (let x = left - height; x < left + width; x += HATCH_PX) {
    context.moveTo(x, bottom);
    context.lineTo(x + height, top);
  }
  context.stroke();
  context.restore();
}

function drawGapLabel(pen, { label: { x, width, text }, isLoss }, { top }, colors) {
  pen.context.fillStyle = colors.background;
  pen.context.fillRect(x, top, width, LABEL_PX);
  pen.text(text, x + LABEL_PAD_PX, top + LABEL_PX / 2, isLoss ? colors.bad : colors.muted, 'left');
}

/** The newest value: a dotted line across the plot, and a filled label on the axis. */
function drawLast(pen, { plot, last }, colors) {
  const { context, scale } = pen;
  context.beginPath();
  pen.horizontal(last.y, plot.left, plot.right);
  pen.stroke(colors.accent, [1, 3]);
  const left = plot.right + LABEL_GAP_PX;
  const width = context.measureText(last.label).width + 2 * LABEL_PAD_PX;
  const top = Math.round((last.y - LABEL_PX / 2) * scale) / scale;
  context.fillStyle = colors.accent;
  context.beginPath();
  context.roundRect(left, top, width, LABEL_PX, CORNER_PX);
  context.fill();
  pen.text(last.label, left + LABEL_PAD_PX, top + LABEL_PX / 2, colors['on-accent'], 'left');
}

/** The crosshair. Over a gap it has no horizontal line. */
function drawPointed(pen, { plot, pointed: { x, y } }, colors) {
  const { context } = pen;
  context.beginPath();
  pen.vertical(x, plot.top, plot.bottom);
  if (y !== null) pen.horizontal(y, plot.left, plot.right);
  pen.stroke(colors.muted, [4, 3]);
  if (y === null) return;
  context.beginPath();
  context.arc(x, y, POINTED_RADIUS_PX, 0, 2 * Math.PI);
  context.fillStyle = colors.background;
  context.fill();
  context.strokeStyle = colors.text;
  context.lineWidth = LINE_PX;
  context.stroke();
}
