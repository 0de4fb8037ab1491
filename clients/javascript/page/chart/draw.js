// Draws a scene on a canvas. It decides nothing: every position and text comes with the scene.

import { drawCandles, drawLegend, drawRows, drawStates, drawTroubles } from './draw-values.js';
import { LABEL_GAP_PX, LABEL_PAD_PX, LABEL_PX } from './geometry.js';
import { Pen } from './pen.js';

export const AXIS_FONT = '11px "JetBrains Mono", ui-monospace, monospace';
const HATCH_PX = 7;
const HATCH_ALPHA = 0.45;
const FLAW_ALPHA = 0.3;
const NOTE_ALPHA = 0.5;
const END_RADIUS_PX = 3;
const POINTED_RADIUS_PX = 4;
const POINTED_LINE_PX = 1.4;
const CORNER_PX = 3;
/** From the bottom of the plot to the middle of the labels below it. */
const TIME_LABEL_PX = 15;
const BOX_ALPHA = 0.14;
const RULER_ALPHA = 0.1;
const MIN_JOIN_PX = 120;
/** Behind the words of a join, so that they can be read and the line too. */
const JOIN_ALPHA = 0.7;

/**
 * @param {CanvasRenderingContext2D} context
 * @param {object} scene from `composeScene`, with `end` and `box` of the caller
 * @param {HTMLCanvasElement | null} lines of a `LineLayer`
 * @param {Record<string, string>} colors by the names of the style's variables
 * @param {{ width: number, height: number }} size
 */
export function drawScene(context, scene, lines, colors, size) {
  const { scale, left, top } = scene.plot;
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.fillStyle = colors.background;
  context.fillRect(0, 0, size.width, size.height);
  context.font = AXIS_FONT;
  context.textBaseline = 'middle';
  context.lineJoin = 'round';
  const pen = new Pen(context, scale);
  drawGrid(pen, scene, colors);
  drawStates(pen, scene, colors);
  for (const flaw of scene.flaws) drawFlaw(pen, flaw, scene.plot, colors);
  drawCandles(pen, scene, colors);
  drawRows(pen, scene, colors);
  if (lines) {
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.drawImage(lines, Math.round(left * scale), Math.round(top * scale));
    context.setTransform(scale, 0, 0, scale, 0, 0);
  }
  if (scene.end) drawEnd(pen, scene, colors);
  for (const gap of scene.gaps) drawGap(pen, gap, scene.plot, colors);
  for (const note of scene.notes) drawNote(pen, note, scene.plot, colors);
  drawTroubles(pen, scene, colors);
  for (const join of scene.joins) drawJoin(pen, join, scene.plot, colors);
  if (scene.last) drawLast(pen, scene, colors);
  // Words come after the lines, which would cross them out.
  for (const flaw of scene.flaws) if (flaw.label) drawGapLabel(pen, flaw, scene.plot, colors);
  for (const gap of scene.gaps) if (gap.label) drawGapLabel(pen, gap, scene.plot, colors);
  for (const note of scene.notes) if (note.label) drawNoteLabel(pen, note, scene.plot, colors);
  for (const join of scene.joins) if (join.label) drawJoinLabel(pen, join, scene.plot, colors);
  drawLegend(pen, scene, colors);
  drawAxes(pen, scene, colors);
  if (scene.last) drawLastLabel(pen, scene, colors);
  if (scene.ruler) drawRuler(pen, scene, colors);
  if (scene.pointed) drawPointed(pen, scene, colors);
  if (scene.box) drawBox(pen, scene, colors);
}

function drawGrid(pen, { plot, times, values }, colors) {
  pen.context.beginPath();
  for (const { x } of times) pen.vertical(x, plot.top, plot.bottom);
  for (const { y } of values) pen.horizontal(y, plot.left, plot.right);
  pen.stroke(colors.line);
}

function drawAxes(pen, { plot, times, values, unit }, colors) {
  const left = plot.right + LABEL_GAP_PX + LABEL_PAD_PX;
  for (const { x, label } of times) if (label) pen.text(label, x, plot.bottom + TIME_LABEL_PX, colors.muted, 'center');
  for (const { y, label } of values) if (label) pen.text(label, left, y, colors.muted, 'left');
  if (unit) pen.text(unit, left, plot.bottom + TIME_LABEL_PX, colors.muted, 'left');
}

/** The newest point. */
function drawEnd({ context }, { end: { x, y }, plot }, colors) {
  if (x < plot.left || x > plot.right || y < plot.top || y > plot.bottom) return;
  context.beginPath();
  context.arc(x, y, END_RADIUS_PX, 0, 2 * Math.PI);
  context.fillStyle = colors.accent;
  context.fill();
}

/** Covers what is below it: nothing is known about this time. */
function drawGap(pen, gap, { top, bottom }, colors) {
  pen.context.fillStyle = colors.background;
  pen.context.fillRect(gap.left, top, gap.width, bottom - top);
  hatch(pen, gap, { top, bottom }, colors.bad, HATCH_ALPHA);
}

/** Lies below what is known of this time, of which something is missing. */
function drawFlaw(pen, flaw, plot, colors) {
  hatch(pen, flaw, plot, colors.bad, FLAW_ALPHA);
}

function hatch(pen, { left, width }, { top, bottom }, color, alpha) {
  const { context, scale, width: hairline } = pen;
  const height = bottom - top;
  context.save();
  pen.clip({ left, top, right: left + width, bottom });
  context.strokeStyle = color;
  context.globalAlpha = alpha;
  context.lineWidth = hairline / scale;
  context.beginPath();
  for (let x = left - height; x < left + width; x += HATCH_PX) {
    context.moveTo(x, bottom);
    context.lineTo(x + height, top);
  }
  context.stroke();
  context.restore();
}

function drawGapLabel(pen, { label: { x, width, text } }, { top }, colors) {
  pen.context.fillStyle = colors.background;
  pen.context.fillRect(x, top, width, LABEL_PX);
  pen.text(text, x + LABEL_PAD_PX, top + LABEL_PX / 2, colors.bad, 'left');
}

/** A time that is not drawn, and why. */
function drawNote(pen, { left, right }, { top, bottom }, colors) {
  pen.context.globalAlpha = NOTE_ALPHA;
  pen.box(left, top, right, bottom, colors.panel);
  pen.context.globalAlpha = 1;
}

function drawNoteLabel(pen, { label }, { top, bottom }, colors) {
  const { context } = pen;
  const middle = (top + bottom) / 2;
  context.fillStyle = colors.background;
  context.fillRect(label.x, middle - LABEL_PX / 2, label.width, LABEL_PX);
  pen.text(label.text, label.x + LABEL_PAD_PX, middle, colors.muted, 'left');
}

/** From here on the line has more or fewer updates than before. */
function drawJoin(pen, { x }, plot, colors) {
  pen.context.beginPath();
  pen.vertical(x, plot.top, plot.bottom);
  pen.stroke(colors.dim, [2, 4]);
}

function drawJoinLabel(pen, { label }, plot, colors) {
  const { context } = pen;
  // On a low chart the text would hide the line.
  if (plot.bottom - plot.top < MIN_JOIN_PX) return;
  const { left, width, text, level } = label;
  const top = plot.bottom - LABEL_PX * (level + 1);
  context.globalAlpha = JOIN_ALPHA;
  context.fillStyle = colors.background;
  context.fillRect(left + 1, top, width - 2, LABEL_PX - 1);
  context.globalAlpha = 1;
  pen.text(text, left + LABEL_PAD_PX, top + LABEL_PX / 2, colors.dim, 'left');
}

/** The newest value: a dotted line across the plot, and a filled label on the axis. */
function drawLast(pen, { plot, last }, colors) {
  pen.context.beginPath();
  pen.horizontal(last.y, plot.left, plot.right);
  pen.stroke(colors.accent, [1, 3]);
}

function drawLastLabel(pen, { plot, last }, colors) {
  const { context, scale } = pen;
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
  const isInside = y !== null && y >= plot.top && y <= plot.bottom;
  context.beginPath();
  pen.vertical(x, plot.top, plot.bottom);
  if (isInside) pen.horizontal(y, plot.left, plot.right);
  pen.stroke(colors.muted, [4, 3]);
  if (!isInside) return;
  context.beginPath();
  context.arc(x, y, POINTED_RADIUS_PX, 0, 2 * Math.PI);
  context.fillStyle = colors.background;
  context.fill();
  context.strokeStyle = colors.text;
  context.lineWidth = POINTED_LINE_PX;
  context.stroke();
}

/** Two cursors, and what is between them. */
function drawRuler(pen, { ruler: { left, right, label }, plot }, colors) {
  const { context } = pen;
  context.save();
  pen.clip(plot);
  context.globalAlpha = RULER_ALPHA;
  pen.box(left, plot.top, right, plot.bottom, colors.warning);
  context.globalAlpha = 1;
  context.beginPath();
  pen.vertical(left, plot.top, plot.bottom);
  pen.vertical(right, plot.top, plot.bottom);
  pen.stroke(colors.warning);
  const top = plot.top + LABEL_PX + LABEL_PAD_PX;
  context.beginPath();
  context.roundRect(label.x, top, label.width, label.lines.length * LABEL_PX + LABEL_PAD_PX, CORNER_PX);
  context.fillStyle = colors.raised;
  context.fill();
  pen.stroke(colors.line);
  label.lines.forEach((line, at) => pen.text(line, label.x + LABEL_PAD_PX, top + LABEL_PAD_PX / 2 + (at + 0.5) * LABEL_PX, at === 0 ? colors.text : colors.muted, 'left'));
  context.restore();
}

/** The part of the plot that a person is about to zoom to. */
function drawBox(pen, { box: { left, top, right, bottom } }, colors) {
  pen.context.globalAlpha = BOX_ALPHA;
  pen.box(left, top, right, bottom, colors.accent);
  pen.context.globalAlpha = 1;
  pen.frame(left, top, right, bottom, colors.accent);
}
